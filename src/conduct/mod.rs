//! The conductor's side: everything between a plan and the reporters.
//!
//! ```text
//!                 ┌ Coordinator (pure) ┐
//! interrupts ───▶ │      run loop      │ ──event──▶ reports threads ──▶ reporters
//!                 └─────────▲──────────┘
//!          commands │       │ events (bounded)
//!                   ▼       │
//!            connection actor, one per worker ──data──▶ store (on disk)
//!              session  or  seed
//!                 │
//!               player
//! ```
//!
//! The run loop runs in the caller's thread. It asks the coordinator what to do, and carries that out by sending on
//! unbounded channels, so it never blocks. An actor owns its worker's connection and everything that belongs to it.

mod aside;
mod check;
mod check_output;
mod checker;
mod clock;
mod connection;
mod coordinator;
mod disk;
mod event;
mod fetched;
mod history;
mod mailbox;
mod now;
mod options;
mod plan_message;
mod reach;
mod report_queue;
mod reports;
mod results_folder;
mod room;
mod run_loop;
mod seed;
mod store;
#[cfg(test)]
pub(crate) mod testing;
mod threads;
mod waiting_log;
mod write_behind;

pub(crate) use aside::{aside, set_aside};
pub(crate) use check::{CheckAnswer, CheckReport, check};
pub(crate) use disk::{Disk, keep_files, keep_trial};
#[cfg(test)]
pub(crate) use disk::{Entries, simulated::SimulatedDisk};
pub(crate) use fetched::Fetched;
pub(crate) use history::{History, Resumption};
pub(crate) use now::now;
pub use options::Options;
pub use plan_message::too_large;
pub(crate) use reach::Site;
pub use reach::{Access, Programs};
pub use reports::{Log, NamedReporters, Reporters};
pub(crate) use results_folder::ResultsFolder;
pub(crate) use room::{Room, Sparing};
pub(crate) use run_loop::conduct;
pub use run_loop::tell_end;
