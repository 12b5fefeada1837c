//! Making a copy of this process.

use std::io;

/// On which side of a fork we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forked {
    /// In the new process.
    Child,
    /// In the old one, with the new one's number.
    Parent(u32),
}

/// Copies this process.
///
/// It may be called only by a program of one thread: then the copy is as sound as the original. The player never makes
/// a thread.
///
/// # Errors
///
/// Says why the kernel makes no process.
pub fn fork() -> io::Result<Forked> {
    // SAFETY: the caller's process has one thread, so no lock is held by a thread that the copy lacks.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Forked::Child),
        child => Ok(Forked::Parent(child.unsigned_abs())),
    }
}

/// Ends this process at once: no destructor runs, nothing that was inherited from the parent is written twice.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: `_exit` has no precondition.
    unsafe { libc::_exit(status) }
}

/// Puts this process into a session of its own, without a terminal: neither it nor its children can be reached from
/// there, by Ctrl-C or otherwise.
pub fn own_session() {
    // SAFETY: `setsid` has no precondition; it fails only for a group leader, which then keeps its session.
    unsafe { libc::setsid() };
}
