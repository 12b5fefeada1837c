//! The phases of a Python conductor: what it downloaded, what it told us to run, and the processes at work for it. Pure.
//!
//! A conductor with several workers on this player sends a phase for each, and `run` for each. The first `run` runs all that
//! is there, one phase after another, as the Python player does; the others find nothing. Conductors are told apart by
//! their addresses alone, for every worker has a results port of its own, or shares one.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use super::death::AGAIN;
use crate::model::PlayerTime;
use crate::wait::Wait;
use crate::wire::bounds::{PHASE_BYTES, PHASES};
use crate::wire::seed::SeedPhase;

/// How long phases wait for their `run`.
const EXPIRE: Duration = Wait::PythonRun.time();

/// How long a process is tried to be made for a phase.
const GIVE_UP: Duration = Wait::PythonPhaseProcess.time();

/// What this player has to do for Python conductors.
#[derive(Debug, Default)]
pub(super) struct SeedConductors {
    /// Whose phases these are, and since when there are some.
    holder: Option<(IpAddr, PlayerTime)>,
    /// The phases that were downloaded and not run, and how long they are kept.
    kept: Vec<SeedPhase>,
    expires: Option<PlayerTime>,
    /// What is to be said of phases that were dropped, because their `run` has not come.
    dropped: Option<String>,
    /// The phases that are to run when those before them have.
    waiting: VecDeque<PhaseToRun>,
    /// When a process may be made for the first of them, after one could not be made.
    next_attempt: Option<PlayerTime>,
    processes: Vec<SeedProcess>,
    last_run: u64,
}

/// A phase that is to be run.
#[derive(Debug, PartialEq)]
pub(super) struct PhaseToRun {
    /// The phase.
    pub(super) phase: SeedPhase,
    /// Whose it is.
    address: IpAddr,
    /// The `run` that it belongs to.
    pub(super) run: u64,
    /// When it is given up, once no process could be made for it.
    give_up: Option<PlayerTime>,
}

/// A process that runs a phase, or delivers its results.
#[derive(Debug)]
struct SeedProcess {
    pid: u32,
    address: IpAddr,
    run: u64,
    result_host: String,
    result_port: u16,
    bytes: usize,
    is_delivering: bool,
}

impl SeedConductors {
    /// Keeps a phase until its `run`. Returns the processes whose results nobody waits for any more: a conductor that
    /// downloads to a results port whose results are not delivered yet has been started anew.
    ///
    /// # Errors
    ///
    /// Says who holds the player, or that there is no room.
    pub(super) fn keep(&mut self, address: IpAddr, phase: SeedPhase, now: PlayerTime) -> Result<Vec<u32>, String> {
        self.expire(now);
        if let Some((holder, _)) = self.holder(now)
            && holder != address
        {
            return Err(format!("busy: the Python conductor at {holder} holds this player"));
        }
        // What is refused leaves everything as it is.
        let runs = self.runs_to(address, phase.result_port);
        let sizes: Vec<usize> = self.sizes_without(&runs).collect();
        PHASES.check(sizes.len() + 1).map_err(|error| error.to_string())?;
        PHASE_BYTES.check(sizes.iter().sum::<usize>() + phase.size()).map_err(|error| error.to_string())?;
        let superseded = self.supersede(&runs);
        let since = self.holder(now).map_or(now, |(_, since)| since);
        self.holder = Some((address, since));
        self.expires = Some(now.plus(EXPIRE));
        self.kept.push(phase);
        Ok(superseded)
    }

    /// The runs whose results go to this port.
    fn runs_to(&self, address: IpAddr, port: u16) -> Vec<u64> {
        let of_process = |process: &SeedProcess| (process.address, process.result_port, process.run);
        let of_waiting = |next: &PhaseToRun| (next.address, next.phase.result_port, next.run);
        let all = self.processes.iter().map(of_process).chain(self.waiting.iter().map(of_waiting));
        all.filter(|(of, to, _)| (*of, *to) == (address, port)).map(|(_, _, run)| run).collect()
    }

