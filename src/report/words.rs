//! The words for outcomes, signals, durations and actions, which are the same in every report.

use std::time::Duration;

use humantime::format_duration;

pub(crate) use crate::model::counted;
use crate::model::{
    Attempt, Conclusion, Hint, Metric, Outcome, Plan, Reason, StartSkew, Step, StepResult, on_one_line,
};

/// Formats a duration: `0.012s`, `1m02.3s`, `2h03m04s`.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{}.{:03}s", seconds, duration.subsec_millis()),
        60..3600 => format!("{}m{:02}.{}s", seconds / 60, seconds % 60, duration.subsec_millis() / 100),
        _ => format!("{}h{:02}m{:02}s", seconds / 3600, seconds / 60 % 60, seconds % 60),
    }
}

/// Describes the attempts of a repeated step: `4 attempts: failed: exit 1 (3 times), passed`.
pub(super) fn attempts(attempts: &[Attempt]) -> String {
    let same = |a: &Attempt, b: &Attempt| a.outcome == b.outcome;
    let parts = attempts.chunk_by(same).map(|alike| {
        let word = alike.first().map(|attempt| attempt.outcome.in_detail()).unwrap_or_default();
        if alike.len() == 1 { word } else { format!("{word} ({} times)", alike.len()) }
    });
    format!("{}: {}", counted(attempts.len(), "attempt"), parts.collect::<Vec<_>>().join(", "))
}

/// Describes how a step ended, with all known reasons.
pub(super) fn ending(result: &StepResult) -> String {
    let word = result.outcome.word();
    match result.why() {
        Some(why) => format!("{word}: {why}"),
        None if result.attempts.len() > 1 => {
            format!("{} ({})", result.outcome.in_detail(), attempts(&result.attempts))
        }
        None => result.outcome.in_detail(),
    }
}

/// Returns the lines about a result below its outcome: why it failed, how its attempts ended.
pub(super) fn notes(result: &StepResult) -> Vec<String> {
    let mut lines = Vec::new();
    let in_vain = result.attempts_in_vain();
    match (&result.outcome, &in_vain) {
        (Outcome::TimedOut(limit), Some(attempts)) => {
            lines.push(format!("gave up after {}: {}", format_duration(*limit), on_one_line(attempts)));
        }
        (Outcome::TimedOut(limit), None) => lines.push(format!("stopped after {}", format_duration(*limit))),
        (Outcome::NotStarted(why) | Outcome::Unfulfilled(why), _) => lines.push(on_one_line(why).into_owned()),
        _ => {}
    }
    let alike = result.attempts.windows(2).all(|pair| pair[0].outcome == pair[1].outcome);
    if result.attempts.len() > 1 && !(in_vain.is_some() && alike) {
        lines.push(self::attempts(&result.attempts));
    }
    lines
}

