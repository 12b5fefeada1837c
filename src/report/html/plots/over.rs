//! The plot of the median of a metric against a numeric parameter: a line for each combination of the other parameters.

use super::axis::Axis;
use super::frame::{BOTTOM, COLORS, HEIGHT, LEFT, Plot, RIGHT, TOP, WIDTH, caption, color, frame, told};
use super::quantities::{Quantities, quantities};
use super::svg::{Anchor, Svg};
use crate::model::on_one_line;
use crate::report::grouped;
use crate::report::metrics::of_location;
use crate::statistics::Location;
use crate::values::{Block, Values, parameters};

/// The maximum number of parameters with a plot.
const PARAMETERS: usize = 3;

/// The median for one value of the parameter.
struct Place {
    number: f64,
    location: Location,
}

/// A line: the other parameters, and the medians in the order of the parameter.
type Line = (String, Vec<Place>);

/// Returns a plot for each parameter that has at least two numeric values.
pub(super) fn plots(values: &Values, block: &Block) -> Vec<Plot> {
    parameters(&values.points).into_iter().filter_map(|name| plot(values, block, name)).take(PARAMETERS).collect()
}

fn plot(values: &Values, block: &Block, parameter: &str) -> Option<Plot> {
    let texts: Vec<&str> = values.points.iter().filter_map(|point| point.parameter(parameter)).collect();
    let quantities = quantities(&texts)?;
    let marks = marks(&quantities);
    let numbers: Vec<f64> = marks.iter().map(|(number, _)| *number).collect();
    let lines = lines(values, block, parameter, &quantities);
    if numbers.len() < 2 || !lines.iter().any(|(_, places)| places.len() > 1) {
        return None;
    }
    let shown = &lines[..lines.len().min(COLORS)];
    let places = || shown.iter().flat_map(|(_, places)| places);
    let ends = places().flat_map(|place| of_location(Some(place.location)));
    let (across, up) = (Axis::of_parameter(&numbers, LEFT + 8.0, RIGHT - 8.0), Axis::linear(ends, BOTTOM, TOP));
    let title = format!("Median over {}", on_one_line(parameter));
    let mut svg = Svg::new(WIDTH, HEIGHT, format!("{title}: {}", caption(block)));
    let unit = quantities.unit.filter(|unit| !unit.is_empty()).map(|unit| format!(", {unit}")).unwrap_or_default();
    let named = format!("{parameter}{unit}");
    frame(&mut svg, (&ticks(marks, &across), &across, &on_one_line(&named)), (&up, &caption(block)));
    for ((_, places), place) in shown.iter().zip(0..) {
        draw(&mut svg, block, &color(place), places, &across, &up);
    }
    if lines.len() > shown.len() {
        let more = format!("{} more lines are not drawn", lines.len() - shown.len());
        svg.text("tick", (RIGHT, TOP + 8.0), Anchor::End, &more);
    }
    let legend = shown.iter().zip(0..).map(|((name, _), place)| (name.clone(), color(place)));
    let legend = legend.filter(|(name, _)| !name.is_empty()).collect();
    Some(Plot { title, svg: svg.finish(), legend })
}

fn draw(svg: &mut Svg, block: &Block, class: &str, places: &[Place], across: &Axis, up: &Axis) {
    let at = |place: &Place| (across.at(place.number), up.at(place.location.median));
    svg.through(&format!("through {class}"), places.iter().map(at));
    for place in places {
        let (x, y) = at(place);
        if let Some(interval) = place.location.interval {
            svg.line(&format!("whisker {class}"), (x, up.at(interval.low)), (x, up.at(interval.high)));
        }
        svg.dot(&format!("dot {class}"), (x, y), 3.5, &told(block, place.location.median));
    }
}

/// Returns the lines in the order of the points.
fn lines(values: &Values, block: &Block, parameter: &str, quantities: &Quantities<'_>) -> Vec<Line> {
    let places = block.lines.iter().filter_map(|line| {
        let point = &values.points[line.point];
        let number = *quantities.numbers.get(point.parameter(parameter)?)?;
        let others = point.without(parameter).into_iter().map(|(name, value)| format!("{name}={value}"));
        let others = on_one_line(&others.collect::<Vec<_>>().join(",")).into_owned();
        Some((others, Place { number, location: line.location? }))
    });
    let mut lines = grouped(places);
    for (_, places) in &mut lines {
        places.sort_by(|a, b| a.number.total_cmp(&b.number));
    }
    lines
}

/// Returns the numbers in ascending order, each with its label.
fn marks(quantities: &Quantities<'_>) -> Vec<(f64, String)> {
    let mark = |(text, number): (&&str, &f64)| match quantities.unit {
        Some(_) => (*number, number.to_string()),
        None => (*number, on_one_line(text).into_owned()),
    };
    let mut marks: Vec<_> = quantities.numbers.iter().map(mark).collect();
    marks.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    marks.dedup_by(|(a, _), (b, _)| a.total_cmp(b).is_eq());
    marks
}

/// Leaves out the marks that are too close to the one before.
fn ticks(marks: Vec<(f64, String)>, across: &Axis) -> Vec<(f64, String)> {
    let mut ticks: Vec<(f64, String)> = Vec::new();
    for (number, text) in marks {
        let room = 16.0 + 3.5 * f64::from(u8::try_from(text.len()).unwrap_or(u8::MAX));
        if ticks.last().is_none_or(|(last, _)| across.at(number) - across.at(*last) > room) {
            ticks.push((number, text));
        }
    }
    ticks
}