    /// Takes these runs apart.
    fn supersede(&mut self, runs: &[u64]) -> Vec<u32> {
        self.waiting.retain(|next| !runs.contains(&next.run));
        self.processes.iter().filter(|process| runs.contains(&process.run)).map(|process| process.pid).collect()
    }

    /// A conductor at this address says `run`: what it downloaded is to be run. Returns the number of this run, or nothing
    /// when there is nothing to run.
    pub(super) fn run(&mut self, address: IpAddr, now: PlayerTime) -> Option<u64> {
        self.expire(now);
        if self.kept.is_empty() || self.holder.is_none_or(|(holder, _)| holder != address) {
            return None;
        }
        self.last_run += 1;
        let run = self.last_run;
        self.waiting.extend(self.kept.drain(..).map(|phase| PhaseToRun { phase, address, run, give_up: None }));
        self.expires = None;
        Some(run)
    }

    /// The phase that is to be run now, and the processes that have to deliver to the same place before it.
    pub(super) fn next(&mut self, now: PlayerTime) -> Option<(PhaseToRun, Vec<u32>)> {
        if self.is_running() || self.next_attempt.is_some_and(|next| now < next) {
            return None;
        }
        self.next_attempt = None;
        let next = self.waiting.pop_front()?;
        let to = |process: &&SeedProcess| {
            (&process.result_host, process.result_port) == (&next.phase.result_host, next.phase.result_port)
        };
        let before = self.processes.iter().filter(to).map(|process| process.pid).collect();
        Some((next, before))
    }

    /// This process runs a phase.
    pub(super) fn started(&mut self, pid: u32, next: &PhaseToRun) {
        let PhaseToRun { phase, address, run, .. } = next;
        let (result_host, result_port, bytes) = (phase.result_host.clone(), phase.result_port, phase.size());
        let (address, run) = (*address, *run);
        self.processes.push(SeedProcess { pid, address, run, result_host, result_port, bytes, is_delivering: false });
    }

    /// No process can be made for this phase: it is tried again, for as long as there is reason to hope; whether it is.
    pub(super) fn try_again(&mut self, next: PhaseToRun, now: PlayerTime) -> bool {
        let give_up = next.give_up.unwrap_or_else(|| now.plus(GIVE_UP));
        if give_up <= now {
            return false;
        }
        self.waiting.push_front(PhaseToRun { give_up: Some(give_up), ..next });
        self.next_attempt = Some(now.plus(AGAIN));
        true
    }

    /// A process has run its phase, and delivers the results.
    pub(super) fn delivers(&mut self, pid: u32) {
        self.processes.iter_mut().filter(|process| process.pid == pid).for_each(|process| process.is_delivering = true);
    }

    /// A process has ended; whether it was one that died while its phase ran.
    pub(super) fn process_ended(&mut self, pid: u32) -> bool {
        let ended = self.processes.extract_if(.., |process| process.pid == pid);
        ended.filter(|process| !process.is_delivering).count() > 0
    }

    /// The processes at work.
    pub(super) fn processes(&self) -> impl Iterator<Item = u32> {
        self.processes.iter().map(|process| process.pid)
    }

    /// Whether something of this run is still to be done.
    pub(super) fn is_open(&self, run: u64) -> bool {
        let waiting = self.waiting.iter().map(|next| next.run);
        self.processes.iter().map(|process| process.run).chain(waiting).any(|of| of == run)
    }

    /// Whether phases wait to be run.
    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Who holds the player, and since when. Whose results are only to be delivered holds it no more.
    pub(super) fn holder(&self, now: PlayerTime) -> Option<(IpAddr, PlayerTime)> {
        let has_kept = !self.kept.is_empty() && self.expires.is_some_and(|expires| now < expires);
        self.holder.filter(|_| has_kept || self.has_waiting() || self.is_running())
    }

