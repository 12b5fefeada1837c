//! The phases of a Python conductor: received, waiting and running ones, and the processes that run them. This module is
//! pure.
//!
//! A conductor with several workers on this player sends a phase and `run` for each. The first `run` runs all phases
//! that have been received, one after another, as the Python player does; later ones find none. Conductors are
//! distinguished only by their addresses, because each worker may have its own results port, or share one.

use std::net::IpAddr;

use super::session_entry::AGAIN;
use crate::model::{PlayerTime, counted};
use crate::wait::Wait;
use crate::wire::bounds::{PHASE_BYTES, PHASES};
use crate::wire::seed::SeedPhase;

/// The phases of Python conductors.
#[derive(Debug, Default)]
pub(super) struct PythonPhases {
    /// The conductor that uses the player, and since when.
    holder: Option<(IpAddr, PlayerTime)>,
    /// The phases in the order of their arrival.
    phases: Vec<PhaseEntry>,
    /// Until when phases are kept without a `run`.
    expires: Option<PlayerTime>,
    /// When to try again to create a process and when to give up, if an attempt failed.
    attempt: Option<(PlayerTime, PlayerTime)>,
    last_run: u64,
}

/// A phase of a Python conductor.
#[derive(Debug)]
struct PhaseEntry {
    phase: SeedPhase,
    /// The address of its conductor.
    address: IpAddr,
    /// The `run` that it belongs to, once that has arrived.
    run: Option<u64>,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// It has arrived.
    Stored,
    /// It will run after the phases before it.
    Waiting,
    /// This process is running it.
    Running(u32),
    /// This process is delivering its results.
    Delivering(u32),
}

impl PhaseEntry {
    fn pid(&self) -> Option<u32> {
        if let State::Running(pid) | State::Delivering(pid) = self.state { Some(pid) } else { None }
    }
}

impl PythonPhases {
    /// Stores a phase until its `run` arrives. Returns the processes whose results are no longer wanted: a conductor
    /// that sends a phase for a results port with undelivered results was restarted.
    ///
    /// # Errors
    ///
    /// Returns an error if another conductor uses the player, or if too many phases are stored.
    pub(super) fn store(&mut self, address: IpAddr, phase: SeedPhase, now: PlayerTime) -> Result<Vec<u32>, String> {
        if let Some((holder, _)) = self.holder(now)
            && holder != address
        {
            return Err(format!("busy: the Python conductor at {holder} uses this player"));
        }
        let is_to = |entry: &&PhaseEntry| (entry.address, entry.phase.result_port) == (address, phase.result_port);
        let superseded: Vec<u64> = self.phases.iter().filter(is_to).filter_map(|entry| entry.run).collect();
        let is_superseded = |entry: &PhaseEntry| entry.run.is_some_and(|run| superseded.contains(&run));
        let stays = |entry: &PhaseEntry| entry.state != State::Waiting || !is_superseded(entry);
        // A refused phase must change nothing.
        let sizes = self.phases.iter().filter(|entry| stays(entry)).map(|entry| entry.phase.size());
        let sizes: Vec<usize> = sizes.chain([phase.size()]).collect();
        let checked = PHASES.check(sizes.len()).and_then(|()| PHASE_BYTES.check(sizes.iter().sum()));
        checked.map_err(|error| error.to_string())?;
        self.phases.retain(stays);
        self.attempt = self.attempt.filter(|_| superseded.is_empty());
        let since = self.holder(now).map_or(now, |(_, since)| since);
        self.holder = Some((address, since));
        self.expires = Some(now.plus(Wait::PythonRun.time()));
        let unwanted = self.phases.iter().filter(|entry| is_superseded(entry)).filter_map(PhaseEntry::pid).collect();
        self.phases.push(PhaseEntry { phase, address, run: None, state: State::Stored });
        Ok(unwanted)
    }

    /// Handles `run` from a conductor at this address: the phases that it has sent will run. Returns the number of this
    /// run, or `None` if there is nothing to run.
    pub(super) fn run(&mut self, address: IpAddr) -> Option<u64> {
        self.expires.take_if(|_| self.holder.is_some_and(|(holder, _)| holder == address))?;
        self.last_run += 1;
        for entry in self.phases.iter_mut().filter(|entry| entry.state == State::Stored) {
            (entry.state, entry.run) = (State::Waiting, Some(self.last_run));
        }
        Some(self.last_run)
    }

    /// Returns the phase to run now, its run, and the processes that have to deliver to the same address before it.
    pub(super) fn next(&self, now: PlayerTime) -> Option<(&SeedPhase, u64, Vec<u32>)> {
        if self.is_running() || self.attempt.is_some_and(|(next, _)| now < next) {
            return None;
        }
        let PhaseEntry { phase, run, .. } = self.waiting().next()?;
        let place = |phase: &SeedPhase| (phase.result_host.clone(), phase.result_port);
        let before = self.phases.iter().filter(|entry| place(&entry.phase) == place(phase));
        Some((phase, (*run)?, before.filter_map(PhaseEntry::pid).collect()))
    }

