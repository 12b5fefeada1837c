//! Every integration test, as one program: one link instead of fifty.
//!
//! Each module says what it tests. They share [`support`]: players, folders, runs whose output is compared whole, peers
//! that speak the protocol by hand.

#![allow(
    clippy::allow_attributes,
    clippy::duration_suboptimal_units,
    clippy::expect_used,
    clippy::needless_raw_string_hashes,
    clippy::too_many_lines,
    clippy::unwrap_used,
    missing_docs,
    reason = "snapbox writes the snapshots, long as they are; and a test fails by a panic"
)]

mod admission;
mod annotations;
mod architecture;
mod awaiting;
mod bounds;
mod chaos;
mod checking;
mod checks;
mod commands;
mod compare;
mod configparser;
mod configuration;
mod dialect;
mod distributed;
mod documents;
mod examples;
mod exclusive;
mod forms;
mod frames;
mod help;
mod hostile_conductors;
mod hostile_configuration;
mod hostile_players;
mod html_page;
mod init;
mod interrupts;
mod large_outputs;
mod kept_reports;
mod late_output;
mod lease;
mod lints;
mod live_view;
mod localhost;
mod logs;
mod lost_output;
mod machines;
mod many_trials;
mod many_workers;
mod metrics;
mod no_room;
mod one_file;
mod options;
mod orphaned_runs;
mod outputs;
mod packages;
mod peers;
mod player_loss;
mod process_trees;
mod protocol;
mod python_conductors;

mod reaching;
mod reaching_containers;
mod reaching_kubernetes;
mod reaching_namespaces;
mod reaching_slurm;
mod reaching_ssh;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod ready_processes;
mod reasons;
mod relay;
mod replays;
mod reports;
mod result_files;
mod resume;
mod resuming;
mod sample_configurations;
mod sample_examples;
mod same_meaning;
mod samples;
mod schemas;
mod scratch;
mod seed_command_lines;
mod seed_conductors;
mod seed_workers;
mod secrets;
mod series;
mod series_faults;
mod series_precision;
mod series_values;
mod series_warm_up;
mod session_faults;
mod soak;
mod spool;
mod start_skew;
mod statistics;
mod step_ends;
mod step_surroundings;
mod stopped_players;
mod support;
mod trace_report;
mod traces;
mod transfers;
mod transport_loss;
mod unreachable_machines;
mod unresponsive;
mod usage_errors;
mod validate;
mod variables;
mod versions;
mod waits;
