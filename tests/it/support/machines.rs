//! Machines that are reached through a command, made on this one: a private sshd, a network namespace, a container, a
//! cluster.

pub mod container;
pub mod cut;
mod daemon;
pub mod gate;
pub mod held_run;
pub mod kubernetes;
pub mod slurm;
pub mod static_program;

use std::fs::Permissions;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::mark::Mark;
use super::room::become_other_user;
use super::surroundings::skip;
pub use super::wire::free_port;
use super::{Folder, eventually};

const SSHD: &str = "/usr/sbin/sshd";

/// A private sshd on a port of loopback, which lets the user of the tests in.
pub struct Sshd {
    folder: Folder,
    child: Child,
    pub port: u16,
    /// Of everything that is started over it.
    mark: Mark,
}

impl Sshd {
    /// Starts one with more lines in its configuration. `None` where there is no sshd, which is said.
    pub fn start(lines: &str) -> Option<Self> {
        Self::begin(lines, None)
    }

    /// Starts one that sees other mounts than the rest of the machine: `prepare` makes them, a script of which `$here` is
    /// sshd's own folder. That needs the rights of root.
    pub fn in_own_mounts(lines: &str, prepare: &str) -> Option<Self> {
        let mut try_it = Command::new("unshare");
        try_it.args(["-m", "--propagation", "private", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
        if try_it.output().is_ok_and(|output| output.status.success()) {
            return Self::begin(lines, Some(prepare));
        }
        skip("a process cannot have mounts of its own");
        None
    }

    fn begin(lines: &str, prepare: Option<&str>) -> Option<Self> {
        if !Path::new(SSHD).exists() || Command::new("ssh").arg("-V").stderr(Stdio::null()).status().is_err() {
            skip("there is no ssh and sshd");
            return None;
        }
        // Its own folder for a process without rights; without it, sshd does not start.
        let _ = std::fs::create_dir("/run/sshd");
        let (folder, port, mark) = (Folder::new(), free_port(), Mark::new());
        std::fs::create_dir(folder.join("tmp")).expect("a folder");
        // Whoever is logged in writes there.
        std::fs::set_permissions(folder.join("tmp"), Permissions::from_mode(0o1777)).expect("a folder of ours");
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("a folder of ours");
        make_key(&folder, "host");
        make_key(&folder, "user");
        write_configuration(&folder, port, lines, &mark);
        let mut command = match prepare {
            None => Command::new(SSHD),
            Some(prepare) => {
                let script = format!("here={}\n{prepare}\nexec {SSHD} \"$@\"", folder.path().display());
                let mut command = Command::new("unshare");
                command.args(["-m", "--propagation", "private", "sh", "-euc", &script, "sshd"]);
                command
            }
        };
        command.args(["-D", "-e", "-f"]).arg(folder.join("sshd_config"));
        let log = std::fs::File::create(folder.join("log")).expect("a log");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("sshd starts");
        let mut sshd = Self { folder, child, port, mark };
        let mut has_ended = false;
        eventually("sshd listens", || {
            has_ended = sshd.child.try_wait().expect("a child").is_some();
            has_ended || sshd.log().contains("Server listening")
        });
        if has_ended {
            assert!(prepare.is_none(), "sshd does not start: {}", sshd.log());
            skip(&format!("sshd does not start: {}", sshd.log()));
            return None;
        }
        Some(sshd)
    }

    /// The lines of `[Coordinator]` that reach it. Options for `ssh` can be added at their end.
    pub fn lines(&self) -> String {
        // Several tests use this machine at the same time.
        format!("exclusive = no\nconnect = ssh:127.0.0.1\nconnect_options = -F {}", self.path("config"))
    }

    /// Adds lines to the configuration of `ssh`.
    pub fn configure(&self, lines: &str) {
        let text = self.folder.read("config");
        self.folder.file("config", &format!("{text}{lines}"));
    }

    /// What a command prints that is run there.
    pub fn run(&self, command: &str) -> String {
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", &self.path("config"), "-oBatchMode=yes", "127.0.0.1", command]);
        let output = ssh.stdin(Stdio::null()).output().expect("ssh runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The path of a file in its folder.
    pub fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Its folder.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Has the script on the machine find this program before others with its name.
    pub fn add_program(&self, name: &str, script: &str) {
        // Written by a process of its own: see `surroundings::make_ping`.
        let mut write = Command::new("sh");
        let path = self.folder.join("bin");
        write.args([
            "-euc",
            "mkdir -p \"$1\"; printf '#!/bin/sh\\n%s\\n' \"$3\" >\"$1/$2\"; chmod +x \"$1/$2\"",
            "write",
        ]);
        assert!(write.arg(path).args([name, script]).status().expect("a shell").success());
    }

    /// Makes a key in its folder that it does not know.
    pub fn make_key(&self, name: &str) {
        make_key(&self.folder, name);
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What sshd has said.
    pub fn log(&self) -> String {
        self.folder.read("log")
    }

    /// Kills everything that was started over it, as if the machine had been restarted.
    pub fn end_all(&self) {
        self.mark.end_all();
    }

    /// From now on nobody can connect. The connections that there are stay.
    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn make_key(folder: &Folder, name: &str) {
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.join(name));
    assert!(keygen.status().expect("ssh-keygen runs").success());
}

/// Writes the configuration of both sides.
fn write_configuration(folder: &Folder, port: u16, lines: &str, mark: &Mark) {
    let (here, mark) = (folder.path().display(), mark.variable());
    folder.file(
        "sshd_config",
        &format!(
            "{lines}\nPort {port}\nListenAddress 127.0.0.1\nHostKey {here}/host\nAuthorizedKeysFile {here}/user.pub\nUsePAM no\n\
             StrictModes no\nPidFile none\nPermitRootLogin yes\nPasswordAuthentication no\n\
             SetEnv {mark} TMPDIR={here}/tmp PATH={here}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
        ),
    );
    let key = folder.read("host.pub");
    folder.file("known", &format!("[127.0.0.1]:{port},[localhost]:{port} {key}"));
    let common = format!("IdentityFile {here}/user\nUserKnownHostsFile {here}/known\nIdentitiesOnly yes\n");
    folder.file("config-without-port", &format!("Host *\n{common}"));
    folder.file("config", &format!("Host *\nPort {port}\n{common}"));
}

impl Drop for Sshd {
    /// Nothing may be left of what was started over it.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.mark.end_all();
        } else {
            self.mark.assert_gone();
            assert_eq!(files_in(&self.folder.join("tmp")), Vec::<String>::new(), "left in the temporary folder");
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The names of everything in a folder.
pub fn files_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// A network namespace of the tests.
pub struct Namespace(pub String);

impl Namespace {
    /// Makes one. `None` without the rights of root or `ip`, which is said.
    pub fn make(name: &str) -> Option<Self> {
        let name = format!("conductor-{name}-{}", std::process::id());
        let made = Command::new("ip").args(["netns", "add", &name]).stderr(Stdio::null()).status();
        if made.is_ok_and(|status| status.success()) {
            return Some(Self(name));
        }
        skip("no network namespace can be made");
        None
    }

    /// The words of `connect` that lead there.
    pub fn lines(&self) -> String {
        format!("connect = netns:{}\n", self.0)
    }

    /// Does something there as another user.
    pub fn as_other_user<T: Send + 'static>(&self, what: impl FnOnce() -> T + Send + 'static) -> T {
        let file = std::fs::File::open(format!("/run/netns/{}", self.0)).expect("the namespace");
        let work = move || {
            let network = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(file.as_fd(), network).expect("a thread of root enters it");
            become_other_user();
            what()
        };
        std::thread::spawn(work).join().expect("a thread")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}
