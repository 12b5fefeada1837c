//! One copy of the program for all workers on a machine: while the first worker sends its copy, the others wait. After
//! that, they run the program of the first worker's player.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::model::lock;
use crate::wait::Wait;

/// The command that reaches a machine, without its script.
pub(super) type Command = Vec<String>;

/// A player that runs on a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::conduct) struct Running {
    /// Its process ID.
    pub(in crate::conduct) pid: u32,
    /// The fingerprint of its session's secret, which is in its command line.
    pub(in crate::conduct) session: String,
}

/// The copies on all machines.
#[derive(Debug, Clone, Default)]
pub(super) struct Copies(Arc<Mutex<HashMap<Command, State>>>);

/// The state of the program on a machine: whether there is a player whose program can be run.
#[derive(Debug, PartialEq, Eq)]
enum State {
    /// The first worker is sending its copy.
    OnItsWay,
    /// This player is running.
    Running(Running),
    /// The first copy failed, or its player has ended. Each worker sends its own copy, without waiting for others.
    Gone,
}

/// What a worker that needs the program on a machine does next.
#[derive(Debug)]
pub(super) enum Turn {
    /// It sends a copy.
    Send(Sending),
    /// It runs the program of this player.
    Run(Running),
    /// It waits, and then asks again.
    Wait,
}

impl Copies {
    /// What a worker does next if its machine is reached with this command and it has already waited for `waited`.
    pub(super) fn turn(&self, machine: &Command, waited: Duration) -> Turn {
        let mut states = lock(&self.0);
        match states.get(machine) {
            Some(State::OnItsWay) if waited < Wait::SharedCopy.time() => Turn::Wait,
            Some(State::Running(running)) => Turn::Run(running.clone()),
            Some(State::OnItsWay | State::Gone) => Turn::Send(self.sending(machine)),
            None => {
                states.insert(machine.clone(), State::OnItsWay);
                Turn::Send(self.sending(machine))
            }
        }
    }

    /// Makes the worker send a copy because the program of this player cannot be run: the player has ended, or it is on
    /// another machine.
    pub(super) fn send_instead_of(&self, machine: &Command, player: &Running) -> Sending {
        let mut states = lock(&self.0);
        if states.get(machine) == Some(&State::Running(player.clone())) {
            states.insert(machine.clone(), State::Gone);
        }
        self.sending(machine)
    }

    fn sending(&self, machine: &Command) -> Sending {
        Sending { copies: self.clone(), machine: machine.clone(), player: None }
    }
}

/// A copy that a worker is sending. If this is dropped before its player runs, the copy has failed.
#[derive(Debug)]
pub(in crate::conduct) struct Sending {
    copies: Copies,
    machine: Command,
    player: Option<Running>,
}

impl Sending {
    /// Records that the copy is running as this player.
    pub(in crate::conduct) fn arrived(mut self, player: Running) {
        self.player = Some(player);
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        let (mut states, machine) = (lock(&self.copies.0), std::mem::take(&mut self.machine));
        match self.player.take() {
            Some(player) => drop(states.insert(machine, State::Running(player))),
            // Another worker's copy may have arrived meanwhile.
            None if states.get(&machine) == Some(&State::OnItsWay) => drop(states.insert(machine, State::Gone)),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Command {
        vec!["ssh".to_owned(), "lab7".to_owned()]
    }

    fn send(copies: &Copies) -> Sending {
        match copies.turn(&machine(), Duration::ZERO) {
            Turn::Send(sending) => sending,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_others_wait_for_the_first_copy_and_then_run_it() {
        let copies = Copies::default();
        let first = send(&copies);
        assert!(matches!(copies.turn(&machine(), Duration::ZERO), Turn::Wait));
        assert!(matches!(copies.turn(&vec!["ssh".to_owned()], Duration::ZERO), Turn::Send(_)), "another machine");
        first.arrived(Running { pid: 7, session: "s".to_owned() });
        let Turn::Run(player) = copies.turn(&machine(), Duration::ZERO) else { panic!("it runs") };
        assert_eq!(player, Running { pid: 7, session: "s".to_owned() });
        let instead = copies.send_instead_of(&machine(), &player);
        let (one, other) = (send(&copies), send(&copies));
        one.arrived(Running { pid: 8, session: "t".to_owned() });
        drop([other, instead, copies.send_instead_of(&machine(), &player)]);
        assert!(
            matches!(copies.turn(&machine(), Duration::ZERO), Turn::Run(Running { pid: 8, .. })),
            "a later player is there"
        );
    }

    #[test]
    fn nobody_waits_again_when_the_first_copy_failed() {
        let copies = Copies::default();
        drop(send(&copies));
        let _one = send(&copies);
        let _other = send(&copies);
    }

    #[test]
    fn whoever_has_waited_too_long_for_the_first_copy_sends_its_own() {
        let copies = Copies::default();
        let _first = send(&copies);
        let limit = Wait::SharedCopy.time();
        assert!(matches!(copies.turn(&machine(), limit.saturating_sub(Duration::from_secs(1))), Turn::Wait));
        assert!(matches!(copies.turn(&machine(), limit), Turn::Send(_)));
    }
}
