//! For serde: the start of a trial. For an ordinary test, the record contains only the number of the trial, and that of
//! a repeated attempt.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Names, PointId, Slot};

#[derive(Serialize, Deserialize)]
struct Started {
    trial: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    point: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    round: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    warm_up: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with references")]
pub fn serialize<S: Serializer>(trial: &u32, slot: &Slot, attempt: &u32, to: S) -> Result<S::Ok, S::Error> {
    let plan = Names::plan().filter(|plan| plan.is_series());
    let round = plan.as_ref().map(|_| slot.round);
    let point = plan.map(|plan| plan.point_name(slot.point).to_owned()).filter(|name| !name.is_empty());
    let attempt = (*attempt > 1).then_some(*attempt);
    Started { trial: *trial, point, round, attempt, warm_up: slot.warm_up }.serialize(to)
}

pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<(u32, Slot, u32), D::Error> {
    let Started { trial, point, round, attempt, warm_up } = Started::deserialize(from)?;
    let point = match point {
        None => PointId::default(),
        Some(name) => Names::plan()
            .and_then(|plan| plan.points.iter().position(|point| point.name == name).map(PointId))
            .ok_or_else(|| D::Error::custom(format!("unknown point `{name}`")))?,
    };
    Ok((trial, Slot { point, round: round.unwrap_or(trial), warm_up }, attempt.unwrap_or(1)))
}
