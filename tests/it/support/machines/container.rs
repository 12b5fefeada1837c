//! A container with nothing but busybox in it, of podman or docker, in folders of the test's own: nothing that this machine
//! has is touched. A busybox with static linking is all that it needs, so the container has no C library.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::super::look::Look;
use super::super::surroundings::skip;
use super::super::{Folder, children, eventually};
use super::daemon::{ended_in_time, has_program, start_daemon, stop_daemon};

/// How long an engine may take for a command, in seconds.
const LIMIT: &str = "30";

/// Makes a container's files: all of busybox's commands, and empty folders.
const BUSYBOX: &str = "set -e; for folder in bin dev etc proc root run sys tmp; do mkdir -p rootfs/$folder; done; \
    cp \"$(command -v busybox)\" rootfs/bin/; chmod 1777 rootfs/tmp; \
    for name in $(busybox --list); do [ $name = busybox ] || ln -s busybox rootfs/bin/$name; done; \
    ! ldd rootfs/bin/busybox >/dev/null 2>&1";

/// Where systemd keeps a record of each container.
const MACHINES: &str = "/run/systemd/machines";

/// A running container. It is removed when this is dropped.
pub struct Container {
    folder: Folder,
    /// The command of its engine.
    pub engine: &'static str,
    name: String,
    environment: Vec<(&'static str, String)>,
    daemon: Option<Child>,
    init: u32,
}

impl Container {
    /// One of podman, whose process 1 is `init` with its arguments. `None` where that is not possible, which is said.
    pub fn podman(init: &[&str]) -> Option<Self> {
        Self::podman_with(BUSYBOX, &[], init)
    }

    fn podman_with(files: &str, options: &[&str], init: &[&str]) -> Option<Self> {
        let root = usable("podman", &["runc", "conmon"], files)?;
        let here = root.path().display();
        let storage =
            format!("[storage]\ndriver = \"vfs\"\ngraphroot = \"{here}/storage\"\nrunroot = \"{here}/run\"\n");
        // Locks in shared memory would be those of all containers of this machine.
        let engine = format!(
            "[containers]\nlog_driver = \"none\"\n[engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\n\
             events_logger = \"none\"\nlock_type = \"file\"\ntmp_dir = \"{here}/tmp\"\nstatic_dir = \"{here}/static\"\n\
             volume_path = \"{here}/volumes\"\n"
        );
        root.file("storage.conf", &storage).file("containers.conf", &engine);
        let file = |name| root.join(name).display().to_string();
        let environment =
            vec![("CONTAINERS_STORAGE_CONF", file("storage.conf")), ("CONTAINERS_CONF", file("containers.conf"))];
        let container = Self::of("podman", root, environment);
        let rootfs = container.folder.join("rootfs").display().to_string();
        let limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"];
        let options: Vec<&str> = limits.iter().chain(options).chain(&["--rootfs", &rootfs]).copied().collect();
        container.run(&options, init)
    }

    /// One of docker, with a `dockerd` of its own. `None` where that is not possible, which is said.
    pub fn docker(init: &[&str]) -> Option<Self> {
        let root = usable("docker", &["dockerd", "containerd"], BUSYBOX)?;
        let here = root.path().display().to_string();
        let socket = format!("unix://{here}/socket");
        let [data, exec, pid] = ["data", "exec", "pid"].map(|name| format!("{here}/{name}"));
        let arguments = ["--data-root", &data, "--exec-root", &exec, "--pidfile", &pid, "-H", &socket];
        let more = ["--bridge=none", "--iptables=false", "--storage-driver=vfs"];
        let daemon = start_daemon(&root, "dockerd", arguments.iter().chain(&more), &[]);
        let mut container = Self::of("docker", root, vec![("DOCKER_HOST", socket)]);
        container.daemon = Some(daemon);
        let mut has_ended = false;
        eventually("dockerd answers", || {
            has_ended = container.daemon.as_mut().is_some_and(|daemon| daemon.try_wait().expect("a child").is_some());
            has_ended || container.run_engine(&["version"]).is_some()
        });
        if has_ended {
            skip(&format!("dockerd does not start: {}", container.folder.read("dockerd.log")));
            return None;
        }
        let archive = container.folder.join("rootfs.tar").display().to_string();
        let rootfs = container.folder.join("rootfs").display().to_string();
        let packed = Command::new("tar").args(["-C", &rootfs, "-cf", &archive, "."]).status();
        assert!(packed.is_ok_and(|status| status.success()), "an archive of the container's files");
        container.run_engine(&["import", &archive, "busybox"]).expect("docker imports an image");
        container.run(&["busybox"], init)
    }

