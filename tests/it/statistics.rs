//! The statistics: compared with R and scipy, with enumerations of all cases, and by simulation.

mod enumeration;
mod properties;
mod reference;
mod rules;
mod simulation;

use conductor::statistics::{Comparison, Pair, Pairs, Sample};

/// A sample of these values.
fn sample(values: &[f64]) -> Sample {
    Sample::new(values.to_vec()).expect("finite values")
}

/// A comparison by round.
fn paired(base: &[f64], new: &[f64]) -> Comparison {
    let pairs = base.iter().zip(new).map(|(base, new)| Pair { base: *base, new: *new });
    Comparison::paired(&Pairs::new(pairs.collect()).expect("finite values"))
}

/// Whether two numbers agree, but for rounding.
fn agree(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 + 1e-9 * a.abs().min(b.abs())
}
