//! The folder `examples`: all of it is valid, and what this machine can have is run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::documents::{links, target};
use crate::support::machines::container::Container;
use crate::support::machines::slurm::{NODES, Slurm};
use crate::support::machines::static_program::static_program;
use crate::support::machines::{Namespace, files_in, free_port};
use crate::support::shown_commands::{Shown, commands, link_programs, run_commands};
use crate::support::surroundings::{has_programs, skip};
use crate::support::{Folder, conductor, documents, eventually, finish, kill, run, start};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// A copy of an example, whose runs leave nothing in the sources, and use ports and a network of their own.
fn copy(name: &str) -> Folder {
    let folder = Folder::new();
    for entry in fs::read_dir(examples().join(name)).expect("an example").flatten() {
        // There are pictures, and a run by hand leaves a folder of results.
        let Ok(text) = fs::read_to_string(entry.path()) else { continue };
        let own = |line: &str| match line.split_once("port = ") {
            Some((before, _)) if !before.contains(' ') => format!("{before}port = {}\n", free_port()),
            _ => format!("{line}\n"),
        };
        folder.file(&entry.file_name().to_string_lossy(), &text.lines().map(own).collect::<String>());
    }
    folder
}

/// Every test file in a folder of the sources and in the folders in it.
fn test_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let is_test = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "cfg")
            && fs::read_to_string(path).is_ok_and(|text| text.contains("[Workers]"))
    };
    let folders = folders.iter().filter(|folder| !folder.ends_with("results"));
    files.into_iter().filter(is_test).chain(folders.flat_map(|folder| test_files(folder))).collect()
}

#[test]
fn no_test_of_the_examples_and_samples_has_a_finding() {
    let samples = examples().with_file_name("testdata");
    let files = [examples(), samples.join("distributed"), samples.join("localhost")].map(|folder| test_files(&folder));
    assert!(files.iter().all(|files| files.len() >= 2), "{files:?}");
    for file in files.iter().flatten() {
        let finished = run(&Folder::new(), ["validate", "--strict", &file.display().to_string()]);
        // Of a series, it says how large it is.
        let size = finished.stderr.strip_prefix(&format!("{}: ", file.display())).unwrap_or(&finished.stderr);
        let is_size = size.is_empty() || size.lines().count() == 1 && size.ends_with(" trials\n");
        assert!(finished.status == Some(0) && finished.stdout.is_empty() && is_size, "{finished:#?}");
    }
}

#[test]
fn every_example_has_a_description() {
    let names: Vec<_> = fs::read_dir(examples()).expect("the examples").flatten().collect();
    assert!(names.len() >= 8, "{names:?}");
    for name in names {
        let page = format!("examples/{}/README.md", name.file_name().display());
        assert!(documents::read(&page).contains("test.cfg"), "{page}: how it is run");
        for link in links(&page).iter().filter(|link| !link.starts_with("http")) {
            assert!(target(&page, link).exists(), "{page} links to {link}");
        }
    }
}

/// Runs the commands in the description of an example, which must print what it says.
fn runs_as_described(name: &str, folder: &Folder) {
    let page = format!("examples/{name}/README.md");
    link_programs(folder);
    let shown = commands(&documents::blocks(&page, "console"));
    let run = run_commands(&page, &shown, folder, |line| Some((line.to_owned(), folder.path().to_owned())));
    assert!(run >= 1, "{page}");
}

#[test]
fn the_example_of_a_web_server_prints_what_its_description_says() {
    if has_programs(&["python3", "curl"]) {
        runs_as_described("web", &copy("web"));
    }
}

#[test]
fn the_example_of_a_failover_prints_what_its_description_says() {
    if has_programs(&["python3"]) {
        runs_as_described("failover", &copy("failover"));
    }
}

