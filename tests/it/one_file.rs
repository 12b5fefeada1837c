//! Workers whose sections are in the test file: which section holds, what is refused, and how a player reads them.

use std::path::Path;
use std::process::Command;

use conductor::config::{Diagnostic, Input, Loaded, Overrides, Place, load_player, load_test, validate};
use conductor::model::{Network, Phase, Plan, RunId, WorkerPlan};

use crate::support::{CONDUCTOR, Folder, Player, documents, origins, run};

fn load(folder: &Folder, overrides: &Overrides) -> Loaded {
    load_test(&folder.join("test.cfg"), overrides, RunId::new("run").expect("a name"), None)
}

fn plan(folder: &Folder) -> Plan {
    let loaded = load(folder, &Overrides::default());
    loaded.plan.unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)))
}

/// A test file, without worker files.
fn test(text: &str) -> Folder {
    let folder = Folder::new();
    folder.file("test.cfg", text);
    folder
}

/// What is found in a test file: `line name: message [line of the other place]`.
fn found(text: &str) -> Vec<String> {
    let folder = test(text);
    let findings = validate(&[Input::File(folder.join("test.cfg"))], &[], None).diagnostics;
    let line = |place: &Place| place.position().line;
    let shown = |finding: &Diagnostic| {
        let at = finding.place.as_ref().map_or(0, line);
        let others: Vec<_> = finding.others.iter().map(|(place, _)| line(place)).collect();
        format!("{at} {}: {} {others:?}", finding.name(), finding.message)
    };
    findings.iter().map(shown).collect()
}

/// The places where a section for the worker `n1` can be, the most specific first.
const PLACES: [(&str, &str); 4] = [("name", "n1:"), ("range", "n[1-2]:"), ("all", "*:"), ("file", "")];

/// A test with a section of this name at the places of a set.
fn placed(set: usize, section: &str, lines: impl Fn(usize, &str) -> String) -> (Folder, Vec<&'static str>) {
    let folder = Folder::new();
    let mut texts = ["[Coordinator]\n".to_owned(), String::new()];
    let mut there = Vec::new();
    for (at, (place, selector)) in PLACES.into_iter().enumerate().filter(|(at, _)| set & (1 << at) != 0) {
        there.push(place);
        let is_in_file = selector.is_empty();
        let header =
            if is_in_file && section == "Coordinator" { String::new() } else { format!("[{selector}{section}]\n") };
        texts[usize::from(!is_in_file)].extend([header, lines(at, place)]);
    }
    // Without a section there, half of the workers have no file.
    let file = if there.contains(&"file") || set.is_multiple_of(2) { "n.cfg " } else { "" };
    folder.file("n.cfg", &texts[0]);
    folder.file("test.cfg", &format!("[Workers]\nn[1-2] = {file}@ 10.0.0.[1-2]\nother = @ 10.0.0.3\n{}", texts[1]));
    (folder, there)
}

fn steps(worker: &WorkerPlan, phase: Phase) -> Vec<(&str, &str)> {
    worker.steps[phase].iter().map(|step| (step.label.as_str(), step.command().unwrap_or_default())).collect()
}

/// The text of a test file with the worker files in it: `[Run]` of `server.cfg` becomes `[server:Run]`.
fn in_one_file(test: &str, read: impl Fn(&str) -> String) -> String {
    let (mut lines, mut sections, mut defaults) = (Vec::new(), Vec::new(), Vec::new());
    let mut is_worker = false;
    for line in test.lines() {
        is_worker = if line.starts_with('[') { line == "[Workers]" } else { is_worker };
        match line.split_once(" = ").filter(|_| is_worker) {
            Some((key, file)) => {
                lines.push(format!("{key} ="));
                let mut is_default = false;
                for line in read(file).lines().map(str::to_owned) {
                    let section = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
                    is_default = section.map_or(is_default, |name| name == "DEFAULT");
                    match section {
                        Some("DEFAULT") => {}
                        Some(name) => sections.push(format!("[{key}:{name}]")),
                        None if is_default && line.contains('=') && !defaults.contains(&line) => defaults.push(line),
                        None if is_default => {}
                        None => sections.push(line),
                    }
                }
            }
            None => lines.push(line.to_owned()),
        }
    }
    [lines, sections, vec!["[DEFAULT]".to_owned()], defaults].concat().join("\n") + "\n"
}

