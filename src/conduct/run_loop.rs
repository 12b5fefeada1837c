//! The run loop: passes events to the coordinator, and its actions to the actors and the reports.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, Sender, bounded, never, select, unbounded};

use crate::metric::{Left, measure, unmeasured};
use crate::model::{
    Attention, ClockAnchor, Conclusion, ConductorTime, Event, Plan, Reason, Stamped, Verdict, WorkerId, signal_name,
    words,
};

use crate::wait::Wait;
use crate::wire::Hello;

use super::checker::{self, Check};
use super::connection;
use super::connection::context::{Context, Said};
use super::coordinator::{Action, Coordinator, Input};
use super::event::{Command, ConnectionEvent, End};
use super::fetched::Fetched;
use super::history::Resumption;
use super::mailbox::{Postbox, mailbox};
use super::now::{go_on, now};
use super::options::{Options, hello};
use super::reports::{Mark, Reporters, Reports};
use super::results_folder::ResultsFolder;
use super::seed::players::SeedPlayers;
use super::store::Store;
use super::threads::Threads;
use super::waiting_log::WaitingLog;

/// How many events may wait for the run loop. It takes them as they arrive. An actor that is faster waits, and so does
/// its player, for lack of credit.
const EVENTS: usize = 1024;

/// How often the run loop looks at the time, and the time between two looks that shows that it was held up itself.
const LOOKS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3));

/// An actor, as seen by the run loop.
struct Actor {
    postbox: Postbox,
    /// The number of its session, counted from 1.
    session: u64,
}

/// A run in progress, apart from the state that its coordinator has.
struct Run<'a> {
    plan: &'a Arc<Plan>,
    options: &'a Options,
    results: Option<ResultsFolder>,
    store: Store,
    seeds: Arc<SeedPlayers>,
    events: Sender<Said>,
    /// The actor of each worker's latest session.
    latest: Vec<Option<Actor>>,
    threads: Threads,
    /// What the trial has left so far.
    left: Left,
    /// Dropping this cancels the trial's check, or the measurement of its metrics.
    work: Option<Sender<Infallible>>,
    /// The channel on which the result of the check or of the measurement arrives.
    done: (Sender<Input>, Receiver<Input>),
    /// How many signals have arrived.
    signals: usize,
}

impl Run<'_> {
    fn start(&mut self, worker: WorkerId) -> io::Result<()> {
        let (postbox, mailbox) = mailbox()?;
        // A resumed run knows the secrets of its earlier sessions.
        let secret = self.options.sessions_secret.derived(self.plan.name(worker));
        let last = self.latest[worker.0].as_ref().map(|last| last.session);
        let session = last.unwrap_or(u64::from(self.options.resumed) << 32) + 1;
        let context = Context {
            plan: Arc::clone(self.plan),
            worker,
            hello: Hello { session, ..hello(self.plan, self.options, worker, secret) },
            store: self.store.clone(),
            mailbox,
            events: self.events.clone(),
            seeds: Arc::clone(&self.seeds),
            access: self.options.access.clone(),
            results: self.results.clone(),
        };
        let name = format!("worker {}", self.plan.name(worker));
        self.threads.start(name, move || connection::run(&context))?;
        self.latest[worker.0] = Some(Actor { postbox, session });
        Ok(())
    }

    /// Starts the check of a trial, which waits for the mark.
    fn check(&mut self, trial: u32, kept: Mark) {
        let check = Check {
            plan: Arc::clone(self.plan),
            trial,
            descriptors: self.options.access.descriptors,
            store: self.store.clone(),
            results: self.options.results.clone(),
            kept,
        };
        let work = move |unwanted| Input::Checked(checker::check(&check, &unwanted));
        self.begin("check", work, |error| Input::Checked(checker::not_started(&error)));
    }

    /// Starts measuring the metrics of the trial.
    fn measure(&mut self) {
        let (of_run, left, results) = (self.plan, self.left.clone(), self.results.clone());
        let (plan, trial) = (Arc::clone(of_run), left.trial());
        let work = move |unwanted| Input::Measured(trial, measure(&plan, &left, &Fetched { results, unwanted }));
        self.begin("metrics", work, |error| Input::Measured(trial, unmeasured(of_run, &words(&error))));
    }

    /// Starts `work` in a thread. The work polls the channel it receives; once that is closed, its result is no longer
    /// wanted.
    fn begin(
        &mut self,
        name: &str,
        work: impl FnOnce(Receiver<Infallible>) -> Input + Send + 'static,
        not_started: impl FnOnce(io::Error) -> Input,
    ) {
        let (wanted, unwanted) = bounded(0);
        let done = self.done.0.clone();
        let started = self.threads.start(name.to_owned(), move || drop(done.send(work(unwanted))));
        if let Err(error) = started {
            let _ = self.done.0.send(not_started(error));
        }
        self.work = Some(wanted);
    }

    fn is_current(&self, worker: WorkerId, session: u64) -> bool {
        self.latest[worker.0].as_ref().is_some_and(|current| current.session == session)
    }

    fn command(&self, worker: WorkerId, command: Command) {
        if let Some(actor) = &self.latest[worker.0] {
            actor.postbox.send(command);
        }
    }
}

/// The current time on both clocks.
fn anchor() -> ClockAnchor {
    /// Even on a loaded machine, most of this many readings are taken without a pause.
    const READINGS: usize = 16;
    let reading = || (now(), SystemTime::now(), now());
    let readings = std::iter::repeat_with(reading).take(READINGS);
    ClockAnchor::best_of(readings).unwrap_or_else(|| ClockAnchor { conductor: now(), utc: SystemTime::now() })
}

