//! Tests of the step grammar, as tables.

use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::model::{Bound, Gate, Mode, Until};

fn step(key: &str, value: &str) -> Step {
    let parsed = parse(key, value, &[]);
    let errors = parsed.problems.iter().filter(|(reason, _)| reason.lint != Lint::MisspeltPrefix).count();
    assert_eq!(errors, 0, "{key} = {value}: {:?}", parsed.problems);
    parsed.step
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn timeout(count: u64) -> Bound {
    Bound::Timeout(seconds(count))
}

#[test]
fn keys_and_prefixes_mean_the_same() {
    for (key, value, mode, bound, command) in [
        ("step1", "echo hi", Mode::Wait, None, "echo hi"),
        ("spawn", "server", Mode::Spawn, None, "server"),
        ("Spawn_server", "server", Mode::Spawn, None, "server"),
        ("spawner", "server", Mode::Spawn, None, "server"),
        ("timeout5", "curl x", Mode::Wait, Some(timeout(5)), "curl x"),
        ("timeout1m30s", "curl x", Mode::Wait, Some(timeout(90)), "curl x"),
        ("TIMEOUT120", "curl x", Mode::Wait, Some(timeout(120)), "curl x"),
        ("timeout0.5", "x", Mode::Wait, Some(Bound::Timeout(Duration::from_millis(500))), "x"),
        ("timeout", "x", Mode::Wait, None, "x"),
        ("timeoutx", "x", Mode::Wait, None, "x"),
        ("timeout_check", "x", Mode::Wait, None, "x"),
        ("timeout5_check", "x", Mode::Wait, None, "x"),
        ("a", "spawn:server", Mode::Spawn, None, "server"),
        ("a", "spawn: server", Mode::Spawn, None, "server"),
        ("a", "timeout30:cmd", Mode::Wait, Some(timeout(30)), "cmd"),
        ("a", "timeout30s:  cmd  x", Mode::Wait, Some(timeout(30)), "cmd  x"),
        ("a", "spawn:timeout30:cmd", Mode::Spawn, Some(timeout(30)), "cmd"),
        ("a", "spawn:\n timeout30:cmd", Mode::Spawn, Some(timeout(30)), "cmd"),
        ("spawn1", "timeout30:cmd", Mode::Spawn, Some(timeout(30)), "cmd"),
        ("spawn1", "spawn:cmd", Mode::Spawn, None, "cmd"),
        ("timeout30", "spawn:cmd", Mode::Spawn, Some(timeout(30)), "cmd"),
    ] {
        let step = step(key, value);
        assert_eq!((step.mode, step.bound, step.command()), (mode, bound, Some(command)), "{key} = {value}");
        assert_eq!(step.label.as_str(), key);
    }
}

#[test]
fn what_only_looks_like_a_prefix_is_a_command() {
    for command in [
        "timeoutx:echo odd",
        "timeout:echo",
        "timeout 30 cmd",
        "timeout 30:cmd",
        "spawn :x",
        "Spawn:x",
        "for i in 1 2; do echo $i: x; done",
        "until test -f x; do echo a:b; done",
        "until:x",
        "stopwatch:x",
        "./must:x",
        "curl http://host:80/",
        "%:",
        ":",
        "schlüssel: wert",
    ] {
        assert_eq!(step("a", command).command(), Some(command));
    }
}

#[test]
fn the_whole_order_of_prefixes_is_read() {
    let parsed = step("a", "must:parallel:for30:until10:timeout2:ping -c 1 host");
    assert_eq!(
        parsed,
        Step {
            gate: Gate::Must,
            mode: Mode::Parallel,
            bound: Some(Bound::For(seconds(30))),
            until: Some(Until { limit: seconds(10), attempt: Some(seconds(2)) }),
            ..Step::plain("a", "ping -c 1 host")
        }
    );
    let parsed = step("a", "mayfail:timeout60:until10:x");
    assert_eq!(parsed.gate, Gate::MayFail);
    assert_eq!(parsed.bound, Some(timeout(60)));
    assert_eq!(parsed.until, Some(Until { limit: seconds(10), attempt: None }));
}

#[test]
fn other_things_to_do_than_commands_are_read() {
    for (value, action) in [
        ("barrier:ready", Action::Barrier("ready".to_owned())),
        ("timeout30: barrier: ready", Action::Barrier("ready".to_owned())),
        ("must:stop:spawn1", Action::Stop("spawn1".to_owned())),
        (
            "await:server listening  on :80$",
            Action::Await { label: "server".to_owned(), pattern: "listening  on :80$".to_owned() },
        ),
        ("fetch:scratch:**", Action::Fetch("scratch:**".to_owned())),
        ("fetch:/var/log/*.log", Action::Fetch("/var/log/*.log".to_owned())),
        ("put:a b.txt -> /tmp/c d", Action::Put { local: PathBuf::from("a b.txt"), remote: "/tmp/c d".to_owned() }),
    ] {
        assert_eq!(step("a", value).action, action, "{value}");
        // The displayed form is parsed as the same action.
        assert_eq!(step("a", &action.to_string()).action, action, "{action}");
    }
}

#[test]
fn the_time_of_await_is_the_limit_of_the_step() {
    for (value, bound) in [
        ("await30:server x", Some(timeout(30))),
        ("must:await1m30s: server x", Some(timeout(90))),
        ("await:server x", None),
        ("timeout30:await:server x", Some(timeout(30))),
        ("parallel:for30:await:server x", Some(Bound::For(seconds(30)))),
    ] {
        let step = step("a", value);
        assert_eq!(step.bound, bound, "{value}");
        assert_eq!(step.action.to_string(), "await:server x", "{value}");
    }
    assert_eq!(step("a", "await30s/x:y").command(), Some("await30s/x:y"));
}

#[test]
fn everything_else_is_refused_at_its_place() {
    for (key, value, at, message) in [
        ("a", "", None, "the step has no command"),
        ("a", "spawn:", Some("spawn:"), "the step has no command"),
        ("a", "echo \0", Some("\0"), "the step has a NUL character, which cannot be passed to a program"),
        ("a", "fetch:\0", Some("\0"), "the step has a NUL character, which cannot be passed to a program"),
        ("a", "spawn:must:x", Some("must:"), "`must:` cannot follow `spawn:`"),
        ("a", "must:mayfail:x", Some("mayfail:"), "`mayfail:` cannot follow `must:`"),
        ("a", "spawn:spawn:x", Some("spawn:"), "`spawn:` cannot follow `spawn:`"),
        ("a", "timeout3:for4:x", Some("for4:"), "`for4:` cannot follow `timeout3:`"),
        ("a", "until3:for4:x", Some("for4:"), "`for4:` cannot follow `until3:`"),
        ("a", "until3:timeout4:timeout5:x", Some("timeout5:"), "`timeout5:` cannot follow `timeout4:`"),
        ("a", "timeout0:x", Some("timeout0:"), "`timeout0:` must be longer than zero"),
        ("timeout0", "x", None, "`timeout0` must be longer than zero"),
        ("a", "timeout5x:x", Some("timeout5x:"), "`timeout5x` is not a duration: `x` is not a unit of time"),
        ("a", "until1M:x", Some("until1M:"), "`until1M` is not a duration: `M` is not a unit of time; minutes are `m`"),
        (
            "spawn1",
            "parallel:x",
            Some("parallel:"),
            "`parallel:` conflicts with the key `spawn1`, which is also a prefix",
        ),
        ("timeout5", "for6:x", Some("for6:"), "`for6:` conflicts with the key `timeout5`, which is also a prefix"),
        (
            "timeout5",
            "timeout5:x",
            Some("timeout5:"),
            "`timeout5:` conflicts with the key `timeout5`, which is also a prefix",
        ),
        ("a", "spawn:barrier:x", Some("barrier:"), "`barrier:` cannot be combined with `spawn`"),
        ("spawn1", "put:a -> b", Some("put:"), "`put:` cannot be combined with `spawn`"),
        ("a", "until5:stop:x", Some("stop:"), "`stop:` cannot be combined with `until`"),
        ("a", "barrier:a b", Some("barrier:a b"), "invalid barrier name"),
        ("a", "barrier:", Some("barrier:"), "`barrier:` requires an argument"),
        ("a", "stop:", Some("stop:"), "`stop:` requires an argument"),
        ("a", "await:", Some("await:"), "`await:` has no label"),
        ("a", "await30:server", Some("await30:server"), "`await:` has no pattern"),
        ("a", "await30:server a(", Some("await30:server a("), "`a(` is not a valid pattern: unclosed group"),
        ("a", "await0:server x", Some("await0:"), "`await0:` must be longer than zero"),
        ("a", "await5x:server x", Some("await5x:"), "`await5x` is not a duration: `x` is not a unit of time"),
        ("a", "timeout3:await4:s x", Some("await4:"), "`await4:` has a time limit, but the step already has one"),
        ("timeout3", "await4:s x", Some("await4:"), "`await4:` has a time limit, but the step already has one"),
        ("a", "spawn:await:s x", Some("await:"), "`await:` cannot be combined with `spawn`"),
        ("a", "until3:await4:s x", Some("await4:"), "`await4:` cannot be combined with `until`"),
        ("a", "fetch:/log/", Some("fetch:/log/"), "`/log/` matches only folders"),
        ("a", "fetch:a\nb/", Some("fetch:a\nb/"), "`a\\nb/` matches only folders"),
        ("a", "fetch:/log/*/../a", Some("fetch:/log/*/../a"), "`/log/*/../a` does not name a file"),
        ("a", "fetch:scratch:", Some("fetch:scratch:"), "`scratch:` does not name a file"),
        ("a", "fetch:scratch:/a", Some("fetch:scratch:/a"), "`scratch:/a` leaves the scratch folder"),
        ("a", "fetch:scratch:../a", Some("fetch:scratch:../a"), "`scratch:../a` leaves the scratch folder"),
        ("a", "put:a b", Some("put:a b"), "`put:` has no ` -> `"),
        ("a", "put:a -> ", Some("put:a -> "), "`put:` needs a file on both sides of ` -> `"),
    ] {
        let parsed = parse(key, value, &[]);
        let [(reason, range)] = parsed.problems.as_slice() else { panic!("{key} = {value}: {:?}", parsed.problems) };
        assert_eq!(reason.message, message, "{key} = {value}");
        assert_eq!(range.clone().map(|range| &value[range]), at, "{key} = {value}");
        assert!(!reason.hint.is_empty());
    }
}

#[test]
fn all_that_is_wrong_with_a_step_is_said() {
    let parsed = parse("timeout5", "spawn:must:timeout0:barrier:a b", &[]);
    let messages: Vec<_> = parsed.problems.iter().map(|(reason, _)| reason.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "`must:` cannot follow `spawn:`",
            "`timeout0:` must be longer than zero",
            "`timeout0:` conflicts with the key `timeout5`, which is also a prefix",
            "`barrier:` cannot be combined with `spawn`",
            "invalid barrier name",
        ]
    );
}