/// The plan of a test, without the names of its files, the lines of its steps and its variables.
fn dry_run(folder: &Folder, file: &str) -> serde_json::Value {
    let finished = run(folder, ["conduct", "--quiet", "--dry-run", "-f", "json", file]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let mut plan: serde_json::Value = serde_json::from_str(&finished.stdout).expect("a plan");
    let clear = |value: &mut serde_json::Value| {
        for key in ["config", "file", "variables"] {
            value[key] = serde_json::Value::Null;
        }
    };
    clear(&mut plan);
    plan["workers"].as_array_mut().expect("workers").iter_mut().for_each(clear);
    origins::remove(&mut plan);
    plan
}

#[test]
fn the_tests_of_the_readme_and_of_the_samples_mean_the_same_in_one_file() {
    let readme = documents::blocks("README.md", "ini");
    let samples =
        ["testdata/distributed", "examples/ssh", "examples/containers", "examples/slurm", "examples/kubernetes"];
    let of_sample = |sample: &str| {
        let files = std::fs::read_dir(documents::root().join(sample)).expect("a folder");
        let files = files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned());
        files.map(|name| (name.clone(), documents::read(&format!("{sample}/{name}")))).collect::<Vec<_>>()
    };
    let of_readme =
        readme.iter().filter_map(|block| Some((block.lines().next()?.strip_prefix("# ")?.to_owned(), block.clone())));
    for files in [of_readme.collect()].into_iter().chain(samples.map(of_sample)) {
        let folder = Folder::new();
        for (name, text) in &files {
            folder.file(name, text);
        }
        let text = folder.read("test.cfg");
        // Their hosts are there already.
        if text.contains(" @ ") {
            continue;
        }
        folder.file("one.cfg", &in_one_file(&text, |name| folder.read(name)));
        assert_eq!(dry_run(&folder, "test.cfg"), dry_run(&folder, "one.cfg"), "{files:?}");
    }
}

#[test]
fn the_most_specific_section_of_a_phase_is_taken_whole() {
    for phase in Phase::ALL {
        for set in 0..16 {
            let (folder, there) = placed(set, phase.section(), |_, place| format!("{place} = true\nsame = {place}\n"));
            let plan = plan(&folder);
            let expected = there.first().map(|place| vec![(*place, "true"), ("same", *place)]);
            assert_eq!(steps(&plan.workers[0], phase), expected.unwrap_or_default(), "{phase} {there:?}");
            // The second worker of the range has no section of its own, and a worker outside only that of all.
            let second = there.iter().find(|place| **place != "name").map(|place| (*place, "true"));
            assert_eq!(steps(&plan.workers[1], phase).first().copied(), second, "{phase} {there:?}");
            let other = there.iter().find(|place| **place == "all").map(|place| (*place, "true"));
            assert_eq!(steps(&plan.workers[2], phase).first().copied(), other, "{phase} {there:?}");
        }
    }
}

#[test]
fn settings_are_merged_key_by_key_the_most_specific_one_first() {
    let only = ["conductor = 10.9.9.9", "cmdport = 7001", "resultsport = 7002", "shell = /bin/bash"];
    for set in 0..16 {
        let (folder, there) = placed(set, "Coordinator", |at, place| format!("directory = /{place}\n{}\n", only[at]));
        let plan = plan(&folder);
        let worker = &plan.workers[0];
        let has = |place| there.contains(&place);
        let expected = there.first().map(|place| format!("/{place}"));
        assert_eq!(worker.directory, expected, "{there:?}");
        assert_eq!(worker.conductor.as_deref(), has("name").then_some("10.9.9.9"), "{there:?}");
        let port = if has("range") { 7001 } else { 6970 };
        assert_eq!(worker.player.to_string(), format!("10.0.0.1:{port}"), "{there:?}");
        assert_eq!(worker.results_port, if has("all") { 7002 } else { 6971 }, "{there:?}");
        assert_eq!(worker.shell, if has("file") { "/bin/bash" } else { "/bin/sh" }, "{there:?}");
    }
}

