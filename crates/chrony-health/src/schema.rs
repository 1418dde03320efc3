//! The schemas of values that are serialised as words.

use crate::cause::Cause;
use crate::level::Level;
use crate::measure::Measure;
use schemars::{Schema, SchemaGenerator, json_schema};

pub(crate) fn level(_: &mut SchemaGenerator) -> Schema {
    let levels = [Level::Ok, Level::Unknown, Level::Warning, Level::Critical].map(Level::name);
    json_schema!({"enum": levels})
}

pub(crate) fn measure(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<_> = Measure::ALL.iter().map(|measure| measure.name).collect();
    json_schema!({"enum": names})
}

pub(crate) fn cause(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<_> = Cause::ALL.iter().map(|cause| cause.name).collect();
    json_schema!({"enum": names})
}

pub(crate) fn range(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "description": "A range as in monitoring plugins: 10, 10:, ~:10, 10:20 or @10:20"})
}
