//! `conduct --resume`: finds the run in its folder, and determines what remains to be done.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustix::fs::{FlockOperation, OFlags, flock};

use super::changes;
use super::compare::run_folders;
use super::identity::{IDENTITY, Identity};
use super::journal::EVENTS;
use super::record;
use super::replayed::{Recorded, whole};
use crate::cli::{self, Command, ConductArguments};
use crate::conduct::{History, ResultsFolder, Resumption, set_aside};
use crate::config;
use crate::model::{Plan, RunId, on_one_line};

/// The maximum number of runs that a message names.
const NAMED: usize = 3;

/// A run that is to be resumed.
pub(super) struct Resumed {
    /// The folder, as it is shown in messages.
    pub(super) path: PathBuf,
    pub(super) run: RunId,
    /// The plan that the run has had so far.
    plan: Arc<Plan>,
    pub(super) identity: Identity,
    pub(super) recorded: Arc<Recorded>,
    /// The record, locked while this file is open.
    pub(super) events: File,
    history: History,
}

/// Locks the record of a run for this process.
///
/// # Errors
///
/// Returns an error if another process holds the lock.
pub(super) fn lock(events: &File) -> io::Result<()> {
    Ok(flock(events, FlockOperation::NonBlockingLockExclusive)?)
}

/// Finds the run that `arguments` ask to resume, and returns it with the arguments to resume it with.
///
/// # Errors
///
/// Returns a message if the run cannot be resumed.
pub(super) fn find(arguments: &ConductArguments, run: &Path) -> Result<(Resumed, ConductArguments), String> {
    let path = folder(arguments, run)?;
    let shown = on_one_line(&path.to_string_lossy()).into_owned();
    let cannot = |why: String| format!("cannot resume the run in `{shown}`: {why}");
    let failed = |error: io::Error| cannot(error.to_string());
    let folder = ResultsFolder::open(&path).map_err(failed)?;
    let events = folder.open_file(&[EVENTS], OFlags::RDWR | OFlags::APPEND).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => cannot(format!("it does not contain `{EVENTS}`")),
        _ => failed(error),
    })?;
    lock(&events).map_err(|_| cannot("another `conduct` is still carrying it out".to_owned()))?;
    let identity = Identity::read(&folder).map_err(failed)?;
    let identity = identity.ok_or_else(|| {
        cannot("it does not contain `resume.json`: an earlier version of conductor began it".to_owned())
    })?;
    let read = events.try_clone().map_err(failed)?;
    let length = whole(BufReader::new(read)).map_err(|error| cannot(format!("`{EVENTS}`: {error}")))?;
    let configurations = record::configurations(&folder).map_err(failed)?;
    let recorded = Recorded { folder, length, configurations };
    let mut history = History::default();
    let told = recorded.tell(|stamped| {
        history.take(stamped);
        Ok(())
    });
    told.map_err(|error| cannot(format!("`{EVENTS}`: {error}")))?;
    let plan = history.plan.as_ref().map(|(plan, _)| Arc::clone(plan));
    let plan = plan.ok_or_else(|| cannot("its record does not contain the plan".to_owned()))?;
    let run = plan.run.clone();
    if path.file_name() != Some(run.as_str().as_ref()) {
        return Err(cannot(format!("its folder must have the name of the run, `{run}`")));
    }
    let arguments = merged(arguments, &identity, &path, &run).map_err(cannot)?;
    Ok((Resumed { path, run, plan, identity, recorded: Arc::new(recorded), events, history }, arguments))
}

/// Returns the folder of a run. `latest` may be a link to it.
fn folder(arguments: &ConductArguments, run: &Path) -> Result<PathBuf, String> {
    let is_name = run.components().count() == 1 && !run.join(EVENTS).exists();
    let path = if is_name {
        let of_file = || {
            let (file, name) = (arguments.config.as_ref()?, RunId::new("run").ok()?);
            config::load_test(file, &arguments.overrides, name, None).outputs.results
        };
        let results = arguments.results.clone().or_else(of_file).ok_or_else(|| {
            format!(
                "`{0}` is not the folder of a run\n  hint: name the folder, such as `results/{0}`, or the test file too",
                run.display()
            )
        })?;
        results.join(run)
    } else {
        run.to_owned()
    };
    let path = match fs::read_link(&path) {
        Ok(target) => path.parent().unwrap_or(Path::new("")).join(target),
        Err(_) => path,
    };
    if !path.exists()
        && let Some(why) = no_such_run(&path)
    {
        return Err(why);
    }
    // A path such as `.` has no file name.
    Ok(if path.file_name().is_some() { path } else { fs::canonicalize(&path).unwrap_or(path) })
}

