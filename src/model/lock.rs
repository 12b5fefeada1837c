//! Taking a lock, whatever became of the threads that had it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes a lock. What it guards is whole even if a thread panicked that had it: everything is changed in one step.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
