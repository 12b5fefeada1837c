//! What a step fetched, in memory and in the reports that programs read.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text;

/// What a step fetched: the first of the files in the order in which they were there, and how many and how much in all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FetchedFiles {
    /// The first of them.
    #[serde(rename = "files")]
    pub first: Vec<FetchedFile>,
    /// How many there are behind them.
    #[serde(rename = "files_left_out")]
    pub more: u64,
    /// How many there are.
    #[serde(rename = "fetched_files")]
    pub count: u64,
    /// How many bytes they have.
    #[serde(rename = "fetched_bytes")]
    pub bytes: u64,
}

impl FetchedFiles {
    /// So many are named; the results folder has all of them.
    const NAMED: usize = 1000;

    /// Adds one.
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
    /// Its path in the worker's folder of results. Reports have marks for bytes of it that are no text.
    #[serde(serialize_with = "text::path")]
    pub name: PathBuf,
    /// How many bytes it has.
    #[serde(rename = "bytes")]
    pub length: u64,
    /// Its permissions, in octal digits in reports.
    #[serde(serialize_with = "as_octal", deserialize_with = "from_octal")]
    pub mode: u32,
    /// Its SHA-256, in hexadecimal digits.
    #[serde(rename = "sha256")]
    pub digest: String,
    /// Whether it grew while it was read, on the player; it was fetched as it was when that began.
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
