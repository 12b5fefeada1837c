//! The signals that ask a conductor to stop.

use crossbeam_channel::{Receiver, bounded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::sys;

/// Begins to listen for SIGINT, SIGTERM and SIGHUP (unless it is ignored, as under `nohup`), and passes them on. The thread lives as long as the program.
///
/// # Errors
///
/// Says why signals can't be heard.
pub(super) fn interrupts() -> std::io::Result<Receiver<i32>> {
    // The first stops in good order, the second at once: nobody waits for a third.
    let (sender, receiver) = bounded(2);
    let heard = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| *signal != SIGHUP || !sys::is_ignored(SIGHUP));
    let mut signals = Signals::new(heard)?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            let _ = sender.try_send(signal);
        }
    })?;
    Ok(receiver)
}
