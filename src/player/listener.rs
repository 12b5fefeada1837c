//! The listener: one loop that takes connections, makes a process for each session, and cleans up after those that die.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use socket2::{Domain, Socket, Type};

use super::admission::Admission;
use super::caller::Caller;
use super::callers::Callers;
use super::family::Cgroups;
use super::heir::Heirs;
use super::life;
use super::lookup::Lookups;
use super::note::Notes;
use super::registry::{Registry, Summary};
use super::role::Role;
use super::session_process::clock;
use super::watch::Watches;
use crate::model::{PlayerTime, Process};
use crate::sys::{self, CgroupRoot, Child, DescriptorLimit, Forked, Pulse, SignalDescriptor};
use crate::wait::{Wait, is_ready};
use crate::wire::Secret;

/// How long sessions may take to end when the player is told to stop: Reset, delivery, and what could not be stopped.
const STOPPING: Duration = Wait::SessionsEnd.time();

/// How long what is left then may take to be ended by force.
const CUTTING_OFF: Duration = Wait::CutOffEnd.time();

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
    callers: Callers,
    pub(super) lookups: Lookups,
    /// The connections that told us to run a Python conductor's phases, until they have run, by their numbers.
    pub(super) seed_runs: BTreeMap<u64, TcpStream>,
    pub(super) registry: Registry,
    /// The listener's ends of its processes' notes.
    pub(super) notes: Vec<(u32, Notes)>,
    /// Whether its processes are at work.
    pub(super) watches: Watches,
    pub(super) heirs: Heirs,
    /// Where steps get their control groups, if there may be some.
    pub(super) cgroups: Cgroups,
    pub(super) incarnation: String,
    /// What our processes, and thereby steps, get.
    descriptors: DescriptorLimit,
    /// When stopping is given up, once the player was told to stop.
    stopping: Option<PlayerTime>,
    /// Whether some of its sessions did not end in that time.
    is_cut_off: bool,
}