/// Whether the calling test may record packets; otherwise it is skipped.
fn can_capture() -> bool {
    let is_root = rustix::process::getuid().is_root();
    if !is_root {
        skip("packets are recorded as root only");
    }
    is_root && has_programs(&["tcpdump"])
}

#[test]
fn the_example_of_a_capture_prints_what_its_description_says() {
    if has_programs(&["python3", "curl"]) && can_capture() {
        let folder = copy("capture");
        runs_as_described("capture", &folder);
        let capture = fs::read(folder.join("results/latest/trial-1/server/capture.pcap")).expect("a capture");
        assert!(capture.len() > 1000, "{} bytes", capture.len());
    }
}

#[test]
fn the_example_of_a_capture_keeps_what_was_recorded_before_ctrl_c() {
    if !has_programs(&["python3", "curl"]) {
        return;
    }
    let folder = copy("capture");
    let arguments = ["conduct", "--local", "--quiet", "--run-id", "r", "-D", "requests=100000", "test.cfg"];
    let child = start(conductor(&folder, arguments));
    let events = folder.join("results/r/events.jsonl");
    eventually("the client has sent requests", || {
        // The kernel hands on packets after at most a second.
        fs::read_to_string(&events).is_ok_and(|text| text.contains("request 25: 200"))
    });
    kill(child.id(), 2);
    let finished = finish(child);
    assert_eq!(finished.status, Some(130), "{finished:#?}");
    // Without tcpdump, or without the rights of root, it is the stand-in.
    let files = files_in(&folder.join("results/r/trial-1/server"));
    assert!(matches!(&files[..], [file] if file.starts_with("capture.")), "{files:?}");
    let capture = fs::read(folder.join("results/r/trial-1/server").join(&files[0])).expect("a capture");
    assert!(capture.len() > 100, "{} bytes", capture.len());
}

/// The network of the example of iperf3. It is removed when this is dropped.
struct Network<'a>(&'a Folder);

impl Drop for Network<'_> {
    fn drop(&mut self) {
        let _ = Command::new("sh").args(["namespaces", "down"]).current_dir(self.0.path()).status();
    }
}

/// Whether this machine can make a network with a slow link; otherwise the calling test is skipped.
fn can_make_a_slow_link() -> bool {
    let Some(namespace) = Namespace::make("slow") else { return false };
    let mut shape = Command::new("tc");
    shape.args(["-n", &namespace.0, "qdisc", "add", "dev", "lo", "root", "tbf"]);
    shape.args(["rate", "20mbit", "burst", "32kbit", "latency", "50ms"]);
    let is_shaped = shape.output().is_ok_and(|output| output.status.success());
    if !is_shaped {
        skip("no link can be made slow");
    }
    is_shaped
}

/// The names in the rows of the tables of goodput: the point, and the run if there are several.
fn rows_of_goodput(text: &str, names: usize) -> Vec<String> {
    let tables = text.split("\ngoodput, Mbit/s (higher is better) ").skip(1);
    let rows = tables.flat_map(|table| table.lines().skip(1).take_while(|line| line.starts_with("  rate=")));
    rows.map(|row| row.split_whitespace().take(names).collect::<Vec<_>>().join(" ")).collect()
}

/// Runs the series of the example of iperf3, but each point only once and only for a second.
fn a_short_series(folder: &Folder, name: &str, queue: &str) -> String {
    let define = format!("queue={queue}");
    let short = ["conduct", "-q", "--run-id", name, "--trials", "1", "-D", "seconds=1", "-D", &define, "test.cfg"];
    let finished = finish(start(conductor(folder, short)));
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    finished.stdout
}

/// The goodput of each trial is most of the rate, and not more than a client measures for which the link was free.
fn has_a_goodput_of_each_trial(values: &str) {
    let of_goodput: Vec<_> = values.lines().filter(|line| line.contains(",goodput,")).collect();
    assert_eq!(of_goodput.len(), 6, "{values}");
    for line in of_goodput {
        let cells: Vec<_> = line.rsplit(',').map(str::parse::<f64>).collect();
        let [_, _, _, Ok(goodput), _, _, _, Ok(rate), ..] = &cells[..] else { panic!("{line}") };
        assert!((0.3..1.6).contains(&(goodput / rate)), "{line}");
    }
}

