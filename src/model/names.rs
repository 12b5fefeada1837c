//! Serializes workers and steps by name. Serde passes no context, so the current thread holds the names during
//! [`Names::during`].

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Plan, Step, StepReference, WorkerId, object};

thread_local! {
    static NAMES: RefCell<Option<Arc<Names>>> = const { RefCell::new(None) };
}

/// The names of a plan's workers and steps.
#[derive(Debug)]
pub struct Names {
    /// The plan.
    pub plan: Arc<Plan>,
    ids: HashMap<String, WorkerId>,
}

impl Names {
    /// Collects the names of a plan.
    pub fn new(plan: Arc<Plan>) -> Arc<Self> {
        let ids = plan.workers().map(|(id, worker)| (worker.name.to_string(), id)).collect();
        Arc::new(Self { plan, ids })
    }

    /// Runs `body`, in which serde writes and reads workers by these names. Without names, workers are written as `?`
    /// and cannot be read.
    pub fn during<T>(names: Option<&Arc<Self>>, body: impl FnOnce() -> T) -> T {
        let before = NAMES.replace(names.cloned());
        let result = body();
        NAMES.set(before);
        result
    }

    /// Returns the plan whose names are in use.
    pub(super) fn plan() -> Option<Arc<Plan>> {
        NAMES.with_borrow(|names| names.as_ref().map(|names| Arc::clone(&names.plan)))
    }

    /// Passes the step of the plan whose names are in use to `look`.
    pub(super) fn step<T>(step: StepReference, look: impl FnOnce(Option<&Step>) -> T) -> T {
        NAMES.with_borrow(|names| look(names.as_ref().and_then(|names| names.plan.step(step))))
    }
}

impl Serialize for WorkerId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        NAMES.with_borrow(|names| serializer.serialize_str(names.as_ref().map_or("?", |names| names.plan.name(*self))))
    }
}

impl<'de> Deserialize<'de> for WorkerId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let known = NAMES.with_borrow(|names| names.as_ref()?.ids.get(&name).copied());
        known.ok_or_else(|| D::Error::custom(format!("unknown worker `{name}`")))
    }
}

impl Serialize for StepReference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let StepReference { trial, phase, worker, position } = *self;
        let label = Names::step(*self, |step| step.map_or("?", |step| step.label.as_str()).to_owned());
        object! { trial: trial, phase: phase, worker: worker, position: position, label: label }.serialize(serializer)
    }
}