/// Returns the message that a results folder does not contain this run, with the names of runs that it contains.
fn no_such_run(path: &Path) -> Option<String> {
    let (results, name) = (path.parent()?, path.file_name()?.to_string_lossy().into_owned());
    let mut names: Vec<(SystemTime, String)> =
        run_folders(results).ok()?.iter().filter_map(|folder| named(folder)).collect();
    // Latest first.
    names.sort_by(|a, b| b.cmp(a));
    let latest = names.iter().take(NAMED).map(|(_, name)| format!("`{}`", on_one_line(name))).collect::<Vec<_>>();
    let known = ["latest"].into_iter().chain(names.iter().map(|(_, name)| name.as_str()));
    let hint = config::hint_or(&name, known, || format!("the latest runs are {}", latest.join(", ")));
    let (name, results) = (on_one_line(&name), results.to_string_lossy());
    (!latest.is_empty()).then(|| format!("there is no run `{name}` in `{}`\n  hint: {hint}", on_one_line(&results)))
}

/// Returns the time when a run began, and its name.
fn named(folder: &Path) -> Option<(SystemTime, String)> {
    let began = fs::metadata(folder.join(IDENTITY)).and_then(|known| known.modified());
    Some((began.unwrap_or(SystemTime::UNIX_EPOCH), folder.file_name()?.to_string_lossy().into_owned()))
}

/// Merges the arguments with which the run was started and those given now, which may change the reports and the number
/// of trials.
fn merged(now: &ConductArguments, identity: &Identity, path: &Path, run: &RunId) -> Result<ConductArguments, String> {
    let line = std::iter::once("conduct").chain(identity.arguments.iter().map(String::as_str));
    let begun = match cli::parse(line.map(OsString::from).collect()) {
        Ok(Command::Conduct(begun)) => *begun,
        Ok(_) => return Err("its arguments are not those of `conduct`".to_owned()),
        Err(error) => return Err(format!("its arguments are not understood: {error}")),
    };
    let is_elsewhere = std::env::current_dir().is_ok_and(|here| here != identity.directory);
    let from_there = |path: PathBuf| if is_elsewhere { identity.directory.join(path) } else { path };
    let results = path.parent().map(Path::to_owned);
    let mut overrides = begun.overrides;
    overrides.trials = now.overrides.trials.or(overrides.trials);
    overrides.results.clone_from(&results);
    let programs = begun.programs.into_iter().map(|(machine, file)| (machine, from_there(file)));
    Ok(ConductArguments {
        config: now.config.clone().or(begun.config.map(from_there)),
        overrides,
        programs: if now.programs.is_empty() { programs.collect() } else { now.programs.clone() },
        resume: now.resume.clone(),
        failed: now.failed,
        accept_changes: now.accept_changes,
        strict: now.strict,
        python: now.python,
        skip_unreachable: now.skip_unreachable,
        take_over: now.take_over,
        format: now.format,
        output: now.output.clone(),
        reports: now.reports.clone(),
        results,
        run_id: Some(run.clone()),
        color: now.color,
        log: now.log.clone(),
        ..begun
    })
}

/// The decision on how to resume a run.
pub(super) struct Decided {
    /// The generation of its trials from now on.
    generation: u32,
    /// The trials that are not run again.
    done: BTreeSet<u32>,
    /// The digests of the files that the run sends.
    files: BTreeMap<String, String>,
}

