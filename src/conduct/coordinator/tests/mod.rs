//! The coordinator against tables of events, and against random orders of them.

mod departing;
mod interleavings;
mod liveness;
mod skew;
mod tables;
mod world;
