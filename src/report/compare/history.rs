//! The history of a metric: a row for each run in order of time, with the change since the run before.

use std::io::{self, Write};

use super::csv;
use super::run::ComparedRun;
use crate::model::{ComparisonFormat, on_one_line};
use crate::report::json_writer;
use crate::report::metrics::{Table, Told, aligned, drawn, footnote, json_entries, tables};
use crate::values::{Summary, Values};

/// A metric over several runs.
pub(crate) struct History {
    runs: Vec<ComparedRun>,
    metric: String,
}

impl History {
    /// Creates the history from those of these runs that have the metric.
    pub(crate) fn new(mut runs: Vec<ComparedRun>, metric: String) -> Self {
        runs.sort_by(|a, b| (a.start, &a.name).cmp(&(b.start, &b.name)));
        runs.retain(|run| run.values().metrics.iter().any(|own| own.name == metric));
        Self { runs, metric }
    }

    /// Whether no run has the metric.
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Writes the history.
    ///
    /// # Errors
    ///
    /// Returns the errors of the writer.
    pub(crate) fn write(&self, format: ComparisonFormat, writer: &mut dyn Write) -> io::Result<()> {
        let names: Vec<String> = self.runs.iter().map(|run| on_one_line(&run.name).into_owned()).collect();
        let values: Vec<Values> = self.runs.iter().map(|run| run.values().only(&self.metric)).collect();
        let points = values.iter().map(|values| values.points.as_slice()).collect();
        let summary = Summary::of_history(&values);
        let told = Told { points, runs: &names, baseline: "the run before".to_owned() };
        let dated = |table: Table| self.dated(table, &names);
        let all: Vec<Table> = tables(&summary, &told).into_iter().map(dated).collect();
        match format {
            ComparisonFormat::Json => json_writer::write(writer, &json_entries(&summary, &told)),
            ComparisonFormat::Text => {
                let all: Vec<String> = all.iter().map(|table| aligned(table).join("\n") + "\n").collect();
                writer.write_all(all.join("\n").as_bytes())?;
                let note = footnote(&summary);
                note.iter().try_for_each(|note| writeln!(writer, "{note}"))
            }
            ComparisonFormat::Markdown => all.iter().try_for_each(|table| writer.write_all(drawn(table).as_bytes())),
            ComparisonFormat::Csv => csv::write(&self.runs, &names, &summary, writer),
        }
    }

    /// Adds a column with the date of each run to the table.
    fn dated(&self, mut table: Table, names: &[String]) -> Table {
        table.heads.push("started".to_owned());
        table.is_number.push(false);
        for row in &mut table.rows {
            let run = names.iter().position(|name| row.contains(name));
            row.push(run.map_or(String::new(), |run| self.runs[run].date()));
        }
        table
    }
}
