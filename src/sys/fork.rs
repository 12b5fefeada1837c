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

/// Makes a process that shares our memory and runs `work` on `stack` while we wait until it has become another program
/// or has ended: a fork without its copy of the memory.
///
/// `work` must end in an exec or in [`exit_now`]; it must not allocate, and must not do what can block for long.
///
/// # Errors
///
/// Says why the kernel makes no process.
pub(super) fn fork_in_place(stack: &mut [u8], work: &mut dyn FnMut()) -> io::Result<u32> {
    extern "C" fn child(work: *mut libc::c_void) -> libc::c_int {
        // SAFETY: the pointer is to the closure below, which lives while its parent waits.
        let work = unsafe { &mut *work.cast::<&mut dyn FnMut()>() };
        work();
        exit_now(127)
    }
    /// The system's call conventions want the stack's end at a multiple of this.
    const ALIGNMENT: usize = 16;
    let mut work = work;
    let end = stack.as_mut_ptr_range().end;
    let end = end.wrapping_sub(end.addr() % ALIGNMENT);
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the child uses a stack of its own, which nobody else uses while we wait for it, and ends in the closure.
    match unsafe { libc::clone(child, end.cast(), flags, (&raw mut work).cast()) } {
        -1 => Err(io::Error::last_os_error()),
        child => Ok(child.unsigned_abs()),
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
