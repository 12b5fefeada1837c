//! `player`: waits for connections from conductors.

use std::io::Write;
use std::process::ExitCode;

use super::frames;
use super::messages::{self, Refused};
use crate::cli::PlayerArguments;
use crate::config::{ConductorHost, PlayerSettings, load_player};
use crate::model::{Network, words};
use crate::player::{Admission, LogSocket, Service, Settings, pass_on, play};
use crate::telemetry;

/// Serves until a signal stops the player.
pub(super) fn run(arguments: &PlayerArguments) -> Result<ExitCode, Refused> {
    let log = &arguments.log;
    // A log on the machine of a session player would have no reader.
    let socket = if arguments.session.is_some() {
        let socket = telemetry::start_in_socket(log.levels()).map(LogSocket::new);
        Some(socket.map_err(|error| format!("cannot start the log: {error}"))?)
    } else {
        telemetry::start(log.levels(), log.log_format, log.log_file.as_deref())?;
        None
    };
    frames::trace(log)?;
    if let Some(mark) = &arguments.stdio {
        let status = pass_on(mark).map_err(|error| format!("cannot pass on the connection: {}", words(&error)))?;
        return Ok(ExitCode::from(u8::try_from(status).unwrap_or(1)));
    }
    let settings = Settings { log: socket, ..settings(arguments)? };
    let announce = |address| {
        let mut output = std::io::stdout();
        // The program that started the player may have closed its end of the pipe. The player serves nevertheless.
        let _ = writeln!(output, "Player listening on {address}").and_then(|()| output.flush());
    };
    Ok(ExitCode::from(u8::try_from(play(settings, announce).map_err(|error| error.to_string())?).unwrap_or(1)))
}

fn settings(arguments: &PlayerArguments) -> Result<Settings, Refused> {
    let from_file = match &arguments.config {
        None => PlayerSettings::default(),
        Some(path) => {
            let (settings, findings) = load_player(path, arguments.worker.as_deref(), &arguments.defines);
            messages::print_findings(&findings);
            settings.ok_or_else(|| messages::has_errors(path, &findings))?
        }
    };
    let allow = if arguments.allow.is_empty() { from_file.allow } else { Some(networks(&arguments.allow)?) };
    let conductor = match &from_file.conductor {
        ConductorHost::Named(host) => Some(host.as_str()),
        ConductorHost::Unnamed => None,
        ConductorHost::Unknown(place) => {
            tracing::warn!(
                "{place}: `conductor` uses a variable that this file does not define, so the player does not know its address; \
                 add it to `allow`"
            );
            None
        }
    };
    let admission = Admission::new(allow, conductor);
    if arguments.session.is_none() {
        warn_of(&admission);
    }
    Ok(Settings {
        service: match &arguments.session {
            Some(session) => Service::Session(session.clone()),
            None => Service::Machine { bind: arguments.bind, port: arguments.port.unwrap_or(from_file.port) },
        },
        max_message_size: arguments.max_message_size.map_or(from_file.max_message_size, |mebibytes| mebibytes << 20),
        spool_limit: arguments.spool_limit << 20,
        admission,
        log: None,
        stops_at_hang_up: arguments.log.log_file.is_none(),
    })
}

/// Warns if people may run commands here who are perhaps not meant to.
fn warn_of(admission: &Admission) {
    let user = rustix::process::geteuid();
    if admission.is_everybody() {
        tracing::warn!(
            "anyone who can reach this port can run commands here; to limit this, list addresses in `allow`"
        );
    } else if admission.has_this_machine() && user.is_root() {
        tracing::warn!(
            "every user of this machine can run commands here as root; to prevent this, list only other machines in `allow`"
        );
    }
}

fn networks(words: &[String]) -> Result<Vec<Network>, Refused> {
    let mut networks = Vec::new();
    for word in words {
        networks.extend(
            Network::read(word)
                .map_err(|_| format!("`{word}` is not an address, a network such as 10.0.0.0/8, or `any`"))?,
        );
    }
    Ok(networks)
}