#[test]
fn what_is_not_a_command_is_known_by_its_place() {
    assert_eq!(parse("a", "must:timeout30: barrier:x", &[]).form_at, Some(16));
    assert_eq!(parse("a", "must:spawn:x", &[]).form_at, None);
}

#[test]
fn what_was_meant_as_a_prefix_is_told_and_nothing_else() {
    for (value, wrong, hint) in [
        ("spwan:server", "spwan:", "did you mean `spawn:`?"),
        ("Spawn:server", "Spawn:", "did you mean `spawn:`?"),
        ("spawn :server", "spawn :", "did you mean `spawn:`?"),
        ("must:mayfial:x", "mayfial:", "did you mean `mayfail:`?"),
        ("timeout:x", "timeout:", "did you mean `timeout30:`?"),
        ("timeoutx:x", "timeoutx:", "did you mean `timeout30:`?"),
        ("timeout 30:x", "timeout 30:", "did you mean `timeout30:`?"),
        ("timout1m:x", "timout1m:", "did you mean `timeout1m:`?"),
        ("until_5s:x", "until_5s:", "did you mean `until5s:`?"),
    ] {
        let parsed = parse("a", value, &[]);
        let [(reason, range)] = parsed.problems.as_slice() else { panic!("{value}: {:?}", parsed.problems) };
        assert_eq!(range.clone().map(|range| &value[range]), Some(wrong), "{value}");
        assert_eq!((reason.lint, reason.hint.as_str()), (Lint::MisspeltPrefix, hint), "{value}");
    }
    for command in [
        "timeout 30 cmd",
        "timeout 30 curl http://host/",
        "for i in 1 2; do echo $i: x; done",
        "until test -f x; do echo a:b; done",
        "stopwatch:x",
        "./must:x",
        "curl http://host:80/",
        "http://host",
        "step1:x",
        "%:",
        ":",
        ": spawn:",
        "schlüssel: wert",
        "",
    ] {
        assert!(prefix::nearly(command).is_none(), "{command}");
    }
}

#[test]
fn await_takes_the_longest_spawned_label_at_its_start() {
    let spaced = ["my server", "my Server two"];
    for (text, label, pattern) in [
        ("my server ready", "my server", "ready"),
        ("MY server  ready on", "MY server", "ready on"),
        ("my server two ready", "my server two", "ready"),
        ("my server two( ready", "my server", "two\\( ready"),
        ("my servers ready", "my", "servers ready"),
        ("serve ready", "serve", "ready"),
    ] {
        let text = text.replace('(', "\\(");
        let parsed = parse("a", &format!("await5:{text}"), &spaced);
        assert!(parsed.problems.is_empty(), "{text}");
        let expected = Action::Await { label: label.to_owned(), pattern: pattern.to_owned() };
        assert_eq!(parsed.step.action, expected, "{text}");
    }
    let parsed = parse("a", "await5:my server", &spaced);
    assert_eq!(parsed.problems[0].0.message, "`await:` has no pattern");
}
