//! A counter in memory that a process shares with its children: a child increments it as long as it works, and its parent
//! sees that without a message.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

/// A counter that stays shared across a fork.
#[derive(Debug)]
pub struct Pulse(NonNull<AtomicU64>);

// SAFETY: all that is behind the pointer is an atomic number, and nobody unmaps it while there is a reference to this.
unsafe impl Send for Pulse {}
// SAFETY: as above.
unsafe impl Sync for Pulse {}

impl Pulse {
    /// A new one with the value zero.
    ///
    /// # Errors
    ///
    /// If the kernel provides no memory.
    pub fn new() -> io::Result<Self> {
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing that is there.
        let page = unsafe { libc::mmap(std::ptr::null_mut(), size_of::<AtomicU64>(), access, kind, -1, 0) };
        if page == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        NonNull::new(page.cast()).map(Self).ok_or_else(|| io::Error::other("a mapping at address zero"))
    }

    /// Increments it.
    pub fn beat(&self) {
        self.counter().fetch_add(1, Ordering::Relaxed);
    }

    /// Its value.
    pub fn count(&self) -> u64 {
        self.counter().load(Ordering::Relaxed)
    }

    fn counter(&self) -> &AtomicU64 {
        // SAFETY: the mapping is as large as this, begins zeroed at a page's start, and stays until `self` is dropped.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and nobody uses it any more in this process.
        unsafe { libc::munmap(self.0.as_ptr().cast(), size_of::<AtomicU64>()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts() {
        let pulse = Pulse::new().unwrap();
        assert_eq!(pulse.count(), 0);
        pulse.beat();
        pulse.beat();
        assert_eq!(pulse.count(), 2);
    }
}
