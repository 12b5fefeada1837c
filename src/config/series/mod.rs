//! Series: converts `[Parameters]` and `[Series]` of a test file to points and an order of trials.

mod parameters;
mod points;
mod selector;
mod settings;
mod trials;

pub(in crate::config) use parameters::{Parameter, Parameters, read as read_parameters};
pub(in crate::config) use points::{Chosen, points};
pub(in crate::config) use settings::{Series, place, read as read_series};
pub(in crate::config) use trials::{check_enough, check_most, rounds, schedule};