/// Runs a plan, or the rest of it, and passes every event to the reporters.
///
/// `interrupts` delivers the numbers of signals. What each does depends on `on_interrupt`.
///
/// Returns when the run has ended and the reporters have taken its last event. A reporter that never takes it delays
/// this for a limited time, which an interrupt shortens.
pub(crate) fn conduct(
    plan: Arc<Plan>,
    options: &Options,
    resumption: Option<Resumption>,
    interrupts: &Receiver<i32>,
    reporters: Reporters,
) -> Conclusion {
    let resumed = resumption.as_ref().map(|resumption| {
        go_on(&resumption.anchor, resumption.last);
        resumption.anchor
    });
    let anchor = resumed.unwrap_or_else(anchor);
    let reports = Reports::start(reporters);
    let opened = options.results.as_deref().map(ResultsFolder::open).transpose();
    let (store, results) = match opened.and_then(|results| Ok((Store::new(&plan, results.as_ref())?, results))) {
        Ok(opened) => opened,
        Err(error) => {
            let text = format!("cannot store the output of steps: {}", words(&error));
            let at = anchor.conductor;
            reports.tell(Stamped { at, event: Event::RunStarted { plan, anchor: anchor.at(at) } });
            return end(reports, Conclusion::new(Verdict::Incomplete, vec![Reason::NotCarriedOut(text)]), interrupts);
        }
    };
    let (sender, events) = bounded(EVENTS);
    let mut run = Run {
        plan: &plan,
        options,
        results,
        store,
        seeds: Arc::new(SeedPlayers::new(&plan)),
        events: sender,
        latest: plan.workers.iter().map(|_| None).collect(),
        threads: Threads::default(),
        left: Left::new(&plan),
        work: None,
        done: unbounded(),
        signals: 0,
    };
    let coordinator = Coordinator::new(Arc::clone(&plan), options.skip_unreachable, anchor);
    let coordinator = match resumption {
        Some(resumption) => coordinator.resuming(resumption),
        None => coordinator,
    };
    let mut conclusion = turn(coordinator, &mut run, &events, interrupts, &reports);
    // Threads that still have something to send find the channel closed, and end.
    drop(events);
    let Run { latest, threads, work, signals, .. } = run;
    drop((latest, work));
    threads.join(Wait::ThreadsEnd.time());
    options.access.endings.finish();
    reports.finish(interrupts, signals > 1).add_to(&mut conclusion);
    conclusion
}

/// Reports why there was no run, and waits for the readers of the reports, as after a run. The returned reasons include
/// the outputs that could not be written.
pub fn tell_end(reporters: Reporters, conclusion: Conclusion, interrupts: &Receiver<i32>) -> Conclusion {
    end(Reports::start(reporters), conclusion, interrupts)
}

fn end(reports: Reports, mut conclusion: Conclusion, interrupts: &Receiver<i32>) -> Conclusion {
    reports.tell_end(now(), &mut conclusion, interrupts);
    reports.finish(interrupts, false).add_to(&mut conclusion);
    conclusion
}

/// The loop itself.
fn turn(
    mut coordinator: Coordinator,
    run: &mut Run,
    events: &Receiver<Said>,
    interrupts: &Receiver<i32>,
    reports: &Reports,
) -> Conclusion {
    let mut interrupts = interrupts.clone();
    let mut inputs = VecDeque::from([Input::Start]);
    let mut waits = WaitingLog::new(now());
    let mut attention = Attention::new(LOOKS.1, now());
    loop {
        while let Some(input) = inputs.pop_front() {
            let at = now();
            // An event that was handled after a limit only because the loop was held up counts as in time.
            let pause = attention.look(at).map(Input::HeldUp);
            let all: Vec<_> =
                pause.into_iter().chain([input]).flat_map(|input| coordinator.handle(input, at)).collect();
            for action in all {
                match action {
                    Action::Connect(worker) => {
                        if let Err(error) = run.start(worker) {
                            let end = End::unreachable(format!("cannot start its connection: {}", words(&error)));
                            inputs.push_back(Input::Connection(worker, ConnectionEvent::Ended(end)));
                        }
                    }
                    Action::Command(worker, command) => run.command(worker, command),
                    Action::Check(trial) => run.check(trial, reports.mark()),
                    Action::Measure => run.measure(),
                    Action::StopCheck | Action::StopMeasuring => run.work = None,
                    Action::Report(Event::RunEnded { mut conclusion }) => {
                        reports.tell_end(at, &mut conclusion, &interrupts);
                        return conclusion;
                    }
                    Action::Report(event) => {
                        run.left.take(&event);
                        reports.tell(Stamped { at, event });
                    }
                }
            }
        }
        waits.look(&coordinator, now());
        let deadline = coordinator.next_deadline().into_iter().fold(waits.next(), ConductorTime::min);
        let timer = Wait::ConductorEvents.timer(deadline.since(now()).min(LOOKS.0));
        inputs.push_back(select! {
            recv(events) -> event => match event {
                Ok((worker, session, event)) if run.is_current(worker, session) => Input::Connection(worker, event),
                // Events of a worker's earlier session are ignored. There is no error, since the run loop holds a
                // sender itself.
                Ok(_) | Err(_) => Input::Tick,
            },
            recv(interrupts) -> signal => if let Ok(signal) = signal {
                run.signals += 1;
                let (waiting, means) = (coordinator.waiting(), coordinator.interrupt_means());
                tracing::info!("{} while waiting for {waiting}: {means}", signal_name(signal));
                Input::Interrupt(signal)
            } else {
                interrupts = never();
                Input::Tick
            },
            recv(run.done.1) -> input => input.unwrap_or(Input::Tick),
            recv(reports.failures) -> failure => failure.map_or(Input::Tick, Input::OutputFailed),
            recv(timer) -> _ => Input::Tick,
        });
    }
}
