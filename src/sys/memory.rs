//! Memory that the C library keeps for later.

/// Gives the memory back to the system that was freed. A process that is a copy of another one, and does not need what that
/// one has, otherwise keeps pages of its own for it; and so does one that lives on for long after a large task.
pub fn give_back_memory() {
    // Other C libraries keep little, and have no such call.
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes a number, and gives back only what nobody uses.
    unsafe {
        libc::malloc_trim(0);
    }
}
