//! The lines of the view: the rows in columns, below them where the run is and whom it waits for, and how much is done.
//!
//! Every line fits the width of the terminal. A narrow one has no limits, and only the names in a column.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::rows::{About, Row, WIDEST_COLUMN, few, tenths};
use super::{Board, Standing};
use crate::model::{ConductorTime, Plan, WorkerId};
use crate::report::words;

/// A narrower terminal has no room for limits and columns.
const WIDE: usize = 60;
/// The longest bar that shows how far the run is.
const LONGEST_BAR: usize = 30;

/// A line, and whether it is one to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BoardLine {
    /// The line, without control characters.
    pub(crate) text: String,
    /// Whether its worker failed or is slow.
    pub(crate) bad: bool,
}

impl BoardLine {
    fn plain(text: String) -> Self {
        Self { text, bad: false }
    }
}

impl Board {
    /// At most `rows` lines of at most `columns` columns.
    pub(crate) fn lines(&mut self, now: ConductorTime, columns: usize, rows: usize) -> Vec<BoardLine> {
        self.failures.update();
        let Some(plan) = &self.plan else { return Vec::new() };
        // The last two lines are where the run is, and how much is done.
        let room = rows.saturating_sub(2);
        let mut lines = if room > 1 { self.head(room / 3) } else { Vec::new() };
        let most = room.saturating_sub(lines.len());
        let mut shown = self.rows(plan, now, most);
        let left_out = if shown.len() > most { shown.split_off(most.saturating_sub(1)) } else { Vec::new() };
        lines.extend(table(plan, &shown, columns));
        let left_out: usize = left_out.iter().map(|row| row.workers.len()).sum();
        if left_out > 0 && most > 0 {
            lines.push(BoardLine::plain(format!("  and {}", words::counted(left_out, "more worker"))));
        }
        lines.push(BoardLine::plain(self.waiting(plan, now, columns)));
        lines.push(BoardLine::plain(self.progress(plan, columns)));
        let fit = |BoardLine { text, bad }| BoardLine { text: cut(&text, columns), bad };
        lines.into_iter().map(fit).collect()
    }

    /// What went wrong first, in at most so many lines.
    fn head(&self, most: usize) -> Vec<BoardLine> {
        let (first, mut others) = self.failures.shown();
        let mut lines = Vec::new();
        for (at, failure) in first.iter().enumerate() {
            let needed = 1 + usize::from(failure.consequences.is_some());
            // One line is for how many others there are.
            if at > 0 && lines.len() + needed >= most {
                others += first.len() - at;
                break;
            }
            lines.push(BoardLine { text: failure.title.clone(), bad: true });
            let consequences = failure.consequences.iter().filter(|_| most > 2);
            lines.extend(consequences.map(|text| BoardLine::plain(format!("  {text}"))));
        }
        if others > 0 {
            lines.push(BoardLine::plain(format!("and {}", words::counted(others, "more cause"))));
        }
        lines
    }

    /// How many steps are over, and how many there will be.
    fn progress(&self, plan: &Plan, columns: usize) -> String {
        let steps = |phase| plan.workers.iter().map(|worker| worker.steps[phase].len()).sum::<usize>();
        let all = plan.phases.iter().map(|phase| steps(*phase)).sum::<usize>() as u64 * u64::from(plan.trials);
        let bar = LONGEST_BAR.min(columns / 3);
        let filled = usize::try_from(self.done * bar as u64 / all.max(1)).unwrap_or(bar).min(bar);
        let head = if self.done > 0 && filled < bar { ">" } else { "" };
        format!("[{:bar$}] {} of {all} steps", "=".repeat(filled) + head, self.done)
    }

    /// Where the run is, and whom it waits for.
    fn waiting(&self, plan: &Plan, now: ConductorTime, columns: usize) -> String {
        let is_waited_for = |standing: &Standing| match (self.phase, self.gone) {
            (None, _) => *standing == Standing::Away,
            (Some(_), false) => matches!(standing, Standing::Away | Standing::Ready),
            (Some(_), true) => *standing == Standing::In,
        };
        let is_waited_for = |id: &WorkerId| is_waited_for(&self.workers[id.0].standing);
        let waited: Vec<&str> =
            plan.workers().filter(|(id, _)| is_waited_for(id)).map(|(_, worker)| worker.name.as_str()).collect();
        let trial = format!("Trial {} of {}", self.trial, plan.trials);
        let place = match (self.phase, self.checking) {
            (Some((phase, since)), _) => format!("{trial}, {phase}, {}", tenths(now.since(since))),
            (None, Some(since)) => format!("{trial}, check, {}", tenths(now.since(since))),
            (None, None) if self.trial == 0 => "Connecting".to_owned(),
            (None, None) => trial,
        };
        if waited.is_empty() {
            return place;
        }
        let whole = format!("{place}: waiting for {}", few(&waited, WIDEST_COLUMN));
        if whole.width() <= columns { whole } else { place }
    }
}

/// The rows in columns.
fn table(plan: &Plan, rows: &[Row], columns: usize) -> Vec<BoardLine> {
    let is_wide = columns >= WIDE;
    let cells: Vec<Cells> = rows.iter().map(|row| Cells::new(plan, row, is_wide)).collect();
    let most = |of: fn(&Cells) -> usize| cells.iter().map(of).max().unwrap_or(0);
    let names = most(|cells| cells.name.chars().count());
    let widths = if is_wide {
        let labels = most(|cells| if cells.is_label { cells.about.chars().count() } else { 0 });
        [names, most(|cells| cells.state.len()), most(|cells| cells.time.len()), labels]
    } else {
        [names, 0, 0, 0]
    };
    let line = |(cells, row): (&Cells, &Row)| BoardLine { text: cells.line(widths), bad: row.is_bad() };
    cells.iter().zip(rows).map(line).collect()
}

/// What stands in a row.
struct Cells {
    mark: char,
    name: String,
    state: &'static str,
    time: String,
    about: String,
    /// Whether the cells of other rows are as wide.
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
            About::Nothing => (String::new(), false),
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
        let columns = [format!("{mark} {name:names$}"), format!("{state:states$}"), format!("{time:>times$}")];
        let columns = columns.into_iter().filter(|column| !column.is_empty());
        let rest =
            if about.is_empty() && labels == 0 { printed.clone() } else { format!("{about:labels$}{space}{printed}") };
        columns.chain([rest]).collect::<Vec<_>>().join(space).trim_end().to_owned()
    }
}

/// The beginning of a text that is wider than this, with a mark that something is missing.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let fits = |character: &char| {
        let left = room.checked_sub(character.width().unwrap_or(0));
        room = left.unwrap_or(0);
        left.is_some()
    };
    text.chars().take_while(fits).chain(['…']).collect()
}
