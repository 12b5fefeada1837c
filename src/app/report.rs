//! `report`: makes the reports of a run again from its folder.

use std::io::ErrorKind;
use std::process::ExitCode;

use tracing::level_filters::LevelFilter;

use super::journal::{CONFIGURATION, EVENTS};
use super::messages::{self, Refused};
use super::outputs::{Opened, Outputs};
use super::record::OpenRecord;
use super::remeasure::Remeasure;
use crate::cli::ReportArguments;
use crate::model::{NOT_CARRIED_OUT, PASSED, Stamped};
use crate::telemetry::{self, LogFormat, Screen};

/// Writes the reports. Exits with status 1 if the run cannot be read or a report cannot be written.
pub(super) fn run(arguments: &ReportArguments) -> Result<ExitCode, Refused> {
    let screen = Screen::default();
    telemetry::start_aside(LevelFilter::INFO, LogFormat::Text, None, &screen)?;
    Ok(ExitCode::from(if write(arguments, screen)? { PASSED } else { NOT_CARRIED_OUT }))
}

/// Writes the reports and returns whether all were written. A report that cannot be written does not affect the others.
fn write(arguments: &ReportArguments, screen: Screen) -> Result<bool, Refused> {
    let mut record = OpenRecord::open(&arguments.folder)?;
    let outputs = Outputs::of_report(arguments, screen);
    for file in [EVENTS, CONFIGURATION].map(|name| arguments.folder.join(name)) {
        outputs.spare(&file)?;
    }
    let mut remeasure = arguments.config.as_ref().map(|config| Remeasure::new(config.clone(), record.folder.clone()));
    let mut next = || -> Result<Option<Vec<Stamped>>, Refused> {
        match (record.next()?, &mut remeasure) {
            (Some(stamped), Some(remeasure)) => remeasure.take(stamped).map(Some),
            (stamped, _) => Ok(stamped.map(|stamped| vec![stamped])),
        }
    };
    // The first event reveals errors in the metrics. If there are any, no report is begun.
    let mut events = next()?;
    let Opened { reporters, refused, .. } = outputs.open_reports(Some(&arguments.folder), &crossbeam_channel::never());
    for why in &refused {
        messages::refuse(why);
    }
    let is_to_stdout = !outputs.is_elsewhere();
    let shown = reporters.shown.into_iter().map(|own| (is_to_stdout, own));
    let mut reporters: Vec<_> = shown.chain(reporters.apart.into_iter().map(|own| (false, own))).collect();
    let mut all = refused.is_empty();
    while let Some(stamped) = events {
        reporters.retain_mut(|(is_to_stdout, (name, reporter))| {
            let written = stamped.iter().try_for_each(|stamped| reporter.report(stamped));
            match &written {
                // A closed pipe is not an error.
                Err(error) if *is_to_stdout && error.kind() == ErrorKind::BrokenPipe => {}
                Err(error) => {
                    messages::refuse(&messages::cannot_write(name, error));
                    all = false;
                }
                Ok(()) => {}
            }
            written.is_ok()
        });
        events = next()?;
    }
    record.warn_unless_whole("the reports contain what has been recorded so far");
    Ok(all)
}
