//! `[Metric NAME]`: where values come from, what fails a trial, and what is refused before a run.

use crate::support::seed_player::{Order, SeedPlayer};
use crate::support::wire::free_port;
use crate::support::{CONDUCTOR, Finished, Folder, finish, run, start};
use serde_json::Value;
use std::process::Command;

/// Runs a test in one file on this machine.
fn local(folder: &Folder, text: &str) -> Finished {
    folder.file("test.cfg", &format!("{text}\n[*:Coordinator]\nplayer = 127.0.0.1\n"));
    run(folder, ["conduct", "--local", "--quiet", "--results", "results", "test.cfg"])
}

/// The measurements of a trial, as the record has them: name, worker, value, unit.
fn measured(folder: &Folder, trial: u32) -> Vec<String> {
    let events = folder.read("results/latest/events.jsonl");
    let lines = events.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let lines = lines.filter(|line| line["event"] == "measured" && line["trial"] == trial);
    let shown = |line: Value| {
        let text = |key: &str| line[key].as_str().unwrap_or("-").to_owned();
        let outside = if line["outside"] == true { " outside" } else { "" };
        let missing = line["missing"].as_str().map_or(String::new(), |why| format!(" ({why})"));
        format!("{} {} {} {}{outside}{missing}", text("metric"), text("worker"), line["value"], text("unit"))
    };
    lines.map(shown).collect()
}

#[test]
fn values_come_from_outputs_files_and_check() {
    let folder = Folder::new();
    let finished = local(
        &folder,
        r#"[Test]
trials = 2
check = echo "metric made 3.5 ms"; echo "metric named 7"; test -e "$CONDUCTOR_TRIAL_RESULTS/client/f"
[Workers]
client =
[client:Run]
json = echo '{"end": {"bps": 941200000}}'
err = echo "rtt=3.5 ms, 100% of rtt=4.5 ms" >&2
plain = echo "took 12ms"; echo "on eth0"
f.run.x = echo 3
back = spawn:echo 17; sleep 100
[client:Collect]
f = fetch:/tmp/../proc/self/../version
[Metric goodput]
from = client.run.json
json = /end/bps
scale = 1e-6
unit = Mbit/s
[Metric rtt]
from = client.run.err:stderr
# a per cent sign is no variable
regex = 100% of rtt=([\d.]+)
[Metric count]
from = client.Run.ERR:stderr
regex = rtt=(\d)
pick = count
[Metric plain]
from = client.run.plain
[Metric dots]
from = client.run.f.run.x
[Metric spawned]
from = client.run.#5
[Metric named]
from = check
unit = points
"#
        .replace("fetch:/tmp/../proc/self/../version", "fetch:/proc/version")
        .replace("client =\n", "client = @ 127.0.0.1\n")
        .replace("client/f\"", "client/version\"")
        .as_str(),
    );
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let expected = [
        "goodput client 941.2 Mbit/s",
        "rtt client 4.5 -",
        "count client 2.0 -",
        "plain client 12.0 -",
        "dots client 3.0 -",
        "spawned client 17.0 -",
        "named - 7.0 points",
        "made - 3.5 ms",
    ];
    assert_eq!(
        (measured(&folder, 1), measured(&folder, 2)),
        (expected.map(str::to_owned).to_vec(), measured(&folder, 1))
    );
}

#[test]
fn a_fetched_file_and_the_last_attempt_of_a_step_are_read() {
    let folder = Folder::new();
    let finished = local(
        &folder,
        "[Workers]\nclient = @ 127.0.0.1\n\
         [client:Run]\n\
         wait = until30:echo 1; if test -e $CONDUCTOR_SCRATCH/there; then echo 2; else touch $CONDUCTOR_SCRATCH/there; sleep 3; false; fi\n\
         make = mkdir $CONDUCTOR_SCRATCH/logs; echo 'a 5' >$CONDUCTOR_SCRATCH/logs/x.txt\n\
         [client:Collect]\nlogs = fetch:scratch:logs/*\n\
         [Metric sum]\nfrom = client.run.wait\npick = sum\n\
         [Metric file]\nfrom = file:client/x.txt\nregex = a (\\d+)\n\
         [Metric time]\nfrom = step.client.run.make\nscale = 1000\nunit = ms\nexpect = 0..60000\n\
         [Metric seconds]\nfrom = step.client.run.wait\nexpect = < 3\n\
         [Metric skew]\nfrom = start_skew.run\nexpect = == 0\n",
    );
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let all = measured(&folder, 1);
    assert_eq!(&all[..2], ["sum client 3.0 -", "file client 5.0 -"]);
    assert!(all[2].starts_with("time client ") && all[2].ends_with(" ms"), "{all:?}");
    assert!(all[3].starts_with("seconds client ") && all[3].ends_with(" s"), "{all:?}");
    assert_eq!(all[4], "skew - 0.0 s");
    // The unit of what was measured is that of the metric.
    let seconds: Vec<&str> =
        finished.stdout.lines().filter(|line| line.starts_with("  seconds") && line.ends_with(" 1")).collect();
    assert!(matches!(&seconds[..], [line] if line.starts_with("  seconds, s ")), "{}", finished.stdout);
}

