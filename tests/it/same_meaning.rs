//! Every configuration that could be read before a test could be one file still means the same.
//!
//! `testdata/meaning.txt` has what the program of commit 9716fa5, the last one before, printed for generated configurations:
//! the number of each, and a digest of the plan that `conduct --dry-run -f json` printed, or `-` if it refused the
//! configuration. The generator below makes the same configurations from the same numbers. The file was written with
//! `BEFORE=/path/to/the/old/program cargo test --test it same_meaning::`, and is not to be written anew with a later program.
//! After a change of the plan's format, change [`comparable`] instead.

use std::ffi::OsString;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::{CONDUCTOR, Folder, finish, origins, start};

/// How many configurations are compared.
const COUNT: u64 = 400;

/// A generator of numbers that are the same on every machine (`SplitMix64`).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// True for `one` of `of` numbers.
    fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    fn pick<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        let at = self.below(texts.len() as u64);
        texts[usize::try_from(at).expect("a small number")]
    }
}

/// Names of variables. Some are those of predefined variables, of settings and of workers.
const NAMES: [&str; 12] =
    ["a", "b", "net", "Rate", "worker", "index", "player", "conductor", "server", "n1", "cmdport", "directory"];

/// A value of a variable, which may refer to others.
fn variable_value(numbers: &mut Numbers) -> String {
    match numbers.below(6) {
        0 => format!("%({})s", numbers.pick(&["a", "b", "net", "worker", "index"])),
        1 => "100%%".to_owned(),
        2 => format!("{}.%(index)s", numbers.below(9)),
        _ => numbers.pick(&["x", "10.0.0", "two words", "7001", "/tmp", "y;z", "h1"]).to_owned(),
    }
}

/// `[DEFAULT]`, or nothing; the names that it defines are added.
fn defaults(numbers: &mut Numbers, defined: &mut Vec<String>) -> String {
    if numbers.one_in(3) {
        return String::new();
    }
    let mut text = "[DEFAULT]\n".to_owned();
    let mut seen = Vec::new();
    for _ in 0..numbers.below(5) {
        let name = numbers.pick(&NAMES);
        if !seen.contains(&name) {
            let value = match name {
                "player" | "conductor" => "10.1.1.1".to_owned(),
                "cmdport" => "7000".to_owned(),
                "directory" => "/tmp".to_owned(),
                _ => variable_value(numbers),
            };
            let _ = writeln!(text, "{name} = {value}");
            seen.push(name);
        }
    }
    defined.extend(seen.into_iter().map(str::to_owned));
    text
}

/// A reference to a variable; rarely to one that is not defined there.
fn reference(numbers: &mut Numbers, defined: &[String]) -> String {
    if numbers.one_in(60) {
        return format!("%({})s", numbers.pick(&NAMES));
    }
    let at = numbers.below(defined.len() as u64);
    format!("%({})s", defined[usize::try_from(at).expect("a small number")])
}

/// The value of a step.
fn step(numbers: &mut Numbers, defined: &[String]) -> String {
    let prefix =
        numbers.pick(&["", "", "", "must:", "mayfail:", "spawn:", "timeout5:", "for1m:", "until10:", "parallel:"]);
    let mut text = format!(
        "{prefix}{}",
        numbers.pick(&["echo", "iperf3 -c", "date +%%s", "true;", "ping -c 3 $CONDUCTOR_ADDR_N1"])
    );
    for _ in 0..numbers.below(3) {
        let _ = write!(text, " {}", reference(numbers, defined));
    }
    match numbers.below(8) {
        0 => text += " # 50%",
        1 => text += "\n    && echo more",
        2 => text = format!("barrier:b{}", numbers.below(2)),
        _ => {}
    }
    text
}

/// Steps with different labels.
fn steps(numbers: &mut Numbers, defined: &[String]) -> String {
    let labels = ["a", "step", "Ping", "timeout30", "spawn1", "n1", "net", "x y"];
    let from = numbers.below(labels.len() as u64);
    let mut text = String::new();
    for at in 0..numbers.below(5) {
        let label = labels[usize::try_from((from + at) % labels.len() as u64).expect("a small number")];
        let delimiter = numbers.pick(&[" = ", "=", ": "]);
        let value =
            if label == "timeout30" || label == "spawn1" { "sleep 1".to_owned() } else { step(numbers, defined) };
        let _ = writeln!(text, "{label}{delimiter}{value}");
    }
    text
}

fn environment(numbers: &mut Numbers, defined: &[String]) -> String {
    let mut text = "[Environment]\n".to_owned();
    for name in ["A", "LANG", "net"] {
        if numbers.one_in(2) {
            let value = if numbers.one_in(2) { reference(numbers, defined) } else { "C.UTF-8".to_owned() };
            let _ = writeln!(text, "{name} = {value}");
        }
    }
    text
}

