//! The listener: one loop that takes connections, makes a process for each session, and cleans up after those that die.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::ops::ControlFlow::{self, Break, Continue};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use socket2::{Domain, Socket, Type};

use super::admission::Admission;
use super::callers::Callers;
use super::cleanup::Cleanup;
use super::clock::clock;
use super::life;
use super::lookup::{Lookup, look_up};
use super::note::Note;
use super::origin;
use super::process_tree::Cgroups;
use super::processes::{End, Processes};
use super::registry::Registry;
use super::session_entry::{SessionEntry, Summary};
use super::session_process;
use super::watch::{self, Found};
use crate::model::{PlayerTime, Process};
use crate::sys::{self, CgroupRoot, Child, SignalDescriptor, input_has_ended};
use crate::wait::Wait;
use crate::wire::{Connection, Secret};

/// What a player is told.
pub struct Settings {
    /// The address to listen on; any when it is none.
    pub bind: Option<IpAddr>,
    /// The port; 0 picks one.
    pub port: u16,
    /// The largest message of the seed's wire, in bytes.
    pub max_message_size: u64,
    /// How many bytes of output a session keeps on disk while its conductor takes none.
    pub spool_limit: u64,
    /// Who may connect.
    pub admission: Admission,
    /// Whether a hang-up (`SIGHUP`) stops the player; else it only begins its log anew.
    pub stops_at_hang_up: bool,
    /// What the conductor says that started this player: nobody else is served, and the player stops when its standard
    /// input ends.
    pub owner: Option<Secret>,
}

/// The listener's own state. A process that it forks drops all of it, and with it every descriptor.
pub(super) struct Listener {
    pub(super) settings: Settings,
    socket: Option<TcpListener>,
    signals: SignalDescriptor,
    pub(super) callers: Callers,
    lookup: Lookup,
    /// The connections that told us to run a Python conductor's phases, until they have run, by their numbers.
    pub(super) seed_runs: BTreeMap<u64, Connection>,
    pub(super) registry: Registry,
    pub(super) processes: Processes,
    cleanup: Cleanup,
    pub(super) incarnation: String,
    /// When stopping is given up, once the player was told to stop.
    stopping: Option<PlayerTime>,
    /// Whether some of its sessions did not end in that time.
    is_cut_off: bool,
}

