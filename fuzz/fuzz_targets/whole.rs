//! Any bytes through the whole of `validate`, as a test file and its worker files.
#![no_main]

#[path = "../../tests/it/support/total.rs"]
#[allow(dead_code, reason = "the targets share it")]
mod total;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| total::whole(bytes));
