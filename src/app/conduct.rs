//! `conduct`: reads the configuration, opens the outputs and runs the test.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use crossbeam_channel::Receiver;

use super::changes;
use super::identity::Identity;
use super::live::LiveView;
use super::log::{self, LogReporter};
use super::messages::{self, Refused};
use super::outputs::{Opened, Outputs};
use super::resume::{self, Resumed};
use super::shell_syntax::LocalShells;
use super::{expected, frames, signals};
use crate::cli::ConductArguments;
use crate::conduct::{self, Access, Log, Options, Programs, Resumption};
use crate::config::{self, Diagnostics, Loaded, load_test};
use crate::model::{
    Conclusion, PASSED, Plan, PlayerAddress, Reason, RunId, Transport, USAGE, WorkerPlan, is_loopback_host,
    on_one_line, words,
};
use crate::report;
use crate::sys::DescriptorLimit;
use crate::telemetry::{self, Screen};

/// Runs the test and returns its exit status.
pub(super) fn run(arguments: &ConductArguments) -> Result<ExitCode, Refused> {
    if arguments.color == clap::ColorChoice::Never {
        messages::use_no_colors();
    }
    let (screen, log) = (Screen::default(), &arguments.log);
    telemetry::start_aside(log.levels(), log.log_format, log.log_file.as_deref(), &screen)?;
    frames::trace(log)?;
    let resumed = arguments.resume.as_ref().map(|run| resume::find(arguments, run)).transpose()?;
    let (mut resumed, merged) = resumed.unzip();
    let arguments = merged.as_ref().unwrap_or(arguments);
    let Some(path) = &arguments.config else { return Ok(ExitCode::from(USAGE)) };
    let run_id = arguments.run_id.clone().unwrap_or_else(random_run_id);
    let shells = LocalShells::default();
    let Loaded { plan, outputs, diagnostics } = load_test(path, &arguments.overrides, run_id.clone(), Some(&shells));
    let diagnostics = if arguments.python { diagnostics.with_python() } else { diagnostics };
    messages::print_findings(&diagnostics);
    let outputs = Outputs::new(arguments, outputs, screen);
    let refused = match (&plan, arguments.strict && !diagnostics.is_empty()) {
        (None, _) => Some(messages::has_errors(path, &diagnostics)),
        (_, true) => {
            Some(format!("the configuration `{}` has warnings, which `--strict` does not allow", path.display()))
        }
        (Some(plan), false) => conduct::too_large(plan),
    };
    match (plan, refused) {
        (Some(plan), None) if arguments.dry_run => dry_run(arguments, &plan),
        (Some(plan), None) => carry_out(arguments, plan, &diagnostics, &outputs, resumed.as_mut()),
        // The record of a resumed run is not changed.
        (_, why) if resumed.is_some() => Err(Refused(why.unwrap_or_default())),
        (_, why) => refuse(arguments, &outputs, &run_id, why.unwrap_or_default()),
    }
}

fn carry_out(
    arguments: &ConductArguments,
    mut plan: Plan,
    diagnostics: &Diagnostics,
    outputs: &Outputs,
    mut resumed: Option<&mut Resumed>,
) -> Result<ExitCode, Refused> {
    let known = resumed.as_ref().map(|resumed| resumed.identity.clone());
    let (interrupts, mut options, mut identity) = match prepare(arguments, &plan, outputs, known) {
        Ok(prepared) => prepared,
        Err(why) if resumed.is_some() => return Err(Refused(why)),
        Err(why) => return refuse(arguments, outputs, &plan.run, why),
    };
    if arguments.local {
        run_here(&mut plan);
    }
    if arguments.check {
        let output = instead_of_results(arguments).open_plain("`--check`", &interrupts)?;
        return super::check::run(&Arc::new(plan), &options, &interrupts, output);
    }
    // While the record is open, no other process can resume the run.
    let (Opened { mut reporters, refused, lock: _lock }, resumption) = if let Some(resumed) = &mut resumed {
        let (opened, resumption) = go_on(resumed, &mut plan, arguments, outputs, &interrupts)?;
        options.resumed = resumed.identity.resumed;
        (opened, Some(resumption))
    } else {
        if outputs.folder(&plan.run).is_some() {
            identity.files = changes::files(&plan);
        }
        (outputs.open(&plan.run, Some((&plan, &identity)), &interrupts), None)
    };
    if !refused.is_empty() {
        return Ok(outputs.not_carried_out(reporters, refused.join("; "), &interrupts));
    }
    DescriptorLimit::raise();
    let has_no_file = arguments.log.log_file.is_none();
    let is_shown = has_no_file && outputs.meet_log();
    let is_told = has_no_file && outputs.are_read_with_errors();
    let reporter = Box::new(LogReporter::new(diagnostics, is_told));
    reporters.log = Some(Log { reporter, is_about: log::is_about, is_shown });
    if !arguments.log.quiet
        && let Some(view) = LiveView::start(&outputs.screen)
    {
        // The live view is first, so that it is removed before the other reporters print the end of the run.
        reporters.shown.insert(0, ("the live view".to_owned(), Box::new(view)));
    }
    if let Some(resumption) = &resumption {
        plan.trials = resumption.trials();
    }
    let plan = Arc::new(plan);
    let conclusion = conduct::conduct(plan, &options, resumption, &interrupts, reporters);
    if outputs.is_elsewhere() {
        log_reasons(&conclusion);
    }
    Ok(ExitCode::from(conclusion.exit_status()))
}