#[test]
fn each_worker_of_a_range_has_its_value_or_there_is_one_for_all() {
    let folder = Folder::new();
    let metric = |across: &str| format!("[Metric {across}]\nfrom = node[01-03].run.load\nacross = {across}\n");
    let metrics: String = ["each", "sum", "mean", "min", "max"].map(metric).concat();
    let text = format!("[Workers]\nnode[01-03] = @ 127.0.0.1\n[*:Run]\nload = echo %(index)s0\n{metrics}");
    let finished = local(&folder, &text);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let expected = [
        "each node01 10.0 -",
        "each node02 20.0 -",
        "each node03 30.0 -",
        "sum - 60.0 -",
        "mean - 20.0 -",
        "min - 10.0 -",
        "max - 30.0 -",
    ];
    assert_eq!(measured(&folder, 1), expected);
    // Who takes no part has no value, and there is no sum of some.
    let some = ["conduct", "--local", "--quiet", "--results", "results", "--workers", "node02", "--", "test.cfg"];
    assert_eq!(run(&folder, some).status, Some(0));
    assert_eq!(measured(&folder, 1), [""; 0]);
}

#[test]
fn a_missing_value_fails_the_trial_unless_there_is_a_default() {
    let folder = Folder::new();
    let finished = local(
        &folder,
        "[Test]\ncheck = echo metric bad fast\n\
         [Workers]\nclient = @ 127.0.0.1\n\
         [client:Run]\nnone = true\nnan = echo x=nan\nhuge = echo 1e300\nlarge = echo 9e307\ntext = echo hello\n\
         [client:Collect]\nversion = fetch:/proc/version\n\
         [Metric none]\nfrom = client.run.none\n\
         [Metric empty]\nfrom = client.run.none\njson = /a\n\
         [Metric nan]\nfrom = client.run.nan\nregex = x=(.*)\n\
         [Metric huge]\nfrom = client.run.huge\nscale = 1e300\n\
         [Metric large]\nfrom = client.run.large\n\
         [Metric json]\nfrom = client.run.text\njson = /a\n\
         [Metric absent]\nfrom = file:client/logs/x.txt\n\
         [Metric unprinted]\nfrom = check\n\
         [Metric default]\nfrom = client.run.text\nregex = x(\\d)\ndefault = -1\n\
         [Metric outside]\nfrom = client.run.text\nregex = x(\\d)\ndefault = -1\nexpect = >= 0\n",
    );
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    let expected = [
        "none client null - (no number in the standard output of `none` on client in run)",
        "empty client null - (the standard output of `none` on client in run is empty)",
        "nan client null - (the standard output of `nan` on client in run: `nan` is not a finite number)",
        "huge client null - (1.00000e300 times 1.00000e300 is too large)",
        "large client null - (9.00000e307 is too large)",
        "json client null - (the standard output of `text` on client in run: the text is not JSON: expected value at line 1 column 1)",
        "absent client null - (there is no file `trial-1/client/logs/x.txt`)",
        "unprinted - null - (`check` did not print `metric unprinted VALUE`)",
        "default client -1.0 - (nothing matches `x(\\d)` in the standard output of `text` on client in run)",
        "outside client -1.0 - outside (nothing matches `x(\\d)` in the standard output of `text` on client in run)",
        "bad - null - (the standard output of `check`: `fast` is not a finite number)",
    ];
    let found = measured(&folder, 1);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}");
    }
}

#[test]
fn one_value_of_several_workers_says_that_the_default_was_used_for_some() {
    let folder = Folder::new();
    let finished = local(
        &folder,
        "[Workers]\nnode[1-3] = @ 127.0.0.1\n\
         [*:Run]\nload = case $CONDUCTOR_WORKER in node1) echo n=5;; esac\n\
         [Metric some]\nfrom = node[1-3].run.load\nregex = n=(\\d)\nacross = sum\ndefault = 2\n\
         [Metric none]\nfrom = node[1-3].run.load\nregex = n=(\\d)\nacross = sum\n\
         [Metric huge]\nfrom = node[1-3].run.load\nregex = n=(\\d)\nacross = sum\ndefault = 1e308\n\
         [Metric scaled]\nfrom = node[1-3].run.load\nregex = n=(\\d)\nacross = sum\nscale = 1e308\ndefault = 1\n",
    );
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    let nothing = "nothing matches `n=(\\d)` in the standard output of `load` on node2 in run";
    let expected = [
        format!("some - 9.0 - ({nothing} (and 1 more worker))"),
        format!("none - null - ({nothing})"),
        "huge - null - (the sum of the workers' values is too large)".to_owned(),
        "scaled - 3.0 - (5 times 1.00000e308 is too large (and 2 more workers))".to_owned(),
    ];
    assert_eq!(measured(&folder, 1), expected);
}

