//! The common parts of the plots: size, axes, captions and colors.

use super::axis::Axis;
use super::svg::{Anchor, Svg};
use crate::model::on_one_line;
use crate::values::Block;

/// The number of points or lines that have a color of their own.
pub(super) const COLORS: usize = 8;

/// The size of a plot, and the positions of its axes.
pub(super) const WIDTH: f64 = 480.0;
pub(super) const HEIGHT: f64 = 246.0;
pub(super) const LEFT: f64 = 62.0;
pub(super) const RIGHT: f64 = WIDTH - 12.0;
/// The top of the plot. The caption of the vertical axis is above it.
pub(super) const TOP: f64 = 26.0;
pub(super) const BOTTOM: f64 = HEIGHT - 38.0;

/// A plot.
#[derive(Debug, Clone)]
pub(in crate::report::html) struct Plot {
    /// The title.
    pub(in crate::report::html) title: String,
    /// The image as SVG.
    pub(in crate::report::html) svg: String,
    /// The entries of the legend, each with its color class.
    pub(in crate::report::html) legend: Vec<(String, String)>,
}

/// Returns the caption of an axis for a metric: `goodput, Mbit/s`.
pub(super) fn caption(block: &Block) -> String {
    let unit = block.metric.unit.as_ref().map_or(String::new(), |unit| format!(", {unit}"));
    on_one_line(&format!("{}{unit}", block.metric.name)).into_owned()
}

/// Formats a value with the unit of the metric.
pub(super) fn told(block: &Block, value: f64) -> String {
    let unit = block.metric.unit.as_ref().map_or(String::new(), |unit| format!(" {unit}"));
    format!("{value}{unit}")
}

/// Returns the color class with this index.
pub(super) fn color(place: usize) -> String {
    format!("color-{place}")
}

/// Draws the axes with their ticks and captions.
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