    /// One of podman that runs systemd, with the programs of this machine. `None` where that is not possible, which is said.
    pub fn systemd() -> Option<Self> {
        let systemd = "/usr/lib/systemd/systemd";
        let missing = [systemd, "/usr/bin/dbus-daemon", "/usr/bin/systemd-run"]
            .into_iter()
            .find(|file| !Path::new(file).exists());
        if let Some(file) = missing {
            skip(&format!("there is no `{file}`"));
            return None;
        }
        // In a container with cgroup v1, systemd does not hear that a unit has ended, and waits for the time to stop it.
        let container = Self::podman_with(
            "set -e; mkdir -p rootfs; cd rootfs; mkdir -p usr etc/systemd/system run tmp proc sys dev root var/lib var/log var/tmp; \
             for folder in bin sbin lib lib64; do ln -s usr/$folder $folder; done; : >etc/machine-id; \
             printf 'root:x:0:0::/root:/bin/sh\\nmessagebus:x:100:100::/:/bin/false\\n' >etc/passwd; \
             printf 'root:x:0:\\nmessagebus:x:100:\\n' >etc/group; cp -r /etc/dbus-1 etc/; \
             printf '[Manager]\\nDefaultTimeoutStopSec=2s\\n' >etc/systemd/system.conf; \
             printf '[Unit]\\nDefaultDependencies=no\\nWants=dbus.socket\\nAfter=dbus.socket\\n' >etc/systemd/system/default.target",
            &["--systemd=always", "--volume=/usr:/usr:ro"],
            &[systemd],
        )?;
        // What systemd-machined would write: `systemd-run --machine` finds the container by it.
        let record = format!("NAME={}\nCLASS=container\nLEADER={}\n", container.name, container.init);
        std::fs::create_dir_all(MACHINES).expect("the folder of systemd's machines");
        std::fs::write(Path::new(MACHINES).join(&container.name), record).expect("a record of a machine");
        eventually("systemd runs a command in the container", || {
            let mut command = Command::new("timeout");
            command.args(["5", "systemd-run", "-q", "--pipe", "-M", &container.name, "true"]);
            command.stdin(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        });
        Some(container)
    }

    /// The value of `connect` for one that runs systemd.
    pub fn machine(&self) -> String {
        format!("machine:{}", self.name)
    }

    fn of(engine: &'static str, folder: Folder, environment: Vec<(&'static str, String)>) -> Self {
        let name = folder.path().file_name().expect("a name").to_string_lossy().trim_start_matches('.').to_owned();
        Self { folder, engine, name, environment, daemon: None, init: 0 }
    }

    fn run(mut self, options: &[&str], init: &[&str]) -> Option<Self> {
        let name = self.name.clone();
        let arguments = ["run", "-d", "--name", &name, "--network=none"];
        let arguments: Vec<&str> = arguments.iter().chain(options).chain(init).copied().collect();
        if self.run_engine(&arguments).is_none() {
            skip(&format!("{} does not run a container: {}", self.engine, self.folder.read("engine.log")));
            return None;
        }
        let init = self.run_engine(&["inspect", "--format", "{{.State.Pid}}", &name]).expect("a container's process");
        self.init = init.trim().parse().expect("the number of a process");
        Some(self)
    }

    /// The value of `connect`.
    pub fn connect(&self) -> String {
        format!("{}:{}", self.engine, self.name)
    }

    /// What the commands of the engine need in their environment.
    pub fn put_on(&self, command: &mut Command) {
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
    }

    /// What there is in it now.
    pub fn look(&self) -> Look {
        Look::at(self.init)
    }

    /// The programs of the processes in it that have ended, and that its process 1 does not wait for.
    pub fn zombies(&self) -> Vec<String> {
        let name = |pid: u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let (name, rest) = stat.rsplit_once(')')?;
            rest.starts_with(" Z").then(|| name.split_once('(').unwrap_or_default().1.to_owned())
        };
        children(self.init).into_iter().filter_map(name).collect()
    }

    /// The path of a file of the container on this machine.
    pub fn path(&self, path: &str) -> PathBuf {
        Path::new(&format!("/proc/{}/root", self.init)).join(path.trim_start_matches('/'))
    }

    /// Stops it: everything in it ends at once.
    pub fn stop(&self) {
        self.run_engine(&["kill", &self.name]).expect("a container is killed");
    }

    /// Runs a command of the engine; what it printed, if it succeeded.
    fn run_engine(&self, arguments: &[&str]) -> Option<String> {
        let log = std::fs::File::create(self.folder.join("engine.log")).expect("a log");
        let mut command = Command::new("timeout");
        command.args(["-k", "5", LIMIT, self.engine]).args(arguments).stdin(Stdio::null()).stderr(log);
        self.put_on(&mut command);
        let output = command.output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(Path::new(MACHINES).join(&self.name));
        self.run_engine(&["rm", "--force", "--volumes", &self.name]);
        if let Some(daemon) = &mut self.daemon {
            stop_daemon(daemon);
        }
        ended_in_time("the container's processes", || {
            self.init == 0 || !Path::new(&format!("/proc/{}", self.init)).exists()
        });
    }
}

/// A folder with the files of a container, which this script makes in `rootfs`, if this machine has what an engine needs.
fn usable(engine: &'static str, more: &[&'static str], files: &str) -> Option<Folder> {
    let programs = [engine, "busybox", "timeout"].into_iter().chain(more.iter().copied());
    if let Some(program) = programs.into_iter().find(|name| !has_program(name)) {
        skip(&format!("`{program}` is not installed"));
        return None;
    }
    if !rustix::process::geteuid().is_root() {
        skip("containers of the tests need the rights of root");
        return None;
    }
    let folder = Folder::new();
    let made = Command::new("sh").args(["-c", files]).current_dir(folder.path()).status().expect("a shell");
    if !made.success() {
        skip("the files of a container cannot be made: is busybox linked statically?");
        return None;
    }
    Some(folder)
}