    /// Forgets phases whose `run` has not come.
    pub(super) fn expire(&mut self, now: PlayerTime) {
        if self.expires.is_none_or(|expires| now < expires) {
            return;
        }
        self.expires = None;
        let phases = match std::mem::take(&mut self.kept).len() {
            1 => "1 phase".to_owned(),
            count => format!("{count} phases"),
        };
        if let Some((address, _)) = self.holder {
            let within = humantime::format_duration(EXPIRE);
            self.dropped = Some(format!(
                "the Python conductor at {address} sent {phases} and no `run` within {within}: dropped, and not run"
            ));
        }
    }

    /// What is to be said of phases that were dropped, once.
    pub(super) fn take_dropped(&mut self) -> Option<String> {
        self.dropped.take()
    }

    /// When there is something to forget, or to try again.
    pub(super) fn next_deadline(&self) -> Option<PlayerTime> {
        let next_attempt = self.next_attempt.filter(|_| self.has_waiting() && !self.is_running());
        self.expires.into_iter().chain(next_attempt).min()
    }

    fn is_running(&self) -> bool {
        self.processes.iter().any(|process| !process.is_delivering)
    }

    /// How large the phases are that are kept, without those of these runs that wait.
    fn sizes_without(&self, runs: &[u64]) -> impl Iterator<Item = usize> {
        let waiting = self.waiting.iter().filter(|next| !runs.contains(&next.run)).map(|next| next.phase.size());
        let processes = self.processes.iter().map(|process| process.bytes);
        self.kept.iter().map(SeedPhase::size).chain(waiting).chain(processes)
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

    /// Keeps phases for these ports, and runs them; the number of the run.
    fn run(conductors: &mut SeedConductors, ports: &[u16]) -> u64 {
        for port in ports {
            assert_eq!(conductors.keep(ONE, phase(*port, "true"), at(1)), Ok(Vec::new()));
        }
        conductors.run(ONE, at(2)).unwrap()
    }

    /// Starts what is next as this process; its port, and the processes that deliver before it.
    fn start(conductors: &mut SeedConductors, pid: u32) -> Option<(u16, Vec<u32>)> {
        let (next, before) = conductors.next(at(2))?;
        conductors.started(pid, &next);
        Some((next.phase.result_port, before))
    }

    #[test]
    fn one_run_runs_the_phases_of_all_workers_one_after_another_and_the_next_finds_nothing() {
        let mut conductors = SeedConductors::default();
        let number = run(&mut conductors, &[7, 8, 7]);
        assert_eq!(conductors.run(ONE, at(2)), None);
        assert_eq!(start(&mut conductors, 100), Some((7, vec![])));
        assert_eq!(start(&mut conductors, 101), None, "one at a time");
        conductors.delivers(100);
        assert_eq!(start(&mut conductors, 101), Some((8, vec![])));
        conductors.delivers(101);
        assert_eq!(start(&mut conductors, 102), Some((7, vec![100])), "results to one port keep their order");
        assert_eq!(conductors.holder(at(2)), Some((ONE, at(1))));
        conductors.delivers(102);
        assert_eq!(conductors.holder(at(2)), None, "delivering holds nobody up");
        assert_eq!(conductors.processes().collect::<Vec<_>>(), [100, 101, 102]);
        assert!(conductors.is_open(number));
        for pid in [100, 101, 102] {
            assert!(!conductors.process_ended(pid), "it had run its phase");
        }
        assert!(!conductors.is_open(number));
    }

    #[test]
    fn a_phase_for_which_no_process_can_be_made_is_tried_again_before_those_behind_it_and_given_up_at_last() {
        let mut conductors = SeedConductors::default();
        let number = run(&mut conductors, &[7, 8]);
        for second in 2..2 + GIVE_UP.as_secs() {
            let (next, _) = conductors.next(at(second)).unwrap();
            assert_eq!(next.phase.result_port, 7);
            assert!(conductors.try_again(next, at(second)) && conductors.is_open(number));
            assert_eq!(conductors.next_deadline(), Some(at(second).plus(AGAIN)));
            assert_eq!(conductors.next(at(second)), None, "not at once");
        }
        let end = at(2 + GIVE_UP.as_secs());
        let (next, _) = conductors.next(end).unwrap();
        assert!(!conductors.try_again(next, end));
        let (next, _) = conductors.next(end).unwrap();
        assert_eq!(next.phase.result_port, 8, "the next one has its own time");
        assert!(conductors.try_again(next, end));
    }

    #[test]
    fn a_conductor_at_another_address_is_told_who_holds_the_player() {
        let mut conductors = SeedConductors::default();
        conductors.keep(ONE, phase(7, "true"), at(1)).unwrap();
        let busy = Err("busy: the Python conductor at 10.0.0.1 holds this player".to_owned());
        assert_eq!(conductors.keep(OTHER, phase(7, "true"), at(2)), busy);
        assert_eq!(conductors.run(OTHER, at(2)), None);
        assert_eq!(conductors.keep(OTHER, phase(7, "true"), at(31)), Ok(vec![]), "phases without a `run` expire");
        let said = "the Python conductor at 10.0.0.1 sent 1 phase and no `run` within 30s: dropped, and not run";
        assert_eq!((conductors.take_dropped().as_deref(), conductors.take_dropped()), (Some(said), None));
        assert_eq!(conductors.run(ONE, at(31)), None);
        assert!(conductors.run(OTHER, at(31)).is_some());
    }

    #[test]
    fn a_conductor_that_downloads_to_a_port_whose_results_are_due_has_been_started_anew() {
        let mut conductors = SeedConductors::default();
        run(&mut conductors, &[7, 8]);
        start(&mut conductors, 100);
        run(&mut conductors, &[9]);
        assert_eq!(conductors.keep(ONE, phase(8, "true"), at(3)), Ok(vec![100]));
        assert_eq!(conductors.next(at(2)), None, "the old run has to end first");
        conductors.process_ended(100);
        assert_eq!(start(&mut conductors, 101), Some((9, vec![])), "another run goes on");
        assert_eq!(conductors.keep(ONE, phase(7, "true"), at(3)), Ok(vec![]));
    }

    #[test]
    fn what_is_kept_is_bounded_in_number_and_bytes_and_forgotten_when_it_expires() {
        let mut conductors = SeedConductors::default();
        for _ in 0..PHASES.most() {
            assert_eq!(conductors.keep(ONE, phase(7, "true"), at(1)), Ok(vec![]));
        }
        let refused = conductors.keep(ONE, phase(7, "true"), at(1)).unwrap_err();
        assert_eq!(refused, PHASES.check(257).unwrap_err().to_string());
        assert_eq!(conductors.next_deadline(), Some(at(31)));
        conductors.expire(at(31));
        assert_eq!((conductors.sizes_without(&[]).count(), conductors.next_deadline()), (0, None));
        let long = "x".repeat(10 << 20);
        for _ in 0..6 {
            assert_eq!(conductors.keep(ONE, phase(7, &long), at(32)), Ok(vec![]));
        }
        let refused = conductors.keep(ONE, phase(7, &long), at(32)).unwrap_err();
        assert!(refused.contains("bytes of a Python conductor's phases"), "{refused}");
        let number = conductors.run(ONE, at(33)).unwrap();
        assert!(conductors.keep(ONE, phase(8, &long), at(33)).is_err(), "what is to be run counts too");
        let larger = "x".repeat(65 << 20);
        assert!(conductors.keep(ONE, phase(7, &larger), at(33)).is_err());
        assert!(conductors.is_open(number), "a phase that is refused takes no run apart");
        assert_eq!(
            conductors.keep(ONE, phase(7, &long), at(33)),
            Ok(vec![]),
            "one that supersedes makes room for itself"
        );
    }
}
