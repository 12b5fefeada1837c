//! `conduct`: reads the configuration, opens the outputs, and has the test run.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use super::local::{self, LocalPlayer};
use super::log::LogReporter;
use super::signals;
use crate::cli::ConductArguments;
use crate::conduct::{self, Options};
use crate::config::{self, Loaded, Overrides, load_test};
use crate::exit_code;
use crate::model::{Conclusion, ConductorTime, Event, Plan, Reason, Reporter, RunId, Stamped, Verdict};
use crate::report::{self, Format, Style};
use crate::telemetry::{self, Verbosity};

/// Runs the test; the exit status says how it went.
pub(super) fn run(arguments: &ConductArguments) -> ExitCode {
    let verbosity = Verbosity::new(arguments.quiet, arguments.verbose);
    if let Err(why) = telemetry::start(verbosity, arguments.log_file.as_deref()) {
        return super::refuse(&why);
    }
    let Some(path) = &arguments.config else {
        return ExitCode::from(exit_code::USAGE);
    };
    let run_id = arguments.run_id.clone().unwrap_or_else(random_run_id);
    let Loaded { plan, format, output, diagnostics } = load_test(path, &overrides(arguments), run_id);
    super::print_findings(&diagnostics);
    let target = Target::new(arguments, format, output);
    let refused = match (&plan, arguments.strict && !diagnostics.is_empty()) {
        (None, _) => {
            Some(format!("the configuration `{}` has {}", path.display(), count(diagnostics.errors(), "error")))
        }
        (_, true) => Some(format!("the configuration `{}` has warnings, and `--strict` refuses them", path.display())),
        _ => None,
    };
    match (plan, refused) {
        (Some(plan), None) if arguments.dry_run => dry_run(arguments, &plan),
        (Some(plan), None) => carry_out(arguments, plan, &target),
        (_, why) => target.not_carried_out(arguments, why.unwrap_or_default()),
    }
}

fn carry_out(arguments: &ConductArguments, mut plan: Plan, target: &Target) -> ExitCode {
    let elsewhere = if arguments.local && !arguments.yes { local::elsewhere(&plan) } else { Vec::new() };
    if !elsewhere.is_empty() {
        let text = format!(
            "`--local` would run on this machine what is meant for others: {}; add `--yes` if that is what you want",
            elsewhere.join(", ")
        );
        return target.not_carried_out(arguments, text);
    }
    let interrupts = match signals::interrupts() {
        Ok(interrupts) => interrupts,
        Err(error) => return target.not_carried_out(arguments, format!("signals can't be heard: {error}")),
    };
    let options =
        Options { skip_unreachable: arguments.skip_unreachable, take_over: arguments.take_over, conductor: who_asks() };
    if arguments.check {
        return super::check::run(&Arc::new(plan), &options, &interrupts);
    }
    let reporter = match target.open(arguments) {
        Ok(reporter) => reporter,
        Err(why) => return super::refuse(&why),
    };
    let player = if arguments.local { Some(LocalPlayer::start()) } else { None };
    let player = match player.transpose() {
        Ok(player) => player,
        Err(why) => return finish(reporter, why),
    };
    if let Some(player) = &player {
        player.serve(&mut plan);
    }
    let log = ("the log".to_owned(), Box::new(LogReporter::default()) as Box<dyn Reporter>);
    let conclusion = conduct::conduct(Arc::new(plan), &options, &interrupts, vec![(target.name(), reporter), log]);
    drop(player);
    if target.path.is_some() {
        log_reasons(&conclusion);
    }
    ExitCode::from(exit_code::of(&conclusion))
}

/// Whoever has the results in a file should not have to open it to see why there are none.
fn log_reasons(conclusion: &Conclusion) {
    for reason in &conclusion.reasons {
        if let Reason::NotCarriedOut(text) | Reason::Incomplete(text) = reason {
            tracing::error!("{}", text.escape_debug());
        }
    }
}

/// Prints the plan. `format` and `output` of the test file are about results: a look at the plan must not overwrite those
/// of an earlier run.
fn dry_run(arguments: &ConductArguments, plan: &Plan) -> ExitCode {
    let target = Target::new(arguments, None, None);
    let print = |writer: &mut dyn Write| match target.format {
        Format::Json => report::dry_run_json(plan, writer),
        Format::Text | Format::Classic => report::dry_run_text(plan, writer),
    };
    match target.writer().and_then(|mut writer| print(&mut writer).map_err(|error| error.to_string())) {
        Ok(()) => ExitCode::from(exit_code::PASSED),
        Err(why) => super::refuse(&format!("{} can't be written: {why}", target.name())),
    }
}

