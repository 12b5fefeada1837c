//! The private player of `conduct --local`: a child that is reached as any player is.

use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::model::{Destination, Plan, is_loopback_host};
use crate::wait::Wait;
use crate::wire::Secret;

/// A player that belongs to this conductor: it ends when this value is dropped, or when the conductor dies.
pub(super) struct LocalPlayer {
    child: Child,
    address: SocketAddr,
    secret: Secret,
}

impl LocalPlayer {
    /// Starts it, and waits until it listens.
    ///
    /// # Errors
    ///
    /// Says why it does not.
    pub(super) fn start() -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("cannot start the private player: {error}");
        let program = std::env::current_exe().map_err(failed)?;
        let mut command = Command::new(program);
        // The program may have been called `conduct` through a link, which would choose that command.
        std::os::unix::process::CommandExt::arg0(&mut command, "conductor");
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.args(["player", "--bind", "127.0.0.1", "--port", "0", "--quiet", "--until-input-ends"]);
        let secret = Secret::random().map_err(failed)?;
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
        if let Some(input) = &mut child.stdin {
            // A player that has ended already says why, and nothing listens.
            let _ = writeln!(input, "{}", secret.reveal());
        }
        let line = child.stdout.take().map(|output| Wait::PrivatePlayerStart.read_line(output, 1024));
        let address = match &line {
            Some(Ok(line)) => line.rsplit(' ').next().and_then(|address| address.parse().ok()),
            _ => None,
        };
        if let Some(address) = address {
            return Ok(Self { child, address, secret });
        }
        let _ = Wait::PrivatePlayerEnd.end_of(&mut child, Duration::ZERO);
        Err(match line {
            Some(Err(error)) if error.kind() == ErrorKind::TimedOut => {
                let limit = humantime::format_duration(Wait::PrivatePlayerStart.time());
                format!("the private player was not ready within {limit} and was killed")
            }
            _ => "the private player did not start; see its message above".to_owned(),
        })
    }

    /// What it knows its conductor by: its port is open to every user of this machine.
    pub(super) fn secret(&self) -> Secret {
        self.secret.clone()
    }

    /// Has all workers of the plan reach this player.
    pub(super) fn serve(&self, plan: &mut Plan) {
        for worker in &mut plan.workers {
            worker.player = Destination { host: self.address.ip().to_string(), port: self.address.port() };
            worker.player_host = self.address.ip().to_string();
        }
    }
}

impl Drop for LocalPlayer {
    /// The end of its standard input tells the player to stop; it ends what is left, within its own limits.
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let wait = Wait::PrivatePlayerEnd;
        if wait.end_of(&mut self.child, wait.time()).is_err() {
            tracing::error!("the private player did not stop and was killed; its steps may still be running");
        }
    }
}

/// The workers whose addresses are not of this machine.
pub(super) fn elsewhere(plan: &Plan) -> Vec<String> {
    let workers = plan.workers.iter().filter(|worker| !is_loopback_host(&worker.player_host));
    workers.map(|worker| format!("`{}` ({})", worker.name, worker.player_host)).collect()
}
