//! Any bytes through the reader of the dialect.
#![no_main]

#[path = "../../tests/it/support/total.rs"]
#[allow(dead_code, reason = "the targets share it")]
mod total;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| total::reader(bytes));
