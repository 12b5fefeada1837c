//! The four phases of a trial.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::named::named;

/// A part of a trial that all workers start together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Prepares the machines.
    Startup,
    /// The test itself.
    Run,
    /// Collects the results of the test.
    Collect,
    /// Brings the machines back to their original state.
    Reset,
}

/// The code of the result that ends a worker's phase, in the Python program's messages and reports.
pub const PHASES_COMPLETE: i64 = 65535;

/// The message of the result that ends a worker's phase.
pub const PHASES_COMPLETE_MESSAGE: &str = "phases complete";

named!(Phase: Startup "startup", Run "run", Collect "collect", Reset "reset");

impl Phase {
    /// Returns the section of a worker file that contains its steps.
    pub const fn section(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Run => "Run",
            Self::Collect => "Collect",
            Self::Reset => "Reset",
        }
    }
}

impl FromStr for Phase {
    type Err = ();

    /// Parses [`Phase::word`], ignoring case.
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|phase| phase.word().eq_ignore_ascii_case(text)).ok_or(())
    }
}

/// One value for each phase.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PhaseMap<T>([T; 4]);

impl<T> PhaseMap<T> {
    /// Creates a map with the value that `make` returns for each phase.
    pub fn from_fn(make: impl FnMut(Phase) -> T) -> Self {
        Self(Phase::ALL.map(make))
    }

    /// Iterates over the phases and their values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Phase, &T)> {
        Phase::ALL.into_iter().zip(&self.0)
    }
}

impl<T> std::ops::Index<Phase> for PhaseMap<T> {
    type Output = T;

    fn index(&self, phase: Phase) -> &T {
        &self.0[phase as usize]
    }
}

impl<T> std::ops::IndexMut<Phase> for PhaseMap<T> {
    fn index_mut(&mut self, phase: Phase) -> &mut T {
        &mut self.0[phase as usize]
    }
}
