//! Steps and checks as sources of output, and the names of their output files in the results folder of a run.

use super::{Plan, StepReference, Stream};

/// The maximum number of characters of a label in a file name.
const LABEL: usize = 60;

/// A source of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Printer {
    /// A step.
    Step(StepReference),
    /// The check of this trial.
    Check(u32),
}

impl Printer {
    /// Returns the path components in the folder of the run: `outputs/trial-1/WORKER/run-01-LABEL.stdout`.
    pub fn file(self, plan: Option<&Plan>, stream: Stream) -> Vec<String> {
        let trial = |trial: u32| format!("trial-{trial}");
        let stream = stream.word();
        let beneath = match self {
            Self::Check(number) => vec![trial(number), format!("check.{stream}")],
            Self::Step(step) => {
                let name = plan.map_or("?", |plan| plan.name(step.worker));
                let planned = plan.and_then(|plan| plan.step(step));
                let label = planned.map_or(String::new(), |step| file_name(step.label.as_str()));
                let file = format!("{}-{:02}-{label}.{stream}", step.phase, step.position.saturating_add(1));
                vec![trial(step.trial), name.to_owned(), file]
            }
        };
        std::iter::once("outputs".to_owned()).chain(beneath).collect()
    }
}

/// Converts a label to a part of a file name.
fn file_name(label: &str) -> String {
    let sign = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' };
    label.chars().map(sign).take(LABEL).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_leads_nowhere_else() {
        assert_eq!(file_name("../../etc/passwd and\nmore"), ".._.._etc_passwd_and_more");
        assert_eq!(file_name(&"x".repeat(300)).len(), LABEL);
    }
}
