//! Converts a summary to cells: a table for each metric, with a row for each point or run.

use std::collections::BTreeSet;

use super::numbers::{Decimals, change, decimals, interval, number, of_location, percent};
use crate::model::{Margin, Point, on_one_line};
use crate::report::words;
use crate::statistics::{Design, Drift, Location, Method, Scale, TrialsNeeded, Verdict};
use crate::values::{Against, Block, Compared, Line, Metric, Summary, Unusual, Values};

/// The maximum number of unusual values of a metric that are listed.
const UNUSUAL: usize = 5;

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::report) struct Table {
    /// The column heads. The first one is the title.
    pub(in crate::report) heads: Vec<String>,
    /// For each column, whether its cells are numbers, which are right-aligned.
    pub(in crate::report) is_number: Vec<bool>,
    /// The rows.
    pub(in crate::report) rows: Vec<Vec<String>>,
    /// The notes below the table, one per line.
    pub(in crate::report) notes: Vec<String>,
}

/// The names of the points and runs of a summary.
#[derive(Debug, Clone)]
pub(in crate::report) struct Told<'a> {
    /// The points of each run.
    pub(in crate::report) points: Vec<&'a [Point]>,
    /// The names of the runs, if there are several.
    pub(in crate::report) runs: &'a [String],
    /// The name of what the lines are compared with.
    pub(in crate::report) baseline: String,
}

impl<'a> Told<'a> {
    /// Returns the names for the summary of one run.
    pub(in crate::report) fn of_run(values: &'a Values) -> Self {
        let baseline = values.baseline().unwrap_or_else(|| "the baseline".to_owned());
        Self { points: vec![&values.points], runs: &[], baseline }
    }

    fn point(&self, line: &Line) -> String {
        let name = self.points.get(line.run).and_then(|points| points.get(line.point)).map(|point| &point.name);
        name.map_or(String::new(), |name| on_one_line(name).into_owned())
    }

    fn run(&self, line: &Line) -> String {
        self.runs.get(line.run).cloned().unwrap_or_default()
    }

    /// Returns the name of a line in a note.
    fn line(&self, line: &Line) -> String {
        let names = [self.point(line), self.run(line)];
        names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(", ")
    }
}

/// Returns the tables of a summary. If nothing is compared and there is only one point, one table contains all metrics.
pub(in crate::report) fn tables(summary: &Summary, told: &Told<'_>) -> Vec<Table> {
    let is_plain = |block: &Block| block.lines.len() == 1 && told.point(&block.lines[0]).is_empty();
    if !summary.blocks.is_empty() && summary.blocks.iter().all(is_plain) {
        return vec![plain(summary, told)];
    }
    summary.blocks.iter().map(|block| table(block, told)).collect()
}

/// Returns the tables with at most `rows` rows and as many notes in total, and how many rows are left out.
pub(in crate::report) fn limited(summary: &Summary, told: &Told<'_>, rows: usize) -> (Vec<Table>, usize) {
    let (mut left, mut left_notes, mut out) = (rows, rows, 0);
    let mut shown = Vec::new();
    for mut table in tables(summary, told) {
        out += table.rows.len().saturating_sub(left);
        table.rows.truncate(left);
        left -= table.rows.len();
        if let Some(more) = table.notes.len().checked_sub(left_notes).filter(|more| *more > 0) {
            table.notes.truncate(left_notes);
            table.notes.push(format!("and {}", words::counted(more, "more note")));
        }
        left_notes -= table.notes.len().min(left_notes);
        if !table.rows.is_empty() {
            shown.push(table);
        }
    }
    (shown, out)
}

/// Returns the note about this number of left-out rows.
pub(in crate::report) fn more_rows(out: usize) -> Option<String> {
    (out > 0).then(|| format!("and {}, see the `json` report", words::counted(out, "more row")))
}

/// The maximum number of rows of all tables together.
pub(in crate::report) const ROWS: usize = 200;

/// Returns the table of all metrics of a run with one point.
fn plain(summary: &Summary, told: &Told<'_>) -> Table {
    let has_workers = summary.blocks.iter().any(|block| block.worker.is_some());
    let lines = || summary.blocks.iter().filter_map(|block| Some((block, block.lines.first()?)));
    let row = |(block, line): (&Block, &Line)| {
        let decimals = decimals(&of_location(line.location).collect::<Vec<_>>());
        let worker = has_workers.then(|| block.worker.clone().unwrap_or_default());
        [metric_title(&block.metric, None)].into_iter().chain(worker).chain(cells(line, decimals)).collect()
    };
    let workers = has_workers.then(String::new);
    let heads: Vec<String> =
        ["Metrics".to_owned()].into_iter().chain(workers).chain(HEADS.map(str::to_owned)).collect();
    let all: Vec<_> = lines().collect();
    let of_metric = all.chunk_by(|(one, _), (other, _)| one.metric.name == other.metric.name);
    let notes = of_metric.flat_map(|own| {
        let others = own.iter().flat_map(|(block, line)| notes(block, line, told, true));
        unusual(own.iter().copied(), told, true).into_iter().chain(others).collect::<Vec<_>>()
    });
    Table { is_number: are_numbers(&heads), heads, rows: lines().map(row).collect(), notes: notes.collect() }
}

