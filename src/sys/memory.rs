//! Memory that the C library has reserved.

/// Returns freed memory to the system. Otherwise a forked process keeps copies of pages that it does not need, and a process
/// that has finished a large task keeps its pages for as long as it lives.
pub fn give_back_memory() {
    // Other C libraries reserve little, and have no such call.
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes a number, and gives back only what nobody uses.
    unsafe {
        libc::malloc_trim(0);
    }
}
