//! What the plots have in common: their size, axes, captions and colours.

use super::axis::Axis;
use super::svg::{Anchor, Svg};
use crate::model::on_one_line;
use crate::values::Block;

/// So many points, or lines, have a colour of their own.
pub(super) const COLORS: usize = 8;

/// The size of a plot, and where its axes are.
pub(super) const WIDTH: f64 = 480.0;
pub(super) const HEIGHT: f64 = 246.0;
pub(super) const LEFT: f64 = 62.0;
pub(super) const RIGHT: f64 = WIDTH - 12.0;
/// What the numbers of the vertical axis are stands above it.
pub(super) const TOP: f64 = 26.0;
pub(super) const BOTTOM: f64 = HEIGHT - 38.0;

/// A plot.
#[derive(Debug, Clone)]
pub(in crate::report::html) struct Plot {
    /// What it shows.
    pub(in crate::report::html) title: String,
    /// The picture.
    pub(in crate::report::html) svg: String,
    /// The names of what has a colour, each with its class.
    pub(in crate::report::html) legend: Vec<(String, String)>,
}

/// What the numbers of a metric are, for an axis: `goodput, Mbit/s`.
pub(super) fn caption(block: &Block) -> String {
    let unit = block.metric.unit.as_ref().map_or(String::new(), |unit| format!(", {unit}"));
    on_one_line(&format!("{}{unit}", block.metric.name)).into_owned()
}

/// A number and its unit.
pub(super) fn told(block: &Block, value: f64) -> String {
    let unit = block.metric.unit.as_ref().map_or(String::new(), |unit| format!(" {unit}"));
    format!("{value}{unit}")
}

/// The colour at this place.
pub(super) fn color(place: usize) -> String {
    format!("color-{place}")
}

/// The lines and the numbers of the axes, and what they are.
pub(super) fn frame(svg: &mut Svg, x: (&[(f64, String)], &Axis, &str), y: (&Axis, &str)) {
    let ((ticks, across, x_name), (up, y_name)) = (x, y);
    for (number, text) in up.ticks() {
        let at = up.at(number);
        svg.line("grid", (LEFT, at), (RIGHT, at));
        svg.text("tick", (LEFT - 6.0, at + 4.0), Anchor::End, &text);
    }
    svg.line("axis", (LEFT, BOTTOM), (RIGHT, BOTTOM));
    for (number, text) in ticks {
        let at = across.at(*number);
        svg.line("axis", (at, BOTTOM), (at, BOTTOM + 4.0));
        svg.text("tick", (at, BOTTOM + 17.0), Anchor::Middle, text);
    }
    svg.text("tick", (RIGHT, HEIGHT - 4.0), Anchor::End, x_name);
    svg.text("tick", (0.0, 12.0), Anchor::Start, y_name);
}
