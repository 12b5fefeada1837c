//! How large a plan may be: `validate` and `conduct` report a larger one, and a player does not accept it.

/// The name of a run or of a worker, in bytes.
pub const LONGEST_NAME: usize = 255;

/// A path on the player's machine, or a pattern of paths, in bytes: as long as Linux takes one.
pub const LONGEST_PATH: usize = 4 << 10;

/// The steps of one phase of a worker.
pub const MOST_STEPS: usize = 16 << 10;

/// The environment variables of a worker; each worker of a run is one of them.
pub const MOST_VARIABLES: usize = 16 << 10;

/// The plan of one worker, in bytes of its message.
pub const LARGEST_PLAN: usize = 2 << 20;