#[test]
fn what_a_metric_names_wrongly_is_refused_with_its_line() {
    let folder = Folder::new();
    let head = "[Workers]\nclient = @ 127.0.0.1\nclient.run = @ 127.0.0.1\n[*:Coordinator]\nplayer = 127.0.0.1\n\
                [client:Run]\nrun.x = echo 1\nx = echo 2\ny = echo 3\nfetched = fetch:/proc/version\n\
                [client.run:Run]\nx = echo 4\n[Metric m]\n";
    for (lines, message, hint) in [
        ("from = clint.run.y", "the test has no worker `clint`", "did you mean `client`?"),
        ("from = client.run.z", "worker `client` has no step `z` in run", "did you mean `x`?"),
        ("from = client.reset.#1", "worker `client` has no step `#1` in reset", "it has no steps in reset"),
        ("from = client.run.#9", "worker `client` has no step `#9` in run", "its steps there are `#1` to `#4`"),
        (
            "from = client.run.run.x",
            "`client.run.run.x` is ambiguous: it names 2 steps",
            "write the position of the step: `client.run.run.#1` or `client.run.#1`",
        ),
        (
            "from = client.run.fetched",
            "step `fetched` does not print anything",
            "to read a file that it fetched, write `file:client/PATH`",
        ),
        (
            "from = client.run.y:sdterr",
            "`:sdterr` is not an output of a step",
            "write `:stderr`, or nothing for standard output",
        ),
        ("from = check", "the test has no `check`", "add `check = COMMAND` to `[Test]`"),
        ("from = y", "`y` names no step, file or phase", "write `WORKER.PHASE.LABEL` such as `client.run.load`, [..]"),
        (
            "from = file:client.run/x",
            "worker `client.run` fetches no files",
            "add a step such as `result = fetch:FILE` to its `[Collect]`",
        ),
        (
            "from = file:client/../x",
            "`file:client/../x` is not a valid file name",
            "write `file:WORKER/PATH`; PATH is relative [..]",
        ),
        (
            "from = client.run.y\njson = end",
            "`end` is not valid: a JSON pointer begins with `/` (`json`)",
            "write a JSON pointer [..]",
        ),
        (
            "from = client.run.y\nregex = x",
            "`x` is not valid: it has no group: put the number in parentheses (`regex`)",
            "write a regular expression with one group, such as `rtt=([0-9.]+)`",
        ),
        ("from = client.run.y\npick = lats", "`lats` is not a known value (`pick`)", "did you mean `last`?"),
        ("from = client.run.y\nscale = 0", "`0` is not a valid scale (`scale`)", "write a number other than 0"),
        (
            "from = client.run.y\nexpect = fast",
            "`fast` is not a range of values: it has none of the forms `A..B`, `A..`, `..B`, `A +-B`, `A +-B%`, `>= A`, `> A`, `<= A`, `< A`, `== A` (`expect`)",
            "write a form such as `900..1000`, `940 +-5%`, `>= 900` or `== 0`",
        ),
        (
            "from = client.run.y\nthreshold = -1%",
            "`-1%` is neither a percentage nor a number (`threshold`)",
            "write `2%`, or a number in the unit of the metric",
        ),
        (
            "from = start_skew.run\njson = /a",
            "`json` has no effect here: the start skew of a phase is one number",
            "remove the line",
        ),
        (
            "from = client.run.y\njson = /a\nregex = (a)",
            "a metric cannot have both `json` and `regex`",
            "remove the line",
        ),
        ("unit = s", "`[Metric m]` has no `from`", "write where its values come from: [..]"),
    ] {
        folder.file("test.cfg", &format!("{head}{lines}\n"));
        let finished = run(&folder, ["conduct", "--local", "--quiet", "--results", "results", "test.cfg"]);
        assert_eq!(finished.status, Some(1), "{lines}: {finished:#?}");
        let end = "error: the configuration `test.cfg` has 1 error";
        let expected = format!("error[[..]]: {message}\n[..]--> test.cfg:[..]\n...\n[..]= hint: {hint}\n{end}\n");
        snapbox::assert_data_eq!(finished.stderr, expected);
    }
}

