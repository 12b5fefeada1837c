//! The signals that ask a conductor to stop.

use crossbeam_channel::{Receiver, bounded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::sys;

/// Starts to listen for SIGINT, SIGTERM and SIGHUP (unless it is ignored, as under `nohup`), and sends them to the
/// returned channel. The thread lives as long as the program.
///
/// The first signal stops the run in good order; the second, or the third with `on_interrupt = collect`, stops it at
/// once. If the receiver is blocked, for example because a stopped terminal does not accept the last output, the third
/// ends the program immediately.
///
/// # Errors
///
/// Returns an error if the signal handlers cannot be installed.
pub(super) fn interrupts() -> std::io::Result<Receiver<i32>> {
    let (sender, receiver) = bounded(2);
    let heard = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| *signal != SIGHUP || !sys::is_ignored(SIGHUP));
    let mut signals = Signals::new(heard)?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for (count, signal) in (1..).zip(signals.forever()) {
            if count > 2 && !sender.is_empty() {
                sys::exit_now(128 + signal);
            }
            let _ = sender.try_send(signal);
        }
    })?;
    Ok(receiver)
}
