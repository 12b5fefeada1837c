//! The coordinator against tables of events, and against random orders of them.

mod departing;
mod interleavings;
mod interrupts;
mod liveness;
mod measuring;
mod precision;
pub(in crate::conduct) mod simulation;
mod skew;
mod tables;
mod world;
