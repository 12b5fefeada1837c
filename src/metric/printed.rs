//! Reads the metrics in the output of `check`: lines `metric NAME VALUE [UNIT]`.

use std::collections::BTreeMap;
use std::io::BufRead;

use super::missing::finite;
use super::reading::each_line;
use super::{Missing, Picked};
use crate::model::{MetricName, Pick, is_unit};

/// The maximum number of metrics that are read from the output of a check.
pub(super) const MOST: usize = 1000;

/// A metric that a check printed.
pub(super) struct Printed {
    /// The number that is picked from its lines, or why one of them is invalid.
    pub(super) picked: Result<Picked, Missing>,
    /// The unit, if one was printed.
    pub(super) unit: Option<String>,
}

impl Printed {
    /// Sets the unit of a line. A metric can have only one.
    fn take_unit(&mut self, unit: Option<String>) {
        let Some(unit) = unit.filter(|_| self.picked.is_ok()) else { return };
        if !is_unit(&unit) {
            self.picked = Err(Missing::NotAUnit);
        } else if let Some(known) = self.unit.take_if(|known| *known != unit) {
            self.picked = Err(Missing::Units(known, unit));
        } else {
            self.unit = Some(unit);
        }
    }
}

/// Returns the metrics that a check printed, each with the number that is picked, and whether there are more.
///
/// # Errors
///
/// Returns an error if the text cannot be read.
pub(super) fn printed(
    text: impl BufRead,
    pick: impl Fn(&MetricName) -> Pick,
) -> Result<(BTreeMap<MetricName, Printed>, bool), Missing> {
    let mut metrics: BTreeMap<MetricName, Printed> = BTreeMap::new();
    let mut has_more = false;
    each_line(text, |line| {
        let Some((name, value, unit, has_rest)) = parts(&String::from_utf8_lossy(line)) else { return Ok(()) };
        if metrics.len() == MOST && !metrics.contains_key(&name) {
            has_more = true;
            return Ok(());
        }
        let fresh = || {
            let picked =
                name.reserved().map_or_else(|| Ok(Picked::new(pick(&name))), |start| Err(Missing::Reserved(start)));
            Printed { picked, unit: None }
        };
        let metric = metrics.entry(name.clone()).or_insert_with(fresh);
        metric.take_unit(unit);
        if has_rest && metric.picked.is_ok() {
            metric.picked = Err(Missing::Blank);
        }
        if let Ok(picked) = &mut metric.picked {
            match finite(&value) {
                Ok(number) if picked.take(number) => {}
                Ok(_) => metric.picked = Err(Missing::TooMany),
                Err(why) => metric.picked = Err(why),
            }
        }
        Ok(())
    })?;
    Ok((metrics, has_more))
}

/// Returns the name, the value and the unit of a line, if it is about a metric, and whether more follows. A line with
/// more words and no number is a sentence that begins with the word `metric`, and is ignored.
fn parts(line: &str) -> Option<(MetricName, String, Option<String>, bool)> {
    let mut words = line.split_whitespace();
    if words.next() != Some("metric") || line.starts_with(char::is_whitespace) {
        return None;
    }
    let (name, value, unit, rest) = (words.next()?, words.next()?, words.next(), words.next());
    let name = MetricName::new(name).ok().filter(|_| rest.is_none() || value.parse::<f64>().is_ok())?;
    Some((name, value.to_owned(), unit.map(str::to_owned), rest.is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let (metrics, _) = printed(text.as_bytes(), |_| Pick::Last).unwrap_or_default();
        let value = |printed: Printed| match printed.picked {
            Ok(picked) => picked.value().map_or("none".to_owned(), |value| value.to_string()),
            Err(why) => why.to_string(),
        };
        let shown = |(name, printed): (MetricName, Printed)| {
            let unit = printed.unit.clone().unwrap_or_default();
            format!("{name} {} {unit}", value(printed)).trim_end().to_owned()
        };
        metrics.into_iter().map(shown).collect()
    }

    #[test]
    fn lines_about_metrics_are_read_and_others_are_not() {
        assert_eq!(read("metric a 1\r\nmetric b -2.5e3 Mbit/s\nmetric a 3 ms\n"), ["a 3 ms", "b -2500 Mbit/s"]);
        assert_eq!(read("metrics a 1\n metric a 1\nmetric a\nmetric a/b 1\nthe metric a 1\n"), [""; 0]);
        assert_eq!(read("metric tons of steel were moved\n"), [""; 0]);
        assert_eq!(
            read("metric a 1 m s\nmetric b 1 m\nmetric b 2 m # two\n"),
            ["a its unit contains a space m", "b its unit contains a space m"]
        );
        assert_eq!(
            read("metric a nan\nmetric a 1\nmetric b fast"),
            ["a `nan` is not a finite number", "b `fast` is not a finite number"]
        );
    }

    #[test]
    fn a_printed_metric_has_a_name_of_its_own_and_one_unit() {
        assert_eq!(
            read("metric step.a.run.b 1 s\nmetric start_skew.run 1\nmetric steps 1\n"),
            [
                "start_skew.run names that begin with `start_skew.` are reserved",
                "step.a.run.b names that begin with `step.` are reserved",
                "steps 1"
            ]
        );
        assert_eq!(read("metric a 1 ms\nmetric a 2\nmetric a 3 ms\n"), ["a 3 ms"]);
        assert_eq!(read("metric a 1 ms\nmetric a 2000 us\n"), ["a it has two units, `ms` and `us`"]);
        let wrong = "its unit has more than 40 characters, or control characters";
        assert_eq!(
            read(&format!("metric a 1 {}\nmetric b 1 \u{1b}[31m\n", "x".repeat(41))),
            [format!("a {wrong}"), format!("b {wrong}")]
        );
    }

    #[test]
    fn so_many_metrics_are_read_and_it_is_known_that_there_are_more() {
        let lines: Vec<String> = (0..=MOST).map(|number| format!("metric m{number} 1\n")).collect();
        let count = |text: String| printed(text.as_bytes(), |_| Pick::Last).map(|(all, more)| (all.len(), more)).ok();
        assert_eq!(count(lines.concat()), Some((MOST, true)));
        assert_eq!(count(lines[..MOST].concat()), Some((MOST, false)));
    }
}