#[test]
fn environments_are_merged_key_by_key_above_that_of_the_test() {
    for set in 0..16 {
        let (folder, there) = placed(set, "Environment", |_, place| format!("SAME = {place}\n{place} = 1\n"));
        let text = folder.read("test.cfg") + "[Environment]\nSAME = test\ntest = 1\n";
        folder.file("test.cfg", &text);
        let plan = plan(&folder);
        let value = |name: &str| {
            let all = plan.workers[0].environment.iter().rev();
            all.clone().find(|(its, _)| its == name).map(|(_, value)| value.as_str())
        };
        assert_eq!(value("SAME"), Some(there.first().copied().unwrap_or("test")), "{there:?}");
        assert_eq!(value("test"), Some("1"));
        for (place, _) in PLACES {
            assert_eq!(value(place).is_some(), there.contains(&place), "{place} of {there:?}");
        }
    }
}

#[test]
fn sections_of_equal_rank_for_no_worker_or_in_another_case_are_errors_with_both_places() {
    let workers = "[Workers]\nn[1-3] = @ h[1-3]\nServer = @ s\n";
    for (sections, expected) in [
        (
            "[n[1-2]:Run]\na = b\n[n[2-3]:Run]\na = b\n",
            "6 section-conflict: `[n[1-2]:Run]` and `[n[2-3]:Run]` are both for `n2` [4]",
        ),
        (
            "[n[1-3]:Environment]\n[n[1-2]:Environment]\n",
            "5 section-conflict: `[n[1-3]:Environment]` and `[n[1-2]:Environment]` are both for `n1` and 1 more [4]",
        ),
        ("[n4:Run]\na = b\n", "4 unknown-worker: the test has no worker `n4` [2]"),
        ("[n[1-4]:Run]\na = b\n", "4 unknown-worker: the test has no worker `n4`, which `n[1-4]` includes [2]"),
        ("[n:Run]\na = b\n", "4 unknown-worker: the test has no worker `n` [2]"),
        ("[database:Run]\na = b\n", "4 unknown-worker: the test has no worker `database` [1]"),
        ("[server:Run]\na = b\n", "4 section-name: the worker is called `Server`, not `server` [3]"),
        ("[n1:run]\na = b\n", "4 section-name: unknown section `[n1:run]` []"),
        ("[*:reset]\na = b\n[*:Reset]\na = b\n", "4 section-name: unknown section `[*:reset]` [6]"),
        ("[n[3-1]:Run]\na = b\n", "4 invalid-range: the range ends before it begins [1]"),
        ("[n1:Rum]\na = b\n", "4 unknown-section: unknown section `[n1:Rum]` []"),
    ] {
        assert_eq!(found(&format!("{workers}{sections}")), [expected], "{sections}");
    }
    // What is close to a name is told, and wrong names are not listed as known ones.
    for (sections, expected) in [
        (
            "[a:b:Run]\nx = y\n[ n1 : run ]\nx = y\n[Banana]\n",
            "the known sections are `[Test]`, `[Environment]`, `[Workers]`, `[Clients]`, `[Parameters]`, `[Series]`",
        ),
        ("[n1:Rum]\n", "did you mean `[n1:Run]`?"),
        ("[Run]\n", "write `[WORKER:Run]` or `[*:Run]`"),
        ("[coordinator]\n", "write `[WORKER:Coordinator]` or `[*:Coordinator]`"),
    ] {
        let folder = test(&format!("{workers}{sections}"));
        let findings = validate(&[Input::File(folder.join("test.cfg"))], &[], None).diagnostics;
        let hints: Vec<_> = findings.iter().filter(|f| f.name() == "unknown-section").map(|f| f.hint.clone()).collect();
        assert_eq!(hints, [expected], "{sections}");
    }
    // A section that fits, and one that a variable of the command line makes fit.
    assert_eq!(found(&format!("{workers}[n1:Run]\na = b\n[n[2-3]:Run]\na = b\n[Server:Run]\na = b\n")), [""; 0]);
    let each = "[Workers]\nn[*] = @ %(hosts)s\n[DEFAULT]\nhosts = a b\n[n[*]:Run]\na = b\n";
    assert_eq!(plan(&test(each)).workers.len(), 2);
    assert_eq!(steps(&plan(&test(each)).workers[1], Phase::Run), [("a", "b")]);
}