#[test]
fn a_metric_that_a_python_player_cannot_deliver_is_refused_before_the_run() {
    let player = SeedPlayer::start(Order::AtOnce);
    let folder = Folder::new();
    let metrics = "[Metric out]\nfrom = w.run.out\n[Metric err]\nfrom = w.run.out:stderr\n[Metric back]\nfrom = w.run.back\n\
                   [Metric time]\nfrom = step.w.run.out\n[Metric skew]\nfrom = start_skew.run\n";
    folder.test("connect_timeout = 10s", &["w"]);
    folder.file(
        "w.cfg",
        &format!(
            "[Coordinator]\nplayer = 127.0.0.1\nconductor = 127.0.0.1\ncmdport = {}\nresultsport = {}\n\
         [Run]\nout = echo 5\nback = spawn:echo 6\n",
            player.port(),
            free_port()
        ),
    );
    let head = folder.read("test.cfg");
    folder.file("test.cfg", &format!("{head}{metrics}"));
    let finished = run(&folder, ["conduct", "--quiet", "--results", "results", "test.cfg"]);
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    let refused = "its player is a Python player, which does not support a metric from standard error (`[Metric err]`), a metric from \
                   a spawned step (`[Metric back]`), a metric from a duration (`[Metric time]`), a metric from a start skew \
                   (`[Metric skew]`)\n";
    assert!(finished.stdout.contains(refused), "{finished:#?}");
    folder.file("test.cfg", &format!("{head}[Metric out]\nfrom = w.run.out\n"));
    let finished = run(&folder, ["conduct", "--quiet", "--results", "results", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert_eq!(measured(&folder, 1), ["out w 5.0 -"]);
}

#[test]
fn names_of_settings_and_sections_that_are_nearly_right_are_reported() {
    let folder = Folder::new();
    folder.file(
        "test.cfg",
        "[Workers]\nclient = @ 127.0.0.1\n[client:Coordinator]\nplayer = 127.0.0.1\n[client:Run]\na = echo 1\na.b = echo 2\n\
         [metric low]\nfrom = client.run.a\n[Metric goodput]\nfrom = client.run.a\nexpct = 1\n[Metric a b]\nfrom = client.run.a\n\
         [Metric step.x]\nfrom = client.run.a\n",
    );
    let finished = run(&folder, ["validate", "test.cfg"]);
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    for text in [
        "error[section-name]: unknown section `[metric low]`\n --> test.cfg:8:2\n",
        "= hint: did you mean `[Metric low]`?\n",
        "warning[unknown-key]: `[Metric goodput]` has no setting `expct`\n  --> test.cfg:12:1\n",
        "= hint: did you mean `expect`?\n",
        "error[invalid-value]: `a b` is not the name of a metric: a name cannot contain ` `\n  --> test.cfg:13:2\n",
        "error[invalid-value]: `step.x` is not the name of a metric: names that begin with `step.` are reserved\n",
    ] {
        assert!(finished.stdout.contains(text), "{text}\n{finished:#?}");
    }
}

#[test]
fn durations_are_converted_to_their_unit_unless_there_is_a_scale() {
    let folder = Folder::new();
    let mut text =
        "[Workers]\nw = @ 127.0.0.1\n[w:Run]\ngo = sleep 0.1\n[Metric plain]\nfrom = step.w.run.go\n".to_owned();
    let units = [("ms", 1e3), ("us", 1e6), ("µs", 1e6), ("ns", 1e9), ("min", 1.0 / 60.0), ("s", 1.0), ("d", 1.0)];
    let section =
        |(at, (unit, _)): (usize, (&str, f64))| format!("[Metric m{at}]\nfrom = step.w.run.go\nunit = {unit}\n");
    text += &units.iter().copied().enumerate().map(section).collect::<Vec<String>>().concat();
    text += "[Metric scaled]\nfrom = step.w.run.go\nunit = ms\nscale = 2\n";
    let finished = local(&folder, &text);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let warnings: Vec<&str> = finished.stderr.lines().filter(|line| line.contains("unit-without-scale")).collect();
    assert_eq!(warnings, ["warning[unit-without-scale]: the duration is in seconds, but its unit is `d`"]);
    let own = measured(&folder, 1);
    let value = |name: &str| {
        let line = own.iter().find(|line| line.split(' ').next() == Some(name)).expect("it was measured");
        let mut words = line.split(' ').skip(2);
        (words.next().and_then(|text| text.parse::<f64>().ok()).expect("a number"), words.next().unwrap_or_default())
    };
    let (seconds, unit) = value("plain");
    assert!(unit == "s" && seconds >= 0.1, "{own:?}");
    let is_near = |(value, unit): (f64, &str), scale: f64, wanted: &str| {
        assert!(unit == wanted && (value / (seconds * scale) - 1.0).abs() < 1e-9, "{value} {unit}: {own:?}");
    };
    for (at, (unit, scale)) in units.iter().enumerate() {
        is_near(value(&format!("m{at}")), *scale, unit);
    }
    is_near(value("scaled"), 2.0, "ms");
}

/// A test of two trials whose values differ: 900 in the first, 905 in the second.
const TWO_TRIALS: &str = "[Test]\ntrials = 2\n[Workers]\nclient = @ 127.0.0.1\n[client:Run]\n\
    load = echo \"rate 90$((5 * CONDUCTOR_TRIAL - 5))\"\n\
    [Metric rate]\nfrom = client.run.load\nunit = Mbit/s\nexpect = <= 903\n\
    [Metric lost]\nfrom = client.run.load\nregex = lost (\\d+)\ndefault = 0\n";

#[test]
fn the_text_report_has_the_metrics_of_each_trial() {
    let folder = Folder::new();
    let finished = local(&folder, TWO_TRIALS);
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    let expected = "...
Trial 1 of 2, metrics
  rate  client  900 Mbit/s
  lost  client  0 (default): nothing matches `lost (/d+)` in the standard output of `load` on client in run
...
Trial 2 of 2, metrics
  rate  client  905 Mbit/s, expected <= 903
  lost  client  0 (default): nothing matches `lost (/d+)` in the standard output of `load` on client in run
...
failed: metric `rate` on client of trial 2: 905 Mbit/s, expected <= 903
failed: 1 of 2 trials [..]; report: results/[..]/report.html
";
    snapbox::assert_data_eq!(finished.stdout.replace('\\', "/"), expected);
    let again = run(&folder, ["report", "results/latest"]);
    // The first lines and the last one have the name of the folder as it was given.
    let between =
        |text: &str| text.lines().skip(3).filter(|line| !line.contains("report: ")).collect::<Vec<_>>().join("\n");
    assert_eq!(between(&again.stdout), between(&finished.stdout));
}

#[test]
fn json_junit_and_the_plan_have_the_metrics() {
    let folder = Folder::new();
    local(&folder, TWO_TRIALS);
    let report: Value = serde_json::from_str(&folder.read("results/latest/report.json")).expect("JSON");
    let metrics = &report["trials"][1]["metrics"];
    let rate =
        serde_json::json!({"metric": "rate", "worker": "client", "unit": "Mbit/s", "value": 905.0, "outside": true});
    assert_eq!(metrics[0], rate);
    assert_eq!((&metrics[1]["value"], metrics[1]["missing"].is_string()), (&Value::from(0.0), true));
    let cause = &report["causes"][0];
    assert_eq!(
        (&cause["kind"], &cause["workers"][0], &cause["trial"]),
        (&"metric".into(), &"client".into(), &2.into())
    );
    let planned = &report["configuration"]["metrics"];
    assert_eq!((&planned[0]["expect"], &planned[1]["regex"]), (&"<= 903".into(), &"lost (\\d+)".into()));
    let junit = folder.read("results/latest/junit.xml");
    for text in [
        r#"<testsuite name="trial 2, metrics""#,
        r#"<property name="rate (client)" value="905 Mbit/s"/>"#,
        r#"<property name="lost (client)" value="0 (default)"/>"#,
        r#"<testcase name="rate (client)" classname="trial-2.metrics">"#,
        r#"<failure message="905 Mbit/s, expected &lt;= 903" type="failed">"#,
    ] {
        assert!(junit.contains(text), "{text}\n{junit}");
    }
    let plan = run(&folder, ["conduct", "--local", "--dry-run", "test.cfg"]);
    let lines = "metric rate from client.run.load, in Mbit/s, expected <= 903\n\
                 metric lost from client.run.load, regex lost (\\d+), default 0\n";
    assert!(plan.stdout.contains(lines), "{plan:#?}");
}

#[test]
fn a_value_that_is_missing_because_its_step_was_not_run_is_a_consequence() {
    let folder = Folder::new();
    let finished = local(
        &folder,
        "[Workers]\nclient = @ 127.0.0.1\n[client:Run]\nfirst = must:false\nload = echo 5\nother = echo 6\n\
         [Metric a]\nfrom = client.run.load\n[Metric b]\nfrom = client.run.other\n",
    );
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    let expected = "failed: `first` on client in run of trial 1: exit 1\n    command: `false` (test.cfg:4)\n    \
                    consequences: 2 steps on client were skipped; 2 metrics of trial 1 are missing\n";
    assert!(finished.stdout.contains(expected), "{finished:#?}");
    let found = measured(&folder, 1);
    assert_eq!(found[0], "a client null - (`load` on client in run was skipped)");
}

#[test]
fn metrics_are_read_again_from_a_kept_run() {
    let folder = Folder::new();
    let wrong = "[Test]\ntrials = 2\n[Workers]\nclient = @ 127.0.0.1\n[client:Run]\nload = echo \"rate 90$CONDUCTOR_TRIAL\"\n\
                 [client:Collect]\nversion = fetch:/proc/version\n";
    let finished = local(&folder, &format!("{wrong}[Metric rate]\nfrom = client.run.load\nregex = rat (\\d+)\n"));
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    let right = "[Metric rate]\nfrom = client.run.load\nregex = rate (\\d+)\nexpect = > 0\n\
                 [Metric file]\nfrom = file:client/version\nregex = version (\\d+)\n";
    folder.file("right.cfg", &format!("{wrong}{right}"));
    let again = run(&folder, ["report", "results/latest", "--config", "right.cfg", "--report", "jsonl=again.jsonl"]);
    assert_eq!(again.status, Some(0), "{again:#?}");
    let expected = "...
Trial 2 of 2, metrics
  rate  client  902
  file  client  [..]
...
passed: 2 of 2 trials; [..]
";
    snapbox::assert_data_eq!(again.stdout, expected);
    let lines = folder.read("again.jsonl");
    assert!(lines.contains(r#""event":"run_ended","verdict":"passed","exit_status":0"#), "{lines}");
    // A value that is not expected now fails a trial that had passed.
    folder.file("strict.cfg", &format!("{wrong}[Metric rate]\nfrom = client.run.load\nexpect = == 901\n"));
    let strict = run(&folder, ["report", "results/latest", "--config", "strict.cfg"]);
    let end = "failed: metric `rate` on client of trial 2: 902, expected == 901\nfailed: 1 of 2 trials ";
    assert!(strict.stdout.contains(end), "{strict:#?}");
    // With a mistake, the reports stay as they are.
    folder.file("bad.cfg", &format!("{wrong}[Metric rate]\nfrom = client.run.laod\n")).file("kept.json", "kept");
    let bad = run(&folder, ["report", "results/latest", "--config", "bad.cfg", "-f", "json", "-o", "kept.json"]);
    assert_eq!(bad.status, Some(1), "{bad:#?}");
    assert!(bad.stderr.contains("error[metric-source]: worker `client` has no step `laod` in run"), "{bad:#?}");
    assert!(bad.stderr.ends_with("error: the configuration `bad.cfg` has 1 error\n"), "{bad:#?}");
    assert_eq!(folder.read("kept.json"), "kept");
}

#[test]
fn a_metric_that_is_missing_follows_only_from_what_failed_on_its_worker_or_from_its_check() {
    let folder = Folder::new();
    let finished = local(
        &folder,
        "[Test]\ncheck = echo early; exit 1\n\
         [Workers]\nclient = @ 127.0.0.1\nmonitor = @ 127.0.0.1\n\
         [client:Run]\nload = echo p99 912\n\
         [monitor:Run]\nwatch = false\nprint = must:false\nlast = echo 5\n\
         [Metric p99]\nfrom = client.run.load\nregex = p99: (\\d+)\n\
         [Metric last]\nfrom = monitor.run.last\n\
         [Metric goodput]\nfrom = check\n",
    );
    let causes: Vec<&str> = finished.stdout.lines().filter(|line| line.starts_with("failed: ")).collect();
    let text = causes.join("\n");
    assert!(text.contains("metric `p99` on client of trial 1"), "{}", finished.stdout);
    assert!(!text.contains("metric `last`") && !text.contains("metric `goodput`"), "{}", finished.stdout);
}

#[test]
fn a_run_that_a_wrong_metric_stopped_is_incomplete_when_it_is_read_again() {
    let folder = Folder::new();
    let text = |regex: &str| {
        format!(
            "[Test]\ntrials = 3\non_failure = stop\nresults = results\n[Workers]\nclient = @ 127.0.0.1\n\
             [client:Run]\nload = echo speed 12\n[Metric speed]\nfrom = client.run.load\nregex = {regex}\n"
        )
    };
    let stopped = local(&folder, &text("sped (\\d+)"));
    assert_eq!(stopped.status, Some(3), "{stopped:#?}");
    folder.file("right.cfg", &text("speed (\\d+)"));
    let again = run(&folder, ["report", "results/latest", "--config", "right.cfg"]);
    assert!(again.stdout.contains("\nincomplete: 2 of 3 trials were not run\n"), "{}", again.stdout);
    assert!(!again.stdout.contains("passed: "), "{}", again.stdout);
}

#[test]
fn metrics_of_phases_that_were_not_run_are_left_out_when_a_run_is_read_again() {
    let folder = Folder::new();
    let text = "[Workers]\nclient = @ 127.0.0.1\n[client:Run]\nload = echo 5\n[client:Collect]\nsum = echo 6\n\
                version = fetch:/proc/version\n\
                [Metric load]\nfrom = client.run.load\n[Metric sum]\nfrom = client.collect.sum\n\
                [Metric time]\nfrom = step.client.collect.#1\n[Metric file]\nfrom = file:client/version\n\
                [Metric skew]\nfrom = start_skew.collect\n";
    folder.file("test.cfg", text);
    let some = ["conduct", "--local", "--quiet", "--results", "results", "--phases", "run", "--", "test.cfg"];
    let finished = run(&folder, some);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert_eq!(measured(&folder, 1), ["load client 5.0 -"]);
    let again = run(&folder, ["report", "results/latest", "--config", "test.cfg"]);
    assert_eq!((again.status, again.stderr.as_str()), (Some(0), ""), "{again:#?}");
    snapbox::assert_data_eq!(again.stdout, "...\nTrial 1 of 1, metrics\n  load  client  5\n...\npassed: [..]\n");
}

#[test]
fn nothing_is_measured_of_an_output_of_check_that_could_not_be_stored_completely() {
    let folder = Folder::new();
    folder.file(
        "test.cfg",
        "[Test]\ncheck = echo metric early 1; echo metric late 2; seq 1 1500000; echo metric late 3\n\
         [Workers]\nclient = @ 127.0.0.1\n[client:Run]\nload = echo 5\n\
         [Metric late]\nfrom = check\n[Metric first]\nfrom = check\nregex = early (\\d)\n",
    );
    // A size limit on the files of a process does what a full disk does, without needing one.
    let limited = "ulimit -f 4000; trap '' XFSZ; exec \"$0\" conduct --local --quiet --results results test.cfg";
    let mut command = Command::new("/bin/sh");
    command.args(["-c", limited, CONDUCTOR]).current_dir(folder.path());
    let finished = finish(start(command));
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    let all = measured(&folder, 1);
    assert_eq!(all.len(), 3, "{all:#?}");
    for (own, name) in all.iter().zip(["late", "first", "early"]) {
        let why = format!("{name} - null - (the standard output of `check` is incomplete: ");
        assert!(own.starts_with(&why) && own.ends_with(" bytes could not be stored: file too large)"), "{own}");
    }
}

#[test]
fn what_check_prints_is_refused_where_it_stands_for_something_else() {
    let folder = Folder::new();
    let finished = local(
        &folder,
        "[Test]\ncheck = echo metric step.client.run.load 5 s; echo metric start_skew.run 1; echo metric ok 1\n\
         [Workers]\nclient = @ 127.0.0.1\n[client:Run]\nload = echo 5\n",
    );
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    let reserved =
        |start| format!("null - (the standard output of `check`: names that begin with `{start}` are reserved)");
    let expected = [
        "ok - 1.0 -".to_owned(),
        format!("start_skew.run - {}", reserved("start_skew.")),
        format!("step.client.run.load - {}", reserved("step.")),
    ];
    assert_eq!(measured(&folder, 1), expected);
}

/// The lines of a text report that say what went wrong, without the last one.
fn causes(finished: &Finished) -> Vec<&str> {
    let lines = finished.stdout.lines().filter(|line| line.starts_with("failed: ") && !line.contains("; report: "));
    lines.collect()
}

#[test]
fn a_missing_metric_is_a_cause_of_its_own_unless_what_it_reads_was_not_there() {
    let folder = Folder::new();
    let finished = local(
        &folder,
        "[Workers]\nclient = @ 127.0.0.1\nserver = @ 127.0.0.1\nrange[1-2] = @ 127.0.0.1\n\
         [client:Run]\nwarm = false\nload.1 = echo p99 912\n\
         [server:Run]\nmake = must:false\nwrite = echo 5 >$CONDUCTOR_SCRATCH/x.txt\n\
         [server:Collect]\nx = fetch:scratch:x.txt\n\
         [range[1-2]:Run]\nstart = must:test $CONDUCTOR_WORKER = range1\nload = echo 5\n\
         [Metric p99]\nfrom = client.run.LOAD.1:stdout\nregex = p99: (\\d+)\n\
         [Metric file]\nfrom = file:server/x.txt\n\
         [Metric warm]\nfrom = client.run.#1\n\
         [Metric sum]\nfrom = range[1-2].run.load\nacross = sum\n\
         [Metric time]\nfrom = step.server.run.write\n",
    );
    let mut found = causes(&finished);
    found.sort_unstable();
    let p99 = "missing: nothing matches `p99: (\\d+)` in the standard output of `load.1` on client in run";
    let expected = [
        "failed: `make` on server in run of trial 1: exit 1",
        "failed: `start` on range2 in run of trial 1: exit 1",
        "failed: `warm` on client in run of trial 1: exit 1",
        &format!("failed: metric `p99` on client of trial 1: {p99}"),
    ];
    assert_eq!(found, expected, "{}", finished.stdout);
    for consequences in [
        "metric `warm` of trial 1 is missing\n",
        "; 2 metrics of trial 1 are missing\n",
        "`load` on range2 was skipped; metric `sum` of trial 1 is missing\n",
    ] {
        assert!(finished.stdout.contains(consequences), "{consequences}: {}", finished.stdout);
    }
    let again = run(&folder, ["report", "results/latest"]);
    let mut kept = causes(&again);
    kept.sort_unstable();
    assert_eq!(kept, expected, "the record says the same");
}

#[test]
fn equal_failures_of_many_workers_and_trials_are_one_cause() {
    let folder = Folder::new();
    let text = "[Test]\ntrials = 3\ncheck = echo judged; exit 2\n[Workers]\nnode[01-04] = @ 127.0.0.1\n\
                [*:Run]\nload = echo none\nbad = mayfail:false\n[*:Collect]\nout = mayfail:fetch:scratch:o.txt\n\
                [Metric rate]\nfrom = node[01-04].run.load\nregex = n=(\\d)\n\
                [Metric file]\nfrom = file:node[01-04]/o.txt\n";
    let finished = local(&folder, text);
    let expected = [
        "failed: `check` of trials 1-3: exit 2",
        "failed: metric `rate` on node[01-04] of trials 1-3: missing: nothing matches `n=(\\d)` in the standard output \
         of `load` in run",
        "failed: metric `file` on node[01-04] of trials 1-3: missing: there is no file `trial-N/WORKER/o.txt`",
    ];
    assert_eq!(causes(&finished), expected, "{}", finished.stdout);
    let report: Value = serde_json::from_str(&folder.read("results/latest/report.json")).expect("JSON");
    assert_eq!(report["causes"][0]["trials"], serde_json::json!([1, 2, 3]));
    // A step too, unless it failed on other workers.
    folder.file("test.cfg", "");
    let finished = local(
        &folder,
        "[Test]\ntrials = 4\n[Workers]\nnode[01-02] = @ 127.0.0.1\n\
         [*:Run]\nbad = test $CONDUCTOR_WORKER = node01 && test $CONDUCTOR_TRIAL = 2\n",
    );
    let expected = [
        "failed: `bad` on node[01-02] in run of trials 1,3-4: exit 1",
        "failed: `bad` on node02 in run of trial 2: exit 1",
    ];
    assert_eq!(causes(&finished), expected, "{}", finished.stdout);
}

#[test]
fn the_last_lines_of_a_check_are_shown_also_if_its_failure_is_a_consequence() {
    let folder = Folder::new();
    let finished = local(
        &folder,
        "[Test]\ncheck = echo too slow; exit 2\n[Workers]\nclient = @ 127.0.0.1\n[client:Run]\nload = echo 5; false\n",
    );
    let expected = "failed: `load` on client in run of trial 1: exit 1\n    | 5\n    \
                    consequences: `check` of trial 1 failed: exit 2\n    | too slow\n";
    assert!(finished.stdout.contains(expected), "{}", finished.stdout);
}

#[test]
fn defaults_units_and_printed_formulas_are_marked_in_the_table_of_values() {
    let folder = Folder::new();
    let finished = local(
        &folder,
        "[Test]\ntrials = 2\n\
         check = echo metric formula 1 =2+3; echo metric unit 1 `case $CONDUCTOR_TRIAL in 1) echo ms;; *) echo us;; esac`\n\
         [Workers]\nclient = @ 127.0.0.1\n[client:Run]\nload = echo none\n\
         [Metric lost]\nfrom = client.run.load\nregex = n=(\\d)\ndefault = 7\nexpect = 0\n\
         [Metric unit]\nfrom = check\n"
            .replace("expect = 0", "expect = == 0")
            .as_str(),
    );
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    let all = folder.read("results/latest/values.csv");
    let rows: Vec<&str> = all.lines().filter(|line| !line.contains("step.") && line.starts_with('2')).collect();
    let expected = [
        "2,2,1,1,,lost,client,7,,true,default; not expected",
        "2,2,1,1,,unit,,,ms,false,\"its unit is `us`, but that of earlier trials is `ms`\"",
        "2,2,1,1,,formula,,1,'=2+3,true,",
    ];
    assert_eq!(rows, expected, "{all}");
    assert!(finished.stdout.contains("lost of client: 2 of 2 values are the `default`\n"), "{}", finished.stdout);
}

#[test]
fn a_unit_that_check_prints_is_that_of_the_section_unless_there_is_a_scale() {
    let folder = Folder::new();
    let finished = local(
        &folder,
        "[Test]\ncheck = echo metric other 5000 us; echo metric same 5 ms; echo metric scaled 5000 us; echo metric none 5\n\
         [Workers]\nclient = @ 127.0.0.1\n[client:Run]\nload = echo 1\n\
         [Metric other]\nfrom = check\nunit = ms\n[Metric same]\nfrom = check\nunit = ms\n\
         [Metric scaled]\nfrom = check\nunit = ms\nscale = 0.001\n[Metric none]\nfrom = check\nunit = ms\n",
    );
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    let expected = [
        "other - null ms (the standard output of `check`: it has two units, `ms` and `us`)",
        "same - 5.0 ms",
        "scaled - 5.0 ms",
        "none - 5.0 ms",
    ];
    assert_eq!(measured(&folder, 1), expected);
}