/// What a pass of the loop has come to.
pub(super) enum Next {
    /// Another pass.
    Again,
    /// This is a new process, with another role.
    Become(Role),
    /// The player is over, with this exit status.
    End(i32),
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
            lookups: Lookups::default(),
            seed_runs: BTreeMap::new(),
            registry,
            notes: Vec::new(),
            watches: Watches::default(),
            heirs: Heirs::default(),
            cgroups: cgroups(address.port()),
            incarnation,
            descriptors: DescriptorLimit::raise(),
            stopping: None,
            is_cut_off: false,
        };
        Ok((listener, address))
    }

    /// Runs until the player is over, or until this is another process.
    pub(super) fn run(mut self) -> Result<i32, Box<(Role, Cgroups)>> {
        loop {
            if !self.wait() {
                return Ok(1);
            }
            let mut next = self.signals();
            self.take_notes();
            self.watch();
            for step in [Self::accept, Self::hear, Self::clean_up] {
                if matches!(next, Next::Again) {
                    next = step(&mut self);
                }
            }
            match next {
                Next::Again => {}
                Next::Become(role) => return Err(Box::new((role, self.cgroups))),
                Next::End(status) => return Ok(status),
            }
        }
    }

    fn wait(&self) -> bool {
        let mut descriptors = vec![PollFd::new(&self.signals, PollFlags::IN)];
        if let Some(socket) = self.socket.as_ref().filter(|_| self.callers.takes_connections()) {
            descriptors.push(PollFd::new(socket, PollFlags::IN));
        }
        let callers = self.callers.streams().map(AsFd::as_fd);
        let notes = self.notes.iter().filter_map(|(_, notes)| notes.open());
        descriptors.extend(callers.chain(notes).map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        let input = std::io::stdin();
        if self.settings.owner.is_some() && self.stopping.is_none() {
            descriptors.push(PollFd::from_borrowed_fd(input.as_fd(), PollFlags::IN));
        }
        // While something is left of a dead session, its Reset has to wait.
        let clean_up = self.heirs.next_deadline().or_else(|| self.registry.next_attempt());
        let connections = [self.callers.deadline(), self.next_lookup()];
        let work = [clean_up, self.watches.next(), self.registry.seed.next_deadline(), self.stopping];
        let deadline = connections.into_iter().chain(work).flatten().min();
        let timeout = deadline.map(|deadline| deadline.since(clock()));
        matches!(Wait::ListenerEvents.poll(&mut descriptors, timeout), Ok(_) | Err(rustix::io::Errno::INTR))
    }

    /// Takes signals: children that have ended, and the wish that the player stops.
    fn signals(&mut self) -> Next {
        while let Some(signal) = self.signals.take() {
            if signal == libc::SIGHUP && !self.settings.stops_at_hang_up {
                tracing::info!("SIGHUP: the log goes on in the file that has its name");
            } else if signal != libc::SIGCHLD && !self.stop() {
                return Next::End(1);
            }
        }
        if self.settings.owner.is_some() && self.stopping.is_none() && input_has_ended() {
            self.stop();
        }
        while let Some((child, _, _)) = sys::reap() {
            self.take_notes();
            self.child_ended(child.0);
        }
        Next::Again
    }

    /// Begins to stop; false when that was begun before: then everything ends now.
    fn stop(&mut self) -> bool {
        if self.stopping.is_some() {
            self.say_what_is_cut_off();
            self.say_what_was_not_told();
            end_everything();
            self.cgroups.iter().for_each(|cgroups| cgroups.remove());
            return false;
        }
        self.stopping = Some(clock().plus(STOPPING));
        self.socket = None;
        self.callers.clear();
        self.stop_lookup();
        self.heirs.try_again();
        self.registry.processes().for_each(|pid| end_process(pid, libc::SIGTERM));
        self.watches.hasten(|_| true, clock());
        true
    }

    /// Whether the player was told to stop.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.is_some()
    }

    /// Ends the player, once it was told to stop and nothing is left.
    fn end(&mut self) -> Next {
        let Some(give_up) = self.stopping else { return Next::Again };
        let now = clock();
        let is_busy = self.registry.processes().next().is_some() || self.registry.has_dead();
        if is_busy && now < give_up {
            return Next::Again;
        }
        if is_busy {
            self.say_what_is_cut_off();
            self.registry.give_up();
            self.is_cut_off = true;
        }
        self.say_what_ends_along();
        if self.heirs.have_ended_all_but(&sys::direct_children()) || now >= give_up.plus(CUTTING_OFF) {
            self.say_what_was_not_told();
            self.cgroups.iter().for_each(|cgroups| cgroups.remove());
            return Next::End(i32::from(self.is_cut_off));
        }
        self.heirs.sweep_all(now);
        Next::Again
    }

    fn accept(&mut self) -> Next {
        if let Some(socket) = &self.socket {
            self.callers.accept(socket, &self.settings.admission, clock());
        }
        Next::Again
    }

    fn hear(&mut self) -> Next {
        for (caller, payload) in self.callers.hear(clock()) {
            match self.answer(caller, &payload) {
                Answered::Closing(caller) => self.callers.push(caller),
                Answered::Taken => {}
                Answered::Become(role) => return Next::Become(role),
            }
        }
        Next::Again
    }

    fn clean_up(&mut self) -> Next {
        self.registry.seed.expire(clock());
        self.registry.seed.take_dropped().iter().for_each(|text| tracing::warn!("{text}"));
        let role = self.start_seed_phase().or_else(|| self.start_heirs()).or_else(|| self.start_lookup());
        role.map_or_else(|| self.end(), Next::Become)
    }

    /// Makes a process with a role, which is given up when it shows no sign of life for as long as `limit`: in it, the role;
    /// here, its number.
    pub(super) fn make(
        &mut self,
        limit: Duration,
        role: impl FnOnce(UnixStream) -> Role,
    ) -> std::io::Result<Result<u32, Role>> {
        let (ours, theirs) = loop {
            match UnixStream::pair() {
                Err(_) if self.callers.free_descriptor() => {}
                made => break made?,
            }
        };
        let pulse = Pulse::new()?;
        match sys::fork()? {
            Forked::Child => {
                self.descriptors.restore();
                life::begin(pulse);
                Ok(Err(role(theirs)))
            }
            Forked::Parent(pid) => {
                self.notes.push((pid, Notes::new(ours)));
                self.watches.add(pid, pulse, limit, clock());
                Ok(Ok(pid))
            }
        }
    }
}

/// Tells a process to end, also one that was stopped.
pub(super) fn end_process(pid: u32, signal: i32) {
    let _ = sys::kill_process(Child(pid), signal);
    let _ = sys::kill_process(Child(pid), libc::SIGCONT);
}

/// What became of a caller.
pub(super) enum Answered {
    /// It has its answer, and is to be closed.
    Closing(Caller),
    /// A process of its own has it.
    Taken,
    /// This is that process.
    Become(Role),
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

/// Whether this process's standard input has come to its end.
pub(super) fn input_has_ended() -> bool {
    let input = std::io::stdin();
    is_ready(&input, PollFlags::IN) && matches!(rustix::io::read(input.as_fd(), &mut [0; 64]), Ok(0) | Err(_))
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
