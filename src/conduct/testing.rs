//! Helpers for the tests of several modules: a plan, a reporter that remembers events, a player on a loopback socket.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Sender, never, unbounded};

pub(crate) use super::coordinator::tests::simulation::{Fault, Simulated, simulate, simulate_rest};
use super::reach::{Access, Programs};
use super::{NamedReporters, Options, Reporters, conduct};
use crate::model::{
    Conclusion, ConductorTime, Destination, Event, Mode, Output, Phase, PhaseMap, Plan, PlayerTime, Reporter, Stamped,
    Start, Step, WorkerPlan, testing,
};
use crate::sys::DescriptorLimit;
use crate::wire::{
    Body, ConductorMessage, Data, FrameDecoder, Greeting, Hello, Inbox, LeftMessage, Limits, MAX_DATA, Outbox,
    OutcomeMessage, PlanMessage, PlayerMessage, Secret, SessionFrame, Signal, StepEndedMessage, StepStartedMessage,
    Taken, WINDOW, Welcome, WelcomeState, frame,
};

/// The longest that a test waits for anything.
const LIMIT: Duration = Duration::from_secs(20);

/// Options that change nothing.
pub(crate) fn options() -> Options {
    Options {
        skip_unreachable: false,
        take_over: false,
        results: None,
        conductor: String::new(),
        run_secret: Secret::default(),
        sessions_secret: Secret::default(),
        resumed: 0,
        access: Access::new(
            Programs::new(std::collections::BTreeMap::new()).unwrap(),
            DescriptorLimit::of_this_process(),
        ),
    }
}

/// A start at this time, known exactly.
pub(crate) fn start_at(at: ConductorTime) -> Start {
    Start { at, error: Duration::ZERO, player: PlayerTime::from_nanoseconds(at.nanoseconds()), late: Duration::ZERO }
}

/// A plan with this many workers, each with this many steps in each phase. The last step of Startup is spawned.
pub(crate) fn plan(workers: usize, steps: usize, trials: u32, phases: &[Phase]) -> Plan {
    let steps = |phase| {
        let mut all: Vec<_> = (0..steps).map(|step| Step::plain(&format!("s{step}"), "true")).collect();
        if let Some(last) = all.last_mut().filter(|_| phase == Phase::Startup) {
            last.mode = Mode::Spawn;
        }
        all
    };
    let worker = |index: usize| WorkerPlan {
        file: PathBuf::from("w.cfg"),
        player: Destination { host: "localhost".to_owned(), port: 6970 }.into(),
        player_host: "localhost".to_owned(),
        ..testing::worker(&format!("w{index}"), PhaseMap::from_fn(steps))
    };
    Plan { trials, ..testing::plan("run", (0..workers).map(worker).collect(), phases) }
}

/// A plan whose workers' players are at these ports.
pub(crate) fn plan_at(ports: &[u16], steps: usize, phases: &[Phase]) -> Plan {
    let mut plan = plan(ports.len(), steps, 1, phases);
    for (worker, port) in plan.workers.iter_mut().zip(ports) {
        worker.player = Destination { host: "127.0.0.1".to_owned(), port: *port }.into();
    }
    plan.settings.connect_timeout = Duration::from_secs(5);
    plan
}

/// Runs a plan without interrupts. Returns the conclusion and every event.
pub(crate) fn run(plan: Plan) -> (Conclusion, Vec<Event>) {
    struct Remember(Sender<Event>);
    impl Reporter for Remember {
        fn report(&mut self, stamped: &Stamped) -> io::Result<()> {
            self.0.send(stamped.event.clone()).map_err(io::Error::other)
        }
    }
    let (sender, events) = unbounded();
    let shown: NamedReporters = vec![("memory".to_owned(), Box::new(Remember(sender)))];
    let reporters = Reporters { shown, ..Reporters::default() };
    let conclusion = conduct(Arc::new(plan), &options(), None, &never(), reporters);
    (conclusion, events.iter().collect())
}

/// All bytes of an output.
pub(crate) fn bytes(output: &Output) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(output.length()).unwrap()];
    output.read_exact_at(0, &mut bytes).unwrap();
    bytes
}

/// Returns a listener and its port.
pub(crate) fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// The player's end of a connection.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    pub(crate) outbox: Outbox,
    decoder: FrameDecoder,
    inbox: Inbox,
    pub(crate) plan: Option<PlanMessage>,
    pub(crate) acknowledged: u64,
}

impl Peer {
    /// Accepts a connection and reads its `hello`.
    pub(crate) fn accept(listener: &TcpListener) -> (Self, Hello) {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let decoder = FrameDecoder::new(1 << 20);
        let mut peer =
            Self { stream, outbox: Outbox::default(), decoder, inbox: Inbox::default(), plan: None, acknowledged: 0 };
        let payload = peer.payload().expect("a hello comes");
        match Greeting::decode(&payload).unwrap() {
            Greeting::Hello(hello) => (peer, hello),
            other => panic!("{other:?}"),
        }
    }