#[test]
fn where_all_workers_have_files_a_section_for_no_worker_is_unknown_and_has_no_effect() {
    for section in ["Notes:Run", "Server:Run", "server:run", " server : Run ", "*:run", "x[3-1]:Run", "server[1-2]:Run"]
    {
        let folder = test(&format!("[Workers]\nserver = w.cfg\n[{section}]\na = b\n"));
        folder.file("w.cfg", "[Coordinator]\nplayer = h\n[Run]\nx = y\n");
        let loaded = load(&folder, &Overrides::default());
        let names: Vec<_> = loaded.diagnostics.iter().map(Diagnostic::name).collect();
        assert_eq!(names, ["unknown-section"], "{section}");
        assert_eq!(steps(&loaded.plan.expect("a plan").workers[0], Phase::Run), [("x", "y")], "{section}");
        // One worker without a file is enough: the sections are meant.
        folder.file("test.cfg", &folder.read("test.cfg").replace("w.cfg\n", "w.cfg\nother = @ h\n"));
        assert!(load(&folder, &Overrides::default()).plan.is_none(), "{section}");
    }
}

#[test]
fn where_all_workers_have_files_sections_of_equal_rank_have_no_effect() {
    let folder = test("[Workers]\nn[1-3] = w.cfg @ h[1-3]\n[n[1-2]:Run]\na = b\n[n[2-3]:Run]\na = c\n");
    folder.file("w.cfg", "[Run]\nx = y\n");
    let loaded = load(&folder, &Overrides::default());
    let found: Vec<_> =
        loaded.diagnostics.iter().map(|finding| format!("{}: {}", finding.name(), finding.message)).collect();
    let conflict = "unknown-section: `[n[1-2]:Run]` and `[n[2-3]:Run]` are both for `n2`";
    assert!(found.iter().any(|finding| finding == conflict), "{found:?}");
    let workers = loaded.plan.expect("a plan").workers;
    assert_eq!(
        workers.iter().map(|worker| steps(worker, Phase::Run)[0]).collect::<Vec<_>>(),
        [("a", "b"), ("x", "y"), ("a", "c")]
    );
}

#[test]
fn a_misspelt_scratch_prefix_is_found() {
    let test = |pattern: &str| format!("[Test]\nresults = r\n[Workers]\nw = @ h\n[w:Collect]\na = fetch:{pattern}\n");
    for misspelt in ["scrach", "Scratch"] {
        let expected =
            format!("6 misspelt-prefix: `{misspelt}:` is not `scratch:`, so it is part of the file's name []");
        assert_eq!(found(&test(&format!("{misspelt}:a.log"))), [expected]);
    }
    for right in ["scratch:a.log", "/tmp/a:b", "c:a.log"] {
        assert_eq!(found(&test(right)), [""; 0], "{right}");
    }
}

#[test]
fn a_step_with_the_name_of_a_worker_hides_its_address_with_a_warning() {
    let test = |label: &str| {
        format!("[Workers]\nserver = @ h1\nclient = @ h2\n[client:Run]\n{label} = true\nb = ping %(server)s\n")
    };
    let expected =
        "6 shadowed-variable: `server` refers to the line of this section, not to the address of the worker []";
    assert_eq!(found(&test("server")), [expected]);
    assert_eq!(found(&test("other")), [""; 0]);
}

#[test]
fn the_address_of_a_worker_that_has_none_is_told() {
    let test = |player: &str| {
        format!(
            "[Workers]\na = @ h\nb =\n[b:Coordinator]\nconnect = docker:c\n{player}[a:Run]\nx = ping $CONDUCTOR_ADDR_B\n"
        )
    };
    let expected = "7 unknown-variable: `CONDUCTOR_ADDR_B` is empty, because worker `b` has no address []";
    assert_eq!(found(&test("")), [expected]);
    assert_eq!(found(&test("player = 10.0.0.1\n")), [""; 0]);
}

#[test]
fn a_range_whose_hosts_are_not_set_may_have_any_worker() {
    let text = "# conductor: required(hosts)\n[Workers]\nnode[*] = @ %(hosts)s\n[node3:Reset]\na = true\n[node[2-4]:Run]\na = true\n";
    assert_eq!(found(text), [""; 0]);
    let folder = test(text);
    for (hosts, errors) in [("a b", 2), ("a b c", 1), ("a b c d", 0)] {
        let defines = vec![("hosts".to_owned(), hosts.to_owned())];
        let loaded = load(&folder, &Overrides { defines, ..Overrides::default() });
        assert_eq!(loaded.diagnostics.errors(), errors, "{hosts}");
    }
    // The names of this line are known.
    let text = "# conductor: required(hosts)\n[Workers]\nnode[1-2] = @ %(hosts)s\n[node3:Reset]\na = true\n";
    assert_eq!(found(text), ["4 unknown-worker: the test has no worker `node3` [3]"]);
}

