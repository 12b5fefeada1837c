//! `await:` steps on a real player: lines that come late, in pieces, without an end, or never.

use serde_json::Value;

use crate::support::{Folder, Player, run};

/// Runs Run of one worker with these steps, and returns the exit status and the results of the steps.
fn results(steps: &str) -> (Option<i32>, Vec<Value>) {
    let (player, folder) = (Player::start(), Folder::new());
    folder.test("step_timeout = 60s", &["w"]).worker("w", player.port, &format!("[Run]\n{steps}"));
    let finished = run(&folder, ["conduct", "--quiet", "-f", "json", "test.cfg"]);
    let report: Value = serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("{finished:#?}"));
    let results = &report["trials"][0]["phases"]["run"]["workers"]["w"]["results"];
    // The last entry is the end of the phase.
    let steps = results.as_array().expect("results").iter().filter(|result| result.get("step").is_some());
    (finished.status, steps.cloned().collect())
}

fn outcomes(results: &[Value]) -> Vec<&str> {
    results.iter().map(|result| result["outcome"].as_str().expect("an outcome")).collect()
}

/// A server that prints this is ready: the `await` passes, and the next step runs.
fn passes(server: &str, pattern: &str) {
    let (status, results) =
        results(&format!("server = spawn:{server}\nready = await50:server {pattern}\nnext = true\n"));
    assert_eq!((status, outcomes(&results)), (Some(0), vec!["spawned", "passed", "passed"]), "{results:#?}");
}

#[test]
fn a_line_that_is_printed_late_on_either_output_is_seen() {
    passes("echo starting; sleep 0.5; echo listening on 80; exec sleep 600", "^listening on \\d+$");
    passes("echo starting; sleep 0.2; echo listening on 80 >&2; exec sleep 600", "listening on");
}

#[test]
fn a_line_that_was_printed_before_the_step_begins_is_seen() {
    let steps = "server = spawn:echo listening; echo done; exec sleep 600\nwork = sleep 0.5\nready = await50:server ^listening$\n";
    let (status, results) = results(steps);
    assert_eq!((status, outcomes(&results)), (Some(0), vec!["spawned", "passed", "passed"]), "{results:#?}");
    assert!(results[2]["duration"].as_f64().is_none_or(|duration| duration < 0.4), "{results:#?}");
}

#[test]
fn a_line_in_two_pieces_or_without_a_newline_is_seen() {
    passes("printf listen; sleep 0.3; printf 'ing on 80\\nmore'; exec sleep 600", "^listening on 80$");
    passes("printf 'ready> '; exec sleep 600", "^ready> $|^ready>$");
    // The end of the process finishes the line.
    passes("printf 'up and gone'", "gone$");
}

#[test]
fn a_line_after_a_hundred_megabytes_of_output_is_seen() {
    let line = "x".repeat(99);
    passes(&format!("yes {line} | head -c 100000000; echo; echo listening; exec sleep 600"), "^listening");
}

#[test]
fn a_server_that_never_prints_the_line_is_waited_for_until_the_limit_and_its_last_lines_are_shown() {
    let server = "spawn:for i in 1 2 3 4 5 6 7; do echo line $i; done; printf 'bind: in use'; exec sleep 600";
    let steps = format!("server = {server}\nready = must:await1:server listening on\nnext = true\n");
    let (status, results) = results(&steps);
    assert_eq!((status, outcomes(&results)), (Some(3), vec!["spawned", "failed", "skipped"]), "{results:#?}");
    let text = results[1].to_string();
    let why = "step `server` printed no line that matches `listening on` within 1s; \
               its last lines are `line 4`, `line 5`, `line 6`, `line 7`, `bind: in use`";
    assert!(text.contains(why), "{text}");
}

#[test]
fn a_server_that_ends_before_fails_the_step_at_once() {
    let steps = "server = mayfail:spawn:echo starting; sleep 0.3; echo no route >&2; exit 1\n\
                 ready = mayfail:await50:server listening\nagain = mayfail:await:server listening\nnext = true\n";
    let (status, results) = results(steps);
    assert_eq!((status, outcomes(&results)), (Some(0), vec!["spawned", "failed", "failed", "passed"]), "{results:#?}");
    let why = "step `server` ended without printing a line that matches `listening`; \
               its last lines are `starting`, `no route`";
    for result in &results[1..3] {
        assert!(result.to_string().contains(why), "{result}");
    }
}

#[test]
fn parallel_steps_wait_at_the_same_time_and_for_passes_at_its_end() {
    let steps = "a = spawn:sleep 0.2; echo up; exec sleep 600\nb = spawn:echo up; exec sleep 600\n\
                 one = parallel:await50:a up\ntwo = parallel:await50:b up\nthree = parallel:for0.3:await:b never\n";
    let (status, results) = results(steps);
    assert_eq!(status, Some(0), "{results:#?}");
    assert_eq!(outcomes(&results), ["spawned", "spawned", "passed", "passed", "passed"], "{results:#?}");
}

#[test]
fn a_barrier_after_an_await_lets_the_clients_go_on_when_the_server_is_ready() {
    let (player, folder) = (Player::start(), Folder::new());
    let flag = folder.join("up").display().to_string();
    let server = format!("spawn:sleep 0.3; touch {flag}; echo listening; exec sleep 600");
    folder.test("", &["server", "client"]);
    folder.worker(
        "server",
        player.port,
        &format!("[Run]\nserve = {server}\nready = await50:serve listening\nup = barrier:up\n"),
    );
    folder.worker("client", player.port, &format!("[Run]\nup = barrier:up\nuse = test -e {flag}\n"));
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
}

#[test]
fn labels_are_found_in_upper_and_lower_case() {
    let steps = "server = spawn:echo up; exec sleep 600\nready = await50:Server up\nend = must:stop:SERVER\n";
    let (status, results) = results(steps);
    assert_eq!((status, outcomes(&results)), (Some(0), vec!["spawned", "passed", "passed"]), "{results:#?}");
}
