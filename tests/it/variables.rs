//! Where the value of a variable comes from, and where that is told.

use conductor::config::{Input, Loaded, Overrides, load_test, validate};
use conductor::model::{FileLine, Origin, Phase, Plan, RunId};
use serde_json::{Value, json};

use crate::support::{Folder, run};

fn load(folder: &Folder, defines: &[(&str, &str)]) -> Loaded {
    let defines = defines.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let overrides = Overrides { defines, ..Overrides::default() };
    load_test(&folder.join("test.cfg"), &overrides, RunId::new("run").expect("a name"), None)
}

fn plan(loaded: Loaded) -> Plan {
    loaded.plan.unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)))
}

/// Where a variable can be defined, what takes precedence first. The last two are the file and the test file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    OwnSection,
    CommandLine,
    WorkerDefault,
    Predefined,
    TestDefault,
    Address,
}

use Place::{Address, CommandLine, OwnSection, Predefined, TestDefault, WorkerDefault};

const ALL: [Place; 6] = [OwnSection, CommandLine, WorkerDefault, Predefined, TestDefault, Address];

/// The value that a step of the first worker sees of a variable that both define, and the origin that is told. The step
/// stands in the worker file, in the test file, or in the test file of a worker without a file.
fn seen(pair: [Place; 2], step_is_in_test: bool, has_file: bool) -> (String, Option<Origin>) {
    let has = |from| pair.contains(&from);
    // What is predefined has its names; a worker can have one of them.
    let name = if has(Predefined) { "worker" } else { "other" };
    let line = |from, value: &str| if has(from) { format!("{name} = {value}\n") } else { String::new() };
    let first = if has(Predefined) { "predefined" } else { "first" };
    let other = if has(Address) { name } else { "unrelated" };
    let run_section = format!("Run]\n{}step = %({name})s\n", line(OwnSection, "own section"));
    let folder = Folder::new();
    let file = if has_file { "w.cfg " } else { "" };
    let mut test = format!(
        "[Workers]\n{first} = {file}@ 10.0.0.1\n{other} = @ address\n[DEFAULT]\n{}",
        line(TestDefault, "test default")
    );
    let mut worker = format!("[Coordinator]\n[DEFAULT]\n{}", line(WorkerDefault, "worker default"));
    if step_is_in_test {
        test.extend(["[", first, ":", &run_section]);
    } else {
        worker.extend(["[", &run_section]);
    }
    folder.file("test.cfg", &test);
    folder.file("w.cfg", &worker);
    let defines = [(name, "command line")];
    let plan = plan(load(&folder, if has(CommandLine) { &defines } else { &[] }));
    let steps = &plan.workers[0].steps[Phase::Run];
    let value = steps.last().and_then(|step| step.command()).expect("a command").to_owned();
    let of_test = plan.variables.get(name);
    let of_command_line = of_test.filter(|it| it.origin == Origin::CommandLine);
    let holds = of_command_line.or_else(|| plan.workers[0].variables.get(name)).or(of_test);
    (value, holds.map(|it| it.origin.clone()))
}

#[test]
fn of_every_two_definitions_the_one_that_ranks_higher_is_seen_and_told() {
    let value = |from: Place| match from {
        OwnSection => "own section",
        CommandLine => "command line",
        WorkerDefault => "worker default",
        Predefined => "predefined",
        TestDefault => "test default",
        Address => "address",
    };
    for (step_is_in_test, has_file) in [(false, true), (true, true), (true, false)] {
        for (at, higher) in ALL.into_iter().enumerate() {
            for lower in ALL.into_iter().skip(at + 1) {
                if !has_file && [higher, lower].contains(&WorkerDefault) {
                    continue;
                }
                let case =
                    format!("{higher:?} over {lower:?}, in the test file: {step_is_in_test}, with a file: {has_file}");
                let (found, origin) = seen([lower, higher], step_is_in_test, has_file);
                assert_eq!(found, value(higher), "{case}");
                // A key of the own section is a step, and no definition for others.
                let told = if higher == OwnSection { lower } else { higher };
                let is_told = match (told, &origin) {
                    (CommandLine, Some(Origin::CommandLine))
                    | (Predefined, Some(Origin::Predefined))
                    | (Address, Some(Origin::Address)) => true,
                    (WorkerDefault, Some(Origin::File(FileLine { file, line: 3 }))) => file.ends_with("w.cfg"),
                    (TestDefault, Some(Origin::File(FileLine { file, line: 5 }))) => file.ends_with("test.cfg"),
                    _ => false,
                };
                assert!(is_told, "{case}: {origin:?}");
            }
        }
    }
}

