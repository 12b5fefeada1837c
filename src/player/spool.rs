//! Output that its conductor does not take: it waits in an unlinked temporary file, so that the steps can go on.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::wire::{Data, Outbox, ROOM, WINDOW};

/// How much is taken back from the file at once.
const BACK: usize = WINDOW / 8;

/// Where output goes that is to be sent: to the outbox, and behind that to the spool.
#[derive(Debug)]
pub(super) struct Output<'a> {
    pub(super) outbox: &'a mut Outbox,
    pub(super) spool: &'a mut Spool,
}

impl Output<'_> {
    /// Whether more of what the steps print may be read now.
    pub(super) fn has_room(&self) -> bool {
        self.spool.has_room(self.outbox)
    }

    /// Takes some output. Nothing is cut off: what the file does not take stays in memory.
    pub(super) fn push(&mut self, data: Data) {
        let behind = !self.spool.places.is_empty() || (self.spool.is_open && self.outbox.waiting_data() >= ROOM);
        if behind && self.spool.push(&data) {
            return;
        }
        if self.spool.places.is_empty() {
            self.outbox.push_data(data);
        } else {
            // The file is full, or broken: this comes behind what is in it.
            self.spool.rest.push_back(data);
        }
    }
}

/// The file and what stands where in it.
#[derive(Debug)]
pub(super) struct Spool {
    limit: u64,
    file: Option<File>,
    /// Stream, offset in it, length; in their order, without gaps in the file.
    places: VecDeque<(u32, u64, usize)>,
    from: u64,
    to: u64,
    rest: VecDeque<Data>,
    /// Whether output may go to the file: its conductor takes nothing.
    is_open: bool,
    failed: bool,
}

impl Spool {
    /// One of at most `limit` bytes.
    pub(super) fn new(limit: u64) -> Self {
        Self {
            limit,
            file: None,
            places: VecDeque::new(),
            from: 0,
            to: 0,
            rest: VecDeque::new(),
            is_open: false,
            failed: false,
        }
    }

    /// Says whether output may go to the file from now on.
    pub(super) fn set_open(&mut self, open: bool) {
        self.is_open = open;
    }

    /// How many bytes wait in the file.
    pub(super) fn waiting(&self) -> u64 {
        self.to - self.from
    }

    /// Whether nothing waits here.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.rest.is_empty()
    }

    /// Whether it takes no more, while it would have to.
    pub(super) fn is_full(&self) -> bool {
        self.failed || !self.rest.is_empty() || self.waiting() >= self.limit
    }

    fn has_room(&self, outbox: &Outbox) -> bool {
        let in_memory = self.is_empty() && outbox.waiting_data() < ROOM;
        in_memory || (self.is_open && !self.is_full())
    }

    fn push(&mut self, data: &Data) -> bool {
        if self.is_full() {
            return false;
        }
        if let Err(error) = self.write(data) {
            tracing::error!("output can't be kept in a temporary file: {error}");
            self.failed = true;
            return false;
        }
        self.places.push_back((data.stream, data.offset, data.bytes.len()));
        self.to += data.bytes.len() as u64;
        true
    }

    fn write(&mut self, data: &Data) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.write_all_at(&data.bytes, self.to)
    }

    /// Gives back what the outbox has room for again.
    pub(super) fn refill(&mut self, outbox: &mut Outbox) {
        while !self.places.is_empty() && outbox.waiting_data() < BACK {
            let Some(&(stream, offset, length)) = self.places.front() else { break };
            let mut bytes = vec![0; length];
            let Some(file) = &self.file else { break };
            if let Err(error) = file.read_exact_at(&mut bytes, self.from) {
                tracing::error!("output can't be read from a temporary file: {error}");
                self.failed = true;
                return;
            }
            self.places.pop_front();
            self.from += length as u64;
            outbox.push_data(Data { stream, offset, bytes });
        }
        if self.places.is_empty() {
            // Everything was read: the file begins anew, and the disk has its space back.
            if self.from > 0 {
                let emptied = self.file.as_ref().is_none_or(|file| file.set_len(0).is_ok());
                (self.from, self.to) = (0, 0);
                self.failed &= !emptied;
            }
            while let Some(data) = self.rest.pop_front() {
                outbox.push_data(data);
            }
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
        let (mut outbox, mut spool) = (Outbox::new(), Spool::new(300_000));
        spool.set_open(true);
        // The file is used a second time when all of it was taken back.
        for _ in 0..2 {
            let mut expected = Vec::new();
            let mut output = Output { outbox: &mut outbox, spool: &mut spool };
            for index in 0_u8..20 {
                let bytes = vec![index; 50_000];
                output.push(Data { stream: 1, offset: expected.len() as u64, bytes: bytes.clone() });
                expected.extend(bytes);
            }
            assert!(!output.has_room(), "the limit is passed");
            assert!(spool.waiting() <= 350_000);
            assert_eq!(drain(&mut outbox, &mut spool), expected);
            assert!(spool.is_empty() && !spool.is_full());
        }
    }

    #[test]
    fn without_need_nothing_goes_to_the_file() {
        let (mut outbox, mut spool) = (Outbox::new(), Spool::new(300_000));
        let mut output = Output { outbox: &mut outbox, spool: &mut spool };
        output.push(Data { stream: 1, offset: 0, bytes: vec![0; ROOM] });
        assert!(!output.has_room(), "a pipe can wait a moment");
        assert_eq!(spool.waiting(), 0);
        spool.set_open(true);
        assert!(Output { outbox: &mut outbox, spool: &mut spool }.has_room());
    }
}