impl Listener {
    /// Opens the port.
    ///
    /// # Errors
    ///
    /// Says why the port is not to be had, and which it is.
    pub(super) fn open(settings: Settings) -> Result<(Self, SocketAddr), String> {
        let signals = [libc::SIGCHLD, libc::SIGTERM, libc::SIGINT, libc::SIGHUP];
        let signals = SignalDescriptor::new(&signals).map_err(|error| error.to_string())?;
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).map_err(|error| error.to_string())?;
        if settings.owner.is_some() {
            life::continue_without_parent();
        }
        let socket = bind(settings.bind, settings.port)?;
        let address = socket.local_addr().map_err(|error| error.to_string())?;
        if let Some(text) = super::folder::warning() {
            tracing::warn!("{text}");
        }
        let mut registry = Registry::default();
        end_stale(address.port()).map(Summary::of_nobody).into_iter().for_each(|summary| registry.tell_later(summary));
        let incarnation = format!("{:x}-{:x}", std::process::id(), clock().nanoseconds());
        let callers = Callers::new(settings.max_message_size);
        let listener = Self {
            settings,
            socket: Some(socket),
            signals,
            callers,
            lookup: Lookup::default(),
            seed_runs: BTreeMap::new(),
            registry,
            processes: Processes::new(cgroups(address.port())),
            cleanup: Cleanup::default(),
            incarnation,
            stopping: None,
            is_cut_off: false,
        };
        Ok((listener, address))
    }

    /// Runs until the player is over, or until this is another process.
    pub(super) fn run(mut self) -> End {
        loop {
            if let Break(end) = self.turn() {
                return end;
            }
        }
    }

    fn turn(&mut self) -> ControlFlow<End> {
        if !self.wait() {
            return Break(End::Status(1));
        }
        self.take_signals()?;
        self.take_notes();
        self.watch();
        if let Some(socket) = &self.socket {
            self.callers.accept(socket, &self.settings.admission, clock());
        }
        self.registry.seed.expire(clock()).iter().for_each(|text| tracing::warn!("{text}"));
        for (caller, payload) in self.callers.hear(clock()) {
            self.answer(caller, &payload)?;
        }
        self.start_seed_phase()?;
        self.clean_up()?;
        self.look_up()?;
        self.end()
    }

    fn wait(&self) -> bool {
        let mut descriptors = vec![PollFd::new(&self.signals, PollFlags::IN)];
        if let Some(socket) = self.socket.as_ref().filter(|_| self.callers.takes_connections()) {
            descriptors.push(PollFd::new(socket, PollFlags::IN));
        }
        let callers = self.callers.connections().map(AsFd::as_fd);
        descriptors
            .extend(callers.chain(self.processes.descriptors()).map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        let input = std::io::stdin();
        if self.settings.owner.is_some() && self.stopping.is_none() {
            descriptors.push(PollFd::from_borrowed_fd(input.as_fd(), PollFlags::IN));
        }
        // While something is left of a dead session, its Reset has to wait.
        let clean_up = self.cleanup.next_deadline().or_else(|| self.registry.next_attempt());
        let connections = [self.callers.deadline(), self.name_to_look_up().map(|_| self.lookup.next())];
        let work = [clean_up, self.processes.next_look(), self.registry.seed.next_deadline(), self.stopping];
        let deadline = connections.into_iter().chain(work).flatten().min();
        let timeout = deadline.map(|deadline| deadline.since(clock()));
        matches!(Wait::ListenerEvents.poll(&mut descriptors, timeout), Ok(_) | Err(rustix::io::Errno::INTR))
    }

    /// Takes signals: children that have ended, and the wish that the player stops.
    fn take_signals(&mut self) -> ControlFlow<End> {
        while let Some(signal) = self.signals.take() {
            if signal == libc::SIGHUP && !self.settings.stops_at_hang_up {
                tracing::info!("SIGHUP: the log goes on in the file that has its name");
            } else if signal != libc::SIGCHLD {
                self.stop()?;
            }
        }
        if self.settings.owner.is_some() && self.stopping.is_none() && input_has_ended() {
            self.stop()?;
        }
        while let Some((child, _, _)) = sys::reap() {
            self.take_notes();
            self.child_ended(child.0);
        }
        Continue(())
    }

    /// Begins to stop. When that was begun before, everything ends now.
    fn stop(&mut self) -> ControlFlow<End> {
        if self.stopping.is_some() {
            self.say_what_is_cut_off();
            end_everything();
            return self.over(1);
        }
        self.stopping = Some(clock().plus(Wait::SessionsEnd.time()));
        self.socket = None;
        self.callers.clear();
        self.lookup.stop();
        self.cleanup.try_again();
        self.processes.pids().for_each(|pid| sys::end_process(Child(pid), libc::SIGTERM));
        self.processes.hasten(|_| true);
        Continue(())
    }

    /// Whether the player was told to stop.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    /// Ends the player, once it was told to stop and nothing is left.
    fn end(&mut self) -> ControlFlow<End> {
        let Some(give_up) = self.stopping else { return Continue(()) };
        let now = clock();
        let is_busy = self.processes.pids().next().is_some() || self.registry.has_dead();
        if is_busy && now < give_up {
            return Continue(());
        }
        if is_busy {
            self.say_what_is_cut_off();
            self.registry.give_up();
            self.processes.give_up();
            self.is_cut_off = true;
        }
        for process in self.registry.leftovers.drain(..) {
            let (Process { pid, user, .. }, command) = (&process, process.command_shown());
            tracing::warn!("process {pid} ({user}), which an earlier run left running, is ended: `{command}`");
        }
        let end = give_up.plus(Wait::CutOffEnd.time());
        if self.cleanup.has_ended_all_but(&sys::direct_children()) || now >= end {
            return self.over(i32::from(self.is_cut_off));
        }
        if !self.cleanup.is_at_work() {
            self.cleanup.begin(now);
        }
        Continue(())
    }

    /// The player is over.
    fn over(&mut self, status: i32) -> ControlFlow<End> {
        for summary in self.registry.take_untold() {
            tracing::warn!("this player ends, and no conductor was told: {summary}");
        }
        self.processes.cgroups.iter().for_each(|cgroups| cgroups.remove());
        Break(End::Status(status))
    }

    /// Says which sessions are cut off before they are reset.
    fn say_what_is_cut_off(&mut self) {
        self.take_notes();
        self.registry.live().filter_map(SessionEntry::cut_off).for_each(|line| tracing::error!("{line}"));
    }

    /// Takes what the processes tell.
    fn take_notes(&mut self) {
        for (pid, note) in self.processes.take_notes() {
            if let Note::Addresses { found } = note {
                self.settings.admission.learn(found).iter().for_each(|line| tracing::warn!("{line}"));
                continue;
            }
            if let Note::Delivering = note {
                self.processes.watch_no_more(pid);
            }
            let line = self.registry.take(pid, note, self.stopping.is_some(), clock());
            if let Some(line) = line {
                tracing::warn!("{line}");
            }
        }
        for pid in self.registry.kept_too_many() {
            let reason = "too many other ended sessions wait to deliver their results".to_owned();
            self.processes.abandon(pid, reason, None);
        }
    }

    /// Looks whether our processes are at work, and kills those that have given no sign of life for too long.
    fn watch(&mut self) {
        for (pid, found) in self.processes.look(clock()) {
            match found {
                Found::Alive => self.registry.doubt(pid, None),
                Found::Doubtful(until) => self.registry.doubt(pid, Some(until)),
                Found::GivenUp(limit) => {
                    let whose = self.registry.give_up_on(pid, limit);
                    let limit = humantime::format_duration(limit);
                    tracing::error!("{whose} did not respond for {limit}; killing it");
                    sys::end_process(Child(pid), libc::SIGKILL);
                }
            }
        }
    }

    /// A child has ended: one of our processes, or something that had fallen to us.
    fn child_ended(&mut self, pid: u32) {
        self.processes.ended(pid);
        if self.lookup.pid.take_if(|of| *of == pid).is_some() {
            return;
        }
        self.take_in_what_it_left(pid);
        if let Some(line) = self.registry.process_ended(pid, clock()) {
            tracing::error!("{line}");
            self.cleanup.begin(clock());
        }
    }

    /// What has been left on purpose may itself leave something, which falls to us when it ends; a session that ended in
    /// good order may at the last moment.
    fn take_in_what_it_left(&mut self, ended: u32) {
        let is_of = |left: &Process| left.pid == ended;
        let in_good_order = self.registry.leftovers.iter().any(is_of) || self.registry.is_past(ended);
        self.registry.leftovers.retain(|left| !is_of(left));
        let processes: Vec<u32> = self.processes.pids().collect();
        // While something of a dead session is there, nobody can tell its processes from these.
        if in_good_order && !self.cleanup.is_at_work() {
            let (found, _) = origin::find(&[], None, |pid| pid == ended || processes.contains(&pid));
            for left in found.iter().filter(|found| found.is_child && !found.process.has_ended()) {
                if !self.registry.leftovers.iter().any(|known| known.pid == left.process.pid()) {
                    self.registry.leftovers.push((&left.process).into());
                }
            }
        }
        self.processes.cgroups.iter().for_each(|cgroups| cgroups.tidy(|owner| processes.contains(&owner)));
    }

    /// Goes on with the clean-up. When nothing is left of the dead sessions, their Resets are run.
    fn clean_up(&mut self) -> ControlFlow<End> {
        let processes: Vec<u32> = self.processes.pids().collect();
        let leftovers = &self.registry.leftovers;
        let keep = |pid: u32| processes.contains(&pid) || leftovers.iter().any(|left| left.pid == pid);
        let Some(remaining) = self.cleanup.go_on(keep, clock()) else { return Continue(()) };
        if !remaining.is_empty() {
            let remaining = Process::list(&remaining);
            tracing::warn!("could not be stopped: {remaining}");
            if !self.is_stopping() {
                let text = format!("of a session that died, could not be stopped: {remaining}");
                self.registry.tell_later(Summary::of_nobody(text));
            }
        }
        for summary in self.registry.take_finished(clock()) {
            tracing::warn!("{summary}");
            self.registry.tell_later(summary);
        }
        while let Some((entry, trial)) = self.registry.reset_due(clock()) {
            entry.reset_is_tried(clock());
            let made = match serde_json::from_str(entry.plan.as_deref().unwrap_or_default()) {
                Ok(plan) => {
                    self.processes.make(&mut self.callers, entry.lease.min(watch::MOST), move |notes, cgroups| {
                        session_process::run_reset(plan, trial, notes, cgroups)
                    })?
                }
                Err(error) => Err(error.into()),
            };
            match made {
                Ok(pid) => {
                    entry.pid = Some(pid);
                    if self.stopping.is_some() {
                        // It has no more time for Reset than the others.
                        sys::end_process(Child(pid), libc::SIGTERM);
                    }
                }
                Err(error) => {
                    tracing::error!("{}: can't run Reset yet: can't create a process: {error}", entry.describe());
                    entry.reset_failed(&error, clock());
                }
            }
        }
        Continue(())
    }

    /// Looks the conductor's name up when it is time to.
    fn look_up(&mut self) -> ControlFlow<End> {
        let Some(host) = self.name_to_look_up().filter(|_| self.lookup.next() <= clock()).map(str::to_owned) else {
            return Continue(());
        };
        self.lookup.begin(clock());
        match self.make(watch::MOST, move |notes, _| look_up(&host, notes))? {
            Ok(pid) => self.lookup.pid = Some(pid),
            Err(error) => tracing::error!("can't look up `conductor`: can't create a process: {error}"),
        }
        Continue(())
    }

    fn name_to_look_up(&self) -> Option<&str> {
        self.settings.admission.host().filter(|_| !self.is_stopping())
    }

    /// Makes a process, as [`Processes::make`] does.
    pub(super) fn make(
        &mut self,
        limit: Duration,
        work: impl FnOnce(UnixStream, Cgroups) -> i32 + 'static,
    ) -> ControlFlow<End, io::Result<u32>> {
        self.processes.make(&mut self.callers, limit, work)
    }
}

