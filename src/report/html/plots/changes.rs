//! The plot of the differences between the points and their baseline: estimates and intervals, and the threshold.

use super::axis::Axis;
use super::frame::{Plot, WIDTH, caption};
use super::svg::{Anchor, Svg};
use crate::model::{on_one_line, shown_number};
use crate::statistics::{Scale, Verdict};
use crate::values::{Block, Compared, Values};

/// The maximum number of points in the plot.
const POINTS: usize = 24;
/// The height of the row of a point.
const ROW: f64 = 22.0;
/// The top of the first row.
const TOP: f64 = 10.0;
/// The right end of the names and the left end of the plot.
const NAMES: f64 = 176.0;
/// The maximum number of characters of a name.
const NAME: usize = 26;
const RIGHT: f64 = WIDTH - 16.0;

/// Returns the plot if points were compared, and either all by ratio or all by difference.
pub(super) fn plot(values: &Values, block: &Block) -> Option<Plot> {
    let compared: Vec<(usize, &Compared)> =
        block.lines.iter().filter_map(|line| Some((line.point, line.compared()?))).take(POINTS).collect();
    let (_, first) = compared.first()?;
    let scale = first.comparison.scale;
    if compared.iter().any(|(_, own)| own.comparison.scale != scale) {
        return None;
    }
    let factor = if scale == Scale::Ratio { 100.0 } else { 1.0 };
    let threshold = compared.iter().map(|(_, own)| own.threshold * factor).fold(0.0, f64::max);
    let ends = compared.iter().flat_map(|(_, own)| {
        let interval = own.comparison.interval().map(|interval| [interval.low, interval.high]);
        [own.comparison.change()].into_iter().chain(interval.into_iter().flatten()).map(|end| end * factor)
    });
    let across = Axis::linear(ends.chain([0.0, -threshold, threshold]), NAMES, RIGHT);
    let bottom = TOP + ROW * f64::from(u8::try_from(compared.len()).unwrap_or(u8::MAX));
    let title = "Change from the baseline".to_owned();
    let mut svg = Svg::new(WIDTH, bottom + 38.0, format!("{title}: {}", caption(block)));
    svg.rectangle("threshold", (across.at(-threshold), TOP), (across.at(threshold), bottom));
    for (number, text) in across.ticks() {
        let at = across.at(number);
        svg.line(if number == 0.0 { "axis" } else { "grid" }, (at, TOP), (at, bottom));
        svg.text("tick", (at, bottom + 15.0), Anchor::Middle, &text);
    }
    let unit = match scale {
        Scale::Ratio => Some("%"),
        Scale::Difference => block.metric.unit.as_deref(),
    };
    let in_unit = unit.map(|unit| format!(", {unit}")).unwrap_or_default();
    let axis = format!("change of {}{in_unit}", block.metric.name);
    svg.text("tick", (RIGHT, bottom + 32.0), Anchor::End, &on_one_line(&axis));
    for ((point, own), row) in compared.iter().zip(0..) {
        let y = TOP + ROW * (f64::from(row) + 0.5);
        let change = own.comparison.change() * factor;
        let number = if scale == Scale::Ratio { format!("{change:+.1}") } else { signed(change) };
        let in_unit = unit.map(|unit| format!(" {unit}")).unwrap_or_default();
        let about = on_one_line(&format!("{number}{in_unit}")).into_owned();
        draw(&mut svg, (&values.points[*point].name, &about), own, factor, y, &across);
    }
    let legend = vec![("within the threshold".to_owned(), "threshold".to_owned())];
    Some(Plot { title, svg: svg.finish(), legend: if threshold > 0.0 { legend } else { Vec::new() } })
}

/// Formats a number with its sign.
fn signed(number: f64) -> String {
    format!("{}{}", if number > 0.0 { "+" } else { "" }, shown_number(number))
}

fn draw(svg: &mut Svg, (name, about): (&str, &str), own: &Compared, factor: f64, y: f64, across: &Axis) {
    let name = on_one_line(name);
    let short: String = match name.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_string(),
    };
    svg.text("name", (NAMES - 8.0, y + 4.0), Anchor::End, &short);
    let class = match own.judgement.map(|judgement| judgement.verdict) {
        Some(Verdict::Better) => "passed",
        Some(Verdict::Worse) => "failed",
        Some(Verdict::Different) => "different",
        Some(Verdict::Same | Verdict::Undecided(_)) | None => "same",
    };
    if let Some(interval) = own.comparison.interval() {
        let [low, high] = [interval.low, interval.high].map(|end| across.at(end * factor));
        svg.line(&format!("whisker {class}"), (low, y), (high, y));
    }
    let change = own.comparison.change() * factor;
    svg.dot(&format!("dot {class}"), (across.at(change), y), 4.0, &format!("{name}: {about}"));
}
