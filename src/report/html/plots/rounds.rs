//! The plot of the values of a metric by round, with the median and the interval of each point. Warm-up trials and
//! replaced attempts are not drawn.

use std::collections::BTreeMap;

use super::axis::Axis;
use super::frame::{BOTTOM, COLORS, HEIGHT, LEFT, Plot, RIGHT, TOP, WIDTH, caption, color, frame, told};
use super::svg::Svg;
use crate::model::{PointId, on_one_line};
use crate::values::{Block, Reading, Value, Values};

/// The maximum number of values with names. More names would take too much space.
const NAMED: usize = 600;

/// Returns the plot if there are at least two values.
pub(super) fn plot(values: &Values, block: &Block, rows: &[&Value]) -> Option<Plot> {
    let counted: Vec<(&Value, f64)> = rows.iter().filter_map(|row| Some((*row, values.counted(row).ok()?))).collect();
    if counted.len() < 2 {
        return None;
    }
    let rows: Vec<&Value> = rows.iter().copied().filter(|row| values.trials[row.trial].is_wanted()).collect();
    let has_points = values.points.len() > 1;
    let round = |row: &Value| f64::from(values.trials[row.trial].round);
    let across = Axis::linear(rows.iter().map(|row| round(row)), LEFT, RIGHT);
    let intervals = block.lines.iter().filter_map(|line| line.location?.interval);
    let ends = intervals.flat_map(|interval| [interval.low, interval.high]);
    let up = Axis::linear(counted.iter().map(|(_, value)| *value).chain(ends), BOTTOM, TOP);
    let title = if has_points { "Values by round" } else { "Values by trial" };
    let mut svg = Svg::new(WIDTH, HEIGHT, format!("{title}: {}", caption(block)));
    let whole: Vec<_> = across.ticks().into_iter().filter(|(number, _)| number.fract() == 0.0).collect();
    let whole: Vec<_> = whole.into_iter().map(|(number, _)| (number, format!("{number:.0}"))).collect();
    frame(&mut svg, (&whole, &across, if has_points { "round" } else { "trial" }), (&up, &caption(block)));
    let colors = Colors::new(values, block);
    for line in &block.lines {
        let Some((location, class)) = line.location.zip(colors.class(line.point)) else { continue };
        if let Some(interval) = location.interval {
            svg.rectangle(&format!("band {class}"), (LEFT, up.at(interval.low)), (RIGHT, up.at(interval.high)));
        }
        let at = up.at(location.median);
        svg.line(&format!("median {class}"), (LEFT, at), (RIGHT, at));
    }
    draw(&mut svg, values, block, &counted, &colors, |row, value| (across.at(round(row)), up.at(value)));
    let missing: Vec<&Value> = rows.into_iter().filter(|row| matches!(row.reading, Reading::Missing(_))).collect();
    for (class, rows) in by(missing, |row| colors.of(values, row)) {
        svg.crosses(&format!("missing {class}"), rows.into_iter().map(|row| (across.at(round(row)), BOTTOM - 4.0)));
    }
    Some(Plot { title: title.to_owned(), svg: svg.finish(), legend: colors.legend(values) })
}

/// Draws the values as dots, and unexpected values as rings.
fn draw(
    svg: &mut Svg,
    values: &Values,
    block: &Block,
    counted: &[(&Value, f64)],
    colors: &Colors,
    place: impl Fn(&Value, f64) -> (f64, f64),
) {
    if counted.len() > NAMED {
        for (class, own) in by(counted.to_vec(), |(row, _)| colors.of(values, row)) {
            let (outside, inside): (Vec<_>, Vec<_>) = own.into_iter().partition(|(row, _)| row.reading.is_outside());
            svg.dots(&class, inside.into_iter().map(|(row, value)| place(row, value)));
            let rings: Vec<(f64, f64)> = outside.into_iter().map(|(row, value)| place(row, value)).collect();
            if !rings.is_empty() {
                svg.dots(&format!("outside {class}"), rings.iter().copied());
                svg.dots("hole", rings.into_iter());
            }
        }
        return;
    }
    for (row, value) in counted {
        let (kind, why) = if row.reading.is_outside() { ("ring", ", not expected") } else { ("dot", "") };
        let name = format!("trial {}: {}{why}", values.trials[row.trial].number, told(block, *value));
        svg.dot(&format!("{kind} {}", colors.of(values, row)), place(row, *value), 3.0, &name);
    }
}

/// Groups rows by class.
fn by<R>(rows: Vec<R>, class: impl Fn(&R) -> String) -> BTreeMap<String, Vec<R>> {
    let mut classes: BTreeMap<String, Vec<R>> = BTreeMap::new();
    for row in rows {
        classes.entry(class(&row)).or_default().push(row);
    }
    classes
}

/// The colors of the points. If there are too many points, only the baselines and the first others have a color.
struct Colors {
    points: Vec<usize>,
}

impl Colors {
    fn new(values: &Values, block: &Block) -> Self {
        let mut points: Vec<usize> = block.lines.iter().map(|line| line.point).collect();
        if points.len() > COLORS {
            points
                .sort_by_key(|point| values.points.get(*point).is_none_or(|own| own.baseline != Some(PointId(*point))));
            points.truncate(COLORS);
        }
        Self { points }
    }

    fn class(&self, point: usize) -> Option<String> {
        self.points.iter().position(|own| *own == point).map(color)
    }

    /// Returns the color class of a value, which is that of its point.
    fn of(&self, values: &Values, row: &Value) -> String {
        self.class(values.trials[row.trial].point).unwrap_or_else(|| "other".to_owned())
    }

    fn legend(&self, values: &Values) -> Vec<(String, String)> {
        if values.points.len() < 2 {
            return Vec::new();
        }
        let name = |point: usize| on_one_line(&values.points[point].name).into_owned();
        let named = self.points.iter().enumerate().map(|(place, point)| (name(*point), color(place)));
        let others = (values.points.len() > COLORS).then(|| ("other points".to_owned(), "other".to_owned()));
        named.chain(others).collect()
    }
}
