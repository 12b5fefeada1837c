//! The lines of the view: the rows in columns, below them the current phase and the workers that the run waits for, and
//! the progress.
//!
//! Every line fits the width of the terminal. On a narrow terminal, limits are left out and only names are in columns.

use super::failures::Failure;
use super::rows::{About, Row, WIDEST_COLUMN, few, tenths};
use super::{Board, Standing, steps_of_trial};
use crate::model::{ConductorTime, Plan, WorkerId, beginning_within, display_width, padded};
use crate::report::words;

/// The minimum width of a terminal with limits and columns.
const WIDE: usize = 60;
/// The maximum length of the progress bar.
const LONGEST_BAR: usize = 30;
/// The maximum number of lines for a cause and its consequences.
const LONGEST_CAUSE: usize = 3;

/// A line, and whether it needs attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BoardLine {
    /// The line, without control characters.
    pub(crate) text: String,
    /// Whether it needs attention: it shows a cause, a failure, or a worker that is lost, reconnecting or slow.
    pub(crate) bad: bool,
}

impl BoardLine {
    fn plain(text: String) -> Self {
        Self { text, bad: false }
    }
}

impl Board {
    /// Returns at most `rows` lines of at most `columns` columns.
    pub(crate) fn lines(&mut self, now: ConductorTime, columns: usize, rows: usize) -> Vec<BoardLine> {
        self.failures.update();
        let Some(plan) = &self.plan else { return Vec::new() };
        // The last lines show why trials were added, the current phase, and the progress.
        let precision = self.precision.as_ref().filter(|_| rows > 3);
        let room = rows.saturating_sub(2 + usize::from(precision.is_some()));
        let head = |most| if room > 1 { self.head(columns, most) } else { Vec::new() };
        let mut lines = head(room / 3);
        let most = room.saturating_sub(lines.len());
        let mut shown = self.rows(plan, now, most);
        if shown.len() < most {
            lines = head(room - shown.len());
        }
        let most = room.saturating_sub(lines.len());
        let left_out = if shown.len() > most { shown.split_off(most.saturating_sub(1)) } else { Vec::new() };
        lines.extend(table(plan, &shown, columns));
        let left_out: usize = left_out.iter().map(|row| row.workers.len()).sum();
        if left_out > 0 && most > 0 {
            lines.push(BoardLine::plain(format!("  and {}", words::counted(left_out, "more worker"))));
        }
        lines.extend(precision.map(|why| BoardLine::plain(format!("Precision: {why}"))));
        lines.push(BoardLine::plain(self.waiting(plan, now, columns)));
        lines.push(BoardLine::plain(self.progress(plan, columns)));
        let fit = |BoardLine { text, bad }| BoardLine { text: cut(&text, columns), bad };
        lines.into_iter().map(fit).collect()
    }

    /// Returns what went wrong first, in at most `most` lines.
    fn head(&self, columns: usize, most: usize) -> Vec<BoardLine> {
        let (first, mut others) = self.failures.shown();
        let mut lines: Vec<BoardLine> = Vec::new();
        for (at, failure) in first.iter().enumerate() {
            // One line is needed for the number of the other causes.
            let is_last = at + 1 == first.len() && others == 0;
            let room = most.saturating_sub(lines.len() + usize::from(!is_last));
            let mut needed = told(failure, columns, if at == 0 { room.max(1) } else { usize::MAX });
            if at > 0 && needed.len() > room {
                others += first.len() - at;
                break;
            }
            lines.append(&mut needed);
        }
        if others > 0 {
            lines.push(BoardLine::plain(format!("and {}", words::counted(others, "more cause"))));
        }
        lines
    }

    /// Formats how many steps have ended, and the total number.
    fn progress(&self, plan: &Plan, columns: usize) -> String {
        let all = steps_of_trial(plan) * u64::from(plan.trials);
        let bar = LONGEST_BAR.min(columns / 3);
        let filled = usize::try_from(self.done * bar as u64 / all.max(1)).unwrap_or(bar).min(bar);
        let head = if self.done > 0 && filled < bar { ">" } else { "" };
        format!("[{:bar$}] {} of {all} steps", "=".repeat(filled) + head, self.done)
    }

    /// Estimates how long the rest of a series takes, from the trials that have ended.
    fn time_left(&self, plan: &Plan, now: ConductorTime) -> Option<String> {
        let over = self.begun.checked_sub(1).filter(|over| *over > 0 && plan.is_series())?;
        let (first, latest) = self.trials_began?;
        let each = latest.since(first) / over;
        let left =
            each.checked_mul(plan.trials.saturating_sub(self.done_before + over))?.saturating_sub(now.since(latest));
        Some(words::about(left))
    }

