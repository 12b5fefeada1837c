//! The coordinator against tables of events, and against random orders of them.

mod interleavings;
mod tables;
mod world;