    /// Records that this process runs the next phase.
    pub(super) fn started(&mut self, pid: u32) {
        self.attempt = None;
        if let Some(next) = self.phases.iter_mut().find(|entry| entry.state == State::Waiting) {
            next.state = State::Running(pid);
        }
    }

    /// Handles a failure to create a process for the next phase. Returns whether it is retried; this ends after some
    /// time.
    pub(super) fn try_again(&mut self, now: PlayerTime) -> bool {
        let give_up = self.attempt.map_or_else(|| now.plus(Wait::PythonPhaseProcess.time()), |(_, give_up)| give_up);
        self.attempt = (now < give_up).then(|| (now.plus(AGAIN), give_up));
        if self.attempt.is_none() {
            let next = self.phases.iter().position(|entry| entry.state == State::Waiting);
            next.map(|next| self.phases.remove(next));
        }
        self.attempt.is_some()
    }

    /// Records that a process has run its phase, and is delivering the results.
    pub(super) fn delivers(&mut self, pid: u32) {
        let run = self.phases.iter_mut().filter(|entry| entry.state == State::Running(pid));
        run.for_each(|entry| entry.state = State::Delivering(pid));
    }

    /// Handles the end of a process. Returns whether it died while its phase was running.
    pub(super) fn process_ended(&mut self, pid: u32) -> bool {
        let ended = self.phases.extract_if(.., |entry| entry.pid() == Some(pid));
        ended.filter(|entry| entry.state == State::Running(pid)).count() > 0
    }

    /// Whether this run is incomplete.
    pub(super) fn is_open(&self, run: u64) -> bool {
        self.phases.iter().any(|entry| entry.run == Some(run))
    }

    /// Returns who uses the player, and since when. A conductor whose results are only being delivered does not.
    pub(super) fn holder(&self, now: PlayerTime) -> Option<(IpAddr, PlayerTime)> {
        let has_stored = self.expires.is_some_and(|expires| now < expires);
        self.holder.filter(|_| has_stored || self.waiting().next().is_some() || self.is_running())
    }

    /// Drops phases whose `run` has not arrived in time. Returns a line for the log.
    pub(super) fn expire(&mut self, now: PlayerTime) -> Option<String> {
        self.expires.take_if(|expires| *expires <= now)?;
        let phases = self.phases.extract_if(.., |entry| entry.state == State::Stored).count();
        let ((address, _), within) = (self.holder?, humantime::format_duration(Wait::PythonRun.time()));
        let phases = counted(phases, "phase");
        Some(format!("dropped {phases} of the Python conductor at {address}: it did not send `run` within {within}"))
    }

    /// Returns when to drop phases or to try again.
    pub(super) fn next_deadline(&self) -> Option<PlayerTime> {
        let attempt = self.attempt.filter(|_| self.waiting().next().is_some() && !self.is_running());
        self.expires.into_iter().chain(attempt.map(|(next, _)| next)).min()
    }

    fn waiting(&self) -> impl Iterator<Item = &PhaseEntry> {
        self.phases.iter().filter(|entry| entry.state == State::Waiting)
    }