#[test]
fn the_example_of_iperf3_prints_what_its_description_says() {
    if !has_programs(&["ip", "tc", "iperf3"]) || !can_make_a_slow_link() {
        return;
    }
    let folder = copy("iperf3");
    // Several runs of the tests can be on this machine.
    let name = format!("conductor-example-{}", std::process::id());
    for (file, default, own) in [
        ("test.cfg", "network = lab\n", format!("network = {name}\n")),
        ("namespaces", "${2:-lab}", format!("${{2:-{name}}}")),
    ] {
        let text = folder.read(file);
        assert!(text.contains(default), "{text}");
        folder.file(file, &text.replace(default, &own));
    }
    let network = Network(&folder);
    // The whole series takes minutes. Here it is short, so that its numbers and verdicts are others.
    let page = "examples/iperf3/README.md";
    link_programs(&folder);
    let shown = commands(&documents::blocks(page, "console"));
    let whole = shown.iter().position(|command| command.line.contains("--run-id")).expect("the whole series");
    let run = run_commands(page, &shown[..whole], &folder, |line| Some((line.to_owned(), folder.path().to_owned())));
    assert!(run >= 2, "{page}");
    let printed = a_short_series(&folder, "before", "10ms");
    has_a_goodput_of_each_trial(&folder.read("results/before/values.csv"));
    a_short_series(&folder, "after", "1ms");
    let compared = finish(start(conductor(&folder, ["compare", "results/before", "results/after"])));
    let (series, comparison) = shown[whole..].split_at(1);
    let text = |shown: &[Shown]| {
        let outputs: Vec<_> = shown.iter().map(|command| command.output.as_str()).collect();
        format!("\n{}", outputs.join("\n"))
    };
    assert_eq!(rows_of_goodput(&text(series), 1), rows_of_goodput(&printed, 1), "{printed}");
    assert_eq!(rows_of_goodput(&text(comparison), 2), rows_of_goodput(&compared.stdout, 2), "{compared:#?}");
    drop(network);
    let left: Vec<_> = files_in(Path::new("/run/netns")).into_iter().filter(|file| file.starts_with(&name)).collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn the_example_of_containers_passes() {
    let Some(program) = static_program() else { return };
    let Some(container) = Container::podman(&["/bin/sleep", "300"]) else { return };
    let folder = copy("containers");
    // Both workers are in one container, which has no network but its own loopback.
    let name = container.connect().replace("podman:", "");
    let defines = [format!("server={name}"), format!("client={name}"), "address=127.0.0.1".to_owned()];
    let defines = defines.iter().flat_map(|define| ["-D", define]);
    let arguments = ["conduct", "--quiet", "--run-id", "r", &program].into_iter().chain(defines).chain(["test.cfg"]);
    let mut command: Command = conductor(&folder, arguments);
    container.put_on(&mut command);
    let finished = finish(start(command));
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert_eq!(folder.read("results/r/trial-1/client/page"), "hello\n");
}

#[test]
fn the_example_of_slurm_passes_on_four_nodes() {
    let Some(cluster) = Slurm::start("linuxproc") else { return };
    let folder = copy("slurm");
    let define = format!("hosts={}", NODES.join(","));
    let finished = finish(start(cluster.conduct(&folder, &["--quiet", "--run-id", "r", "-D", &define, "test.cfg"])));
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    for (index, node) in NODES.iter().enumerate() {
        let worker = format!("node{}", index + 1);
        let file = format!("results/r/trial-1/{worker}/conductor-example-{worker}");
        assert_eq!(folder.read(&file), format!("{worker} runs on {node}\n"));
    }
}