    /// Returns the next payload, or `None` at the end.
    pub(crate) fn payload(&mut self) -> Option<Vec<u8>> {
        let mut buffer = [0; 4096];
        loop {
            if let Some(payload) = self.decoder.next_frame().unwrap() {
                return Some(payload);
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.decoder.push(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    pub(crate) fn greet(&mut self, greeting: &Greeting) {
        self.stream.write_all(&frame(&greeting.encode())).unwrap();
    }

    pub(crate) fn welcome(&mut self) {
        self.greet(&Greeting::Welcome(welcome()));
    }

    /// Returns the next message. Handles probes and acknowledgements that come before it.
    pub(crate) fn message(&mut self) -> Option<ConductorMessage> {
        loop {
            let payload = self.payload()?;
            match SessionFrame::<ConductorMessage>::decode(&payload).unwrap() {
                SessionFrame::Signal(Signal::Probe { sent }) => {
                    let answer = Signal::ProbeAnswer { sent, received: sent + 1_000, answered: sent + 1_000 };
                    let answer = serde_json::to_vec(&answer).unwrap();
                    let _ = self.stream.write_all(&frame(&answer));
                }
                SessionFrame::Signal(Signal::Acknowledge { next }) => {
                    self.outbox.acknowledged(next).unwrap();
                    self.acknowledged = next;
                    self.flush();
                }
                SessionFrame::Signal(_) => {}
                SessionFrame::Numbered(number, body @ (Body::Message(_) | Body::Part { .. })) => {
                    if let Some(Taken::Message(message)) = self.inbox.take(number, body).unwrap() {
                        if let ConductorMessage::Plan(plan) = &message {
                            self.plan = Some((**plan).clone());
                        }
                        return Some(message);
                    }
                }
                SessionFrame::Numbered(..) => panic!("a conductor sends no data"),
            }
        }
    }

    pub(crate) fn flush(&mut self) {
        let mut bytes = Vec::new();
        while self.outbox.write_next(&mut bytes) {}
        // In some tests, the conductor is gone.
        let _ = self.stream.write_all(&bytes);
    }

    /// Answers a message like a player whose steps print what `print` returns. The announcement comes before the data.
    pub(crate) fn answer(&mut self, message: &ConductorMessage, print: &dyn Fn(Phase, usize) -> Vec<u8>) {
        match *message {
            ConductorMessage::Plan(_) => self.outbox.push(&PlayerMessage::PlanTaken),
            ConductorMessage::Arm(phase) => self.outbox.push(&PlayerMessage::Armed(phase)),
            ConductorMessage::Go { phase: id, .. } => {
                let phase = id.phase;
                let steps = self.plan.as_ref().unwrap().steps(phase).to_vec();
                for (position, entry) in steps.iter().enumerate() {
                    let stdout = u32::try_from(100 * phase as usize + 2 * position).unwrap();
                    let step = id.step(position);
                    let (at, pid, stderr) = (2_000, 1, stdout + 1);
                    let late = 0;
                    let started = StepStartedMessage { step, at, late, pid, stdout, stderr };
                    self.outbox.push(&PlayerMessage::StepStarted(started));
                    let printed = print(phase, position);
                    let outcome =
                        if entry.spawn { OutcomeMessage::Spawned } else { OutcomeMessage::Exit { status: 0 } };
                    let length = if entry.spawn { 0 } else { printed.len() as u64 };
                    let (duration, left) = (Some(5), LeftMessage::default());
                    let ended = StepEndedMessage {
                        step,
                        outcome,
                        duration,
                        stdout: length,
                        stderr: 0,
                        left,
                        attempts: Vec::new(),
                    };
                    self.outbox.push(&PlayerMessage::StepEnded(ended));
                    for (index, piece) in printed.chunks(MAX_DATA).enumerate() {
                        let offset = (index * MAX_DATA) as u64;
                        self.outbox.push_data(Data { stream: stdout, offset, bytes: piece.to_vec() });
                    }
                }
                self.outbox.push(&PlayerMessage::PhaseEnded(id));
            }
            ConductorMessage::Stop(phase) => self.outbox.push(&PlayerMessage::PhaseEnded(phase)),
            ConductorMessage::EndTrial { trial } => self.outbox.push(&PlayerMessage::TrialEnded { trial }),
            ConductorMessage::Release { .. }
            | ConductorMessage::FailBarrier { .. }
            | ConductorMessage::File(_)
            | ConductorMessage::FileEnded(_)
            | ConductorMessage::FileTaken { .. }
            | ConductorMessage::Bye
            | ConductorMessage::Unknown => {}
        }
        self.flush();
    }

    /// Plays a whole session, until `bye` or the end. Returns the messages that it received.
    pub(crate) fn play(&mut self, print: &dyn Fn(Phase, usize) -> Vec<u8>) -> Vec<ConductorMessage> {
        let mut told = Vec::new();
        while let Some(message) = self.message() {
            self.answer(&message, print);
            told.push(message.clone());
            if message == ConductorMessage::Bye {
                break;
            }
        }
        told
    }
}

/// The usual welcome.
pub(crate) fn welcome() -> Welcome {
    Welcome {
        protocol: 2,
        version: "0.1.0".to_owned(),
        host: "testhost".to_owned(),
        incarnation: "1".to_owned(),
        state: WelcomeState::New,
        next: 0,
        clock: 0,
        limits: Limits { frame: 65536, window: WINDOW as u64 },
        holder: None,
        leftovers: Vec::new(),
        remarks: Vec::new(),
        features: Vec::new(),
        process: None,
        system: None,
        kernel: None,
    }
}

/// Plays one whole session in a thread of its own.
pub(crate) fn player(
    listener: TcpListener,
    print: impl Fn(Phase, usize) -> Vec<u8> + Send + 'static,
) -> JoinHandle<Vec<ConductorMessage>> {
    std::thread::spawn(move || {
        let (mut peer, hello) = Peer::accept(&listener);
        assert_eq!(hello.secret.reveal().len(), Secret::DIGITS);
        peer.welcome();
        peer.play(&print)
    })
}
