//! `player`: waits for conductors.

use std::io::Write;
use std::net::IpAddr;
use std::process::ExitCode;

use crate::cli::PlayerArguments;
use crate::config::{Network, PlayerSettings, load_player};
use crate::player::{Settings, play};
use crate::telemetry::{self, Verbosity};

/// Serves until the player is told to stop.
pub(super) fn run(arguments: &PlayerArguments) -> ExitCode {
    let verbosity = Verbosity::new(arguments.quiet, arguments.verbose);
    let (log_format, log_file) = (arguments.log_format.into(), arguments.log_file.as_deref());
    if let Err(why) = telemetry::start(verbosity, log_format, log_file) {
        return super::refuse(&why);
    }
    let settings = match settings(arguments) {
        Ok(settings) => settings,
        Err(exit) => return exit,
    };
    let announce = |address| {
        let mut output = std::io::stdout();
        // Whoever started us may have closed its end: a player serves all the same.
        let _ = writeln!(output, "Player listening on {address}").and_then(|()| output.flush());
    };
    match play(settings, announce) {
        Ok(status) => ExitCode::from(u8::try_from(status).unwrap_or(1)),
        Err(why) => super::refuse(&why),
    }
}

fn settings(arguments: &PlayerArguments) -> Result<Settings, ExitCode> {
    let from_file = match &arguments.config {
        None => PlayerSettings::default(),
        Some(path) => {
            let (settings, findings) = load_player(path);
            super::print_findings(&findings);
            settings.ok_or_else(|| super::refuse(&super::has_errors(path, &findings)))?
        }
    };
    let allow = if arguments.allow.is_empty() { from_file.allow } else { networks(&arguments.allow)? };
    if allow.is_empty() && !arguments.until_input_ends {
        tracing::info!("anyone who reaches this port may run commands here; `allow` names those who may");
    }
    Ok(Settings {
        bind: arguments.bind,
        port: arguments.port.unwrap_or(from_file.port),
        max_message_size: arguments.max_message_size.map_or(from_file.max_message_size, |mebibytes| mebibytes << 20),
        spool_limit: arguments.spool_limit << 20,
        allowed: Box::new(move |peer: IpAddr| allow.is_empty() || allow.iter().any(|network| network.contains(peer))),
        stops_at_hang_up: arguments.log_file.is_none(),
        until_input_ends: arguments.until_input_ends,
    })
}

fn networks(texts: &[String]) -> Result<Vec<Network>, ExitCode> {
    let parsed = texts.iter().map(|text| {
        text.parse()
            .map_err(|_| super::refuse(&format!("`{text}` is neither an address nor a network like 10.0.0.0/8")))
    });
    parsed.collect()
}
