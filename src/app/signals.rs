//! The signals that ask a conductor to stop.

use crossbeam_channel::{Receiver, bounded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Begins to listen for SIGINT, SIGTERM and SIGHUP, and passes them on. The thread lives as long as the program.
///
/// # Errors
///
/// Says why signals can't be heard.
pub(super) fn interrupts() -> std::io::Result<Receiver<i32>> {
    // The first stops in good order, the second at once: nobody waits for a third.
    let (sender, receiver) = bounded(2);
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            let _ = sender.try_send(signal);
        }
    })?;
    Ok(receiver)
}
