//! The settings of test files and worker files: their keys, how to parse their values, and the outputs.

use std::path::PathBuf;

use super::{Refusal, Text, duration, value};
use crate::model::{Format, Network, RunSettings, Transport, TransportSettings};

/// A setting of a section. The values of the section form a `T`.
pub(super) struct Setting<T> {
    /// The key.
    pub(super) key: &'static str,
    /// Whether a comment can follow the value.
    pub(super) is_word: bool,
    /// Whether only its section or an option with its name can set it, because its key is a likely variable name.
    pub(super) is_own: bool,
    /// Parses the value.
    pub(super) set: Set<T>,
}

/// Parses a value and stores it in the settings of a section.
type Set<T> = fn(&mut T, &Text) -> Result<(), Refusal>;

impl<T> Setting<T> {
    /// Creates a setting for a number, an address or the like: a `#` or `;` after white space begins a comment.
    pub(super) const fn word(key: &'static str, set: Set<T>) -> Self {
        Self { key, is_word: true, is_own: false, set }
    }

    /// Creates a setting for a text such as a command or a folder: it may contain `#` and `;`.
    pub(super) const fn text(key: &'static str, set: Set<T>) -> Self {
        Self { key, is_word: false, is_own: false, set }
    }

    /// Like [`Self::text`], for a key that is a likely name of a variable.
    const fn own(key: &'static str, set: Set<T>) -> Self {
        Self { key, is_word: false, is_own: true, set }
    }

    /// Returns the keys of the settings that `[DEFAULT]` can set.
    pub(super) fn keys_of_defaults(settings: &[Self]) -> Vec<&'static str> {
        settings.iter().filter(|setting| !setting.is_own).map(|setting| setting.key).collect()
    }

    /// Returns the keys of some settings.
    pub(super) fn keys(settings: &[Self]) -> Vec<&'static str> {
        settings.iter().map(|setting| setting.key).collect()
    }
}

/// The settings of `[Test]`.
#[derive(Debug, Default)]
pub(super) struct TestSettings {
    pub(super) trials: Option<u32>,
    pub(super) outputs: Outputs,
    /// Whether workers with the same player may run the same commands.
    pub(super) shared_player: bool,
    /// The other settings of the run, except `results`.
    pub(super) run: RunSettings,
}

/// The settings of a test file for outputs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outputs {
    /// `format`.
    pub format: Option<Format>,
    /// `output`, as written.
    pub output: Option<PathBuf>,
    /// `results`, as written.
    pub results: Option<PathBuf>,
}

/// The settings of `[Test]`.
pub(super) const TEST_SETTINGS: [Setting<TestSettings>; 15] = [
    Setting::word("trials", |test, text| value::count(text).map(|trials| test.trials = Some(trials))),
    Setting::word("format", |test, text| value::one_of(text).map(|format| test.outputs.format = Some(format))),
    Setting::text("output", |test, text| value::text(text).map(|file| test.outputs.output = Some(file.into()))),
    Setting::word("max_message_size", |test, text| value::mebibytes(text).map(|size| test.run.max_message_size = size)),
    Setting::word("step_timeout", |test, text| duration::limit(text).map(|limit| test.run.step_timeout = limit.0)),
    Setting::word("reset_timeout", |test, text| duration::positive(text).map(|limit| test.run.reset_timeout = limit)),
    Setting::word("connect_timeout", |test, text| duration::duration(text).map(|time| test.run.connect_timeout = time)),
    Setting::word("lease", |test, text| duration::lease(text).map(|lease| test.run.lease = lease)),
    Setting::word("on_failure", |test, text| value::one_of(text).map(|choice| test.run.on_failure = choice)),
    Setting::word("on_interrupt", |test, text| value::one_of(text).map(|choice| test.run.on_interrupt = choice)),
    Setting::word("max_start_skew", |test, text| {
        duration::optional_duration(text).map(|skew| test.run.max_start_skew = skew.0)
    }),
    Setting::word("shared_player", |test, text| value::yes(text).map(|yes| test.shared_player = yes)),
    Setting::text("results", |test, text| value::text(text).map(|folder| test.outputs.results = Some(folder.into()))),
    Setting::text("versions", |test, text| value::commands(text).map(|commands| test.run.versions = commands)),
    Setting::text("check", |test, text| value::text(text).map(|command| test.run.check = Some(command))),
];

/// The default port on which a player listens.
const COMMAND_PORT: u16 = 6970;
/// The default port for the results of a Python player.
const RESULTS_PORT: u16 = 6971;
/// The value of `program` that makes the conductor send a copy of its own program.
const COPY: &str = "copy";

/// The settings of `[Coordinator]`.
#[derive(Debug)]
pub(super) struct Coordinator {
    /// The player's host; empty if it is missing or invalid.
    pub(super) player: String,
    pub(super) conductor: Option<String>,
    pub(super) port: u16,
    pub(super) results_port: u16,
    pub(super) max_message_size: u64,
    pub(super) allow: Option<Vec<Network>>,
    pub(super) shell: String,
    pub(super) directory: Option<String>,
    pub(super) transport: Option<Transport>,
    /// Whether `connect` depends on a variable that only the command line sets.
    pub(super) has_unset_transport: bool,
    pub(super) transport_settings: TransportSettings,
}

impl Default for Coordinator {
    fn default() -> Self {
        Self {
            player: String::new(),
            conductor: None,
            port: COMMAND_PORT,
            results_port: RESULTS_PORT,
            max_message_size: RunSettings::default().max_message_size,
            allow: None,
            shell: "/bin/sh".to_owned(),
            directory: None,
            transport: None,
            has_unset_transport: false,
            transport_settings: TransportSettings::default(),
        }
    }
}

/// The settings of `[Coordinator]`. Each can use the variables of earlier ones.
pub(super) const COORDINATOR_SETTINGS: [Setting<Coordinator>; 14] = [
    Setting::word("player", |file, text| value::host(text).map(|host| file.player = host)),
    Setting::word("conductor", |file, text| value::host(text).map(|host| file.conductor = Some(host))),
    Setting::word("cmdport", |file, text| value::port(text).map(|port| file.port = port)),
    Setting::word("resultsport", |file, text| value::port(text).map(|port| file.results_port = port)),
    Setting::word("max_message_size", |file, text| value::mebibytes(text).map(|size| file.max_message_size = size)),
    Setting::word("allow", |file, text| value::networks(text).map(|networks| file.allow = Some(networks))),
    Setting::text("shell", |file, text| value::text(text).map(|shell| file.shell = shell)),
    Setting::text("directory", |file, text| value::text(text).map(|folder| file.directory = Some(folder))),
    Setting::own("connect", |file, text| value::transport(text).map(|transport| file.transport = transport)),
    Setting::own("connect_options", |file, text| {
        value::words(text).map(|words| file.transport_settings.options = words)
    }),
    Setting::own("become", |file, text| value::words(text).map(|words| file.transport_settings.become_user = words)),
    Setting::own("program", |file, text| {
        value::remote_path(text).map(|path| file.transport_settings.program = path.filter(|path| path != COPY))
    }),
    Setting::own("scratch", |file, text| value::remote_path(text).map(|path| file.transport_settings.scratch = path)),
    Setting {
        is_word: true,
        ..Setting::own("exclusive", |file, text| {
            value::yes(text).map(|yes| file.transport_settings.exclusive = Some(yes))
        })
    },
];
