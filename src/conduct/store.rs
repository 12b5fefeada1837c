//! The output store: keeps the output of all steps on disk, as it arrives.
//!
//! With a results folder, each stream is written to its file there. Without one, all streams share an unnamed file,
//! which disappears with the process.

mod named;
mod sink;
mod unnamed;

use std::io::{self, ErrorKind};
use std::sync::Arc;

use super::results_folder::ResultsFolder;
use crate::model::{Output, Plan, Printer, Stream, Unkept, words};
use named::NamedFiles;
use sink::Sink;
use unnamed::UnnamedFile;

/// The store of a run. A clone is the same store.
#[derive(Debug, Clone)]
pub(crate) enum Store {
    /// In the results folder.
    Named(Arc<NamedFiles>),
    /// In a temporary file.
    Unnamed(Arc<UnnamedFile>),
}

impl Store {
    /// Creates an empty store, in the results folder if there is one.
    ///
    /// # Errors
    ///
    /// Returns an error if no temporary file can be created.
    pub(crate) fn new(plan: &Arc<Plan>, results: Option<&ResultsFolder>) -> io::Result<Self> {
        match results {
            Some(folder) => Ok(Self::Named(Arc::new(NamedFiles::new(folder.clone(), Arc::clone(plan))))),
            None => Self::unnamed(),
        }
    }

    /// Creates an empty store in a temporary file.
    pub(crate) fn unnamed() -> io::Result<Self> {
        Ok(Self::Unnamed(Arc::new(UnnamedFile::new(tempfile::tempfile()?))))
    }

    /// Creates a stream. Its file is created when its first bytes arrive.
    pub(crate) fn stream(&self, of: Printer, stream: Stream) -> StreamWriter {
        let sink: Box<dyn Sink> = match self {
            Self::Named(files) => Box::new(files.file(of, stream)),
            Self::Unnamed(file) => Box::new(file.begin()),
        };
        StreamWriter { sink, received: 0, kept: 0, failed: None }
    }
}

/// One stream, while it grows.
#[derive(Debug)]
pub(crate) struct StreamWriter {
    sink: Box<dyn Sink>,
    received: u64,
    kept: u64,
    /// Why no more bytes are kept.
    failed: Option<Arc<str>>,
}

