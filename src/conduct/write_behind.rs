//! Starts to write a file to its disk while it grows, so that less of it is left for the sync at the end of a trial.

use std::num::NonZero;
use std::os::fd::AsFd;

use rustix::fs::{Advice, fadvise};

/// A file is written in parts of so many bytes.
const PART: u64 = 1 << 20;

/// Starts to write the parts that were completed when a file grew from `before` to `after` bytes. This waits only if the
/// disk already has too much to write.
///
/// The advice is that the file is not needed soon (`posix_fadvise(2)`). The kernel then starts to write what is not on the
/// disk yet, and keeps it in memory until it is.
pub(super) fn begin_writing(file: impl AsFd, before: u64, after: u64) {
    let [from, to] = [before, after].map(|length| length - length % PART);
    if let Some(length) = NonZero::new(to - from) {
        // If the file system ignores this, the sync writes everything.
        let _ = fadvise(file, from, Some(length), Advice::DontNeed);
    }
}
