//! An SVG image, written element by element. Colors and fonts come from the style sheet of the page.

use std::collections::BTreeSet;
use std::fmt::{Display, Write};

/// An SVG image.
pub(super) struct Svg {
    text: String,
    width: f64,
    height: f64,
    title: String,
}

/// The part of a text that is at the given position.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    /// Creates an empty image of this size, with a title for screen readers.
    pub(super) fn new(width: f64, height: f64, title: String) -> Self {
        Self { text: String::new(), width, height, title }
    }

    /// Draws a line.
    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(short);
        self.write(format_args!(r#"<line class="{class}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>"#));
    }

    /// Draws a rectangle between two opposite corners.
    pub(super) fn rectangle(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let [x, y] = [from.0.min(to.0), from.1.min(to.1)].map(short);
        let [width, height] = [(from.0 - to.0).abs(), (from.1 - to.1).abs()].map(short);
        self.write(format_args!(r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{height}"/>"#));
    }

    /// Draws a dot with a name.
    pub(super) fn dot(&mut self, class: &str, (x, y): (f64, f64), radius: f64, name: &str) {
        let [x, y, radius] = [x, y, radius].map(short);
        let name = escaped(name);
        self.write(format_args!(
            r#"<circle class="{class}" cx="{x}" cy="{y}" r="{radius}"><title>{name}</title></circle>"#
        ));
    }

    /// Draws dots without names, which take less space.
    pub(super) fn dots(&mut self, class: &str, places: impl Iterator<Item = (f64, f64)>) {
        let path = places.map(|(x, y)| format!("M{} {}h0", short(x), short(y))).collect::<Vec<_>>().concat();
        self.write(format_args!(r#"<path class="dots {class}" d="{path}"/>"#));
    }

    /// Draws crosses. Crosses at the same position are drawn once.
    pub(super) fn crosses(&mut self, class: &str, places: impl Iterator<Item = (f64, f64)>) {
        let cross = |(x, y): (f64, f64)| format!("M{} {}l6 6m0 -6l-6 6", short((x - 3.0).round()), short(y - 3.0));
        let crosses: BTreeSet<String> = places.map(cross).collect();
        let path: String = crosses.into_iter().collect();
        self.write(format_args!(r#"<path class="{class}" d="{path}"/>"#));
    }

    /// Draws a line through these positions.
    pub(super) fn through(&mut self, class: &str, places: impl Iterator<Item = (f64, f64)>) {
        let points: Vec<String> = places.map(|(x, y)| format!("{},{}", short(x), short(y))).collect();
        self.write(format_args!(r#"<polyline class="{class}" points="{}"/>"#, points.join(" ")));
    }

    /// Draws a text.
    pub(super) fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let ([x, y], text) = ([x, y].map(short), escaped(text));
        self.write(format_args!(r#"<text class="{class}" x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>"#));
    }

    /// Returns the complete image.
    pub(super) fn finish(self) -> String {
        let Self { text, width, height, title } = self;
        let title = escaped(&title);
        format!(
            "<svg role=\"img\" viewBox=\"0 0 {} {}\" aria-label=\"{title}\">{text}\n</svg>",
            short(width),
            short(height)
        )
    }

    fn write(&mut self, element: impl Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.text, "\n{element}");
    }
}

/// Formats a coordinate with one decimal, which is precise enough.
fn short(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// Escapes markup in a text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
