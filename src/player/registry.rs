//! Who holds this player: the sessions of one run, or one seed conductor. Pure.

use std::net::IpAddr;
use std::time::Duration;

use crate::model::PlayerTime;
use crate::wire::seed::SeedPhase;
use crate::wire::{Hello, Holder, PlanMessage};

/// How long phases of a seed conductor wait for their `run`.
const PHASES_EXPIRE: Duration = Duration::from_secs(30);

/// Who holds this player.
#[derive(Debug, Default)]
pub(super) struct Registry {
    /// The sessions' processes, and those of their heirs.
    pub(super) sessions: Vec<SessionEntry>,
    /// The seed conductor that is being served.
    pub(super) seed: Option<SeedEntry>,
    /// What earlier runs left running on purpose.
    pub(super) leftovers: Vec<(u32, String)>,
}

/// A session, as the listener knows it.
#[derive(Debug)]
pub(super) struct SessionEntry {
    pub(super) run: String,
    pub(super) worker: String,
    pub(super) conductor: String,
    pub(super) since: PlayerTime,
    /// Its process, while it lives.
    pub(super) pid: Option<u32>,
    pub(super) plan: Option<Box<PlanMessage>>,
    /// The trial whose Reset has to be run if it dies.
    pub(super) reset_needed: Option<u32>,
    /// Whether it said that it ended in good order.
    pub(super) over: bool,
}

/// A seed conductor.
#[derive(Debug)]
pub(super) struct SeedEntry {
    pub(super) address: IpAddr,
    pub(super) port: u16,
    pub(super) since: PlayerTime,
    /// What it downloaded and did not run yet.
    pub(super) phases: Vec<SeedPhase>,
    pub(super) expires: PlayerTime,
    /// The process that runs for it, and whether that has delivered its results.
    pub(super) running: Option<(u32, bool)>,
}

impl Registry {
    /// Who stands in the way of a session of `run`, if anybody does.
    pub(super) fn holder_for(&self, run: &str, now: PlayerTime) -> Option<Holder> {
        let session = self.sessions.iter().find(|entry| entry.run != run).map(|entry| Holder {
            run: entry.run.clone(),
            conductor: entry.conductor.clone(),
            seconds: now.since(entry.since).as_secs(),
        });
        session.or_else(|| {
            self.seed.as_ref().filter(|entry| entry.is_alive(now)).map(|entry| Holder {
                run: "of a Python conductor".to_owned(),
                conductor: format!("{} with results port {}", entry.address, entry.port),
                seconds: now.since(entry.since).as_secs(),
            })
        })
    }

    /// Whether this worker of this run has a session already.
    pub(super) fn has(&self, hello: &Hello) -> bool {
        self.sessions.iter().any(|entry| entry.run == hello.run && entry.worker == hello.worker)
    }

    /// Keeps a phase of a seed conductor until its `run`.
    ///
    /// # Errors
    ///
    /// Says who holds the player.
    pub(super) fn keep(&mut self, address: IpAddr, phase: SeedPhase, now: PlayerTime) -> Result<(), String> {
        if let Some(holder) = self.sessions.first() {
            return Err(format!("busy: run {} of {} holds this player", holder.run, holder.conductor));
        }
        self.seed.take_if(|entry| !entry.is_alive(now));
        let port = phase.result_port;
        let entry = self.seed.get_or_insert_with(|| SeedEntry {
            address,
            port,
            since: now,
            phases: Vec::new(),
            expires: now,
            running: None,
        });
        if (entry.address, entry.port) != (address, port) {
            let (address, port) = (entry.address, entry.port);
            return Err(format!("busy: the conductor at {address} with results port {port} holds this player"));
        }
        entry.expires = now.plus(PHASES_EXPIRE);
        entry.phases.push(phase);
        Ok(())
    }

    /// The phases that a seed conductor at this address has downloaded; they are its no more.
    pub(super) fn take_phases(&mut self, address: IpAddr, now: PlayerTime) -> Vec<SeedPhase> {
        let entry = self.seed.as_mut().filter(|entry| entry.address == address && entry.is_alive(now));
        entry.map(|entry| std::mem::take(&mut entry.phases)).unwrap_or_default()
    }

    /// All processes that work for somebody.
    pub(super) fn processes(&self) -> impl Iterator<Item = u32> {
        let seed = self.seed.iter().filter_map(|entry| entry.running.map(|(pid, _)| pid));
        self.sessions.iter().filter_map(|entry| entry.pid).chain(seed)
    }
}

impl SeedEntry {
    fn is_alive(&self, now: PlayerTime) -> bool {
        self.running.is_some_and(|(_, delivered)| !delivered) || (!self.phases.is_empty() && now < self.expires)
    }
}