/// Formats a long duration approximately: `45 s`, `41 min`, `3 h 20 min`.
pub(crate) fn about(duration: Duration) -> String {
    let minutes = duration.as_secs().div_ceil(60);
    match minutes {
        0 | 1 => format!("{} s", duration.as_secs()),
        2..120 => format!("{minutes} min"),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

/// Formats a start skew with its error bound: `1.234 ms ± 0.150 ms`.
pub(crate) fn skew(skew: &StartSkew) -> String {
    format!("{} ± {}", milliseconds(skew.spread), milliseconds(skew.bound))
}

/// Formats a start skew if there are several workers. A single worker has none.
pub(crate) fn skew_of_several(known: Option<&StartSkew>) -> Option<String> {
    known.filter(|known| known.workers > 1).map(skew)
}

/// Formats a short duration in milliseconds.
pub(crate) fn milliseconds(duration: Duration) -> String {
    format!("{:.3} ms", duration.as_secs_f64() * 1000.0)
}

/// Describes the extent of a run: `2 trials of startup, run on 3 workers`, `20 to 100 trials of run on 1 worker`.
pub(super) fn extent(plan: &Plan) -> String {
    let phases = plan.phases.iter().map(|phase| phase.word()).collect::<Vec<_>>().join(", ");
    let [trials, workers] =
        [(plan.trials as usize, "trial"), (plan.workers.len(), "worker")].map(|(n, of)| counted(n, of));
    let most = plan.most_trials();
    let trials = if most > plan.trials { format!("{} to {most} trials", plan.trials) } else { trials };
    format!("{trials} of {phases} on {workers}")
}

/// Describes the action of a step on one line. Returns an empty string if the step is not in the plan.
pub(super) fn command(step: Option<&Step>) -> String {
    step.map_or(String::new(), |step| on_one_line(&step.action.to_string()).into_owned())
}

/// Returns the label of a step on one line. Returns an empty string if the step is not in the plan.
pub(super) fn label(step: Option<&Step>) -> String {
    step.map_or(String::new(), |step| on_one_line(step.label.as_str()).into_owned())
}

/// The reason why a run whose record has no end is incomplete.
pub(super) const NO_END: &str = "the end of the run was not recorded: its conductor was killed or is still running";

/// Returns the word for the result of a run. If the run was interrupted or could not be carried out, this is not the
/// verdict.
pub(super) fn verdict(conclusion: &Conclusion) -> &'static str {
    let is = |wanted: fn(&Reason) -> bool| conclusion.reasons.iter().find(|known| wanted(known));
    let interrupted = is(|known| matches!(known, Reason::Interrupted(_)));
    let not_carried_out = || is(|known| matches!(known, Reason::NotCarriedOut(_)));
    interrupted.or_else(not_carried_out).map_or(conclusion.verdict.word(), Reason::kind)
}

/// Formats a reason as a line: its kind and its text, or only the text if it names the kind.
pub(super) fn reason_line(reason: &Reason) -> String {
    match reason {
        Reason::Interrupted(_) => reason.text(),
        other => format!("{}: {}", other.kind(), other.text()),
    }
}

/// A line for each hint: its key, and the advice for the user.
const HINTS: &str = include_str!("hints.txt");

/// Returns the text of a hint.
pub(crate) fn hint(hint: Hint) -> &'static str {
    let sentence = |line: &'static str| line.split_once(": ").filter(|(word, _)| *word == hint.word());
    HINTS.lines().find_map(sentence).map_or("", |(_, sentence)| sentence)
}

/// Describes a metric of the plan: `metric goodput from client.run.load, json /end, pick max, in Mbit/s, expected
/// 900..1000`.
pub(super) fn metric(metric: &Metric) -> String {
    let parts = metric.settings().into_iter().map(|(setting, value)| match setting {
        "from" => format!("metric {} from {value}", metric.name),
        "unit" => format!("in {value}"),
        "better" => format!("{value} is better"),
        "expect" => format!("expected {value}"),
        other => format!("{other} {value}"),
    });
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well_at_every_size() {
        assert_eq!(duration(Duration::from_micros(12_900)), "0.012s");
        assert_eq!(duration(Duration::from_millis(62_345)), "1m02.3s");
        assert_eq!(duration(Duration::from_secs(7384)), "2h03m04s");
        let rough = [0, 59, 60, 61, 7199, 7384].map(|seconds| about(Duration::from_secs(seconds)));
        assert_eq!(rough, ["0 s", "59 s", "60 s", "2 min", "2 h 0 min", "2 h 4 min"]);
    }

    #[test]
    fn each_hint_has_one_sentence_behind_the_word_by_which_it_is_recorded() {
        let words = Hint::ALL.map(|known| serde_json::to_value(known).unwrap().as_str().unwrap().to_owned());
        assert_eq!(Hint::ALL.map(Hint::word).to_vec(), words);
        assert!(Hint::ALL.into_iter().all(|known| hint(known).len() > 20));
        assert_eq!(HINTS.lines().count(), words.len());
    }
}
