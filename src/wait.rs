//! Everything that the program waits for: who waits, for what, on whom, for how long at most, and what happens then.
//!
//! Each blocking call takes a [`Wait`] (`blocking`); a test finds those that do not. `docs/waits.md` contains this
//! table.

mod blocking;

pub use blocking::{PAGE, is_ready};

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a wait may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// A fixed time.
    Fixed(Duration),
    /// A setting of the test, plus this time.
    Setting(&'static str, Duration),
    /// A setting of the test, but at least this time.
    AtLeast(&'static str, Duration),
    /// The time that the other side announces, plus this time.
    Announced(Duration),
    /// A time without progress, and a time in all.
    Progress(Duration, Duration),
    /// A time that the waiting code computes, in words.
    Computed(&'static str),
    /// The earliest limit of everything that is in progress, for a loop that waits for events.
    Earliest,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |time: &Duration| humantime::format_duration(*time).to_string();
        match self {
            Self::Fixed(time) => f.write_str(&shown(time)),
            Self::Setting(name, Duration::ZERO) => write!(f, "`{name}`"),
            Self::Setting(name, margin) => write!(f, "`{name}` + {}", shown(margin)),
            Self::AtLeast(name, least) => write!(f, "`{name}`, at least {}", shown(least)),
            Self::Announced(margin) => write!(f, "the time that the other side announces + {}", shown(margin)),
            Self::Progress(step, all) => write!(f, "{} without progress, {} in all", shown(step), shown(all)),
            Self::Computed(text) => f.write_str(text),
            Self::Earliest => f.write_str("the earliest of its other limits"),
        }
    }
}

macro_rules! waits {
    ($($process:literal { $($name:ident: $what:literal of $on:literal, $limit:expr, $then:literal;)+ })+) => {
        /// One thing that is waited for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Wait {
            $($(#[doc = concat!("The ", $process, " waits for ", $what, " of ", $on, ".")] $name,)+)+
        }

        impl Wait {
            /// All waits, in the order of the table.
            pub const ALL: &[Self] = &[$($(Self::$name,)+)+];

            /// The time limit.
            pub const fn limit(self) -> Limit {
                match self {
                    $($(Self::$name => $limit,)+)+
                }
            }

            /// What is waited for.
            pub const fn what(self) -> &'static str {
                match self {
                    $($(Self::$name => $what,)+)+
                }
            }

            /// The table of the documentation: who waits, for what, on whom, for how long, and what happens then.
            pub fn table() -> String {
                let head = "| who waits | for | on | at most | then |\n|---|---|---|---|---|\n".to_owned();
                head $($(+ &format!("| {} | {} | {} | {} | {} |\n", $process, $what, $on, $limit, $then))+)+
            }
        }
    };
}

const fn ms(time: u64) -> Limit {
    Limit::Fixed(Duration::from_millis(time))
}

const fn seconds(time: u64) -> Limit {
    Limit::Fixed(Duration::from_secs(time))
}

const fn setting(name: &'static str, margin: u64) -> Limit {
    Limit::Setting(name, Duration::from_secs(margin))
}

waits! {
    "conductor" {
        Connection: "connections to the players" of "the players", setting("connect_timeout", 5),
            "the worker cannot be reached: no phase starts, or the run continues without it (`--skip-unreachable`)";
        PlanAnswer: "the players to accept the plan" of "the players", seconds(30), "the worker cannot be reached, as above";
        Readiness: "the players to be ready for the phase" of "the players", seconds(30), "the worker is lost";
        PhaseEnd: "the workers to finish the phase" of "the workers",
            Limit::Computed("the time that the plan allows for the worker's steps"), "the worker is lost";
        PhaseStop: "the workers to stop the phase" of "the workers", seconds(15), "the worker is lost";
        ResetEnd: "the workers to finish reset" of "the workers", setting("reset_timeout", 15), "the worker is lost";
        TrialEnd: "the workers to end the spawned steps" of "the workers", seconds(30), "the worker is lost";
        CheckEnd: "the end of `check`" of "the test's own command", setting("step_timeout", 0),
            "the command is stopped, and the trial fails";
        Metrics: "the reading of the metrics" of "the disk", seconds(300),
            "all metrics of the trial are missing, and the trial fails unless each has a `default`";
        Leave: "the players to end the session" of "the players", seconds(2), "the connection is closed";
        ConductorEvents: "the next event" of "all connections", Limit::Earliest, "as for that limit";
    }
    "conductor and player, at their start" {
        PipeReader: "a process that reads the named pipe of an output or the log" of "another process", seconds(60),
            "the output cannot be written, and nothing is run";
    }
    "conductor, for a worker" {
        NameLookup: "the addresses of the player's host name" of "the resolver", seconds(10), "the next attempt";
        ConnectAttempt: "a TCP connection" of "the player's machine", Limit::Computed("what is left of `connect_timeout` or `lease`"),
            "the next attempt";
        HelloAnswer: "the answer to `hello`" of "the player",
            Limit::Computed("what is left of `connect_timeout` or `lease`, at least 2s"), "the next attempt";
        RetryPause: "the next attempt to connect" of "the player", seconds(2), "the attempt is made";
        BusyPlayer: "the player to be free" of "another run", Limit::Announced(Duration::from_secs(5)),
            "the worker cannot be reached";
        Reconnection: "the player to be reached again" of "the player", setting("lease", 2), "the worker is lost";
        StoppedSession: "a session that does not respond to be killed" of "the player",
            Limit::Computed("1.25 times the player's limit for a sign of life + 5s - the lease"), "the worker is lost";
        AnnouncedOutput: "output that the player announced" of "the player", seconds(60), "the worker is lost";
        ConnectionEvents: "the next event" of "the player and the coordinator", Limit::Earliest,
            "as for that limit";
        Farewell: "the end of the connection" of "the player", ms(1500), "the connection is closed";
        Parting: "the end of the connection" of "a player that has ended the session", seconds(10), "the connection is closed";
    }
    "conductor, for a worker that is reached through a command" {
        TransportHosts: "the hosts that a connection leads through" of "`ssh -G`", seconds(5),
            "only the machine itself counts towards the limits of connections";
        TransportTurn: "its turn to connect: up to 8 connections to a host are made at the same time, and 64 in all" of "other workers",
            Limit::Computed("until theirs are made or have failed"), "the connection is made";
        TransportAnswer: "an answer" of "the machine", Limit::Computed("what is left of `connect_timeout` or `lease`"),
            "the next attempt";
        ProgramCopy: "room for the next part of the program" of "the machine",
            Limit::Progress(Duration::from_secs(30), Duration::from_hours(1)), "the next attempt";
        SharedCopy: "its copy of the program to arrive" of "another worker on the same machine",
            Limit::Fixed(Duration::from_hours(1)), "the worker sends its own copy";
        TransportWords: "the last line on standard error" of "a command such as `ssh` that has ended", ms(500),
            "the worker cannot be reached";
        TransportEnd: "its end, when its connection is closed" of "a command such as `ssh`", seconds(1),
            "it gets SIGTERM, and after the same time SIGKILL, except for `srun`";
    }
    "conductor, for a Python player" {
        PythonCommand: "the next command" of "the coordinator", Limit::Computed("until the run ends"),
            "the connection ends with the run";
        PythonAnswer: "a connection or an answer" of "the Python player", seconds(5), "the worker is lost";
        PythonStart: "the start time" of "the clock", Limit::Computed("the time until the start, 5s at most"), "the phase starts";
        PythonTurn: "the Python player to be free" of "another worker of the run",
            Limit::Computed("the time that the plan allows for the workers before it"), "the coordinator stops the phase";
        PythonResults: "the results of the phase" of "the Python player",
            Limit::Computed("the time that the plan allows for the phase's steps"), "the worker is lost";
    }
    "conductor, at its end" {
        ResultsWritten: "the results folder to be complete" of "the disk", seconds(60),
            "`check` is not run, because the results could not be written";
        CheckAnswer: "the result of `check`" of "the process that supervises it", Limit::Computed("`step_timeout`, and 20s for its stop"),
            "the process is killed, and the result of `check` is unknown";
        ThreadsEnd: "its threads" of "connections and reports", seconds(4), "their names are logged, and they are left running";
        OutputRoom: "space in an output or log file that another process reads" of "its reader",
            Limit::Computed("as long as the run lasts, and then as for its outputs"),
            "the output is incomplete, and the exit status is 1";
        PlainOutput: "space for the output of `--dry-run`, `--check` or `validate`" of "its reader",
            Limit::Fixed(Duration::from_hours(1)), "the output is incomplete, and the exit status is 1";
        OutputFirst: "an event to be written to the results before it is logged" of "the disk, or the readers of the results", ms(500), "it is logged";
        OutputsTaken: "its outputs to be read" of "their readers", Limit::Fixed(Duration::from_hours(1)),
            "the output is incomplete, and the exit status is 1";
        OutputsHurried: "its outputs to be read after an interrupt" of "their readers", seconds(2),
            "the output is incomplete, and the exit status is 1";
        LogWritten: "its log to be written" of "the log's reader", seconds(1), "the rest is not written";
        LogRoom: "room for a line of the log" of "the log's reader", ms(50), "the line is dropped, and counted";
        LiveView: "the next update of the live view" of "the clock", ms(100), "the view is drawn";
    }
    "`validate`" {
        ShellSyntax: "the syntax check of a command" of "the shell", seconds(5), "this shell is not used for further checks";
    }
    "`player --stdio`" {
        PassedOn: "the end of the connection, and of the session player if it was started here" of "the session player",
            Limit::Computed("as long as the session lasts"),
            "the process ends";
    }
    "`player --stdio` and listener" {
        LocalSocket: "a name of a Unix socket to be free, or its listener to accept" of "other processes", seconds(1),
            "the name is not used; if a listener accepts no connections, the conductor tries again";
    }
    "listener" {
        PassedOnMessage: "a connection and its first message" of "`player --stdio`", seconds(1), "the connection is closed";
        MachineHolder: "the answer of the player that uses the machine for its run" of "that player", seconds(3),
            "the session is refused, and the conductor tries again";
        SessionPlayerIdle: "its session to begin" of "`player --stdio`", seconds(10), "the session player ends";
        ListenerEvents: "the next event" of "connections, sessions and signals", Limit::Earliest,
            "as for that limit";
        Caller: "the first message" of "the peer",
            Limit::Progress(Duration::from_secs(5), Duration::from_mins(1)),
            "the connection is closed";
        RoomForConnection: "resources for another connection" of "the kernel", ms(500), "the next connection is tried";
        ConductorLookup: "the addresses of `conductor`" of "the resolver", seconds(30), "the addresses stay as they were";
        SessionsEnd: "its sessions to end, after a signal to stop" of "its sessions", seconds(45), "the listener cleans up itself";
        SignOfLife: "a sign of life" of "its sessions", Limit::AtLeast("lease", Duration::from_secs(5)),
            "the session's process is killed, and another one runs Reset";
        ResetProcess: "a new process for the Reset of a session that died" of "the kernel", setting("reset_timeout", 0),
            "Reset is not run, and this is reported";
        PythonPhaseProcess: "a new process for a phase of a Python conductor" of "the kernel", seconds(300),
            "the phase is not run, and its connection is closed";
        PythonRun: "`run` for phases that were downloaded" of "the Python conductor", seconds(30),
            "the phases are dropped, and this is logged";
        CutOffEnd: "the processes that its sessions left to end" of "those processes", seconds(10),
            "the player ends";
        LeftoverEnd: "killed processes to end" of "the kernel", seconds(1), "the listener stops waiting for them";
    }
    "session" {
        SessionEvents: "the next event" of "the conductor, steps and signals", Limit::Earliest,
            "as for that limit";
        ConductorSilence: "a sign of life" of "the conductor", setting("lease", 0), "steps are stopped, and Reset runs";
        Plan: "the plan" of "a conductor that sends only heartbeats", Limit::Fixed(Duration::from_hours(1)), "the session ends";
        FirstPlan: "the plan" of "a conductor that cannot be reached", seconds(10), "the session ends";
        LastDelivery: "its last messages to be acknowledged" of "the conductor", seconds(5), "the session ends";
        LateDelivery: "its conductor to reconnect for the last messages" of "the conductor", Limit::Fixed(Duration::from_hours(1)),
            "the session ends";
        StoppedReset: "its Reset, after a signal to stop" of "the steps of Reset", seconds(30), "Reset is stopped";
        StepGrace: "a step to end, after a signal" of "the step's processes", seconds(2), "the next signal is sent; the last one is KILL";
        Versions: "the commands of `versions`, a quarter of `lease` at most" of "these commands", seconds(5),
            "they are killed, and the plan is accepted";
        StepStart: "a step's process to start" of "the kernel", seconds(1), "the step could not be started";
        PreparedEnd: "a prepared process to end that is not needed" of "the kernel", ms(100), "the session continues";
    }
    "session, for a Python conductor" {
        PythonConductor: "its results port to be open" of "the Python conductor", seconds(10), "the results are dropped";
        PythonConnection: "a connection for a result" of "the Python conductor", seconds(2), "the next attempt";
        PythonResult: "results to be read" of "the Python conductor", Limit::Fixed(Duration::from_hours(1)),
            "the results are dropped";
        PythonConductorRetry: "the next attempt to deliver" of "the Python conductor", ms(10), "the attempt is made";
    }
    "the process that supervises `check`" {
        SupervisorEvents: "the next event" of "`check` and the conductor", Limit::Earliest, "as for that limit";
        SupervisorEnd: "its child process to end, after a signal" of "`check`", seconds(10), "the child is killed, and so are the processes that it left";
    }
}

impl Wait {
    /// The fixed part of the limit; for [`Limit::Progress`], the time in all. Zero if there is none.
    pub const fn time(self) -> Duration {
        match self.limit() {
            Limit::Fixed(time)
            | Limit::Setting(_, time)
            | Limit::AtLeast(_, time)
            | Limit::Announced(time)
            | Limit::Progress(_, time) => time,
            Limit::Computed(_) | Limit::Earliest => Duration::ZERO,
        }
    }

    /// How long the other side may make no progress. The same as [`Self::time`] if there is no separate limit for that.
    pub const fn without_progress(self) -> Duration {
        match self.limit() {
            Limit::Progress(time, _) => time,
            _ => self.time(),
        }
    }

    /// The whole limit if its setting, or the time that the other side announces, is `value`. A limit without such a
    /// part stays as it is.
    pub fn given(self, value: Duration) -> Duration {
        match self.limit() {
            Limit::Setting(_, margin) | Limit::Announced(margin) => value.saturating_add(margin),
            Limit::AtLeast(_, least) => value.max(least),
            Limit::Fixed(_) | Limit::Progress(..) | Limit::Computed(_) | Limit::Earliest => self.time(),
        }
    }
}

/// Whether to keep waiting, as decided by a thread other than the waiting one. All that wait for the same thing share
/// it. A clone is the same patience.
#[derive(Debug, Clone, Default)]
pub struct Patience(Arc<AtomicBool>);

impl Patience {
    /// Ends the waits, and all later ones.
    pub fn end(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether to keep waiting.
    pub fn lasts(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }
}
