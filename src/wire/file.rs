//! The transfer of a file from one side to the other: how it is announced, read, checked and put in place.

mod error;
mod incoming;
mod message;
mod outgoing;
mod unplaced;

use sha2::{Digest as _, Sha256};

use crate::model::hex;

pub use error::FileError;
pub use incoming::IncomingFile;
pub use message::{FileEndedMessage, FileMessage, FileName};
pub use outgoing::{OutgoingFile, Piece};
pub use unplaced::UnplacedFile;

/// The SHA-256 of the bytes so far, and their number.
#[derive(Debug, Default)]
struct Digest {
    hash: Sha256,
    length: u64,
}

impl Digest {
    fn update(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
    }

    /// Returns the digest in hexadecimal digits.
    fn text(&self) -> String {
        hex(self.hash.clone().finalize().as_slice())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;
    use crate::wire::Data;

    fn all(mut file: OutgoingFile) -> (Vec<Data>, FileEndedMessage) {
        let mut pieces = Vec::new();
        loop {
            match file.piece() {
                Piece::Data(data) => pieces.push(data),
                Piece::End(end) => return (pieces, end),
            }
        }
    }

    #[test]
    fn a_file_arrives_as_it_was_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..200_000_u32).map(|number| number.to_le_bytes()[1]).collect();
        std::fs::write(folder.path().join("from"), &bytes).unwrap();
        let (pieces, end) = all(OutgoingFile::open(&folder.path().join("from"), 7).unwrap());
        assert_eq!((end.stream, end.length, end.failed.as_deref(), end.grew), (7, 200_000, None, false));
        let beside = std::fs::File::open(folder.path()).unwrap();
        let mut incoming = IncomingFile::create(beside.into(), "to\n\u{e4}".as_ref(), false).unwrap();
        for piece in &pieces {
            incoming.append(piece).unwrap();
        }
        incoming.place(&end, 0o640).unwrap();
        assert_eq!(std::fs::read(folder.path().join("to\n\u{e4}")).unwrap(), bytes);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_name_that_leads_out_of_the_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["", ".", "..", "../escaped", "/escaped", "a/b", "a/"] {
            let beside = std::fs::File::open(folder.path()).unwrap();
            let refused = IncomingFile::create(beside.into(), name.as_ref(), true).map(drop);
            assert_eq!(refused.unwrap_err().to_string(), "its name points outside the folder", "`{name}`");
        }
    }

    #[test]
    fn what_is_not_as_announced_is_not_put_into_place() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("from"), "abc").unwrap();
        let (pieces, end) = all(OutgoingFile::open(&folder.path().join("from"), 0).unwrap());
        let receive = |pieces: &[Data], end: &FileEndedMessage| {
            let beside = std::fs::File::open(folder.path()).unwrap();
            let mut incoming = IncomingFile::create(beside.into(), "to".as_ref(), false)?;
            pieces.iter().try_for_each(|piece| incoming.append(piece)).and_then(|()| incoming.place(end, 0o600))
        };
        let other = FileEndedMessage { digest: "0".repeat(64), ..end.clone() };
        assert_eq!(
            receive(&pieces, &other).unwrap_err().to_string(),
            "the received data differs from the data that was sent (wrong digest)"
        );
        let gap = Data { offset: 1, ..pieces[0].clone() };
        assert_eq!(receive(&[gap], &end).unwrap_err().to_string(), "byte 1 arrived instead of byte 0");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left");
        receive(&pieces, &end).unwrap();
        assert_eq!(receive(&pieces, &end).unwrap_err().to_string(), "it already exists");
    }

    #[test]
    fn a_file_that_grows_is_taken_as_it_was_and_one_that_shrinks_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("from");
        std::fs::write(&path, vec![b'a'; 100_000]).unwrap();
        let mut growing = OutgoingFile::open(&path, 0).unwrap();
        assert!(matches!(growing.piece(), Piece::Data(_)));
        std::fs::write(&path, vec![b'b'; 200_000]).unwrap();
        let (_, end) = all(growing);
        assert_eq!((end.length, end.grew, end.failed), (100_000, true, None));
        let mut shrinking = OutgoingFile::open(&path, 0).unwrap();
        assert!(matches!(shrinking.piece(), Piece::Data(_)));
        std::fs::write(&path, "short").unwrap();
        let (_, end) = all(shrinking);
        assert_eq!(end.failed.as_deref(), Some("it became shorter while it was read"));
    }

    #[test]
    fn what_has_no_length_of_its_own_is_read_to_its_end() {
        let (pieces, end) = all(OutgoingFile::open("/proc/self/status".as_ref(), 0).unwrap());
        assert!(!pieces.is_empty() && end.length > 0 && end.failed.is_none(), "{end:?}");
    }

    #[test]
    fn what_is_not_a_regular_file_is_not_opened() {
        for path in ["/dev/null", "/tmp"] {
            assert_eq!(OutgoingFile::open(path.as_ref(), 0).unwrap_err().to_string(), "it is not a regular file");
        }
        assert_eq!(OutgoingFile::open("/no/such".as_ref(), 0).unwrap_err().to_string(), "no such file or directory");
    }

    #[test]
    fn every_name_goes_over_the_wire() {
        for name in [&b"a b\n\"c\""[..], b"\xff\xfe/x", "\u{e4}".as_bytes(), b""] {
            let sent = serde_json::to_string(&FileName::from(std::ffi::OsStr::from_bytes(name))).unwrap();
            assert_eq!(serde_json::from_str::<FileName>(&sent).unwrap().bytes(), name, "{sent}");
        }
        assert!(serde_json::from_str::<FileName>(r#"{"hex":"0"}"#).is_err());
        assert!(serde_json::from_str::<FileName>(r#"{"hex":"+1"}"#).is_err());
    }
}