/// Returns the table of a metric with several points or runs.
fn table(block: &Block, told: &Told<'_>) -> Table {
    let numbers: Vec<f64> = block.lines.iter().flat_map(|line| of_location(line.location)).collect();
    let decimals = decimals(&numbers);
    let has_points = block.lines.iter().any(|line| !told.point(line).is_empty());
    let has_runs = !told.runs.is_empty();
    let is_compared = block.lines.iter().any(|line| line.against != Against::Nothing);
    let changes = changes(block, decimals);
    let row = |(line, change): (&Line, String)| {
        let names = [(has_points, told.point(line)), (has_runs, told.run(line))];
        let names = names.into_iter().filter_map(|(is_shown, name)| is_shown.then_some(name));
        names.chain(cells(line, decimals)).chain(is_compared.then_some(change)).collect()
    };
    let title = metric_title(&block.metric, block.worker.as_deref());
    let second = (has_points && has_runs).then(String::new);
    let against = is_compared.then(|| against(block, told));
    let heads: Vec<String> = [title].into_iter().chain(second).chain(HEADS.map(str::to_owned)).chain(against).collect();
    let others = block.lines.iter().flat_map(|line| notes(block, line, told, false));
    let unusual = unusual(block.lines.iter().map(|line| (block, line)), told, false);
    let notes = once(unusual.into_iter().chain(others));
    Table { is_number: are_numbers(&heads), heads, rows: block.lines.iter().zip(changes).map(row).collect(), notes }
}

/// Formats the title of a metric: `goodput of client, Mbit/s (higher is better)`.
pub(in crate::report) fn metric_title(metric: &Metric, worker: Option<&str>) -> String {
    let worker = worker.map(|worker| format!(" of {worker}")).unwrap_or_default();
    let unit = metric.unit.as_deref().map(|unit| format!(", {}", on_one_line(unit))).unwrap_or_default();
    let better = metric.better.map(|better| format!(" ({better} is better)")).unwrap_or_default();
    format!("{}{worker}{unit}{better}", on_one_line(&metric.name))
}

/// Formats the head of the changes: `against qdisc=fq_codel, paired, threshold 2 %`.
fn against(block: &Block, told: &Told<'_>) -> String {
    let design = match block.design {
        Some(Design::Paired) => ", paired",
        Some(Design::Unpaired) => ", unpaired",
        None => "",
    };
    let threshold = match block.metric.threshold {
        Margin::Relative(part) => percent(part),
        Margin::Absolute(number) => {
            let unit = block.metric.unit.as_deref().map(|unit| format!(" {}", on_one_line(unit))).unwrap_or_default();
            format!("{number}{unit}")
        }
    };
    format!("against {}{design}, threshold {threshold}", on_one_line(&told.baseline))
}

/// The heads of the cells of each line.
const HEADS: [&str; 3] = ["median", "95 % CI", "trials"];

/// Returns the cells of a line: the median, the interval, and the trials as `10` or `9 of 10`.
fn cells(line: &Line, decimals: Decimals) -> [String; 3] {
    let needed = format!("needs {} trials", Location::FEWEST);
    let (median, interval) = match line.location {
        None => ("-".to_owned(), String::new()),
        Some(Location { median, interval: None }) => (number(median, decimals), needed),
        Some(Location { median, interval: Some(own) }) => (number(median, decimals), interval(own, decimals)),
    };
    let trials = line.trials.to_string();
    [median, interval, if line.counted == line.trials { trials } else { format!("{} of {trials}", line.counted) }]
}

/// Returns for each column whether it contains numbers.
fn are_numbers(heads: &[String]) -> Vec<bool> {
    heads.iter().map(|head| matches!(head.as_str(), "median" | "trials")).collect()
}

