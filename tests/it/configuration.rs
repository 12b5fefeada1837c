//! Test files and worker files, read through the public interface of `config`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use conductor::config::{Diagnostics, Input, Limit, Loaded, Overrides, Severity, load_player, load_test, validate};
use conductor::model::{Destination, Format, Network, OnFailure, Phase, Plan, RunId, WorkerPlan};
use tempfile::TempDir;

/// A folder with some files.
struct Folder(TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn load(&self, overrides: &Overrides) -> Loaded {
        load(&self.path("test.cfg"), overrides)
    }

    fn plan(&self, overrides: &Overrides) -> Plan {
        let loaded = self.load(overrides);
        loaded.plan.unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)))
    }
}

fn load(path: &Path, overrides: &Overrides) -> Loaded {
    load_test(path, overrides, RunId::new("run").unwrap(), None)
}

/// What is found in one file, and in those that it names.
fn validate_file(path: &Path) -> Diagnostics {
    validate(&[Input::File(path.to_owned())], &[], None).diagnostics
}

/// A test of one worker with this file.
fn worker(text: &str) -> Folder {
    Folder::new(&[("test.cfg", "[Workers]\nw = w.cfg\n"), ("w.cfg", text)])
}

/// Each finding as `file:line:column severity name`.
fn findings(diagnostics: &Diagnostics) -> Vec<String> {
    // Also what only matters to the Python program.
    diagnostics
        .clone()
        .with_python()
        .iter()
        .map(|finding| {
            let file = finding.path.file_name().unwrap().to_string_lossy();
            let position = finding.position().map_or(String::new(), |at| format!(":{}:{}", at.line, at.column));
            format!("{file}{position} {} {}", finding.severity().word(), finding.name())
        })
        .collect()
}

fn commands(worker: &WorkerPlan, phase: Phase) -> Vec<&str> {
    worker.steps[phase].iter().map(|step| step.command().unwrap()).collect()
}

#[test]
fn a_range_makes_workers_that_share_a_file_and_differ_by_variables() {
    let folder = Folder::new(&[
        ("test.cfg", "[Workers]\nnode[08-10] = node.cfg\nrouter = node.cfg\n[Environment]\nME = %(worker)s\n"),
        (
            "node.cfg",
            "[DEFAULT]\nnet = 10.0.0\n[Coordinator]\nplayer = %(net)s.%(index)s # lab\nconductor = %(net)s.99\n\
             [Run]\na = ping %(player)s %(conductor)s %(worker)s # 100%%\n",
        ),
    ]);
    let plan = folder.plan(&Overrides::default());
    let seen: Vec<_> = plan.workers.iter().map(|w| (w.name.as_str(), w.player_host.as_str())).collect();
    assert_eq!(seen, [("node08", "10.0.0.8"), ("node09", "10.0.0.9"), ("node10", "10.0.0.10"), ("router", "10.0.0.1")]);
    assert_eq!(commands(&plan.workers[1], Phase::Run), ["ping 10.0.0.9 10.0.0.99 node09 # 100%"]);
    assert_eq!(plan.workers[2].environment, [("ME".to_owned(), "node10".to_owned())]);
    for (chosen, count) in [("node", 3), ("node09", 1), ("node[08-09]", 2), ("NODE08", 1), ("router", 1)] {
        let overrides = Overrides { workers: vec![chosen.to_owned()], ..Overrides::default() };
        assert_eq!(folder.plan(&overrides).workers.len(), count, "{chosen}");
    }
}

#[test]
fn variables_come_from_the_section_then_the_command_line_then_the_defaults_then_conductor() {
    let folder = worker(
        "[DEFAULT]\na = default\nb = default\nworker = mine\n[Coordinator]\nplayer = h\n\
         [Run]\na = section\nx = echo %(a)s %(b)s %(worker)s %(player)s %(c)s\n",
    );
    let defines = [("B", "first"), ("b", "line"), ("a", "line"), ("c", "%(b)s!")];
    let defines = defines.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let plan = folder.plan(&Overrides { defines, ..Overrides::default() });
    assert_eq!(commands(&plan.workers[0], Phase::Run), ["section", "echo section line mine h line!"]);
}