#[test]
fn a_section_that_replaces_one_of_a_worker_file_is_told_once() {
    let folder =
        test("[Workers]\nn[1-3] = n.cfg @ h[1-3]\n[*:Reset]\na = b\n[n2:Run]\na = b\n[*:Environment]\nA = 1\n");
    folder.file("n.cfg", "[Run]\nx = y\n[Reset]\nx = y\n[Environment]\nA = 2\n");
    let loaded = load(&folder, &Overrides::default());
    let path = folder.join("n.cfg").display().to_string();
    let messages: Vec<_> = loaded.diagnostics.iter().map(|finding| finding.message.clone()).collect();
    let shown =
        ["`[*:Reset]` replaces `[Reset]`", "`[n2:Run]` replaces `[Run]`"].map(|said| format!("{said} of `{path}`"));
    assert_eq!(messages, shown);
    let quiet = folder.read("test.cfg").replace("[*:Reset]", "# conductor: allow(replaced-section)\n[*:Reset]");
    folder.file("test.cfg", &quiet);
    assert_eq!(load(&folder, &Overrides::default()).diagnostics.warnings(), 1);
}

#[test]
fn a_worker_without_a_file_needs_an_address() {
    assert_eq!(found("[Workers]\nw =\n[w:Run]\na = b\n"), ["2 missing-setting: the worker `w` has no `player` []"]);
    let given = test("[Workers]\na =\nb =\n[a:Coordinator]\nplayer = 10.0.0.1\n[b:Coordinator]\nconnect = podman:b\n");
    let players: Vec<_> = plan(&given).workers.iter().map(|worker| worker.player.to_string()).collect();
    assert_eq!(players, ["10.0.0.1:6970", "podman:b"]);
    // `[DEFAULT]` of a test file has variables for its workers, never settings.
    let text = "[DEFAULT]\ndirectory = /nowhere\nshell = /bin/nothing\n[Workers]\nw = @ h\n[w:Run]\na = %(directory)s %(shell)s\n";
    let folder = test(text);
    let worker = &plan(&folder).workers[0];
    assert_eq!((worker.directory.as_deref(), worker.shell.as_str()), (None, "/bin/sh"));
    assert_eq!(steps(worker, Phase::Run), [("a", "/nowhere /bin/nothing")]);
}

#[test]
fn hosts_have_ports_and_a_second_address_or_port_is_an_error() {
    let folder = test("[Workers]\na = @ 10.0.0.1:7001\nb = @ [::1]:7002\nc[1-2] = @ h[1-2]:7003\nd = @ ::1\n");
    let players: Vec<_> = plan(&folder).workers.iter().map(|worker| worker.player.to_string()).collect();
    assert_eq!(players, ["10.0.0.1:7001", "[::1]:7002", "h1:7003", "h2:7003", "[::1]:6970"]);
    for (text, expected) in [
        (
            "[Workers]\na = @ h:7001\n[a:Coordinator]\ncmdport = 7002\n",
            "4 invalid-value: the port is `7002` here, but `7001` in `[Workers]` []",
        ),
        (
            "[Workers]\na = @ h\n[*:Coordinator]\nplayer = g\n",
            "4 invalid-value: the player is `g` here, but `h` in the test file []",
        ),
        (
            "[Workers]\na = @ h:7001\n[a:Coordinator]\nconnect = ssh:h\n",
            "2 invalid-value: the port `7001` has no effect on a worker with `connect` []",
        ),
        ("[Workers]\na = @ h:0\n", "2 invalid-value: `h:0` is not a port []"),
        (
            "[Workers]\na[1-3] = @ h[1-2]\n",
            "2 invalid-range: the number of hosts (2) differs from the number of workers (3) []",
        ),
    ] {
        assert_eq!(found(text), [expected], "{text}");
    }
}

#[test]
fn a_file_whose_real_name_has_an_at_sign_wins_with_a_warning() {
    for name in ["w.cfg @ h", "@ h"] {
        let folder = test(&format!("[Workers]\nw = {name}\n"));
        folder.file("w.cfg", "[Coordinator]\n");
        assert_eq!(plan(&folder).workers[0].player_host, "h", "{name}");
        folder.file(name, "[Coordinator]\nplayer = inside\n");
        let loaded = load(&folder, &Overrides::default());
        let names: Vec<_> = loaded.diagnostics.iter().map(Diagnostic::name).collect();
        assert_eq!(names, ["ambiguous-file"], "{name}");
        assert_eq!(loaded.plan.expect("a plan").workers[0].player_host, "inside", "{name}");
    }
}

