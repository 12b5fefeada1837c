//! Memory that a process shares with its children: what one of them writes, the others see without a message.

use std::io;
use std::ops::Deref;
use std::ptr::{NonNull, null_mut};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// A value that stays shared after a fork. It must not point to other memory, which is separate in each process. The
/// value is not dropped: only its memory is returned.
#[derive(Debug)]
pub struct Shared<T>(NonNull<T>);

// SAFETY: the value stays mapped while there is a reference to it, and it can be used from several threads.
unsafe impl<T: Sync> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Shared<T> {}

impl<T: Sync> Shared<T> {
    /// Shares a value with the children that this process creates from now on.
    ///
    /// # Errors
    ///
    /// Returns an error if the kernel provides no memory.
    pub fn new(value: T) -> io::Result<Self> {
        let (access, kind) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: a new mapping at an address chosen by the kernel touches no existing memory.
        let page = unsafe { mmap_anonymous(null_mut(), size_of::<T>(), access, kind)? };
        let place = NonNull::new(page.cast::<T>()).ok_or_else(|| io::Error::other("a mapping at address zero"))?;
        // SAFETY: the mapping is large enough for the value, and begins at the start of a page.
        unsafe { place.write(value) };
        Ok(Self(place))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the mapping contains a value, and stays until `self` is dropped.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping belongs to this value alone, which is no longer used in this process.
        let _ = unsafe { munmap(self.0.as_ptr().cast(), size_of::<T>()) };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn what_it_holds_can_be_changed() {
        let count = Shared::new(AtomicU64::new(1)).unwrap();
        count.fetch_add(1, Ordering::Relaxed);
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }
}
