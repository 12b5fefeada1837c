//! The run loop: events to the coordinator, its actions to the actors and the reports.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, Sender, bounded, never, select, unbounded};

use crate::metric::{Left, unmeasured};
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
use super::history::Resumption;
use super::mailbox::{Postbox, mailbox};
use super::measurer::measure_trial;
use super::now::{go_on, now};
use super::options::{Options, hello};
use super::reports::{Mark, Reporters, Reports};
use super::results_folder::ResultsFolder;
use super::seed::players::SeedPlayers;
use super::store::Store;
use super::threads::Threads;
use super::waiting_log::WaitingLog;

/// How many events may wait for the run loop. It takes them as fast as they come; an actor that is faster waits, and
/// its player with it, for want of credit.
const EVENTS: usize = 1024;

/// How often the run loop looks at the time, and how far apart its looks are when it was held up itself.
const LOOKS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3));

/// An actor, as the run loop sees it.
struct Actor {
    postbox: Postbox,
    /// Which session it is, counted from 1.
    session: u64,
}

/// A run that is under way, beside what its coordinator knows of it.
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
    /// What calls off the check of the trial, or the measuring of its metrics, when it is dropped.
    work: Option<Sender<Infallible>>,
    /// How what comes of those comes.
    done: (Sender<Input>, Receiver<Input>),
    /// How many signals have come.
    signals: usize,
}

impl Run<'_> {
    fn start(&mut self, worker: WorkerId) -> io::Result<()> {
        let (postbox, mailbox) = mailbox()?;
        // A run that is resumed knows the secrets of the sessions that it had.
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

    /// Begins the check of a trial, which waits for the mark.
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

    /// Begins to measure the metrics of the trial.
    fn measure(&mut self) {
        let (of_run, left, results) = (self.plan, self.left.clone(), self.results.clone());
        let (plan, trial) = (Arc::clone(of_run), left.trial());
        let work = move |unwanted| Input::Measured(trial, measure_trial(&plan, &left, results.as_ref(), unwanted));
        self.begin("metrics", work, |error| Input::Measured(trial, unmeasured(of_run, &words(&error))));
    }

    /// Begins work in a thread. It looks whether the channel that it gets is closed: then nobody wants it any more.
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

/// What the time is on both clocks.
fn anchor() -> ClockAnchor {
    /// On a loaded machine most of so many readings are still taken without a pause.
    const READINGS: usize = 16;
    let reading = || (now(), SystemTime::now(), now());
    let readings = std::iter::repeat_with(reading).take(READINGS);
    ClockAnchor::best_of(readings).unwrap_or_else(|| ClockAnchor { conductor: now(), utc: SystemTime::now() })
}

/// Carries out a plan, or what is left of it, and tells the reporters, each with its name for messages, all that happens.
///
/// `interrupts` brings the numbers of signals: the first stops the phase and runs Reset, the second leaves at once.
///
/// It returns when the run is over and the reporters have taken its last event. A reporter that is slow for ever holds
/// it up only until the next interrupt.
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
    // Whoever still wants to say something finds nobody listening, and ends.
    drop(events);
    let Run { latest, threads, work, signals, .. } = run;
    drop((latest, work));
    threads.join(Wait::ThreadsEnd.time());
    options.access.endings.finish();
    reports.finish(interrupts, signals > 1).add_to(&mut conclusion);
    conclusion
}

/// Tells the reporters why there was no run, and waits for whoever reads them, as after a run. What could not be written is
/// among the reasons that come back.
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
            // What came later than a limit, only because nobody took it, came in time.
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
                // A worker's earlier session has nothing to say any more; and the run loop holds a sender itself.
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