/// Opens the outputs of a resumed run and prepares its folder. The folder is not changed until the other outputs are
/// open.
fn go_on(
    resumed: &mut Resumed,
    plan: &mut Plan,
    arguments: &ConductArguments,
    outputs: &Outputs,
    interrupts: &Receiver<i32>,
) -> Result<(Opened, Resumption), Refused> {
    let decided = resumed.decide(plan, arguments)?;
    let others = outputs.open_reports(outputs.folder(&resumed.run).as_deref(), interrupts);
    if !others.refused.is_empty() {
        return Err(Refused(others.refused.join("; ")));
    }
    let resumption = resumed.begin(plan, decided)?;
    Ok((outputs.open_again(resumed, others), resumption))
}

/// Prepares what a run needs before anything is opened: the channel of interrupts, the options, and the identity with
/// which it can be resumed (`known` if it is a resumed run). Returns a message if the run cannot be carried out.
fn prepare(
    arguments: &ConductArguments,
    plan: &Plan,
    outputs: &Outputs,
    known: Option<Identity>,
) -> Result<(Receiver<i32>, Options, Identity), String> {
    let elsewhere = if arguments.local && !arguments.yes { elsewhere(plan) } else { Vec::new() };
    if !elsewhere.is_empty() {
        return Err(format!(
            "`--local` would run workers of other machines on this machine: {}; to run them here, add `--yes`",
            elsewhere.join(", ")
        ));
    }
    let interrupts = signals::interrupts().map_err(|error| format!("cannot install signal handlers: {error}"))?;
    let identity = known.map_or_else(|| Identity::new(&arguments.given), Ok);
    let identity = identity.map_err(|error| format!("cannot get random bytes for the run: {error}"))?;
    let programs = arguments.programs.iter().cloned().collect();
    let programs = Programs::new(programs)
        .map_err(|error| format!("cannot open the conductor's own program: {}", words(&error)))?;
    let options = Options {
        skip_unreachable: arguments.skip_unreachable,
        take_over: arguments.take_over,
        results: outputs.folder(&plan.run),
        conductor: who_asks(),
        run_secret: identity.secret.derived("the run"),
        sessions_secret: identity.secret.derived("its sessions"),
        resumed: identity.resumed,
        access: Access::new(programs, DescriptorLimit::of_this_process()),
    };
    Ok((interrupts, options, identity))
}

/// Reports why nothing is run, also in the reports of the run.
fn refuse(arguments: &ConductArguments, outputs: &Outputs, run: &RunId, why: String) -> Result<ExitCode, Refused> {
    if arguments.dry_run || arguments.check {
        return Err(Refused(why));
    }
    // No signal handler is installed here: signals end the program by their default action.
    let interrupts = crossbeam_channel::never();
    let Opened { reporters, refused, .. } = outputs.open(run, None, &interrupts);
    let reasons: Vec<String> = std::iter::once(why).chain(refused).collect();
    Ok(outputs.not_carried_out(reporters, reasons.join("; and "), &interrupts))
}

/// Returns the output for text that is not a result. The outputs that the test file names are for results: a dry run or
/// `--check` must not overwrite the results of an earlier run.
fn instead_of_results(arguments: &ConductArguments) -> Outputs {
    Outputs::new(arguments, config::Outputs::default(), Screen::default())
}

/// Prints the plan.
fn dry_run(arguments: &ConductArguments, plan: &Plan) -> Result<ExitCode, Refused> {
    let mut output = instead_of_results(arguments).open_plain("`--dry-run`", &crossbeam_channel::never())?;
    let results = plan.settings.results.as_deref().filter(|_| plan.is_series());
    let expected = results.and_then(|results| expected::of(plan, results));
    let write = if output.json { report::dry_run_json } else { report::dry_run_text };
    let written = write(plan, expected.as_ref(), &mut output.writer);
    output.finish(written)?;
    Ok(ExitCode::from(PASSED))
}

/// Logs why there are no results, so that users who write the results to a file need not open it to find out.
fn log_reasons(conclusion: &Conclusion) {
    for reason in &conclusion.reasons {
        if let Reason::NotCarriedOut(text) | Reason::Incomplete(text) = reason {
            tracing::error!("{}", on_one_line(text));
        }
    }
    for hint in &conclusion.hints {
        tracing::info!("hint: {}", report::hint(*hint));
    }
}

/// Returns a unique name that sorts by time.
fn random_run_id() -> RunId {
    let mut bytes = [0; 4];
    // Without random bytes, the time still distinguishes most runs.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    let stamp = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let digits: String = stamp.chars().filter(char::is_ascii_digit).collect();
    let number = u32::from_ne_bytes(bytes) % 1_000_000;
    let text = format!("{}-{}-{number:06}", &digits[..8], &digits[8..]);
    #[expect(clippy::expect_used, reason = "digits and `-` are what a name may have")]
    RunId::new(&text).expect("a run's own name is a name")
}

/// Describes this user and process, for other users who find their player busy.
fn who_asks() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    let user = user.unwrap_or_else(|_| format!("user {}", rustix::process::getuid().as_raw()));
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{user}@{host}, process {}", std::process::id())
}

/// Makes all workers run on this machine.
fn run_here(plan: &mut Plan) {
    let at_points = plan.points.iter_mut().flat_map(|point| &mut point.workers);
    for worker in plan.workers.iter_mut().chain(at_points) {
        worker.player = PlayerAddress::Transport(Transport::local());
        worker.player_host = Ipv4Addr::LOCALHOST.to_string();
    }
}

/// Lists the workers whose addresses are not on this machine.
fn elsewhere(plan: &Plan) -> Vec<String> {
    let workers = plan.workers.iter().filter(|worker| !is_loopback_host(&worker.player_host));
    let place = |worker: &WorkerPlan| match worker.player_host.as_str() {
        "" => worker.player.to_string(),
        host => host.to_owned(),
    };
    workers.map(|worker| format!("`{}` ({})", worker.name, place(worker))).collect()
}