#[test]
fn the_configuration_of_a_run_has_every_definition_with_its_origin() {
    let folder = Folder::new();
    folder.file(
        "test.cfg",
        "[Workers]\nserver = @ 127.0.0.1\nclient = client.cfg\n[DEFAULT]\nrate = 10\nurl = http://%(server)s/%(rate)s\n\
         [server:Run]\nserve = true\n",
    );
    folder.file(
        "client.cfg",
        "[Coordinator]\nplayer = 127.0.0.2\n[DEFAULT]\nrate = 20\n[Run]\nget = echo %(url)s %(size)s\n",
    );
    let arguments = ["conduct", "--quiet", "--local", "--results", "results", "-D", "size=5", "test.cfg"];
    let finished = run(&folder, arguments);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(finished.stdout.contains("| http://127.0.0.1/20 5\n"), "{finished:#?}");
    let text = folder.read("results/latest/configuration.json");
    let document: Value = serde_json::from_str(&text).expect("a document");
    let definition = |value: &str, origin: &str| json!({ "value": value, "origin": origin });
    assert_eq!(
        document["variables"],
        json!({
            "client": definition("127.0.0.2", "worker address"),
            "rate": definition("10", "test.cfg:5"),
            "server": definition("127.0.0.1", "worker address"),
            "size": definition("5", "command line"),
            "url": definition("http://%(server)s/%(rate)s", "test.cfg:6"),
        })
    );
    assert_eq!(
        document["workers"][1]["variables"],
        json!({
            "index": definition("1", "predefined"),
            "player": definition("127.0.0.2", "predefined"),
            "rate": definition("20", "client.cfg:4"),
            "worker": definition("client", "predefined"),
        })
    );
}

#[test]
fn the_names_of_workers_are_their_addresses_wherever_these_come_from() {
    let folder = Folder::new();
    folder.file(
        "test.cfg",
        "[Workers]\na = a.cfg\nB = @ 10.0.0.2\nc = @ %(c_host)s\nd = \nhere = \n[DEFAULT]\nc_host = 10.0.0.3\n\
         [d:Coordinator]\nconnect = ssh:root@lab4\n[here:Coordinator]\nplayer = %(a)s\n\
         [*:Run]\nx = %(a)s %(b)s %(c)s %(d)s %(here)s\n",
    );
    folder.file("a.cfg", "[Coordinator]\nplayer = %(net)s.1\n[DEFAULT]\nnet = 10.0.0\n");
    let all = plan(load(&folder, &[]));
    for worker in &all.workers {
        let command = worker.steps[Phase::Run][0].command();
        assert_eq!(command, Some("10.0.0.1 10.0.0.2 10.0.0.3 lab4 10.0.0.1"), "{}", worker.name);
    }
    // Those that were not chosen have addresses, too.
    let overrides = Overrides { workers: vec!["b".to_owned()], ..Overrides::default() };
    let one = plan(load_test(&folder.join("test.cfg"), &overrides, RunId::new("run").expect("a name"), None));
    assert_eq!(one.workers[0].steps[Phase::Run][0].command(), Some("10.0.0.1 10.0.0.2 10.0.0.3 lab4 10.0.0.1"));
    // Two that wait for each other have none, and neither has one without an address.
    folder.file("test.cfg", "[Workers]\na = \nb = \nc = \n[a:Coordinator]\nplayer = %(b)s\n[b:Coordinator]\nplayer = %(a)s\n[c:Coordinator]\nconnect = podman:c\n[c:Run]\nx = %(c)s\n");
    let found: Vec<_> = load(&folder, &[]).diagnostics.iter().map(|finding| finding.message.clone()).collect();
    assert_eq!(found, ["b", "a", "c"].map(|name| format!("the variable `{name}` is not defined")));
}

#[test]
fn validate_takes_definitions_as_conduct_does() {
    let folder = Folder::new();
    folder.file("test.cfg", "[Workers]\nw = @ %(host)s\n[w:Run]\nx = echo %(word)s\n");
    let validated = run(&folder, ["validate", "test.cfg"]);
    assert_eq!((validated.status, validated.stderr.as_str()), (Some(1), "1 error\n"), "{validated:#?}");
    run(&folder, ["validate", "-D", "host=10.0.0.1", "--define", "word=a", "test.cfg"]).assert(0, "", "");
    let wrong = run(&folder, ["validate", "-D", "host=10.0.0.300", "-D", "word=a", "test.cfg"]);
    assert!(wrong.stdout.contains("`10.0.0.300` is not an address"), "{wrong:#?}");
}

