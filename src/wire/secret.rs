//! Secrets that prove that a message belongs to a run or a session.

use std::fmt;
use std::hint::black_box;
use std::io;

use rustix::rand::{GetRandomFlags, getrandom};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::peer;
use crate::model::hex;

/// A text that only its owners know. Its `Debug` output hides it, and comparing two takes the same time wherever they
/// differ.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(#[serde(deserialize_with = "peer::name")] String);

impl Secret {
    /// The number of hexadecimal digits of a new secret.
    pub const DIGITS: usize = 32;

    /// Creates a secret that nobody can guess.
    ///
    /// # Errors
    ///
    /// Returns an error if the system provides no random bytes.
    pub fn random() -> io::Result<Self> {
        let mut bytes = [0_u8; Self::DIGITS / 2];
        // The kernel returns this few bytes in one call.
        rustix::io::retry_on_intr(|| getrandom(&mut bytes, GetRandomFlags::empty()))?;
        Ok(Self(hex(&bytes)))
    }

    /// Returns a secret for this purpose that is derived from this one, and always the same. It does not reveal this
    /// one.
    #[must_use]
    pub fn derived(&self, purpose: &str) -> Self {
        Self(digest(&format!("{} for {purpose}", self.0)))
    }

    /// Returns a text that is derived from the secret and does not reveal it. Others can use it to recognize the
    /// messages of the owner.
    pub fn fingerprint(&self) -> String {
        digest(&self.0)
    }

    /// Returns names that are derived from the secret. Nobody else can guess one before it is used, and one does not
    /// reveal the others.
    pub fn names<const COUNT: usize>(&self) -> [String; COUNT] {
        std::array::from_fn(|number| digest(&format!("{} {number}", self.0)))
    }

    /// Returns the secret itself, to pass it to another process.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Returns the digest of a text, with the length of a secret.
fn digest(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes())[..Secret::DIGITS / 2])
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(hidden)")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        let (left, right) = (self.0.as_bytes(), other.0.as_bytes());
        let differences = left.iter().zip(right).fold(0, |found, (left, right)| black_box(found | (left ^ right)));
        left.len() == right.len() && differences == 0
    }
}

impl Eq for Secret {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_in_messages_and_equals_only_itself() {
        let (one, other) = (Secret::random().unwrap(), Secret::random().unwrap());
        assert_eq!(format!("{one:?}"), "Secret(hidden)");
        assert!(one == one.clone() && one != other && one != Secret::default());
        let names: [String; 2] = one.names();
        assert!(names == one.names() && names[0] != names[1] && !names.contains(&one.fingerprint()));
        let derived = one.derived("w");
        assert!(derived == one.derived("w") && derived != one.derived("x") && derived != other.derived("w"));
        assert!(derived != one && derived.reveal().len() == Secret::DIGITS);
        let mut last_differs = one.reveal().to_owned();
        let last = last_differs.pop();
        last_differs.push(if last == Some('0') { '1' } else { '0' });
        assert!(Secret(last_differs) != one);
    }
}
