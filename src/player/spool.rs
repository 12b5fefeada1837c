//! Output that the conductor does not receive is kept in an unlinked temporary file, so that the steps can continue.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::wire::{Data, Outbox, ROOM, WINDOW};

/// The outbox is refilled from the file while less data than this is waiting in it.
const BACK: usize = WINDOW / 8;

/// The file and the positions of the output in it.
#[derive(Debug, Default)]
pub(super) struct Spool {
    limit: u64,
    file: Option<File>,
    /// The stream, the offset in it, and the length of each piece of output, in file order without gaps.
    places: VecDeque<(u32, u64, usize)>,
    from: u64,
    to: u64,
    rest: VecDeque<Data>,
    /// Whether output may go to the file, because the conductor does not receive any.
    pub(super) is_open: bool,
    failed: bool,
}

impl Spool {
    /// Creates a spool of at most `limit` bytes.
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Returns how many bytes are waiting in the file.
    pub(super) fn waiting(&self) -> u64 {
        self.to - self.from
    }

    /// Whether no output is waiting here.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.rest.is_empty()
    }

    /// Whether the spool cannot accept more output.
    pub(super) fn is_full(&self) -> bool {
        self.failed || !self.rest.is_empty() || self.waiting() >= self.limit
    }

    /// Whether more output of the steps may be read now.
    pub(super) fn has_room(&self, outbox: &Outbox) -> bool {
        let in_memory = self.is_empty() && outbox.waiting_data() < ROOM;
        in_memory || (self.is_open && !self.is_full())
    }

    /// Adds output to the outbox or to the file. No output is lost: what does not fit into the file stays in memory.
    pub(super) fn push(&mut self, data: Data, outbox: &mut Outbox) {
        let is_behind = !self.places.is_empty() || (self.is_open && outbox.waiting_data() >= ROOM);
        if is_behind && !self.is_full() {
            match self.write(&data) {
                Ok(()) => return,
                Err(error) => {
                    tracing::error!("cannot write output to a temporary file: {error}");
                    self.failed = true;
                }
            }
        }
        if self.places.is_empty() {
            outbox.push_data(data);
        } else {
            // The file is full or broken: keep this output until the file has been read.
            self.rest.push_back(data);
        }
    }

    fn write(&mut self, data: &Data) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.write_all_at(&data.bytes, self.to)?;
        self.places.push_back((data.stream, data.offset, data.bytes.len()));
        self.to += data.bytes.len() as u64;
        Ok(())
    }

    /// Moves output from the file to the outbox while there is room.
    pub(super) fn refill(&mut self, outbox: &mut Outbox) {
        while let (Some(&(stream, offset, length)), Some(file)) = (self.places.front(), &self.file)
            && outbox.waiting_data() < BACK
        {
            let mut bytes = vec![0; length];
            if let Err(error) = file.read_exact_at(&mut bytes, self.from) {
                tracing::error!("cannot read output from a temporary file: {error}");
                self.failed = true;
                return;
            }
            self.places.pop_front();
            self.from += length as u64;
            outbox.push_data(Data { stream, offset, bytes });
        }
        if self.places.is_empty() {
            // The file has been read completely. Truncate it, which frees its disk space.
            if self.from > 0 {
                let is_emptied = self.file.as_ref().is_none_or(|file| file.set_len(0).is_ok());
                (self.from, self.to) = (0, 0);
                self.failed &= !is_emptied;
            }
            self.rest.drain(..).for_each(|data| outbox.push_data(data));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(outbox: &mut Outbox, spool: &mut Spool) -> Vec<u8> {
        let mut found = Vec::new();
        loop {
            spool.refill(outbox);
            let Some(data) = outbox.take_data() else { return found };
            assert_eq!(data.offset, found.len() as u64, "in order and without gaps");
            found.extend(data.bytes);
        }
    }

    #[test]
    fn output_comes_back_in_its_order_from_memory_file_and_beyond_the_limit() {
        let (mut outbox, mut spool) = (Outbox::default(), Spool::new(300_000));
        spool.is_open = true;
        // The file is used again after all of its output was read.
        for _ in 0..2 {
            let mut expected = Vec::new();
            for index in 0_u8..20 {
                let bytes = vec![index; 50_000];
                spool.push(Data { stream: 1, offset: expected.len() as u64, bytes: bytes.clone() }, &mut outbox);
                expected.extend(bytes);
            }
            assert!(!spool.has_room(&outbox), "the limit is passed");
            assert!(spool.waiting() <= 350_000);
            assert_eq!(drain(&mut outbox, &mut spool), expected);
            assert!(spool.is_empty() && !spool.is_full());
        }
    }

    #[test]
    fn without_need_nothing_goes_to_the_file() {
        let (mut outbox, mut spool) = (Outbox::default(), Spool::new(300_000));
        spool.push(Data { stream: 1, offset: 0, bytes: vec![0; ROOM] }, &mut outbox);
        assert!(!spool.has_room(&outbox), "a pipe can wait a moment");
        assert_eq!(spool.waiting(), 0);
        spool.is_open = true;
        assert!(spool.has_room(&outbox));
    }
}
