//! Memory that a process shares with its children: what one of them writes, the others see without a message.

use std::io;
use std::ops::Deref;
use std::ptr::{NonNull, null_mut};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// A value that stays shared across a fork. It must not point to other memory, which each process has for itself. It is not
/// dropped: its memory is only returned.
#[derive(Debug)]
pub struct Shared<T>(NonNull<T>);

// SAFETY: nobody unmaps the value while there is a reference to it, and it can be used from several threads.
unsafe impl<T: Sync> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Shared<T> {}

impl<T: Sync> Shared<T> {
    /// Shares a value with the children that this process creates from now on.
    ///
    /// # Errors
    ///
    /// If the kernel provides no memory.
    pub fn new(value: T) -> io::Result<Self> {
        let (access, kind) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing that is there.
        let page = unsafe { mmap_anonymous(null_mut(), size_of::<T>(), access, kind)? };
        let place = NonNull::new(page.cast::<T>()).ok_or_else(|| io::Error::other("a mapping at address zero"))?;
        // SAFETY: the mapping is as large as the value, and begins at the start of a page.
        unsafe { place.write(value) };
        Ok(Self(place))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the mapping has a value, and stays until `self` is dropped.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and nobody uses it any more in this process.
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