    fn is_running(&self) -> bool {
        self.phases.iter().any(|entry| matches!(entry.state, State::Running(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::seed::SeedStep;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn at(seconds: u64) -> PlayerTime {
        PlayerTime::from_nanoseconds(seconds * 1_000_000_000)
    }

    fn phase(result_port: u16, command: &str) -> SeedPhase {
        let step = SeedStep { command: command.to_owned(), spawn: false, timeout: None };
        SeedPhase { result_host: "10.0.0.1".to_owned(), result_port, steps: vec![step] }
    }

    /// Stores phases for these ports and runs them. Returns the number of the run.
    fn run(conductors: &mut PythonPhases, ports: &[u16]) -> u64 {
        for port in ports {
            assert_eq!(conductors.store(ONE, phase(*port, "true"), at(1)), Ok(Vec::new()));
        }
        conductors.run(ONE).unwrap()
    }

    /// Starts the next phase in this process. Returns its port, and the processes that have to deliver before it.
    fn start(conductors: &mut PythonPhases, pid: u32) -> Option<(u16, Vec<u32>)> {
        let (port, before) = conductors.next(at(2)).map(|(phase, _, before)| (phase.result_port, before))?;
        conductors.started(pid);
        Some((port, before))
    }

    #[test]
    fn one_run_runs_the_phases_of_all_workers_one_after_another_and_the_next_finds_nothing() {
        let mut conductors = PythonPhases::default();
        let number = run(&mut conductors, &[7, 8, 7]);
        assert_eq!(conductors.run(ONE), None);
        assert_eq!(start(&mut conductors, 100), Some((7, vec![])));
        assert_eq!(start(&mut conductors, 101), None, "one at a time");
        conductors.delivers(100);
        assert_eq!(start(&mut conductors, 101), Some((8, vec![])));
        conductors.delivers(101);
        assert_eq!(start(&mut conductors, 102), Some((7, vec![100])), "results to one port keep their order");
        assert_eq!(conductors.holder(at(2)), Some((ONE, at(1))));
        conductors.delivers(102);
        assert_eq!(conductors.holder(at(2)), None, "delivering holds nobody up");
        assert!(conductors.is_open(number));
        for pid in [100, 101, 102] {
            assert!(!conductors.process_ended(pid), "it had run its phase");
        }
        assert!(!conductors.is_open(number));
    }

    #[test]
    fn a_phase_for_which_no_process_can_be_made_is_tried_again_before_those_behind_it_and_given_up_at_last() {
        let mut conductors = PythonPhases::default();
        let number = run(&mut conductors, &[7, 8]);
        for second in 2..2 + Wait::PythonPhaseProcess.time().as_secs() {
            assert_eq!(conductors.next(at(second)).unwrap().0.result_port, 7);
            assert!(conductors.try_again(at(second)) && conductors.is_open(number));
            assert_eq!(conductors.next_deadline(), Some(at(second).plus(AGAIN)));
            assert_eq!(conductors.next(at(second)), None, "not at once");
        }
        let end = at(2 + Wait::PythonPhaseProcess.time().as_secs());
        assert!(!conductors.try_again(end));
        assert_eq!(conductors.next(end).unwrap().0.result_port, 8, "the next one has its own time");
        assert!(conductors.try_again(end));
    }

    #[test]
    fn a_conductor_at_another_address_is_told_who_holds_the_player() {
        let mut conductors = PythonPhases::default();
        conductors.store(ONE, phase(7, "true"), at(1)).unwrap();
        let busy = Err("busy: the Python conductor at 10.0.0.1 uses this player".to_owned());
        assert_eq!(conductors.store(OTHER, phase(7, "true"), at(2)), busy);
        assert_eq!(conductors.run(OTHER), None);
        let said = "dropped 1 phase of the Python conductor at 10.0.0.1: it did not send `run` within 30s";
        assert_eq!((conductors.expire(at(31)).as_deref(), conductors.expire(at(31))), (Some(said), None));
        assert_eq!(conductors.store(OTHER, phase(7, "true"), at(31)), Ok(vec![]), "phases without a `run` expire");
        assert_eq!(conductors.run(ONE), None);
        assert!(conductors.run(OTHER).is_some());
    }

    #[test]
    fn a_conductor_that_downloads_to_a_port_whose_results_are_due_has_been_started_anew() {
        let mut conductors = PythonPhases::default();
        run(&mut conductors, &[7, 8]);
        start(&mut conductors, 100);
        run(&mut conductors, &[9]);
        assert_eq!(conductors.store(ONE, phase(8, "true"), at(3)), Ok(vec![100]));
        assert_eq!(conductors.next(at(2)), None, "the old run has to end first");
        conductors.process_ended(100);
        assert_eq!(start(&mut conductors, 101), Some((9, vec![])), "another run goes on");
        assert_eq!(conductors.store(ONE, phase(7, "true"), at(3)), Ok(vec![]));
    }

    #[test]
    fn what_is_kept_is_bounded_in_number_and_bytes_and_forgotten_when_it_expires() {
        let mut conductors = PythonPhases::default();
        for _ in 0..PHASES.most() {
            assert_eq!(conductors.store(ONE, phase(7, "true"), at(1)), Ok(vec![]));
        }
        let refused = conductors.store(ONE, phase(7, "true"), at(1)).unwrap_err();
        assert_eq!(refused, PHASES.check(257).unwrap_err().to_string());
        assert_eq!(conductors.next_deadline(), Some(at(31)));
        conductors.expire(at(31));
        assert_eq!((conductors.phases.len(), conductors.next_deadline()), (0, None));
        let long = "x".repeat(10 << 20);
        for _ in 0..6 {
            assert_eq!(conductors.store(ONE, phase(7, &long), at(32)), Ok(vec![]));
        }
        let refused = conductors.store(ONE, phase(7, &long), at(32)).unwrap_err();
        assert!(refused.contains("bytes of a Python conductor's phases"), "{refused}");
        let number = conductors.run(ONE).unwrap();
        assert!(conductors.store(ONE, phase(8, &long), at(33)).is_err(), "what is to be run counts too");
        let larger = "x".repeat(65 << 20);
        assert!(conductors.store(ONE, phase(7, &larger), at(33)).is_err());
        assert!(conductors.is_open(number), "a phase that is refused takes no run apart");
        assert_eq!(
            conductors.store(ONE, phase(7, &long), at(33)),
            Ok(vec![]),
            "one that supersedes makes room for itself"
        );
    }
}