/// A worker file, or one for workers whose hosts the test file names.
fn worker_file(numbers: &mut Numbers, has_player: bool) -> String {
    let mut defined: Vec<_> = ["worker", "index", "player"].map(str::to_owned).into();
    let mut parts = vec![defaults(numbers, &mut defined)];
    let mut coordinator = "[Coordinator]\n".to_owned();
    let has_network = defined.iter().any(|name| name == "net");
    coordinator += match numbers.below(8) {
        _ if !has_player => "",
        0 => "connect = ssh:root@lab7\n",
        1 if has_network => "player = %(net)s.1\n",
        2 => "player = [::1] # here\n",
        3 => "connect = podman:x\nplayer = h2\n",
        _ => "player = 10.0.0.%(index)s\n",
    };
    if numbers.one_in(3) {
        coordinator += "conductor = 10.0.0.99\n";
        defined.push("conductor".to_owned());
    }
    for line in [
        "cmdport = 7%(index)s0\n",
        "directory = /tmp/%(worker)s\n",
        "shell = /bin/bash\n",
        "allow = any\n",
        "exclusive = yes\n",
    ] {
        if numbers.one_in(4) {
            coordinator += line;
        }
    }
    parts.push(coordinator);
    if numbers.one_in(2) {
        parts.push(environment(numbers, &defined));
    }
    for phase in ["Startup", "Run", "Collect", "Reset"] {
        if !numbers.one_in(3) {
            parts.push(format!("[{phase}]\n{}", steps(numbers, &defined)));
        }
    }
    if numbers.one_in(6) {
        parts.push(
            numbers.pick(&["[Notes]\nx = %(nothing)s\n", "[server:Run]\nx = y\n", "[*:Reset]\nx = %(a)s\n"]).to_owned(),
        );
    }
    parts.rotate_left(usize::try_from(numbers.below(2)).expect("a small number"));
    parts.join("\n")
}

fn test_file(numbers: &mut Numbers) -> String {
    let mut defined: Vec<_> = ["worker", "index", "player"].map(str::to_owned).into();
    let mut parts = vec![defaults(numbers, &mut defined)];
    if numbers.one_in(2) {
        let mut settings = "[Test]\n".to_owned();
        for line in [
            "trials = 2\n",
            "step_timeout = none\n",
            "lease = 30 # s\n",
            "on_failure = stop\n",
            "results = r%%1\n",
            "check = true\n",
        ] {
            if numbers.one_in(3) {
                settings += line;
            }
        }
        parts.push(settings);
    }
    if numbers.one_in(2) {
        parts.push(environment(numbers, &defined));
    }
    let lines = [
        "server = a.cfg\n",
        "n[1-3] = b.cfg\n",
        "m[08-09] = h.cfg @ h[1-2]\n",
        "Own = h.cfg @ 10.0.0.5\n",
        "c = %(file)s.cfg\n",
        "d = a.cfg # comment\n",
    ];
    let mut workers = format!("[{}]\n", if numbers.one_in(8) { "Clients" } else { "Workers" });
    for line in lines {
        if numbers.one_in(2) {
            workers += line;
        }
    }
    parts.push(workers);
    parts.rotate_left(usize::try_from(numbers.below(2)).expect("a small number"));
    parts.join("\n")
}

/// A configuration in a folder, and the arguments of `conduct`.
fn configuration(number: u64) -> (Folder, Vec<OsString>) {
    let numbers = &mut Numbers(number);
    let folder = Folder::new();
    for name in ["a.cfg", "b.cfg", "h.cfg"] {
        folder.file(name, &worker_file(numbers, name != "h.cfg"));
    }
    // These sections are for no worker, so they have never had any effect.
    let ignored = match number % 8 {
        0 => "[Notes:Run]\nx = %(nothing)s\n",
        1 => "[Server:Startup]\nx = y\n[*:reset]\nx = y\n",
        2 => "[x[3-1]:Coordinator]\ncmdport = 1\n[a:b:Environment]\nA = b\n",
        _ => "",
    };
    folder.file("test.cfg", &format!("{}{ignored}", test_file(numbers)));
    let mut arguments = vec!["conduct", "--quiet", "--dry-run", "-f", "json", "-D", "file=a", "test.cfg"];
    if numbers.one_in(3) {
        arguments.extend([
            "-D",
            numbers.pick(&["a=line", "net=10.7.7", "worker=w", "cmdport=7100", "server=s", "rate=%(a)s"]),
        ]);
    }
    if numbers.one_in(5) {
        arguments.extend(["-c", numbers.pick(&["server", "n", "n[1-2]", "own"])]);
    }
    if numbers.one_in(8) {
        arguments.extend(["--connect", "ssh:%(player)s"]);
    }
    (folder, arguments.into_iter().map(OsString::from).collect())
}

/// What the program makes of a configuration.
fn meaning(program: &str, number: u64) -> String {
    let (folder, arguments) = configuration(number);
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder.path());
    let finished = finish(start(command));
    if finished.status != Some(0) {
        return "-".to_owned();
    }
    let plan = comparable(serde_json::from_str(&finished.stdout).expect("a plan"));
    let digest = Sha256::digest(plan.to_string().as_bytes());
    digest[..8].iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// A plan without what it did not have then.
fn comparable(mut plan: Value) -> Value {
    let remove = |value: &mut Value| {
        value.as_object_mut().expect("an object").remove("variables");
    };
    remove(&mut plan);
    plan["settings"].as_object_mut().expect("settings").remove("on_interrupt");
    plan["workers"].as_array_mut().expect("workers").iter_mut().for_each(remove);
    origins::remove(&mut plan);
    plan
}

#[test]
fn generated_configurations_mean_what_they_meant_to_the_program_before() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/meaning.txt");
    let line = |program: &str, number| format!("{number} {}\n", meaning(program, number));
    let all = |program: &str| (0..COUNT).map(|number| line(program, number)).collect::<Vec<_>>().concat();
    if let Ok(before) = std::env::var("BEFORE") {
        std::fs::write(&path, all(&before)).expect("the meanings are written");
    }
    let before = std::fs::read_to_string(&path).expect("the meanings");
    let now = all(CONDUCTOR);
    assert_eq!(before.lines().count(), now.lines().count());
    let accepted = before.lines().filter(|line| !line.ends_with('-')).count();
    assert!(accepted > 200, "{accepted} of {COUNT} were accepted");
    for (before, now) in before.lines().zip(now.lines()) {
        // One that was refused may have got a meaning.
        assert!(before.ends_with('-') || before == now, "was {before}, is {now}");
    }
}