    /// Describes the current trial and phase, and the workers that the run waits for.
    fn waiting(&self, plan: &Plan, now: ConductorTime, columns: usize) -> String {
        let is_waited_for = |standing: &Standing| match (self.phase, self.gone) {
            (None, _) => *standing == Standing::Away,
            (Some(_), false) => matches!(standing, Standing::Away | Standing::Ready),
            (Some(_), true) => *standing == Standing::In,
        };
        let is_waited_for = |id: &WorkerId| is_waited_for(&self.workers[id.0].standing);
        let waited: Vec<WorkerId> = plan.workers().map(|(id, _)| id).filter(is_waited_for).collect();
        // Workers at a barrier are themselves waiting.
        let at_work = waited.iter().filter(|id| !self.is_at_barrier(**id)).copied().collect::<Vec<_>>();
        let waited = if at_work.is_empty() { waited } else { at_work };
        let waited: Vec<&str> = waited.iter().map(|id| plan.worker(*id).name.as_str()).collect();
        let left = self.time_left(plan, now).map(|left| format!(", about {left} left")).unwrap_or_default();
        let trial = format!("Trial {} of {}{}{left}", self.trial, plan.trials, plan.about_trial(self.trial));
        let phase = self.phase.map(|(phase, since)| (phase.word(), since));
        let check = self.checking.map(|since| ("check", since));
        let metrics = self.measuring.map(|since| ("metrics", since));
        let place = match phase.or(check).or(metrics) {
            Some((part, since)) => format!("{trial}, {part}, {}", tenths(now.since(since))),
            None if self.trial == 0 => "Connecting".to_owned(),
            None => trial,
        };
        if waited.is_empty() {
            return place;
        }
        let whole = format!("{place}: waiting for {}", few(&waited, WIDEST_COLUMN));
        if display_width(&whole) <= columns { whole } else { place }
    }
}

/// Formats a cause and its consequences in at most `most` lines. If there are few, the cause takes precedence.
fn told(failure: &Failure, columns: usize, most: usize) -> Vec<BoardLine> {
    let title = broken("", &failure.title, columns, LONGEST_CAUSE.min(most));
    let rest = LONGEST_CAUSE.min(most - title.len());
    let consequences = failure.consequences.iter().filter(|_| rest > 0);
    let consequences = consequences.flat_map(|text| broken("  ", text, columns, rest));
    let title = title.into_iter().map(|text| BoardLine { text, bad: true });
    title.chain(consequences.map(BoardLine::plain)).collect()
}

/// Breaks an indented text between words into at most `most` lines, at least one. Lines after the first are indented
/// further.
fn broken(indentation: &str, text: &str, columns: usize, most: usize) -> Vec<String> {
    let mut lines = vec![indentation.to_owned()];
    for word in text.split_inclusive(' ') {
        let (is_last, line) = (lines.len() >= most, lines.last_mut());
        match line {
            Some(line) if is_last || display_width(line) + display_width(word.trim_end()) <= columns => {
                line.push_str(word);
            }
            _ => lines.push(format!("{indentation}    {word}")),
        }
    }
    lines.iter().map(|line| cut(line.trim_end(), columns)).collect()
}

/// Formats the rows in columns.
fn table(plan: &Plan, rows: &[Row], columns: usize) -> Vec<BoardLine> {
    let is_wide = columns >= WIDE;
    let cells: Vec<Cells> = rows.iter().map(|row| Cells::new(plan, row, is_wide)).collect();
    let most = |of: fn(&Cells) -> usize| cells.iter().map(of).max().unwrap_or(0);
    let names = most(|cells| display_width(&cells.name));
    let widths = if is_wide {
        let labels = most(|cells| if cells.is_label { display_width(&cells.about) } else { 0 });
        [names, most(|cells| cells.state.len()), most(|cells| cells.time.len()), labels]
    } else {
        [names, 0, 0, 0]
    };
    let line = |(cells, row): (&Cells, &Row)| BoardLine { text: cells.line(widths), bad: row.is_bad() };
    cells.iter().zip(rows).map(line).collect()
}

/// The cells of a row.
struct Cells {
    mark: char,
    name: String,
    state: &'static str,
    time: String,
    about: String,
    /// Whether the cells of other rows get the same width.
    is_label: bool,
    printed: String,
    space: &'static str,
}

impl Cells {
    fn new(plan: &Plan, row: &Row, is_wide: bool) -> Self {
        let (widest, space) = if is_wide { (WIDEST_COLUMN, "  ") } else { (WIDEST_COLUMN / 2, " ") };
        let name = match &row.workers[..] {
            [] => "check".to_owned(),
            workers => few(&workers.iter().map(|id| plan.worker(*id).name.as_str()).collect::<Vec<_>>(), widest),
        };
        let (about, is_label) = match &row.about {
            About::Step(label) => (cut(label, widest), true),
            About::Reason(reason) => (reason.clone(), false),
        };
        Self {
            mark: if row.has_failed { '!' } else { ' ' },
            name: cut(&name, widest),
            state: row.state.word(),
            time: row.time(is_wide),
            about,
            is_label,
            printed: if row.printed.is_empty() { String::new() } else { format!("| {}", row.printed) },
            space,
        }
    }

    fn line(&self, [names, states, times, labels]: [usize; 4]) -> String {
        let Self { mark, name, state, time, about, printed, space, .. } = self;
        let name = padded(name, names);
        let columns = [format!("{mark} {name}"), format!("{state:states$}"), format!("{time:>times$}")];
        let columns = columns.into_iter().filter(|column| !column.is_empty());
        let rest =
            if about.is_empty() && labels == 0 { printed.clone() } else { padded(about, labels) + space + printed };
        columns.chain([rest]).collect::<Vec<_>>().join(space).trim_end().to_owned()
    }
}

/// Shortens a text that is wider than `width`, and marks the omission.
fn cut(text: &str, width: usize) -> String {
    if display_width(text) <= width {
        return text.to_owned();
    }
    format!("{}…", beginning_within(text, width.saturating_sub(1)))
}
