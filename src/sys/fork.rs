//! Making a copy of this process.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::child::{Blueprint, become_program};
use super::descriptors::DescriptorLimit;
use super::raw;

/// The C library's headers may be older than the flag (Linux 5.7).
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

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

/// Makes a process that becomes what the blueprint says, and shares our memory until then: a fork without its copy. `stack`
/// and blueprint have to stay until it is another program, or has ended. It begins in `cgroup` when the kernel does that;
/// the flag says so.
///
/// # Errors
///
/// Says why the kernel makes no process.
pub(super) fn fork_beside(
    stack: &mut Vec<u8>,
    blueprint: &Blueprint,
    cgroup: Option<BorrowedFd<'_>>,
) -> io::Result<(u32, bool)> {
    extern "C" fn child(blueprint: *mut libc::c_void) -> libc::c_int {
        // SAFETY: the pointer is to the blueprint below, which stays until this process is another program.
        become_program(unsafe { &*blueprint.cast::<Blueprint>() })
    }
    /// The system's call conventions want the stack's end at a multiple of this.
    const ALIGNMENT: usize = 16;
    /// Little is called, and nothing deep.
    const STACK: usize = 16 << 10;
    if !raw::IS_KNOWN {
        return match fork()? {
            Forked::Child => become_program(blueprint),
            Forked::Parent(pid) => Ok((pid, false)),
        };
    }
    stack.reserve_exact(STACK);
    let end = stack.as_mut_ptr().wrapping_add(STACK);
    let end = end.wrapping_sub(end.addr() % ALIGNMENT);
    let argument = std::ptr::from_ref(blueprint).cast_mut().cast();
    if let Some(cgroup) = cgroup {
        let start = stack.as_ptr().addr();
        let arguments = clone_arguments((start, end.addr() - start), cgroup);
        // SAFETY: as below. A kernel that refuses has made no process.
        if let Ok(pid @ 1..) = u32::try_from(unsafe { raw::clone_into(&arguments, child, argument) }) {
            return Ok((pid, true));
        }
    }
    // SAFETY: the child uses a stack of its own, and only what the blueprint says. It makes its system calls by itself, for
    // the C library's errors are in memory that it shares with us.
    match unsafe { libc::clone(child, end.cast(), libc::CLONE_VM | libc::SIGCHLD, argument) } {
        -1 => Err(io::Error::last_os_error()),
        child => Ok((child.unsigned_abs(), false)),
    }
}

/// Whether a process can begin in this control group, and is not killed there.
pub(super) fn lives_in(cgroup: BorrowedFd<'_>) -> bool {
    let mut arguments = clone_arguments((0, 0), cgroup);
    // Without a stack of its own it is a copy of this process, as by a fork.
    arguments[0] = CLONE_INTO_CGROUP;
    // SAFETY: the caller's process has one thread, and the copy does nothing but end.
    let child =
        unsafe { raw::call(libc::SYS_clone3, [arguments.as_ptr().addr(), size_of_val(&arguments), 0, 0, 0, 0]) };
    if child == 0 {
        exit_now(0);
    }
    let (child, mut status) = (i32::try_from(child).unwrap_or(-1), 0);
    // SAFETY: the pointer is to a live integer.
    child > 0 && unsafe { libc::waitpid(child, &raw mut status, 0) } == child && status == 0
}

/// The kernel's `struct clone_args`: a child that shares our memory, on this stack, and in this control group.
fn clone_arguments((stack, size): (usize, usize), cgroup: BorrowedFd<'_>) -> [u64; 11] {
    let flags = u64::from(libc::CLONE_VM.unsigned_abs());
    let signal = libc::SIGCHLD.unsigned_abs().into();
    let cgroup = cgroup.as_raw_fd().unsigned_abs().into();
    [CLONE_INTO_CGROUP | flags, 0, 0, 0, signal, stack as u64, size as u64, 0, 0, 0, cgroup]
}

/// Has a command start in a session of its own, without a terminal, and with this limit of descriptors.
pub fn start_apart(command: &mut Command, limit: DescriptorLimit) {
    let prepare = move || {
        own_session();
        limit.restore();
        Ok(())
    };
    // SAFETY: the child makes two system calls, and allocates nothing.
    unsafe { command.pre_exec(prepare) };
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
