//! How many descriptors this process may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The limit as whoever started us has set it.
#[derive(Debug, Clone, Copy)]
pub struct DescriptorLimit(Rlimit);

impl DescriptorLimit {
    /// Raises the limit as far as we may. The usual one is 1,024, for the sake of programs that use `select`; a thousand
    /// workers need more.
    pub fn raise() -> Self {
        let limit = getrlimit(Resource::Nofile);
        // Whoever may not have more finds out when it is needed, and says so then.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit.clone() });
        Self(limit)
    }

    /// Sets it back: for processes that start others.
    pub fn restore(self) {
        let _ = setrlimit(Resource::Nofile, self.0);
    }
}