impl StreamWriter {
    /// How many bytes of the stream have arrived, kept or not.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Appends bytes. After an error, further bytes are only counted, and those already kept stay.
    ///
    /// # Errors
    ///
    /// Returns an error if some of the bytes cannot be kept, once per stream.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.received += bytes.len() as u64;
        let mut rest = if self.failed.is_none() { bytes } else { &[] };
        while !rest.is_empty() {
            let error = match self.sink.write(rest, self.kept) {
                Ok(0) => ErrorKind::WriteZero.into(),
                Ok(count) => {
                    self.kept += count as u64;
                    rest = &rest[count..];
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            self.failed = Some(words(&error).into());
            self.sink.end();
            return Err(error);
        }
        Ok(())
    }

    /// Returns the first `length` bytes of the stream, or what was kept of them. The cost does not depend on the
    /// length.
    pub(crate) fn output(&self, length: u64) -> Output {
        let printed = length.min(self.received);
        let length = printed.min(self.kept);
        if printed == 0 {
            return Output::default();
        }
        let lost = |why: &Arc<str>| Unkept { bytes: printed - length, why: Arc::clone(why) };
        let unkept = self.failed.as_ref().filter(|_| printed > length).map(lost);
        Output::new(self.sink.source(), length, unkept)
    }
}

impl Drop for StreamWriter {
    fn drop(&mut self) {
        self.sink.end();
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::conduct::testing::{bytes, plan};
    use crate::model::{Phase, StepId, WorkerId};

    fn stdout(store: &Store, position: usize) -> StreamWriter {
        let step = StepId { trial: 1, phase: Phase::Run, position };
        store.stream(Printer::Step(step.of(WorkerId(0))), Stream::Stdout)
    }

    /// A store of each kind, with the folder of the named one.
    fn stores() -> (tempfile::TempDir, [Store; 2]) {
        let folder = tempfile::tempdir().unwrap();
        let results = ResultsFolder::open(folder.path()).unwrap();
        let plan = Arc::new(plan(1, 500, 1, &[Phase::Run]));
        let named = Store::new(&plan, Some(&results)).unwrap();
        (folder, [named, Store::unnamed().unwrap()])
    }

    #[test]
    fn streams_that_grow_together_are_read_back_apart() {
        let (_folder, stores) = stores();
        for store in &stores {
            std::thread::scope(|scope| {
                for number in 0..4_u8 {
                    let mut stream = stdout(store, number.into());
                    scope.spawn(move || {
                        let mut expected = Vec::new();
                        for round in 0..100_u8 {
                            let piece = vec![number ^ round; usize::from(round) + 1];
                            stream.append(&piece).unwrap();
                            expected.extend(piece);
                        }
                        assert_eq!(stream.received(), expected.len() as u64);
                        assert_eq!(bytes(&stream.output(u64::MAX)), expected);
                        assert_eq!(bytes(&stream.output(7)), expected[..7]);
                    });
                }
            });
        }
    }

    #[test]
    fn an_earlier_view_does_not_grow() {
        let (_folder, stores) = stores();
        for store in &stores {
            let mut stream = stdout(store, 0);
            stream.append(b"early").unwrap();
            let early = stream.output(5);
            stream.append(b" and late").unwrap();
            assert_eq!(bytes(&early), b"early");
            assert_eq!(bytes(&stream.output(stream.received())), b"early and late");
            assert_eq!(bytes(&stream.output(u64::MAX).since(&early)), b" and late");
            assert!(stdout(store, 1).output(9).is_empty());
        }
    }

    #[test]
    fn more_streams_than_files_are_kept_open_grow_in_turn() {
        let (folder, [named, _]) = stores();
        let mut streams: Vec<_> = (0..500).map(|position| stdout(&named, position)).collect();
        for piece in ["a", "b", "c"] {
            for stream in &mut streams {
                stream.append(piece.as_bytes()).unwrap();
            }
        }
        let open = || {
            let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
            let files = open.filter_map(|entry| entry.path().read_link().ok());
            files.filter(|file| file.starts_with(folder.path().join("outputs"))).count()
        };
        assert!((1..100).contains(&open()), "{} files are open", open());
        let outputs: Vec<_> = streams.iter().map(|stream| stream.output(u64::MAX)).collect();
        drop(streams);
        assert_eq!(open(), 0, "files of streams that are over are closed");
        assert!(outputs.iter().all(|output| bytes(output) == b"abc"));
        let file = folder.path().join("outputs/trial-1/w0/run-500-s499.stdout");
        assert_eq!(std::fs::read(file).unwrap(), b"abc");
    }

    #[test]
    fn a_stream_without_bytes_makes_no_file() {
        let (folder, [named, _]) = stores();
        assert!(stdout(&named, 0).append(b"").is_ok());
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_is_there_already_is_not_written_to() {
        let (folder, [named, _]) = stores();
        let outputs = folder.path().join("outputs/trial-1/w0");
        std::fs::create_dir_all(&outputs).unwrap();
        let (outside, target) = (outputs.join("run-01-s0.stdout"), folder.path().join("target"));
        std::fs::write(&target, "mine").unwrap();
        std::os::unix::fs::symlink(&target, &outside).unwrap();
        let mut stream = stdout(&named, 0);
        assert_eq!(stream.append(b"theirs").unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(stream.output(u64::MAX).unkept().unwrap().to_string(), "6 bytes could not be stored: file exists");
        assert_eq!(std::fs::read(&target).unwrap(), b"mine");
    }

    #[test]
    fn what_can_not_be_kept_is_counted_and_said_once() {
        let file = File::options().read(true).write(true).open("/dev/full").unwrap();
        let mut stream = stdout(&Store::Unnamed(Arc::new(UnnamedFile::new(file))), 0);
        assert!(stream.append(b"lost").is_err());
        assert!(stream.append(b" too").is_ok());
        let output = stream.output(u64::MAX);
        assert_eq!((output.length(), output.printed(), output.is_empty()), (0, 8, false));
        assert_eq!(output.unkept().unwrap().to_string(), "8 bytes could not be stored: no space left on device");
        let (first, all) = (stream.output(3), output);
        assert_eq!((first.printed(), all.since(&first).printed()), (3, 5));
    }
}
