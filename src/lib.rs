//! conductor

pub mod config;
pub mod model;
