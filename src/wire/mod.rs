//! The messages between conductor and player, and their framing.
//!
//! `docs/protocol.md` describes both protocols: frames, the messages with their fields, and the order in which they are
//! sent. A test compares it with the types in this module.
//!
//! | module | holds |
//! |---|---|
//! | `frame` | frames: a length and a payload |
//! | `greeting` | the first message in each direction |
//! | `session_frame` | the frames of a session: signals, numbered messages, parts, data |
//! | `message`, `plan`, `outcome`, `file` | the numbered messages |
//! | `inbox`, `outbox` | the two directions of a session: numbers, acknowledgements, credit |
//! | `connection` | two descriptors, to read from and to write to |
//! | `link`, `channel` | one connection of a session; the session's directions with their current connection |
//! | `peer`, [`bounds`] | what a peer may send, and the limits on what it can make this process store |
//! | `secret` | secrets of runs and sessions |
//! | [`trace`] | the record of all frames for `--trace-frames` |
//! | [`seed`] | the protocol of the Python program, version 1 |
//! | `supervisor` | what the process that supervises `check` reports |

pub mod bounds;
mod channel;
mod connection;
mod file;
mod frame;
mod greeting;
mod inbox;
mod link;
mod message;
mod outbox;
mod outcome;
mod peer;
mod plan;
mod secret;
pub mod seed;
mod session_frame;
mod supervisor;
pub mod trace;

pub use channel::Channel;
pub use connection::{Connection, listen_everywhere};
pub use file::{FileEndedMessage, FileError, FileMessage, FileName, IncomingFile, OutgoingFile, Piece, UnplacedFile};
pub use frame::{FrameDecoder, FrameError, MAX_FRAME, frame};
pub use greeting::{Greeting, Hello, Holder, HolderState, Limits, Refusal, RefusalReason, Welcome, WelcomeState};
pub use inbox::{Inbox, Taken};
pub use link::{Link, LinkError, Received, interval};
pub use message::{
    ConductorMessage, ForcedMessage, LeftMessage, PlayerMessage, StepEndedMessage, StepSettledMessage,
    StepStartedMessage,
};
pub use outbox::Outbox;
pub(crate) use outbox::to_json;
pub use outcome::{AttemptMessage, OutcomeMessage};
pub use peer::cleaned;
pub use plan::{ActionMessage, PlanMessage, ScratchMessage, StepMessage, UntilMessage};
pub use secret::Secret;
pub use session_frame::{Body, DATA_HEADER, Data, MAX_DATA, Part, SessionFrame, Signal, WireError};
pub use supervisor::SupervisorMessage;

/// How long an acknowledgement may wait to be sent together with something else. It only provides credit, so it need
/// not wake its reader by itself.
pub const ACKNOWLEDGE_WITHIN: std::time::Duration = std::time::Duration::from_millis(50);

/// The approximate maximum of data that waits in memory to be sent, in bytes.
pub const ROOM: usize = WINDOW / 4;

/// The maximum of unacknowledged data, in bytes.
pub const WINDOW: usize = 1 << 20;

/// The feature in `hello` of a run that may end, on the player, another run whose conductor is gone.
pub const TAKE_OVER: &str = "take_over";

/// The feature in `hello` of a run with a verbose log. A player that it starts sends its own log with the same details.
pub const VERBOSE: &str = "verbose";

/// The feature in `hello` of a run that reserves a machine: no other run of the same user uses the machine meanwhile.
pub const EXCLUSIVE: &str = "exclusive";

/// The feature in `welcome` of a player that supports `await:`.
pub const AWAIT: &str = "await";

/// The feature in `welcome` of a player that creates scratch folders.
pub const SCRATCH: &str = "scratch";

/// The feature in `welcome` of a player that accepts another plan between trials.
pub const POINTS: &str = "points";

/// The feature in `welcome` of a player that runs the commands of `versions`.
pub const VERSIONS: &str = "versions";

/// The number of the session protocol in `hello` and `welcome`.
pub const PROTOCOL: u32 = 2;
