//! For serde: variables in their order. If a name occurs twice, only the later one, which the steps get, is written.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserializer, Serializer};

type Variables = Vec<(String, String)>;

pub fn serialize<S: Serializer>(variables: &[(String, String)], to: S) -> Result<S::Ok, S::Error> {
    let is_last = |at: usize, name: &str| !variables[at + 1..].iter().any(|(later, _)| later == name);
    let kept = variables.iter().enumerate().filter(|(at, (name, _))| is_last(*at, name));
    to.collect_map(kept.map(|(_, (name, value))| (name, value)))
}

pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Variables, D::Error> {
    struct InOrder;
    impl<'de> Visitor<'de> for InOrder {
        type Value = Variables;
        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("an object of variables")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Variables, A::Error> {
            std::iter::from_fn(|| map.next_entry().transpose()).collect()
        }
    }
    from.deserialize_map(InOrder)
}
