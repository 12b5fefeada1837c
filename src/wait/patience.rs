//! Whether somebody is still waited for, decided by another thread than the one that waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The patience of all who wait for the same thing. A copy is the same patience.
#[derive(Debug, Clone, Default)]
pub struct Patience(Arc<AtomicBool>);

impl Patience {
    /// From now on nobody is waited for.
    pub fn end(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether they still wait.
    pub fn lasts(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }
}