#[test]
fn a_test_file_that_is_its_own_worker_file_means_what_it_meant() {
    let folder =
        test("[Workers]\na = test.cfg\n[Coordinator]\nplayer = h\n[Run]\nx = %(worker)s\n[Environment]\nA = 1\n");
    let worker = &plan(&folder).workers[0];
    assert_eq!((worker.player_host.as_str(), steps(worker, Phase::Run)), ("h", vec![("x", "a")]));
}

#[test]
fn files_that_are_put_are_beside_the_file_that_names_them() {
    let folder = test("[Workers]\nw = sub/w.cfg\n[w:Run]\na = put:data -> /tmp/x\n");
    folder.file("data", "1");
    std::fs::create_dir(folder.join("sub")).expect("a folder");
    folder.file("sub/w.cfg", "[Coordinator]\nplayer = h\n[Startup]\na = put:here -> /tmp/x\n");
    folder.file("sub/here", "1");
    let plan = plan(&folder);
    let puts = |phase: Phase| match &plan.workers[0].steps[phase][0].action {
        conductor::model::Action::Put { local, .. } => local.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(puts(Phase::Startup), Path::new("here"));
    assert_eq!(puts(Phase::Run), folder.join("data"));
}

#[test]
fn a_player_reads_the_settings_of_its_worker_from_the_test_file() {
    let folder = test(
        "[Workers]\nserver = @ 10.0.0.1:7001\nnode[1-2] = n.cfg\n[*:Coordinator]\nconductor = 10.0.0.9\n\
         [server:Coordinator]\nallow = 10.0.0.0/8\nplayed = 1\n",
    );
    folder.file("n.cfg", "[Coordinator]\nplayer = 10.0.1.%(index)s\ncmdport = 7%(index)s00\nallow = ::1\n");
    let path = folder.join("test.cfg");
    let read = |worker: &str| load_player(&path, Some(worker), &[]);
    let (server, found) = read("server");
    let server = server.expect("settings");
    let network = |text: &str| text.parse::<Network>().expect("a network");
    assert_eq!((server.port, server.allow), (7001, Some(vec![network("10.0.0.0/8")])));
    assert_eq!(found.iter().map(Diagnostic::name).collect::<Vec<_>>(), ["unknown-key"]);
    // A setting can name another worker.
    folder.file(
        "named.cfg",
        "[Workers]\nserver = @ 10.0.0.1\nclient = @ 10.0.0.2\nother = missing.cfg\n[server:Coordinator]\nallow = %(client)s\nconductor = %(client)s\n",
    );
    let named = load_player(&folder.join("named.cfg"), Some("server"), &[]).0.expect("settings");
    assert_eq!(named.allow, Some(vec![network("10.0.0.2")]));
    assert_eq!(format!("{:?}", named.conductor), "Named(\"10.0.0.2\")");
    let node = read("node2").0.expect("settings");
    assert_eq!((node.port, node.allow), (7200, Some(vec![network("::1")])));
    assert_eq!(format!("{:?}", node.conductor), "Named(\"10.0.0.9\")");
    let wrong = |worker: Option<&str>, file: &str| {
        let (settings, found) = load_player(&folder.join(file), worker, &[]);
        assert!(settings.is_none());
        found.iter().map(|finding| format!("{}; {}", finding.message, finding.hint)).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(
        wrong(Some("sever"), "test.cfg"),
        "the test has no worker `sever`; did you mean `server`? the test has `server`, `node1`, `node2`"
    );
    let hint = "name the worker with `--worker NAME`, or start the player with its worker file";
    assert_eq!(wrong(None, "test.cfg"), format!("this is a test file, but a player needs a worker file; {hint}"));
    assert!(wrong(Some("server"), "n.cfg").starts_with("this is not a test file, so it has no workers; "));
}

#[test]
fn a_player_takes_variables_from_its_command_line_as_conduct_does() {
    let folder = test(
        "[DEFAULT]\nnet = 10.0.0.0/8\n[Workers]\nnode[*] = @ %(hosts)s\n\
         [*:Coordinator]\nallow = %(net)s\nconductor = %(lab)s\n[*:Run]\nx = true\n",
    );
    folder.file("w.cfg", "[Coordinator]\nplayer = h\nconductor = %(lab)s\n");
    let load = |file: &str, worker: Option<&str>, defines: &[(&str, &str)]| {
        let defines: Vec<_> = defines.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (settings, found) = load_player(&folder.join(file), worker, &defines);
        (settings, found.iter().map(|finding| finding.message.clone()).collect::<Vec<_>>())
    };
    let all = [("hosts", "h[1-2]"), ("net", "192.0.2.0/24"), ("lab", "10.0.0.9"), ("unused", "1")];
    let (settings, found) = load("test.cfg", Some("node2"), &all);
    let settings = settings.unwrap_or_else(|| panic!("{found:?}"));
    assert_eq!(settings.allow, Some(vec!["192.0.2.0/24".parse::<Network>().expect("a network")]));
    assert_eq!((format!("{:?}", settings.conductor).as_str(), found), ("Named(\"10.0.0.9\")", Vec::new()));
    let (settings, _) = load("w.cfg", None, &[("lab", "10.0.0.8"), ("lab", "10.0.0.9")]);
    assert_eq!(format!("{:?}", settings.expect("settings").conductor), "Named(\"10.0.0.9\")", "a later one wins");
    let unnamed = run(&folder, ["player", "-D", "lab=10.0.0.9"]);
    assert_eq!(unnamed.status, Some(2), "{unnamed:#?}");
    assert!(unnamed.stderr.contains("<CONFIG>"), "{unnamed:#?}");
}

#[test]
fn a_player_that_is_started_with_the_test_file_runs_its_worker() {
    let folder = test(
        "[Workers]\nserver = @ 127.0.0.1:%(port)s\n# conductor: required(port, net)\n[server:Coordinator]\nallow = %(net)s\n\
         [*:Run]\nhello = echo \"this is %(worker)s at %(server)s\"\n",
    );
    for arguments in [&["test.cfg", "--worker", "server", "-D", "net=127.0.0.1"][..], &[]] {
        let mut command = Command::new(CONDUCTOR);
        command
            .current_dir(folder.path())
            .args(["player", "--quiet", "--bind", "127.0.0.1", "--port", "0"])
            .args(arguments);
        let player = Player::from(command);
        let port = format!("port={}", player.port);
        let finished = run(&folder, ["conduct", "--quiet", "-D", &port, "-D", "net=127.0.0.1", "test.cfg"]);
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
        assert!(finished.stdout.contains("| this is server at 127.0.0.1\n"), "{finished:#?}");
    }
}

#[test]
fn thousands_of_hosts_and_unknown_sections_are_read_in_one_go() {
    let folder = Folder::new();
    let hosts: Vec<_> = (1..=5000).map(|host| format!("host{host}.example.org")).collect();
    let sections: Vec<_> = (1..=900).map(|worker| format!("[x{worker}:Run]\na = b\n")).collect();
    let test = format!(
        "[DEFAULT]\nhosts = {}\n[Workers]\nw[*] = @ %(hosts)s\n[*:Run]\nx = true\n{}",
        hosts.join(" "),
        sections.concat()
    );
    folder.file("test.cfg", &test);
    let begin = std::time::Instant::now();
    let finished = run(&folder, ["validate", "--no-shell-check", "test.cfg"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(1), "900 errors\n"));
    // The square of the number of hosts took half a minute.
    assert!(begin.elapsed() < std::time::Duration::from_secs(15), "{:?}", begin.elapsed());
}

#[test]
fn a_file_that_differs_from_worker_to_worker_is_found_for_each() {
    let folder = Folder::new();
    folder.file("test.cfg", "[DEFAULT]\nof = %(worker)s\n[Workers]\nw[9-11] = %(of)s.cfg @ h[1-3]\n");
    for name in ["w9", "w10", "w11"] {
        folder.file(&format!("{name}.cfg"), &format!("[Run]\nx = echo file of {name}\n"));
    }
    let finished = run(&folder, ["conduct", "--dry-run", "-p", "run", "test.cfg"]);
    let commands: Vec<_> = finished.stdout.lines().filter_map(|line| line.split("  echo ").nth(1)).collect();
    assert_eq!(commands, ["file of w9", "file of w10", "file of w11"], "{finished:#?}");
}