/// Returns the last column: `-4.0 %  [-5.1, -2.2]  worse`, with the parts aligned between the lines.
fn changes(block: &Block, decimals: Decimals) -> Vec<String> {
    let parts: Vec<Result<[String; 3], &str>> = block
        .lines
        .iter()
        .map(|line| match &line.against {
            Against::Nothing => Err(""),
            Against::Baseline => Err("baseline"),
            Against::NoBaseline => Err("no baseline"),
            Against::NoValues => Err("not comparable"),
            Against::Compared(compared) => Ok(compared_parts(block, compared, decimals)),
        })
        .collect();
    let width = |part: usize| parts.iter().flatten().map(|own| own[part].chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    let joined = parts.iter().map(|own| match own {
        Err(word) => (*word).to_owned(),
        Ok([change, interval, verdict]) => {
            let interval = if second == 0 { String::new() } else { format!("  {interval:second$}") };
            format!("{change:>first$}{interval}  {verdict}").trim_end().to_owned()
        }
    });
    joined.collect()
}

fn compared_parts(block: &Block, compared: &Compared, decimals: Decimals) -> [String; 3] {
    let comparison = &compared.comparison;
    let difference = match comparison.scale {
        Scale::Ratio => None,
        Scale::Difference => Some((decimals, block.metric.unit.as_deref())),
    };
    let (change, interval) = change(comparison.change(), comparison.interval(), difference);
    let said = compared.judgement.map(|judgement| verdict(judgement.verdict)).unwrap_or_default();
    [on_one_line(&change).into_owned(), interval, said]
}

/// Formats the verdict of a line: `worse`, `undecided, needs about 34 trials`.
pub(in crate::report) fn verdict(verdict: Verdict) -> String {
    match verdict {
        Verdict::Undecided(TrialsNeeded::About(trials)) => format!("undecided, needs about {trials} trials"),
        Verdict::Undecided(TrialsNeeded::MoreThanMost) => {
            format!("undecided, needs more than {} trials", crate::statistics::MOST_TRIALS)
        }
        decided => decided.word().to_owned(),
    }
}

/// Returns the notes about unusual values in these lines. In a table of several metrics, they name the metric.
fn unusual<'a>(lines: impl Iterator<Item = (&'a Block, &'a Line)>, told: &Told<'_>, is_named: bool) -> Vec<String> {
    let all: Vec<_> =
        lines.flat_map(|(block, line)| line.unusual.iter().map(move |unusual| (block, line, unusual))).collect();
    let numbers = all.iter().flat_map(|(_, line, own)| [own.value].into_iter().chain(of_location(line.location)));
    // The values have the same number of decimals.
    let alike = decimals(&numbers.collect::<Vec<_>>());
    let note = |(block, line, unusual): &(&Block, &Line, &Unusual)| {
        let Unusual { trial, value, notes } = unusual;
        let (name, own) = (told.line(line), number(*value, alike));
        let unit = block.metric.unit.as_deref().map(|unit| format!(" {}", on_one_line(unit))).unwrap_or_default();
        let happened = notes.iter().map(|text| format!("; {}", on_one_line(text))).collect::<Vec<_>>().concat();
        let of_line = if name.is_empty() { String::new() } else { format!(" ({name})") };
        let metric = prefix(block, block.worker.as_deref(), is_named);
        format!("{metric}trial {trial}{of_line} is unusual: {own}{unit}{happened}")
    };
    let mut notes = once(all.iter().map(note));
    let more = notes.len().saturating_sub(UNUSUAL);
    notes.truncate(UNUSUAL);
    if let Some((block, ..)) = all.first().filter(|_| more > 0) {
        let more = words::counted(more, "more unusual value");
        notes.push(format!("{}and {more}", prefix(block, None, is_named)));
    }
    notes
}

/// Removes duplicate notes: if a run is compared with itself, each note occurs twice.
fn once(notes: impl Iterator<Item = String>) -> Vec<String> {
    let mut told = BTreeSet::new();
    notes.filter(|note| told.insert(note.clone())).collect()
}

/// Returns the metric of a note as a prefix, if `is_named` is set.
fn prefix(block: &Block, worker: Option<&str>, is_named: bool) -> String {
    let title = || metric_title(&Metric { better: None, ..block.metric.clone() }, worker) + ": ";
    if is_named { title() } else { String::new() }
}

/// Returns the notes about a line. In a table of several metrics, they name the metric.
fn notes(block: &Block, line: &Line, told: &Told<'_>, is_named: bool) -> Vec<String> {
    let name = told.line(line);
    let of_line = if name.is_empty() { String::new() } else { format!(" ({name})") };
    let metric = prefix(block, block.worker.as_deref(), is_named);
    let are = |count: usize| if count == 1 { "is" } else { "are" };
    let some = |count: usize, what: &str| {
        let values = words::counted(line.counted, "value");
        (count > 0).then(|| format!("{count} of {values}{of_line} {} {what}", are(count)))
    };
    let again = (line.run_again > 0).then(|| {
        let trials = words::counted(line.run_again, "trial");
        let were = if line.run_again == 1 { "was" } else { "were" };
        format!("{trials}{of_line} {were} run again later and {} not in pairs", are(line.run_again))
    });
    let drift = line.drift.map(|drift| {
        let change = if drift == Drift::Up { "rise" } else { "fall" };
        format!("the values{of_line} {change} during the run")
    });
    let notes = [some(line.outside, "outside `expect`"), some(line.defaults, "the `default`"), again, drift];
    notes.into_iter().flatten().map(|note| format!("{metric}{note}")).collect()
}

/// Returns the note about intervals and verdicts below comparisons.
pub(in crate::report) fn footnote(summary: &Summary) -> Option<String> {
    let compared: Vec<_> = summary.compared().collect();
    let adjusted = match summary.judged {
        0 | 1 => String::new(),
        rows => format!("; verdicts are adjusted for {rows}"),
    };
    let several =
        (compared.len() > 1).then(|| format!("Intervals are not adjusted for multiple comparisons{adjusted}."));
    let is_approximate = compared.iter().any(|own| own.comparison.shift.method == Method::Normal);
    let approximate = "With more than 50 trials, intervals and p-values are approximate.";
    let sentences: Vec<String> = several.into_iter().chain(is_approximate.then(|| approximate.to_owned())).collect();
    (!sentences.is_empty()).then(|| sentences.join(" "))
}
