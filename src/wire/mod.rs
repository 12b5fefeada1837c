//! What conductor and player say to each other, and how it is framed.
//!
//! # Frames
//!
//! A frame is four bytes, the length of its payload as an unsigned big-endian integer, then the payload. A payload that
//! begins with `{` is JSON in UTF-8; one that begins with the byte 1 is a data frame. The first byte 0x16 is kept for
//! TLS: no frame of ours begins with it, since none is that long. A session's frames have at most 64 KiB of payload.
//!
//! # The seed's wire (version 1)
//!
//! One message a connection, `{"version": 1, "type": T, "data": {…}}`: see [`seed`].
//!
//! # The session (version 2)
//!
//! One connection a worker. The first message each way stands in the seed's envelope, so that a seed player can answer
//! it (it says exactly `no such command`, code 2):
//!
//! | type | sender | data |
//! |---|---|---|
//! | `hello` | conductor | [`Hello`]: protocols, features, run, worker, secrets, attempt, next expected number, conductor |
//! | `welcome` | player | [`Welcome`]: protocol, version, host, incarnation, state, next expected number, limits |
//! | `refused` | player | [`Refusal`]: why, and who holds the player |
//!
//! Everything after that is a session frame. JSON frames have a `type`. Four have no number, are answered by whoever
//! reads the connection, and may be lost: [`Signal`].
//!
//! | type | sender | meaning |
//! |---|---|---|
//! | `heartbeat` | both | a sign of life |
//! | `probe` | conductor | asks for the player's clock, carries its own |
//! | `probe_answer` | player | the probe's stamp, and the player's when it came and when this left |
//! | `acknowledge` | both | every frame below `next` was taken; this is also the sender's credit |
//!
//! All others carry a `number`, counted from 0 in each direction, in the order in which they were written. Acknowledged
//! frames are forgotten; a frame that comes twice is dropped; a gap is an error. Of data, at most
//! [`WINDOW`] bytes are on the way unacknowledged. Control goes before data.
//!
//! | type | sender | meaning |
//! |---|---|---|
//! | `plan` | conductor | [`PlanMessage`]: all that the worker will do; nothing starts before `plan_taken` |
//! | `arm` | conductor | get ready for a phase |
//! | `go` | conductor | start it; at an instant of the player's clock, or at once |
//! | `stop` | conductor | stop what runs in this phase, skip the rest, end the phase |
//! | `release`, `fail_barrier` | conductor | a barrier is passed, at an instant as in `go`; or never will be |
//! | `file_taken` | conductor | a fetched file was put into place; or why it was not, at which its step fails |
//! | `end_trial` | conductor | stop what was spawned |
//! | `bye` | conductor | the run is over; the session ends |
//! | `plan_taken` | player | the plan was taken |
//! | `armed` | player | ready for a phase: when asked, and unasked for the phase that the plan has next |
//! | `step_started` | player | a step's process was started, when, and the numbers of its two streams |
//! | `step_ended` | player | how it ended, and the length of its streams |
//! | `spawned_ended` | player | the same for a spawned step, at its real end |
//! | `step_settled` | player | who still holds the output of a step a moment after its end, when somebody did at its end |
//! | `barrier_reached`, `withdraw` | player | the worker waits at a barrier; it has waited long enough |
//! | `put_wanted`, `put_over` | player | send the file of a `put:` now; no more of it is wanted |
//! | `phase_ended`, `trial_ended` | player | nothing more comes for it but the data that was announced |
//! | `leaving` | player | why the player is about to run its Reset by itself and to close the connection |
//! | `left` | player | its last word: why, and what became of its steps and its Reset |
//! | `warning` | player | a sentence for people |
//! | `file`, `file_ended` | both | a file of a `fetch:` or a `put:` comes as data; its length and digest, or why it fails |
//! | `part` | both | a piece of a message that is longer than a frame; `last` with the last one |
//!
//! A data frame is the byte 1, its number (8 bytes), the stream (4), the offset in the stream (8), all big-endian, then
//! the bytes. `step_ended`, `step_settled` and `file_ended` may overtake data: their lengths say what is still to come.
//! Each side numbers the streams that it sends.
//!
//! Unknown fields are ignored, so that a newer peer can say more; a message of an unknown type is numbered like any
//! other, and ignored.

pub mod bounds;
mod channel;
mod file;
mod frame;
mod greeting;
mod inbox;
mod keeper;
mod link;
mod message;
mod outbox;
mod outcome;
mod peer;
mod plan;
mod secret;
pub mod seed;
mod session_frame;

pub use channel::Channel;
pub use file::{FileEndedMessage, FileMessage, FileName, IncomingFile, OutgoingFile, Piece, UnplacedFile};
pub use frame::{FrameDecoder, FrameError, frame};
pub use greeting::{Greeting, Hello, Holder, Limits, Refusal, UNRESPONSIVE, Welcome};
pub use inbox::{Inbox, Taken};
pub use keeper::KeeperMessage;
pub use link::{Link, Received, interval, words};
pub use message::{
    ConductorMessage, ForcedMessage, LeftMessage, PhaseName, PlayerMessage, ProcessMessage, StepEndedMessage,
    StepSettledMessage, StepStartedMessage,
};
pub use outbox::Outbox;
pub use outcome::{AttemptMessage, OutcomeMessage};
pub use peer::cleaned;
pub use plan::{ActionMessage, PlanMessage, StepMessage, UntilMessage};
pub use secret::Secret;
pub use session_frame::{Body, DATA_HEADER, Data, MAX_DATA, MAX_FRAME, SessionFrame, Signal, WireError};

/// How long an acknowledgement may wait for something to go along with. Nobody waits for one, but for credit, and so it
/// need not wake its reader by itself.
pub const ACKNOWLEDGE_WITHIN: std::time::Duration = std::time::Duration::from_millis(50);

/// How many bytes of data wait in memory to be sent, at most about so many.
pub const ROOM: usize = WINDOW / 4;

/// How many bytes of data may be on the way without having been acknowledged.
pub const WINDOW: usize = 1 << 20;

/// The feature in `hello` of a run that ends what one whose conductor is gone left on the player.
pub const TAKE_OVER: &str = "take_over";

/// The session protocol's number in `hello` and `welcome`.
pub const PROTOCOL: u32 = 2;
