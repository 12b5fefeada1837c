//! The part of a run that a comparison needs: its values, its configuration and its versions.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::model::{Event, PrintedVersion, Stamped};
use crate::report::dry_run_json;
use crate::values::{Collector, Values, parameters};

/// A run that is compared.
pub(crate) struct ComparedRun {
    /// The folder, as the user named it.
    pub(super) folder: String,
    pub(super) name: String,
    /// When the run began.
    pub(super) start: Option<Timestamp>,
    values: Collector,
    /// The configuration, as in the results folder.
    pub(super) configuration: Value,
    /// The versions of the programs, by name.
    pub(super) versions: BTreeMap<String, String>,
}

impl ComparedRun {
    /// Creates the run for this folder, as the user named it. `version` is the version of the conductor, if it is
    /// known.
    pub(crate) fn new(folder: String, version: Option<String>) -> Self {
        let versions = version.map(|version| ("conductor".to_owned(), version)).into_iter().collect();
        let (name, start, configuration) = (String::new(), None, Value::Null);
        Self { folder, name, start, values: Collector::default(), configuration, versions }
    }

    /// Processes an event.
    pub(crate) fn take(&mut self, Stamped { event, .. }: &Stamped) {
        self.values.take(event);
        match event {
            Event::RunStarted { plan, anchor } => {
                self.name = plan.run.to_string();
                self.start = Timestamp::try_from(anchor.utc).ok();
                self.configuration = serde_json::to_value(dry_run_json::document(plan)).unwrap_or_default();
            }
            Event::RunResumed { plan, .. } => {
                self.configuration = serde_json::to_value(dry_run_json::document(plan)).unwrap_or_default();
            }
            Event::WorkerConnected { worker, player } => {
                let name = self.values.values().worker(*worker).to_owned();
                for (what, version) in player.versions() {
                    let what = if what == "conductor" { "player" } else { what };
                    self.versions.insert(format!("{what} of {name}"), version.to_owned());
                }
            }
            Event::VersionsPrinted { worker, versions } => {
                let name = self.values.values().worker(*worker).to_owned();
                for PrintedVersion { command, printed } in versions {
                    self.versions.insert(format!("`{command}` of {name}"), printed.clone());
                }
            }
            _ => {}
        }
    }

    /// Whether the run has a parameter of this name.
    pub(crate) fn has_parameter(&self, name: &str) -> bool {
        parameters(&self.values().points).contains(&name)
    }

    /// Returns the start of the run in local time.
    pub(super) fn date(&self) -> String {
        let local = self.start.map(|start| start.to_zoned_datetime(jiff::tz::TimeZone::system()));
        local.map_or("-".to_owned(), |local| local.strftime("%Y-%m-%d %H:%M:%S").to_string())
    }

    /// Returns the values of the run.
    pub(super) const fn values(&self) -> &Values {
        self.values.values()
    }
}