impl Resumed {
    /// Decides how to resume the run with this plan. Changes are refused, or begin a new generation. Nothing is
    /// written.
    ///
    /// # Errors
    ///
    /// Returns a message if the run cannot be resumed.
    pub(super) fn decide(&self, plan: &mut Plan, arguments: &ConductArguments) -> Result<Decided, String> {
        let Self { path, run, plan: before, identity, history, .. } = self;
        let files = changes::files(plan);
        let changed = changes::between((before, &identity.files), (plan, &files));
        let generation = if changed.is_empty() { history.generation } else { history.generation + 1 };
        if !changed.is_empty() {
            let lines = changed.join("\n  ");
            if !changes::are_alike(before, plan) {
                return Err(format!("cannot resume run `{run}`: a run keeps its workers and phases:\n  {lines}"));
            }
            if !arguments.accept_changes {
                let of_metrics = if changes::measure_alike(before, plan) { String::new() } else { metrics_hint(path) };
                return Err(format!(
                    "cannot resume run `{run}`: what it does has changed since it began:\n  {lines}\n  hint: undo the changes; or \
                     use `--accept-changes`, and the statistics will not put trials from before and after together{of_metrics}"
                ));
            }
        }
        let done = history.done(arguments.failed);
        // Failed trials that are to be run again are in the reports too.
        if let Some(last) = history.done(false).last().filter(|last| **last > plan.most_trials()) {
            return Err(too_few(run, plan, arguments.overrides.trials, *last));
        }
        plan.schedule =
            history.placed(plan, &done).map_err(|(trial, round, point)| not_placed(run, trial, round, point))?;
        Ok(Decided { generation, done, files })
    }

    /// Prepares the folder to resume the run with this plan. What incomplete trials left is moved aside.
    ///
    /// # Errors
    ///
    /// Returns a message if something cannot be written.
    pub(super) fn begin(&mut self, plan: &Plan, decided: Decided) -> Result<Resumption, String> {
        let Self { path, run, identity, recorded, events, history, .. } = self;
        let Decided { generation, done, files } = decided;
        let failed = |error: io::Error| format!("cannot resume run `{run}`: {error}");
        let folder = &recorded.folder;
        events.set_len(recorded.length).map_err(failed)?;
        if generation > history.generation {
            // A later configuration may exist, from an attempt to resume the run that did not succeed.
            let last = usize::try_from(history.generation).unwrap_or(usize::MAX).saturating_sub(1);
            let text =
                recorded.configurations.get(last).or(recorded.configurations.last()).cloned().unwrap_or_default();
            folder.write(&record::earlier(history.generation), text.as_bytes(), 0o666).map_err(failed)?;
        }
        let written = record::write_configuration(folder, plan, &files).map_err(failed)?;
        let is_due = |trial| !done.contains(&trial);
        let attempts = set_aside(folder, &history.attempts(), is_due)
            .map_err(|error| format!("cannot move aside what is left in `{}`: {error}", path.display()))?;
        identity.resumed += 1;
        identity.files = files;
        identity.write(folder).map_err(failed)?;
        // The reports show the new number of trials, also for the recorded part.
        if let Some(recorded) = Arc::get_mut(recorded) {
            if generation == history.generation {
                recorded.configurations.pop();
            }
            recorded.configurations.push(written);
        }
        let history = std::mem::take(history);
        let resumption = history.resume(plan, done, attempts);
        let resumption = resumption.ok_or_else(|| failed(io::Error::other("its record does not contain the plan")))?;
        Ok(resumption.of_generation(generation))
    }
}

/// Returns the message that a run cannot be resumed with so few trials. `given` is the number on the command line.
fn too_few(run: &RunId, plan: &Plan, given: Option<u32>, last: u32) -> String {
    let trials = plan.most_trials();
    let with = match given {
        Some(given) if given == trials => format!("`--trials {given}`"),
        Some(given) => format!("`--trials {given}`, {trials} trials in total"),
        None => format!("{trials} trials"),
    };
    format!("cannot resume run `{run}` with {with}: trial {last} is done")
}

/// Returns a hint on how to change a metric for all trials of a run.
fn metrics_hint(path: &Path) -> String {
    let shown = on_one_line(&path.to_string_lossy()).into_owned();
    format!(
        "\n  hint: to change a metric for all trials, resume the run with the old `[Metric]` sections, and then read the \
         metrics again with `conductor report {shown} --config FILE`"
    )
}

/// Returns the message that a run cannot be resumed because the series no longer contains a trial that is done.
fn not_placed(run: &RunId, trial: u32, round: u32, point: &str) -> String {
    let of = if point.is_empty() { String::new() } else { format!(" of `{point}`") };
    format!(
        "cannot resume run `{run}`: trial {trial} is done, and the series does not have it any more: round {round}{of}\n  \
         hint: keep its point, its round and the number of warm-up rounds; or begin another run"
    )
}
