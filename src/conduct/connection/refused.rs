//! Messages about a player that refuses a session or is not free yet.

use super::greet::not_a_player;
use crate::conduct::reach::Way;
use crate::wire::{Greeting, Hello, Holder, HolderState, Refusal, TAKE_OVER};

/// Describes which run uses a player that will become free, and what the conductor is waiting for.
pub(super) fn waiting_for(holder: &Holder, hello: &Hello) -> String {
    let Holder { run, seconds, state, free_within, lease_within, .. } = holder;
    let is_silent = *state == HolderState::Silent;
    let why = why_busy(*state);
    if *run == hello.run {
        return format!(
            "its player is still busy with an earlier session of this run, and {why}; waiting up to {free_within} s"
        );
    }
    let what = match (is_silent, lease_within) {
        _ if hello.has(TAKE_OVER) && (is_silent || *state == HolderState::Unresponsive) => {
            "`--take-over` ends that run now; waiting for its Reset".to_owned()
        }
        (true, Some(lease)) => format!(
            "waiting up to {lease} s for the end of its lease, and then up to {} s for its Reset; \
             to end it now, use `--take-over`",
            free_within.saturating_sub(*lease)
        ),
        _ => format!("waiting up to {free_within} s"),
    };
    format!("its player has been busy with {} for {seconds} s, and {why}; {what}", holder.describe())
}

/// Why a player is still busy with a run that does not continue.
pub(in crate::conduct) const fn why_busy(state: HolderState) -> &'static str {
    match state {
        HolderState::Silent => "its conductor does not respond",
        HolderState::Unresponsive => "its process on the player does not respond",
        HolderState::Orphaned | HolderState::Live | HolderState::Other => "the player is cleaning up after it",
    }
}

/// Why an answer other than `welcome` starts no session.
pub(in crate::conduct) fn not_welcome(greeting: &Greeting, way: &Way<'_>, hello: &Hello) -> String {
    match greeting {
        Greeting::Refused(refusal) => refused(refusal, hello),
        Greeting::Result { message, .. } => format!("its player answers: {message}"),
        Greeting::Welcome(_) | Greeting::Hello(_) => not_a_player(way),
    }
}

/// Why the player refuses the session, and which run uses it.
fn refused(refusal: &Refusal, hello: &Hello) -> String {
    match &refusal.holder {
        Some(holder) => {
            let is_live = holder.state == HolderState::Live;
            let but = if is_live && hello.has(TAKE_OVER) {
                "; `--take-over` does not end a run whose conductor is alive"
            } else {
                ""
            };
            format!("its player is busy: {} has used it for {} s{but}", holder.describe(), holder.seconds)
        }
        None => format!("its player refused the session: {}", refusal.message),
    }
}