/// Where the results go, and in which form.
struct Target {
    format: Format,
    path: Option<PathBuf>,
}

impl Target {
    /// The command line wins over the test file.
    fn new(arguments: &ConductArguments, format: Option<config::Format>, output: Option<PathBuf>) -> Self {
        let from_file = format.map(|format| match format {
            config::Format::Text => Format::Text,
            config::Format::Classic => Format::Classic,
            config::Format::Json => Format::Json,
        });
        let format = arguments.format.map(Format::from).or(from_file).unwrap_or(Format::Text);
        Self { format, path: arguments.output.clone().or(output) }
    }

    /// Its name in messages.
    fn name(&self) -> String {
        self.path.as_deref().map_or_else(|| "standard output".to_owned(), |path| format!("`{}`", path.display()))
    }

    fn writer(&self) -> Result<Box<dyn Write + Send>, String> {
        match &self.path {
            None => Ok(Box::new(std::io::stdout())),
            Some(path) => create(path),
        }
    }

    fn open(&self, arguments: &ConductArguments) -> Result<Box<dyn Reporter>, String> {
        let terminal = self.path.is_none() && std::io::stdout().is_terminal();
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let color = match arguments.color {
            clap::ColorChoice::Always => true,
            clap::ColorChoice::Never => false,
            clap::ColorChoice::Auto => terminal && !no_color,
        };
        Ok(report::reporter(self.format, self.writer()?, Style { color, terminal, ..Style::plain() }))
    }

    /// Writes the report of a run that never began.
    fn not_carried_out(&self, arguments: &ConductArguments, why: String) -> ExitCode {
        if arguments.dry_run || arguments.check {
            return super::refuse(&why);
        }
        match self.open(arguments) {
            Ok(reporter) => finish(reporter, why),
            Err(second) => super::refuse(&format!("{why}; and {second}")),
        }
    }
}

/// Tells the report, and the user, why nothing was done.
fn finish(mut reporter: Box<dyn Reporter>, why: String) -> ExitCode {
    let exit = super::refuse(&why);
    let conclusion = Conclusion { verdict: Verdict::Incomplete, reasons: vec![Reason::NotCarriedOut(why)] };
    let at = ConductorTime::from_nanoseconds(crate::sys::boot_time_nanoseconds());
    if let Err(error) = reporter.report(&Stamped { at, event: Event::RunEnded { conclusion } }) {
        eprintln!("error: the report can't be written: {error}");
    }
    exit
}

fn create(path: &Path) -> Result<Box<dyn Write + Send>, String> {
    match File::create(path) {
        Ok(file) => Ok(Box::new(file)),
        Err(error) => Err(format!("the output `{}` can't be written: {error}", path.display())),
    }
}

fn overrides(arguments: &ConductArguments) -> Overrides {
    Overrides {
        trials: arguments.trials,
        phases: arguments.phases(),
        workers: arguments.workers.clone(),
        defines: arguments.defines.clone(),
        max_message_size: arguments.max_message_size.map(|mebibytes| mebibytes << 20),
        connect_timeout: arguments.connect_timeout,
        lease: arguments.lease,
        step_timeout: arguments.step_timeout.map(|limit| limit.0),
        on_failure: arguments.on_failure.map(Into::into),
        max_start_skew: arguments.max_start_skew.map(|limit| limit.0),
        results: None,
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// A name that sorts by time and is nobody else's.
fn random_run_id() -> RunId {
    let mut bytes = [0; 4];
    // Without random bytes the time alone still tells runs apart.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    let stamp = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let digits: String = stamp.chars().filter(char::is_ascii_digit).collect();
    let number = u32::from_ne_bytes(bytes) % 1_000_000;
    let text = format!("{}-{}-{number:06}", &digits[..8], &digits[8..]);
    #[expect(clippy::expect_used, reason = "digits and `-` are what a name may have")]
    RunId::new(&text).expect("a run's own name is a name")
}

/// Who asks, for the people whose player is busy.
fn who_asks() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    let user = user.unwrap_or_else(|_| format!("user {}", rustix::process::getuid().as_raw()));
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{user}@{host}, process {}", std::process::id())
}
