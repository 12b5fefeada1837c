//! Plans without where their parts were written, so that plans of different files can be compared.

use serde_json::Value;

/// Removes each `origin` and `check_origin`.
pub fn remove(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("origin");
            fields.remove("check_origin");
            fields.values_mut().for_each(remove);
        }
        Value::Array(items) => items.iter_mut().for_each(remove),
        _ => {}
    }
}
