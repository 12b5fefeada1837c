//! System calls without the C library, for a child that shares its parent's memory while both run: the library would
//! write the child's errors over the parent's.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use std::arch::asm;

/// Whether the system calls of this architecture are known here.
pub(super) const IS_KNOWN: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

/// Makes a system call; a negative result is the number of an error. The state of the C library is not touched.
///
/// # Safety
///
/// As the system call that is made.
#[cfg(target_arch = "x86_64")]
pub(super) unsafe fn call(number: libc::c_long, arguments: [usize; 6]) -> i64 {
    let mut answer = number;
    // SAFETY: the registers are those of the kernel's convention; it keeps all but rax, rcx and r11.
    unsafe {
        asm!(
            "syscall", inlateout("rax") answer, in("rdi") arguments[0], in("rsi") arguments[1], in("rdx") arguments[2],
            in("r10") arguments[3], in("r8") arguments[4], in("r9") arguments[5], lateout("rcx") _, lateout("r11") _, options(nostack)
        );
    }
    answer
}

/// The same.
///
/// # Safety
///
/// As the system call that is made.
#[cfg(target_arch = "aarch64")]
pub(super) unsafe fn call(number: libc::c_long, arguments: [usize; 6]) -> i64 {
    let mut answer = arguments[0].cast_signed() as i64;
    // SAFETY: the registers are those of the kernel's convention; it keeps all but x0.
    unsafe {
        asm!(
            "svc 0", in("x8") number, inlateout("x0") answer, in("x1") arguments[1], in("x2") arguments[2],
            in("x3") arguments[3], in("x4") arguments[4], in("x5") arguments[5], options(nostack)
        );
    }
    answer
}

/// Creates a process that shares our memory, with the stack and the control group in `arguments`; it calls `function` with
/// `argument`. Returns its number, or a negative number.
///
/// # Safety
///
/// As clone3; what the arguments point to has to be valid as long as the function runs, and the end of the stack has to be a
/// multiple of 16.
#[cfg(target_arch = "x86_64")]
pub(super) unsafe fn clone_into(
    arguments: &[u64; 11],
    function: extern "C" fn(*mut libc::c_void) -> libc::c_int,
    argument: *mut libc::c_void,
) -> i64 {
    let mut answer = libc::SYS_clone3;
    // SAFETY: as in `call`. Only the child, whose answer is zero, goes on to the call, and it does not come back: it has
    // a stack of its own, which is empty.
    unsafe {
        asm!(
            "syscall", "test rax, rax", "jnz 2f", "xor ebp, ebp", "mov rdi, r8", "call r9", "ud2", "2:",
            inlateout("rax") answer, in("rdi") arguments.as_ptr(), in("rsi") size_of_val(arguments), in("r8") argument,
            in("r9") function, lateout("rcx") _, lateout("r11") _, options(nostack)
        );
    }
    answer
}

/// The same.
///
/// # Safety
///
/// The same.
#[cfg(target_arch = "aarch64")]
pub(super) unsafe fn clone_into(
    arguments: &[u64; 11],
    function: extern "C" fn(*mut libc::c_void) -> libc::c_int,
    argument: *mut libc::c_void,
) -> i64 {
    let mut answer = arguments.as_ptr().addr().cast_signed() as i64;
    // SAFETY: as above; the kernel keeps all registers but x0.
    unsafe {
        asm!(
            "svc 0", "cbnz x0, 2f", "mov x29, xzr", "mov x30, xzr", "mov x0, x10", "blr x9", "brk 1", "2:",
            in("x8") libc::SYS_clone3, inlateout("x0") answer, in("x1") size_of_val(arguments), in("x10") argument,
            in("x9") function, options(nostack)
        );
    }
    answer
}

/// The same on another architecture; it is never called.
///
/// # Safety
///
/// The same.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) unsafe fn clone_into(
    _arguments: &[u64; 11],
    _function: extern "C" fn(*mut libc::c_void) -> libc::c_int,
    _argument: *mut libc::c_void,
) -> i64 {
    -i64::from(libc::ENOSYS)
}

/// The same on another architecture, where children have their own memory.
///
/// # Safety
///
/// As the system call that is made.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) unsafe fn call(number: libc::c_long, arguments: [usize; 6]) -> i64 {
    let [first, second, third, fourth, fifth, sixth] = arguments;
    // SAFETY: as this function's own contract says.
    match unsafe { libc::syscall(number, first, second, third, fourth, fifth, sixth) } {
        -1 => -i64::from(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)),
        answer => answer.into(),
    }
}
