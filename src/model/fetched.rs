//! The files that a step fetched, in memory and in machine-readable reports.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text;

/// The files that a step fetched: the first ones in the order of fetching, and the total number and size.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FetchedFiles {
    /// The first files.
    #[serde(rename = "files")]
    pub first: Vec<FetchedFile>,
    /// The number of files that `first` does not list.
    #[serde(rename = "files_left_out")]
    pub more: u64,
    /// The number of files.
    #[serde(rename = "fetched_files")]
    pub count: u64,
    /// The total size in bytes.
    #[serde(rename = "fetched_bytes")]
    pub bytes: u64,
}

impl FetchedFiles {
    /// The number of files that are listed; the results folder contains all of them.
    const NAMED: usize = 1000;

    /// Adds a file.
    pub fn add(&mut self, file: FetchedFile) {
        self.count += 1;
        self.bytes += file.length;
        if self.first.len() < Self::NAMED {
            self.first.push(file);
        } else {
            self.more += 1;
        }
    }
}

/// A file that was fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchedFile {
    /// The path in the worker's results folder. Reports replace bytes that are not UTF-8.
    #[serde(serialize_with = "text::path")]
    pub name: PathBuf,
    /// The size in bytes.
    #[serde(rename = "bytes")]
    pub length: u64,
    /// The permissions, in octal digits in reports.
    #[serde(serialize_with = "as_octal", deserialize_with = "from_octal")]
    pub mode: u32,
    /// The SHA-256 digest, in hexadecimal digits.
    #[serde(rename = "sha256")]
    pub digest: String,
    /// Whether it grew on the player while it was read. It was fetched with the length that it had at the start.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub grew: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn as_octal<S: Serializer>(mode: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{mode:04o}"))
}

fn from_octal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    u32::from_str_radix(&String::deserialize(deserializer)?, 8).map_err(serde::de::Error::custom)
}