#[test]
fn defaults_serve_fixed_keys_and_never_become_entries() {
    let folder = Folder::new(&[
        ("test.cfg", "[DEFAULT]\ntrials = 3\n[Test]\n[Workers]\nw = w.cfg\n[Environment]\nA = 1\n"),
        ("w.cfg", "[DEFAULT]\nplayer = h\ncmdport = 7000\n[Startup]\ns = true\n[Environment]\nb = 2\nA = 3\n"),
    ]);
    let plan = folder.plan(&Overrides::default());
    assert_eq!((plan.trials, plan.workers.len()), (3, 1));
    let worker = &plan.workers[0];
    assert_eq!(worker.player, Destination { host: "h".to_owned(), port: 7000 }.into());
    assert_eq!(worker.steps.iter().map(|(_, steps)| steps.len()).sum::<usize>(), 1);
    let environment: Vec<_> = worker.environment.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(environment, [("A", "1"), ("b", "2"), ("A", "3")]);
    let overrides = Overrides { defines: vec![("trials".to_owned(), "5".to_owned())], ..Overrides::default() };
    assert_eq!(folder.plan(&overrides).trials, 5);
}

#[test]
fn all_settings_are_read_and_the_command_line_wins() {
    let folder = Folder::new(&[
        (
            "test.cfg",
            "[Test]\ntrials = 2 ; comment\nformat = classic\nmax_message_size = 20\nstep_timeout = none\n\
             reset_timeout = 1m\nconnect_timeout = 250ms\nlease = 90\non_failure = stop\n[Workers]\nw = w.cfg # w\n",
        ),
        ("w.cfg", "[Coordinator]\nplayer = [::1]\ndirectory = /a b # c\nshell = /bin/bash\nallow = 10.0.0.0/8, ::1\n"),
    ]);
    let loaded = folder.load(&Overrides::default());
    assert_eq!(
        findings(&loaded.diagnostics),
        ["test.cfg:2:12 warning trailing-comment", "test.cfg:11:11 warning trailing-comment"]
    );
    assert_eq!(loaded.outputs.format, Some(Format::Classic));
    let plan = loaded.plan.unwrap();
    assert_eq!(plan.settings.max_message_size, 20 << 20);
    assert_eq!(plan.settings.step_timeout, None);
    assert_eq!(plan.settings.reset_timeout, Duration::from_mins(1));
    assert_eq!(plan.settings.connect_timeout, Duration::from_millis(250));
    assert_eq!(plan.settings.lease, Duration::from_secs(90));
    assert_eq!(plan.settings.on_failure, OnFailure::Stop);
    assert_eq!(plan.workers[0].player.to_string(), "[::1]:6970");
    assert_eq!(plan.workers[0].directory.as_deref(), Some("/a b # c"));
    assert_eq!(plan.workers[0].shell, "/bin/bash");

    let overrides = Overrides {
        trials: Some(7),
        phases: Some(vec![Phase::Reset, Phase::Startup]),
        max_message_size: Some(5),
        step_timeout: Some(Limit(Some(Duration::from_secs(4)))),
        lease: Some(Duration::from_secs(3)),
        on_failure: Some(OnFailure::Continue),
        ..Overrides::default()
    };
    let plan = folder.plan(&overrides);
    assert_eq!((plan.trials, plan.phases), (7, vec![Phase::Startup, Phase::Reset]));
    assert_eq!(plan.settings.step_timeout, Some(Duration::from_secs(4)));
    assert_eq!((plan.settings.lease, plan.settings.max_message_size), (Duration::from_secs(3), 5 << 20));
    assert_eq!(plan.settings.on_failure, OnFailure::Continue);
}

