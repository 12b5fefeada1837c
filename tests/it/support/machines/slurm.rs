//! A Slurm cluster of four nodes on this machine, with servers, ports and folders of the test's own.

use std::process::{Child, Command, Stdio};

use super::super::surroundings::skip;
use super::super::{CONDUCTOR, Folder, eventually};
use super::daemon::{has_program, start_daemon, stop_daemon};
use super::free_port;

/// A cluster with the nodes `n1` to `n4`. Its servers end when this is dropped.
pub struct Slurm {
    folder: Folder,
    /// In the order in which they have to end.
    daemons: Vec<Child>,
}

impl Slurm {
    /// Starts one that follows processes in this way. `None` where that is not possible, which is said.
    pub fn start(proctrack: &str) -> Option<Self> {
        let programs = ["slurmctld", "slurmd", "salloc", "srun", "sinfo", "munged", "setpriv"];
        if let Some(program) = programs.iter().find(|program| !has_program(program)) {
            skip(&format!("`{program}` is not installed"));
            return None;
        }
        if !rustix::process::geteuid().is_root() {
            skip("Slurm's servers need the rights of root");
            return None;
        }
        let mut cluster = Self { folder: Folder::new(), daemons: Vec::new() };
        cluster.start_munge();
        cluster.configure(proctrack);
        let variable = [("SLURM_CONF", cluster.file("slurm.conf"))];
        let folder = &cluster.folder;
        let mut daemons = vec![start_daemon(folder, "slurmctld", ["-D", "-i"], &variable)];
        for node in NODES {
            daemons.push(start_daemon(folder, "slurmd", ["-D", "-N", node], &variable));
        }
        daemons.reverse();
        cluster.daemons.splice(0..0, daemons);
        let mut has_ended = false;
        eventually("four nodes are idle", || {
            has_ended = cluster.daemons.iter_mut().any(|daemon| daemon.try_wait().expect("a child").is_some());
            has_ended || cluster.idle() == NODES.len()
        });
        if has_ended {
            let logs = ["slurmctld.log", "slurmd.log", "munged.log"].map(|log| cluster.folder.read(log));
            skip(&format!("a server of Slurm does not start: {}", logs.concat()));
            return None;
        }
        Some(cluster)
    }

    /// `conduct` in an allocation of all four nodes, in this folder.
    pub fn conduct(&self, folder: &Folder, arguments: &[&str]) -> Command {
        let mut command = Command::new("salloc");
        command.args(["-Q", "-N4", "--", CONDUCTOR, "conduct"]).args(arguments).current_dir(folder.path());
        command.env("SLURM_CONF", self.file("slurm.conf")).env_remove("RUST_LOG").stdin(Stdio::null());
        command
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Starts the server that lets the others know each other.
    fn start_munge(&mut self) {
        std::fs::create_dir(self.folder.join("munge")).expect("a folder");
        let script = "umask 077; head -c 1024 /dev/urandom >munge/key";
        let made = Command::new("sh").args(["-c", script]).current_dir(self.folder.path()).status();
        assert!(made.is_ok_and(|status| status.success()), "a key");
        let files = ["key-file=key", "socket=socket", "pid-file=pid", "log-file=log", "seed-file=seed"];
        let files =
            files.map(|file| format!("--{}", file.replace('=', &format!("={}/munge/", self.folder.path().display()))));
        let arguments = ["-F", "-f", "--num-threads=2"].map(str::to_owned).into_iter().chain(files);
        self.daemons.push(start_daemon(&self.folder, "munged", arguments, &[]));
        eventually("munged listens", || self.folder.join("munge/socket").exists());
    }

    fn configure(&self, proctrack: &str) {
        let here = self.folder.path().display();
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let mut text = format!(
            "ClusterName=test\nSlurmctldHost={name}(127.0.0.1)\nSlurmctldPort={}\nSlurmUser=root\n\
             AuthType=auth/munge\nAuthInfo=socket={here}/munge/socket\nCredType=cred/munge\n\
             ProctrackType=proctrack/{proctrack}\nTaskPlugin=task/none\nJobAcctGatherType=jobacct_gather/none\n\
             AccountingStorageType=accounting_storage/none\nStateSaveLocation={here}/state\n\
             SlurmdSpoolDir={here}/spool-%n\nSlurmctldPidFile={here}/ctld.pid\nSlurmdPidFile={here}/%n.pid\n\
             SlurmdParameters=config_overrides\nSelectType=select/cons_tres\nSelectTypeParameters=CR_Core\n\
             ReturnToService=2\nMpiDefault=none\n\
             PartitionName=p Nodes=n[1-4] Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:8\n",
            free_port()
        );
        std::fs::create_dir(self.folder.join("state")).expect("a folder");
        for node in NODES {
            std::fs::create_dir(self.folder.join(&format!("spool-{node}"))).expect("a folder");
            let port = free_port();
            text.extend([format!(
                "NodeName={node} NodeHostname={name} NodeAddr=127.0.0.1 Port={port} CPUs=2 State=UNKNOWN\n"
            )]);
        }
        self.folder.file("slurm.conf", &text);
        self.folder.file("cgroup.conf", "CgroupPlugin=autodetect\nCgroupAutomount=no\n");
    }

    /// How many nodes are idle.
    fn idle(&self) -> usize {
        let mut command = Command::new("sinfo");
        command.args(["-h", "-N", "-o", "%T"]).env("SLURM_CONF", self.file("slurm.conf")).stderr(Stdio::null());
        let output = command.output().map(|output| output.stdout).unwrap_or_default();
        String::from_utf8_lossy(&output).lines().filter(|state| *state == "idle").count()
    }
}

/// The nodes.
pub const NODES: [&str; 4] = ["n1", "n2", "n3", "n4"];

impl Drop for Slurm {
    fn drop(&mut self) {
        self.daemons.iter_mut().for_each(stop_daemon);
    }
}