#[test]
fn a_variable_that_only_the_command_line_sets_is_declared() {
    let folder = Folder::new();
    folder.file(
        "test.cfg",
        "# conductor: required(hosts, seconds)\n[Test]\nresults = r\nshared_player = yes\nstep_timeout = %(seconds)s\n[Workers]\nnode[*] = n.cfg @ %(hosts)s\n\
         last = n.cfg @ %(hosts)s:7001\n[Environment]\nTIME = %(seconds)s\n",
    );
    folder.file(
        "n.cfg",
        "# conductor: required(File)\n[Coordinator]\nconnect = ssh:root@%(player)s\n\
         [Startup]\nsend = put:%(file)s -> /tmp/%(file)s\n\
         [Run]\nload = spawn:iperf3 -t %(seconds)s -c %(last)s\nwait = timeout%(seconds)s:true\nend = stop:load\n\
         x = barrier:b%(seconds)s\n",
    );
    run(&folder, ["validate", "--strict", "test.cfg"]).assert(0, "", "");
    let refused = run(&folder, ["conduct", "--dry-run", "test.cfg"]);
    assert_eq!(refused.status, Some(1));
    for name in ["hosts", "seconds", "File"] {
        assert!(refused.stderr.contains(&format!("the variable `{name}` is not set")), "{refused:#?}");
    }
    assert_eq!(refused.stderr.matches("error[").count(), 3, "{refused:#?}");
    // Each is reported where it is first used.
    let named = load(&folder, &[]).diagnostics;
    let line = |place: &conductor::config::Place| place.position().line;
    let places: Vec<_> = named.iter().map(|f| (f.place.as_ref().map(line), line(&f.others[0].0))).collect();
    assert_eq!(places, [(Some(5), 1), (Some(7), 1), (Some(5), 1)]);
    // What is set is checked.
    let set = ["hosts=a", "seconds=5", "file=none"].map(|define| define.split_once('=').expect("a definition"));
    let found: Vec<_> = load(&folder, &set).diagnostics.iter().map(|finding| finding.message.clone()).collect();
    assert_eq!(
        found,
        [
            "the port `7001` has no effect on a worker with `connect`",
            "cannot send the file `none`: no such file or directory"
        ]
    );
    // A value that any file sets is enough.
    let set = Folder::new();
    set.file("test.cfg", "# conductor: required(e)\n[Workers]\na = a.cfg\nb = b.cfg\n[DEFAULT]\nd = 3\n");
    set.file("a.cfg", "# conductor: required(d)\n[Coordinator]\nplayer = h\n[Run]\nx = sleep %(d)s\n");
    set.file("b.cfg", "[Coordinator]\nplayer = h\n[Run]\ne = 3\nx = sleep %(e)s\n");
    let loaded = load(&set, &[]);
    assert_eq!(loaded.diagnostics.errors(), 0, "{}", loaded.diagnostics.render(false));
    assert_eq!(loaded.plan.expect("a plan").workers[0].steps[Phase::Run][0].command(), Some("sleep 3"));
    // A declaration that nothing uses is told.
    folder.file("test.cfg", "# conductor: required(nothing)\n[Workers]\nw = @ h\n");
    let found = validate(&[Input::File(folder.join("test.cfg"))], &[], None).diagnostics;
    let messages: Vec<_> = found.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(messages, ["the variable `nothing` is required, but not used"]);
}

#[test]
fn variables_of_a_test_file_are_unused_only_if_no_worker_file_uses_them() {
    let folder = Folder::new();
    folder.file("test.cfg", "[DEFAULT]\nused = 1\nspare = 2\n[Workers]\nw = w.cfg @ h\n[w:Run]\nx = %(own)s\n");
    folder.file("w.cfg", "[DEFAULT]\nown = 1\n[Startup]\nx = %(used)s\n");
    let messages: Vec<_> = load(&folder, &[]).diagnostics.iter().map(|finding| finding.message.clone()).collect();
    assert_eq!(messages, ["the variable `spare` is not used"]);
}