#[test]
fn all_problems_of_all_files_are_reported_once_and_in_order() {
    let folder = Folder::new(&[
        (
            "test.cfg",
            "[Test]\ntrials = 0\nformat = xml\ncheck = x\ntrails = 1\n[Clients]\nn[1-3] = a.cfg\nb = b.cfg\nb = a.cfg\n\
             c = none.cfg\nc-d = a.cfg\nc_d = a.cfg\nn2 = a.cfg\n",
        ),
        (
            "a.cfg",
            "[Coordinator]\nplayer = a b\nconnect = ssh:-x\n[run]\n[Run]\na = must:x\nb = spawn:until5:stop:c\nc =\nd\n",
        ),
        ("b.cfg", "[Startup]\nx = date +%s %(nope)s\nx = 1\ntimeout5 = a\ntimeout5 = b\n"),
    ]);
    let loaded = folder.load(&Overrides::default());
    assert!(loaded.plan.is_none());
    assert_eq!(
        findings(&loaded.diagnostics),
        [
            "test.cfg:2:10 error invalid-value",
            "test.cfg:3:10 error invalid-value",
            "test.cfg:5:1 warning unknown-key",
            "test.cfg:6:2 warning clients-section",
            "test.cfg:9:1 error duplicate-key",
            "test.cfg:10:5 error unreadable-file",
            "test.cfg:12:1 error address-variable-collision",
            "test.cfg:13:1 error duplicate-worker",
            "a.cfg:2:10 error invalid-value",
            "a.cfg:3:11 error invalid-value",
            "a.cfg:4:2 warning unknown-section",
            "a.cfg:7:18 error step-prefix",
            "a.cfg:8:1 error empty-command",
            "a.cfg:9:1 error not-a-setting",
            "b.cfg:1:1 error missing-setting",
            "b.cfg:2:11 warning lone-percent",
            "b.cfg:2:14 error undefined-variable",
            "b.cfg:3:1 error duplicate-key",
            "b.cfg:5:1 warning repeated-timeout",
        ]
    );
    assert_eq!((loaded.diagnostics.errors(), loaded.diagnostics.warnings()), (14, 2));
    assert!(loaded.diagnostics.iter().all(|finding| !finding.hint.is_empty()));
}

#[test]
fn what_files_need_on_this_machine_is_looked_for_before_anything_runs() {
    let lines = "a = fetch:/x/*.log\nb = must:fetch:/y\nc = put:none -> /z\nd = put:. -> /z\ne = put:test.cfg -> /z\n";
    let folder = worker(&format!("[Coordinator]\nplayer = h\n[Run]\n{lines}"));
    let loaded = folder.load(&Overrides::default());
    let messages: Vec<_> = loaded.diagnostics.iter().map(|finding| (finding.name(), finding.message.clone())).collect();
    let fetch = ("fetch-without-results", "`fetch:` needs a results folder".to_owned());
    let put = |why: &str| ("unreadable-file", format!("cannot send the file {why}"));
    let missing = put("`none`: no such file or directory");
    assert_eq!(messages, [fetch.clone(), fetch, missing, put("`.`: it is a folder")]);
    assert!(loaded.diagnostics.iter().all(|finding| !finding.hint.is_empty()));
    let loaded = folder.load(&Overrides { results: Some("somewhere".into()), ..Overrides::default() });
    assert!(loaded.diagnostics.iter().all(|finding| finding.name() == "unreadable-file"));
}

#[test]
fn an_unknown_worker_is_an_error_that_names_the_nearest() {
    let folder = worker("[Coordinator]\nplayer = h\n");
    let overrides = Overrides { workers: vec!["v".to_owned()], ..Overrides::default() };
    let loaded = folder.load(&overrides);
    assert!(loaded.plan.is_none());
    let finding = loaded.diagnostics.iter().next().unwrap();
    assert_eq!(finding.message, "the test has no worker `v`");
    assert_eq!(finding.hint, "did you mean `w`? the test has `w`");
}