/// Where steps get their control groups, if there may be some: on most machines that takes the rights of root.
fn cgroups(port: u16) -> Cgroups {
    let made = CgroupRoot::make(port).inspect_err(|error| tracing::debug!("steps get no control groups: {error}"));
    made.ok().map(Rc::new)
}

/// Ends what a player at this port left that died with all of its sessions, as far as it is in control groups; what the
/// next conductor has to know of that.
fn end_stale(port: u16) -> Option<String> {
    let ended = CgroupRoot::remove_stale(port);
    let ended = ended.into_iter().map(|(pid, user, command)| Process { pid, user, command });
    let ended: Vec<Process> = ended.collect();
    let list = Process::list(&ended);
    let text = format!(
        "an earlier player died with its sessions; their Reset was not run, and the processes that their steps left were ended now: {list}"
    );
    (!ended.is_empty()).then_some(text).inspect(|text| tracing::warn!("{text}"))
}

/// Kills all that is below this process: sessions first, and then whatever they leave to it. What is still there after a
/// second can't be ended by anybody.
fn end_everything() {
    const LOOK: Duration = Duration::from_millis(2);
    let end = clock().plus(Wait::LeftoverEnd.time());
    loop {
        while sys::reap().is_some() {}
        let children = sys::direct_children();
        if children.is_empty() || clock() >= end {
            return;
        }
        for child in children {
            if sys::kill_group(child.0, libc::SIGKILL).is_err() {
                let _ = sys::kill_process(child, libc::SIGKILL);
            }
        }
        Wait::LeftoverEnd.pause(LOOK);
    }
}

/// Listens on every address, also where the system's sockets for IPv6 take no IPv4 (`net.ipv6.bindv6only`).
fn bind_to_all(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, None)?;
    socket.set_only_v6(false)?;
    // As the standard library does: a player that is started again takes its port at once.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(128)?;
    Ok(socket.into())
}

fn bind(address: Option<IpAddr>, port: u16) -> Result<TcpListener, String> {
    let any_v6 = SocketAddr::from(([0u16; 8], port));
    let any_v4 = SocketAddr::from(([0u8; 4], port));
    let socket = match address {
        Some(address) => TcpListener::bind((address, port)),
        // A machine without IPv6 has no `::`; any other reason is told of the address that people know.
        None => bind_to_all(any_v6).or_else(|_| TcpListener::bind(any_v4)),
    };
    let shown = address.map_or_else(|| format!("port {port}"), |address| SocketAddr::new(address, port).to_string());
    let socket = socket.map_err(|error| format!("can't listen on {shown}: {error}"))?;
    socket.set_nonblocking(true).map_err(|error| error.to_string())?;
    Ok(socket)
}
