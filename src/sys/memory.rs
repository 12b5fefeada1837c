//! The allocator, and the memory that it has reserved.

/// The allocator of musl requests and returns pages for every few frames of output, which halves the throughput.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// Keeps a few MiB of freed memory for the next use. By default, the C library returns memory to the system whenever
/// 128 KiB are free; while output is passed on, it would return the same pages and request them again for every few
/// frames (mallopt(3), `M_TRIM_THRESHOLD`). This also makes the allocator usable after a fork.
pub fn keep_freed_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes two numbers, and only changes when memory is returned.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, 4 << 20);
    }
    // dlmalloc keeps 2 MiB. After a fork, the child can use it even if another thread was using it at that moment.
    #[cfg(target_env = "musl")]
    // SAFETY: there is no other thread yet.
    unsafe {
        dlmalloc::enable_alloc_after_fork();
    }
}

/// What a process does after it has freed memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It requests memory again soon.
    Work,
    /// It only waits, perhaps for an hour.
    Wait,
}

/// Returns freed memory to the system, if there is enough to be worth the time. Otherwise, a forked process keeps copies
/// of pages that it does not need, and a process that has finished a large task keeps its pages until it ends.
pub fn give_back_memory(next: Next) {
    let enough = match next {
        Next::Work => 1 << 20,
        Next::Wait => 128 << 10,
    };
    // SAFETY: the first only counts. The second takes a number, and returns only memory that is not in use.
    #[cfg(target_env = "gnu")]
    unsafe {
        // The count is a signed number; above 2 GiB, it is negative.
        if libc::mallinfo().fordblks.cast_unsigned() >= enough {
            libc::malloc_trim(0);
        }
    }
    // Other C libraries reserve little, and have no such function.
    #[cfg(not(target_env = "gnu"))]
    let _: u32 = enough;
}