#[test]
fn a_finding_is_shown_with_its_line_and_what_to_do() {
    let folder = worker("[Coordinator]\nplayer = 10.0.0.300\n");
    let path = folder.path("w.cfg").display().to_string();
    let wanted = format!(
        "error[invalid-value]: `10.0.0.300` is not an address (`player`)\n \
         --> {path}:2:10\n  |\n2 | player = 10.0.0.300\n  |          ^^^^^^^^^^\n  |\n  \
         = hint: write a name such as `node1.example.org`, or an address such as `10.0.0.1`\n"
    );
    let diagnostics = folder.load(&Overrides::default()).diagnostics;
    assert_eq!(diagnostics.render(false), wanted);
    assert!(diagnostics.render(true).contains('\u{1b}'));
}

#[test]
fn a_file_that_cannot_be_read_is_named_where_it_is_referred_to() {
    let loaded = load(Path::new("no/such/test.cfg"), &Overrides::default());
    assert_eq!(findings(&loaded.diagnostics), ["test.cfg error unreadable-file"]);
    assert!(loaded.diagnostics.render(false).contains("cannot read `no/such/test.cfg`: no such file or directory"));

    let folder = Folder::new(&[("test.cfg", "[Workers]\na = .\nb = .\n")]);
    let loaded = folder.load(&Overrides::default());
    let errors: Vec<_> = loaded.diagnostics.iter().filter(|finding| finding.severity() == Severity::Error).collect();
    assert_eq!(errors.len(), 2);
    assert!(errors[0].message.contains("is a directory"), "{}", errors[0].message);
}

#[test]
fn bytes_that_are_not_utf8_are_shown_by_line_and_column() {
    let folder = worker("");
    fs::write(folder.path("w.cfg"), b"[Coordinator]\nplayer = caf\xe9\n[Run]\na = \xff\n").unwrap();
    let found = findings(&folder.load(&Overrides::default()).diagnostics);
    assert!(found.contains(&"w.cfg:2:13 error not-utf8".to_owned()), "{found:?}");
}

#[test]
fn the_player_reads_its_own_keys_and_no_others() {
    let folder = worker(
        "[Coordinator]\nplayer = %(nope)s\ncmdport = 7000 # port\nallow = 10.0.0.0/8 127.0.0.1\nmax_message_size = 1\n\
         [Run]\na = %(index)s %(nope)s\nb = nonsense:until\nc = for5:x\n",
    );
    let (settings, diagnostics) = load_player(&folder.path("w.cfg"), None, &[]);
    let settings = settings.unwrap();
    assert_eq!((settings.port, settings.max_message_size), (7000, 1 << 20));
    let networks: Vec<Network> = vec!["10.0.0.0/8".parse().unwrap(), "127.0.0.1".parse().unwrap()];
    assert_eq!(settings.allow, Some(networks));
    assert_eq!(findings(&diagnostics), ["w.cfg:3:16 warning trailing-comment"]);

    fs::write(folder.path("w.cfg"), "[Coordinator]\ncmdport = x\n").unwrap();
    let (settings, diagnostics) = load_player(&folder.path("w.cfg"), None, &[]);
    assert!(settings.is_none());
    assert_eq!(findings(&diagnostics), ["w.cfg:2:11 error invalid-value"]);
}

