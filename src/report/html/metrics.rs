//! The metrics of the page: a table for each, with its plots.

use minijinja::{Value, context};

use super::links;
use super::plots::{Plot, plots};
use super::values::{line, list, parts};
use crate::report::metrics::{Table, Told, footnote, tables};
use crate::report::{Run, words};
use crate::statistics::Verdict;
use crate::values::{Block, Line, Summary};

/// The maximum number of rows of all tables together.
const ROWS: usize = 400;
/// The maximum number of metrics with plots.
const PLOTS: usize = 24;

/// Returns the values for the template, or `None` if there are no metrics.
pub(super) fn values(run: &Run) -> Option<Value> {
    let values = run.values.values();
    let summary = Summary::of_run(values);
    if summary.blocks.is_empty() {
        return None;
    }
    let tables = tables(&summary, &Told::of_run(values));
    // One table for all metrics, or one for each.
    let is_shared = tables.len() != summary.blocks.len();
    let blocks = summary.blocks.chunks(summary.blocks.len() / tables.len());
    let mut left = ROWS;
    let mut shown = Vec::new();
    for ((at, table), blocks) in tables.iter().enumerate().zip(blocks) {
        let plotted = blocks.iter().take(PLOTS.saturating_sub(at));
        let drawn =
            plotted.flat_map(|block| plots(values, block).into_iter().map(move |plot| figure(block, plot, is_shared)));
        let lines = blocks.iter().flat_map(|block| block.lines.iter().map(move |line| (block, line)));
        let rows = table.rows.iter().zip(lines).take(left);
        let row = |(row, (block, line)): (&Vec<String>, _)| row_value(table, row, line, is_shared.then_some(block));
        let rows: Vec<Value> = rows.map(row).collect();
        left -= rows.len();
        let heads = heads(table, is_shared);
        shown.push(context! {
            place => blocks.first().filter(|_| !is_shared).map(place),
            title => (!is_shared).then(|| table.heads[0].as_str()),
            heads => list(heads.iter().zip(&table.is_number).map(|(head, is_number)| {
                context! { text => head, class => if *is_number { "number" } else { "" } }
            })),
            more => (rows.len() < table.rows.len()).then(|| words::counted(table.rows.len() - rows.len(), "more row")),
            rows,
            notes => list(table.notes.iter().map(|note| parts(note))),
            figures => list(drawn),
        });
    }
    let precision = run.precision_line().map(|line| parts(&format!("Precision: {line}")));
    let left_out = run.left_out_line().map(|line| parts(&line));
    Some(context! { tables => shown, note => footnote(&summary), left_out, precision })
}

/// Returns the column heads. The title of a table is above all of them.
fn heads(table: &Table, is_shared: bool) -> Vec<String> {
    let first = if is_shared { "Metric" } else { "Point" };
    let capitalised = |head: &String| {
        let mut characters = head.chars();
        characters.next().map_or(String::new(), |first| format!("{}{}", first.to_uppercase(), characters.as_str()))
    };
    std::iter::once(first.to_owned()).chain(table.heads.iter().skip(1).map(capitalised)).collect()
}

/// Returns the element ID of a metric.
fn place(block: &Block) -> String {
    links::place_of_metric(&block.metric.name, block.worker.as_deref())
}

/// Returns a row. In a table that several metrics share, it includes its metric.
fn row_value(table: &Table, row: &[String], line: &Line, of: Option<&Block>) -> Value {
    let heads = heads(table, of.is_some());
    let class = match line.compared().and_then(|compared| compared.judgement).map(|own| own.verdict) {
        Some(Verdict::Better) => "passed",
        Some(Verdict::Worse) => "failed",
        _ => "",
    };
    let last = row.len().saturating_sub(1);
    let cells = row.iter().enumerate().map(|(at, cell)| {
        context! {
            // On a narrow screen, the last column has a short head.
            head => if at == last && heads[at].starts_with("Against ") { "Change" } else { heads[at].as_str() },
            // The parts of a cell are separate, and none of them is wrapped.
            parts => list(cell.split("  ").map(str::trim).filter(|part| !part.is_empty()).map(Value::from)),
            class => if table.is_number[at] { "number" } else { "" },
            tone => if at == last { class } else { "" },
        }
    });
    context! { place => of.map(place), cells => list(cells) }
}

/// Returns a plot. If several metrics share a table, its title names the metric.
fn figure(block: &Block, plot: Plot, is_named: bool) -> Value {
    let Plot { title, svg, legend } = plot;
    let worker = block.worker.as_ref().map_or(String::new(), |worker| format!(" of {worker}"));
    let title =
        if is_named { line(&format!("{}{worker}: {}", block.metric.name, title.to_lowercase())) } else { title };
    context! {
        title,
        // Names in the SVG text are already escaped.
        svg => Value::from_safe_string(svg),
        legend => list(legend.into_iter().map(|(name, class)| context! { name, class })),
    }
}
