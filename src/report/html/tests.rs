//! Tests of the page as text: no text from outside becomes markup, and embedded data is complete.

use serde_json::Value;

use crate::model::{Format, Outcome, Phase, Reason, Stamped, Step, Verdict};
use crate::report::recorded::{Recording, failed, left, lost, measured, passed, plain, plan, printing, told, worker};

/// Returns the embedded data with this ID.
fn embedded(page: &str, id: &str) -> Value {
    let begin = format!("<script type=\"application/json\" id=\"{id}\">");
    let text = page.split_once(&begin).and_then(|(_, rest)| rest.split_once("</script>")).map(|(text, _)| text);
    serde_json::from_str(text.unwrap_or_else(|| panic!("no `{id}` in {page}"))).unwrap()
}

fn page(events: &[Stamped]) -> String {
    told(Format::Html, plain(), events)
}

#[test]
fn the_page_refers_to_nothing_outside() {
    for page in [page(&passed()), page(&failed()), page(&lost())] {
        for word in ["http:", "https:", "src=", "url(", "@import"] {
            assert!(!page.contains(word), "{word}");
        }
        for (at, _) in page.match_indices("href=") {
            assert!(page[at..].starts_with("href=\"#"), "{}", &page[at..at + 30]);
        }
    }
}

#[test]
fn the_cause_of_a_failed_metric_leads_to_its_table() {
    let page = page(&measured());
    assert!(page.contains("<a href=\"#metric-goodput\">metric <code>goodput</code>"), "{page}");
    assert_eq!(page.matches("id=\"metric-goodput\"").count(), 1);
}

#[test]
fn nothing_that_others_wrote_is_markup() {
    let hostile = "</script></style><img src=x onerror=alert(1)><!-- &quot; \u{2028}\u{2029}\u{1b}[2J\u{202e}";
    let mut plan = plan(vec![worker("dut", Vec::new(), vec![Step::plain(hostile, hostile)])]);
    plan.file = hostile.into();
    let mut run = Recording::of(plan);
    run.trial();
    run.phase(Phase::Run);
    run.step(Phase::Run, 0, 0, left(Outcome::NotStarted(hostile.to_owned()), hostile.as_bytes(), hostile.as_bytes()));
    run.add(crate::model::Event::Warning { worker: None, text: hostile.to_owned() });
    run.phase_done(Phase::Run);
    let page = page(&run.over(Verdict::Failed, vec![Reason::Failed(hostile.to_owned())]));
    assert!(!page.contains("<img"), "{page}");
    assert!(!page.contains("<!-- &quot"), "{page}");
    // The embedded data and the script itself.
    assert_eq!(page.matches("</script").count(), 4);
    assert_eq!(page.matches("</style").count(), 1);
    assert!(!page.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'));
    assert_eq!(embedded(&page, "data")["labels"][0], hostile);
    assert_eq!(embedded(&page, "outputs")[1]["text"], hostile);
}

#[test]
fn a_step_has_its_outputs_under_its_own_number() {
    let page = page(&failed());
    let (data, outputs) = (embedded(&page, "data"), embedded(&page, "outputs"));
    let label = |step: usize| {
        let number = data["steps"]["label"][step].as_u64().unwrap();
        data["labels"][usize::try_from(number).unwrap()].as_str().unwrap().to_owned()
    };
    let told: Vec<(String, &str, &str)> = outputs
        .as_array()
        .unwrap()
        .iter()
        .map(|output| {
            let step = usize::try_from(output["step"].as_u64().unwrap()).unwrap();
            (label(step), output["stream"].as_str().unwrap(), output["text"].as_str().unwrap())
        })
        .collect();
    let expected = [("check", "stdout", "out\n"), ("check", "stderr", "err\n"), ("timeout1", "stdout", "half a line")];
    assert_eq!(told, expected.map(|(label, stream, text)| (label.to_owned(), stream, text)));
    for (step, name) in [(0, "check"), (1, "timeout1"), (2, "kill"), (3, "probe")] {
        assert_eq!(label(step), name);
        let worker = if name == "probe" { "generator" } else { "dut" };
        assert!(page.contains(&format!("href=\"#trial-1.{worker}.run.{name}\"")), "{name}");
    }
}

#[test]
fn large_outputs_are_cut_and_say_how_much_is_missing() {
    let page = page(&printing(&vec![b'x'; 10_000_000], u64::MAX));
    let outputs = embedded(&page, "outputs");
    for (output, stream) in outputs.as_array().unwrap().iter().zip(["stdout", "stderr"]) {
        assert_eq!((&output["stream"], &output["bytes"]), (&stream.into(), &10_000_000.into()));
        assert_eq!(output["left_out"], 10_000_000 - 65_536);
    }
    assert!(page.len() < 400_000, "{}", page.len());
}

#[test]
fn a_worker_that_was_lost_is_told_of() {
    let page = page(&lost());
    let cause = r##"<span class="word">lost</span> <a href="#trial-1.b.run.work">b in run of trial 1: nothing heard for 66s</a>"##;
    assert!(page.contains(cause), "{page}");
    assert!(
        page.contains("Consequences: <code>work</code> on b was lost; <code>more</code> on b was skipped"),
        "{page}"
    );
    assert!(page.contains("<b>Hint:</b> "), "{page}");
}