#[test]
fn validate_tells_test_files_from_worker_files_by_their_sections() {
    let folder = Folder::new(&[
        ("test.cfg", "[Workers]\nw = w.cfg\n"),
        ("w.cfg", "[Coordinator]\nplayer = h\n[Run]\na = %(worker)s %(index)s\nb = %(nope)s\n"),
        ("odd.cfg", "[Worker]\nw = w.cfg\n"),
        ("empty.cfg", ""),
    ]);
    let wanted = ["w.cfg:5:5 error undefined-variable"];
    assert_eq!(findings(&validate_file(&folder.path("test.cfg"))), wanted);
    assert_eq!(findings(&validate_file(&folder.path("w.cfg"))), wanted);
    let odd = validate_file(&folder.path("odd.cfg"));
    assert_eq!(findings(&odd), ["odd.cfg:1:2 error no-known-section"]);
    assert_eq!(odd.iter().next().unwrap().hint, "did you mean `[Workers]`?");
    assert_eq!(findings(&validate_file(&folder.path("empty.cfg"))), ["empty.cfg error no-known-section"]);
}

#[test]
fn a_wrong_value_of_the_command_line_is_shown_as_such() {
    let folder = worker("[Coordinator]\nplayer = h\n");
    let overrides = Overrides { defines: vec![("cmdport".to_owned(), "x".to_owned())], ..Overrides::default() };
    let loaded = folder.load(&overrides);
    assert!(loaded.plan.is_none());
    let text = loaded.diagnostics.render(false);
    assert!(text.contains("--> <command line>:1:9") && text.contains("cmdport=x"), "{text}");
}

#[test]
fn a_worker_file_is_looked_for_beside_the_test_file_then_in_the_current_folder() {
    let folder = Folder::new(&[
        // The tests run in this package's folder, which has a `Cargo.toml`, too.
        ("test.cfg", "[Workers]\na = Cargo.toml\nb = testdata/localhost/dut.cfg\n"),
        ("Cargo.toml", "[Coordinator]\nplayer = beside\n"),
    ]);
    let loaded = folder.load(&Overrides::default());
    assert_eq!(findings(&loaded.diagnostics), ["test.cfg:2:5 warning ambiguous-file"]);
    let plan = loaded.plan.unwrap();
    assert_eq!(plan.workers[0].player_host, "beside");
    assert_eq!(plan.workers[1].file, Path::new("testdata/localhost/dut.cfg"));
}

#[test]
fn mistakes_in_a_test_files_environment_are_found_without_any_worker_file() {
    let folder =
        Folder::new(&[("test.cfg", "[Workers]\na = none\n[Environment]\nA = %(worker)s%(player)s\nB = %(c)s\n")]);
    let loaded = folder.load(&Overrides::default());
    assert_eq!(
        findings(&loaded.diagnostics),
        ["test.cfg:2:5 error unreadable-file", "test.cfg:5:5 error undefined-variable"]
    );
}

/// What is found in a worker file and, if there are no errors, the players of the plan: the address that steps get, and how
/// the player is reached.
fn reached(workers: &str, worker_file: &str, overrides: &Overrides) -> Result<Vec<(String, String)>, Vec<String>> {
    let folder = Folder::new(&[("test.cfg", &format!("[Workers]\n{workers}\n")), ("w.cfg", worker_file)]);
    let loaded = folder.load(overrides);
    let messages: Vec<_> = loaded.diagnostics.iter().map(|finding| finding.message.clone()).collect();
    let plan = loaded.plan.ok_or(messages)?;
    Ok(plan.workers.iter().map(|worker| (worker.player_host.clone(), worker.player.to_string())).collect())
}

#[test]
fn a_worker_has_the_address_of_player_or_else_of_the_host_that_connect_names() {
    let plan = |file| reached("w = w.cfg", file, &Overrides::default());
    for (file, host, way) in [
        ("[Coordinator]\nplayer = 10.0.0.7\nconnect = ssh:root@lab7\n", "10.0.0.7", "ssh:root@lab7"),
        ("[Coordinator]\nconnect = ssh:root@lab7\n[Run]\na = ping %(player)s\n", "lab7", "ssh:root@lab7"),
        ("[Coordinator]\nconnect = local\n[Run]\na = ping %(player)s\n", "127.0.0.1", "local"),
        ("[Coordinator]\nconnect = podman:router\n", "", "podman:router"),
        ("[Coordinator]\nplayer = 10.0.0.7\nconnect = tcp\n", "10.0.0.7", "10.0.0.7:6970"),
    ] {
        assert_eq!(plan(file), Ok(vec![(host.to_owned(), way.to_owned())]), "{file}");
    }
    let undefined = plan("[Coordinator]\nconnect = podman:router\n[Run]\na = ping %(player)s\n");
    assert_eq!(undefined, Err(vec!["the variable `player` is not defined".to_owned()]));
}

