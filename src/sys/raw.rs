//! System calls without the C library, for a child that shares its parent's memory while both are running: the library
//! would write the child's errors over the parent's.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use std::arch::asm;

/// Whether the system calls of this architecture are implemented here. On other architectures, children have their own
/// memory.
pub(super) const IS_KNOWN: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

/// Makes a system call. A negative result is an error number. The state of the C library is not touched.
///
/// # Safety
///
/// The requirements of the system call apply.
pub(super) unsafe fn call(number: libc::c_long, arguments: [usize; 6]) -> i64 {
    let [first, second, third, fourth, fifth, sixth] = arguments;
    let answer: i64;
    // SAFETY: the registers are those of the kernel's calling convention. The kernel preserves all but the one with the
    // result, and on x86-64 rcx and r11.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!(
            "syscall", inlateout("rax") number => answer, in("rdi") first, in("rsi") second, in("rdx") third,
            in("r10") fourth, in("r8") fifth, in("r9") sixth, lateout("rcx") _, lateout("r11") _, options(nostack)
        );
        #[cfg(target_arch = "aarch64")]
        asm!(
            "svc 0", in("x8") number, inlateout("x0") first.cast_signed() as i64 => answer, in("x1") second, in("x2") third,
            in("x3") fourth, in("x4") fifth, in("x5") sixth, options(nostack)
        );
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        {
            answer = match libc::syscall(number, first, second, third, fourth, fifth, sixth) {
                -1 => -i64::from(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)),
                answer => answer.into(),
            };
        }
    }
    answer
}

/// Creates a process that shares our memory, with the stack and the control group in `arguments`, which calls
/// `function` with `argument`. Returns its process ID, or a negative number.
///
/// # Safety
///
/// The requirements of clone3 apply. What the arguments point to must be valid for as long as the function runs, and
/// the end of the stack must be a multiple of 16. The architecture must be one for which `IS_KNOWN` is true.
pub(super) unsafe fn clone_into(
    arguments: &[u64; 11],
    function: extern "C" fn(*mut libc::c_void) -> libc::c_int,
    argument: *mut libc::c_void,
) -> i64 {
    let (start, size) = (arguments.as_ptr(), size_of_val(arguments));
    let answer: i64;
    // SAFETY: as in `call`. Only the child, whose result is zero, continues to the call, and does not return from it.
    // It has its own, empty stack.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!(
            "syscall", "test rax, rax", "jnz 2f", "xor ebp, ebp", "mov rdi, r8", "call r9", "ud2", "2:",
            inlateout("rax") libc::SYS_clone3 => answer, in("rdi") start, in("rsi") size, in("r8") argument,
            in("r9") function, lateout("rcx") _, lateout("r11") _, options(nostack)
        );
        #[cfg(target_arch = "aarch64")]
        asm!(
            "svc 0", "cbnz x0, 2f", "mov x29, xzr", "mov x30, xzr", "mov x0, x10", "blr x9", "brk 1", "2:",
            in("x8") libc::SYS_clone3, inlateout("x0") start.addr().cast_signed() as i64 => answer, in("x1") size, in("x10") argument,
            in("x9") function, options(nostack)
        );
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        {
            let _ = (start, size, function, argument);
            answer = -1;
        }
    }
    answer
}
