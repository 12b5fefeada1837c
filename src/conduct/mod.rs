//! x

mod clock;
mod coordinator;
mod event;
mod now;
mod store;
mod threads;