#[test]
fn settings_of_connect_are_read_only_where_they_are_meant() {
    let usual = Overrides::default();
    // These are likely names of variables.
    let file = "[Coordinator]\nplayer = h\n[DEFAULT]\nprogram = iperf3 \"$x\"\nexclusive = 1\nconnect = x:y\n\
                [Run]\na = %(program)s %(exclusive)s %(connect)s\n";
    assert_eq!(reached("w = w.cfg", file, &usual), Ok(vec![("h".to_owned(), "h:6970".to_owned())]));
    // The option is for workers without the setting.
    let option = Overrides { connect: Some("ssh:root@%(player)s".to_owned()), ..Overrides::default() };
    let through = |host: &str, way: &str| Ok(vec![(host.to_owned(), way.to_owned())]);
    assert_eq!(reached("w = w.cfg", file, &option), through("h", "ssh:root@h"));
    let own = "[Coordinator]\nplayer = h\nconnect = netns:n\n";
    assert_eq!(reached("w = w.cfg", own, &option), through("h", "netns:n"));
    let local = "[Coordinator]\nconnect = local\nbecome = sudo\n";
    let refused = Err(vec!["`become` has no effect with `connect = local`".to_owned()]);
    assert_eq!(reached("w = w.cfg", local, &usual), refused);
}

#[test]
fn hosts_behind_an_at_sign_are_the_players_of_a_line() {
    let usual = Overrides::default();
    let empty = "[Coordinator]\n";
    let hosts = |workers: &str, file: &str| {
        reached(workers, file, &usual).map(|plan| plan.into_iter().map(|(host, _)| host).collect::<Vec<_>>())
    };
    let list = |hosts: &[&str]| Ok(hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>());
    assert_eq!(hosts("n[1-2] = w.cfg\t@\tlab[08-09]", empty), list(&["lab08", "lab09"]));
    let variable = "n[*] = %(line)s\n[DEFAULT]\nline = w.cfg @ a, b c\n";
    assert_eq!(hosts(variable, empty), list(&["a", "b", "c"]));
    assert_eq!(hosts("n = %(line)s\n[DEFAULT]\nline = w.cfg @ a\n", empty), list(&["a"]));
    let wrong = |workers: &str, file: &str, message: &str| {
        assert_eq!(hosts(workers, file), Err(vec![message.to_owned()]), "{workers}");
    };
    wrong("n[*] = w.cfg\no = w.cfg @ a", empty, "`[*]` has no hosts");
    wrong("n[1-3] = w.cfg @ a b", empty, "the number of hosts (2) differs from the number of workers (3)");
    assert_eq!(hosts("n[1-3] = w.cfg @ a", empty), list(&["a", "a", "a"]));
    assert_eq!(hosts("n[1-2] = w.cfg @ a%(index)s, b%(index)s", empty), list(&["a1", "b2"]));
    assert_eq!(hosts("n[07-08] = w.cfg @ h%(index)s.%(worker)s", empty), list(&["h7.n07", "h8.n08"]));
    wrong("n = w.cfg @", empty, "there is no host after `@`");
    let other = "[Coordinator]\nplayer = b\n";
    wrong("n = w.cfg @ a", other, "the player is `b` here, but `a` in the test file");
    assert_eq!(hosts("n = w.cfg @ a", "[Coordinator]\nplayer = a\n"), list(&["a"]));
}
