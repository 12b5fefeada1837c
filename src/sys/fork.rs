//! Creating processes.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::child::{Blueprint, become_program};
use super::descriptors::DescriptorLimit;
use super::raw;

/// The flag (Linux 5.7) is defined here because the headers of the C library may be older.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Forks this process. Returns the process ID of the child, or `None` in the child.
///
/// Only a program with one thread may call this, because the child would lack the other threads. The player has one
/// thread.
///
/// # Errors
///
/// Returns an error if the kernel creates no process.
pub fn fork() -> io::Result<Option<u32>> {
    // SAFETY: the process has one thread, so no lock is held by a thread that the child lacks.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        child => Ok(Some(child.unsigned_abs())),
    }
}

/// Creates a process that executes the blueprint and shares our memory until exec: a fork that copies nothing. The
/// blueprint must stay valid until the process has executed its program or has ended. The process starts in `cgroup` if
/// the kernel supports this; the returned flag says whether it does.
///
/// # Errors
///
/// Returns an error if the kernel creates no process.
pub(super) fn fork_beside(blueprint: &mut Blueprint, cgroup: Option<BorrowedFd<'_>>) -> io::Result<(u32, bool)> {
    extern "C" fn child(blueprint: *mut libc::c_void) -> libc::c_int {
        // SAFETY: this is a pointer to the blueprint below, which stays valid until this process has executed its
        // program.
        become_program(unsafe { &*blueprint.cast::<Blueprint>() })
    }
    /// The calling conventions require the end of the stack to be a multiple of this.
    const ALIGNMENT: usize = 16;
    /// The child makes few calls, and none of them is deep.
    const STACK: usize = 16 << 10;
    if !raw::IS_KNOWN {
        return match fork()? {
            None => become_program(blueprint),
            Some(pid) => Ok((pid, false)),
        };
    }
    blueprint.stack.reserve_exact(STACK);
    let start = blueprint.stack.as_mut_ptr();
    let size = STACK - start.wrapping_add(STACK).addr() % ALIGNMENT;
    let argument = std::ptr::from_ref(blueprint).cast_mut().cast();
    if let Some(cgroup) = cgroup {
        let arguments = clone_arguments(libc::CLONE_VM, [start.addr(), size], cgroup);
        // SAFETY: as below. If the kernel refuses, it has created no process.
        if let Ok(pid @ 1..) = u32::try_from(unsafe { raw::clone_into(&arguments, child, argument) }) {
            return Ok((pid, true));
        }
    }
    let end = start.wrapping_add(size).cast();
    // SAFETY: the child uses its own stack, and only the contents of the blueprint. It makes system calls without the C
    // library, which would write its errors to the memory that it shares with us.
    match unsafe { libc::clone(child, end, libc::CLONE_VM | libc::SIGCHLD, argument) } {
        -1 => Err(io::Error::last_os_error()),
        child => Ok((child.unsigned_abs(), false)),
    }
}

/// Whether a process can start in this control group without being killed.
pub(super) fn lives_in(cgroup: BorrowedFd<'_>) -> bool {
    // Without its own stack, the child is a copy of this process, as after a fork.
    let arguments = clone_arguments(0, [0; 2], cgroup);
    let [address, size] = [arguments.as_ptr().addr(), size_of_val(&arguments)];
    // SAFETY: the process has one thread, and the child only exits.
    let child = unsafe { raw::call(libc::SYS_clone3, [address, size, 0, 0, 0, 0]) };
    if child == 0 {
        exit_now(0);
    }
    let (child, mut status) = (i32::try_from(child).unwrap_or(-1), 0);
    // SAFETY: the pointer is to a live integer.
    child > 0 && unsafe { libc::waitpid(child, &raw mut status, 0) } == child && status == 0
}

/// Returns the kernel's `struct clone_args` for a child with these flags, this stack (start and size) and this control
/// group.
fn clone_arguments(flags: i32, stack: [usize; 2], cgroup: BorrowedFd<'_>) -> [u64; 11] {
    let flags = CLONE_INTO_CGROUP | u64::from(flags.unsigned_abs());
    let [start, size] = stack.map(|number| number as u64);
    let (signal, cgroup) = (libc::SIGCHLD.unsigned_abs().into(), cgroup.as_raw_fd().unsigned_abs().into());
    [flags, 0, 0, 0, signal, start, size, 0, 0, 0, cgroup]
}

/// Makes a command start in its own session, without a terminal, and with this limit of descriptors.
pub fn start_apart(command: &mut Command, limit: DescriptorLimit) {
    let prepare = move || {
        own_session();
        limit.restore();
        Ok(())
    };
    // SAFETY: the closure only makes two system calls, and allocates nothing.
    unsafe { command.pre_exec(prepare) };
}

/// Makes a command start in its own session and as a child of process 1. The child that `spawn` returns ends
/// immediately. Only for a process with one thread.
pub fn start_detached(command: &mut Command, limit: DescriptorLimit) {
    let fork_again = || {
        // SAFETY: there is only one thread, so no lock is held by another one.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => Ok(()),
            _ => exit_now(0),
        }
    };
    // SAFETY: the closure only calls `fork` and `_exit`, and allocates nothing.
    unsafe { command.pre_exec(fork_again) };
    start_apart(command, limit);
}

/// Ends this process immediately: no destructor runs, and no inherited buffer is written twice.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: `_exit` has no precondition.
    unsafe { libc::_exit(status) }
}

/// Moves this process to its own session, without a terminal, so that Ctrl-C does not reach it and its children.
pub fn own_session() {
    // SAFETY: `setsid` has no precondition; it fails only for a group leader, which then keeps its session.
    unsafe { libc::setsid() };
}
