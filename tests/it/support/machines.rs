//! Machines that are reached through a command, made on this one: a private sshd, a network namespace, a container.

use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::mark::Mark;
use super::room::become_other_user;
use super::surroundings::skip;
use super::{Folder, eventually};

/// A private sshd on a port of loopback, which lets the user of the tests in.
pub struct Sshd {
    folder: Folder,
    child: Child,
    /// Of everything that is started over it.
    mark: Mark,
}

impl Sshd {
    /// Starts one with more lines in its configuration. `None` where there is no sshd, which is said.
    pub fn start(lines: &str) -> Option<Self> {
        let sshd = "/usr/sbin/sshd";
        if !std::path::Path::new(sshd).exists() || Command::new("ssh").arg("-V").stderr(Stdio::null()).status().is_err()
        {
            skip("there is no ssh and sshd");
            return None;
        }
        // Its own folder for a process without rights; without it, sshd does not start.
        let _ = std::fs::create_dir("/run/sshd");
        let folder = Folder::new();
        for key in ["host", "user"] {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.join(key));
            assert!(keygen.status().expect("ssh-keygen runs").success());
        }
        let port = free_port();
        let here = folder.path().display();
        let mark = Mark::new();
        folder.file(
            "sshd_config",
            &format!(
                "{lines}\nPort {port}\nListenAddress 127.0.0.1\nHostKey {here}/host\nAuthorizedKeysFile {here}/user.pub\nUsePAM no\n\
                 StrictModes no\nPidFile none\nPermitRootLogin yes\nPasswordAuthentication no\n\
                 SetEnv {}\n",
                mark.variable()
            ),
        );
        let key = folder.read("host.pub");
        folder.file("known", &format!("[127.0.0.1]:{port} {key}"));
        folder.file(
            "config",
            &format!(
                "Host *\nPort {port}\nIdentityFile {here}/user\nUserKnownHostsFile {here}/known\nIdentitiesOnly yes\n"
            ),
        );
        let mut command = Command::new(sshd);
        command.args(["-D", "-e", "-f"]).arg(folder.join("sshd_config"));
        let log = std::fs::File::create(folder.join("log")).expect("a log");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("sshd starts");
        let mut sshd = Self { folder, child, mark };
        let mut has_ended = false;
        eventually("sshd listens", || {
            has_ended = sshd.child.try_wait().expect("a child").is_some();
            has_ended || sshd.folder.read("log").contains("Server listening")
        });
        if has_ended {
            skip(&format!("sshd does not start: {}", sshd.folder.read("log")));
            return None;
        }
        Some(sshd)
    }

    /// The lines of `[Coordinator]` that reach it.
    pub fn lines(&self) -> String {
        let config = self.folder.join("config");
        // Other tests use this machine at the same time.
        format!("connect = ssh:127.0.0.1\nexclusive = no\nconnect_options = -F {}\n", config.display())
    }

    /// What sshd has said.
    pub fn log(&self) -> String {
        self.folder.read("log")
    }
}

impl Drop for Sshd {
    /// Nothing may be left of what was started over it.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.mark.end_all();
        } else {
            self.mark.assert_gone();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port of loopback on which nobody listens.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
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
