//! `schema`: the JSON Schema of a report's rows, or of a verdict.

use crate::error::{Code, FINE, Failure};
use crate::sheet::report::{find, name};
use crate::sheet::schema::of;
use chrony_health::VERDICT_SCHEMA;
use clap::Args;
use libchrony::REPORTS;
use std::io::Write;

/// The name for the schema of a verdict.
const VERDICT: &str = "verdict";

/// The options of `schema`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  $ chrony-report schema tracking > tracking.schema.json")]
pub(crate) struct Schema {
    /// The name of the report, or verdict
    report: String,
}

/// Prints the schema of a report or of a verdict.
pub(crate) fn run(Schema { report }: &Schema) -> Result<Code, Failure> {
    let schema = match find(report) {
        Some(table) => format!("{:#}", of(table)),
        None if report == VERDICT => VERDICT_SCHEMA.trim_end().to_owned(),
        None => {
            let known = REPORTS.iter().map(|table| name(table)).chain([VERDICT]).collect::<Vec<_>>().join(", ");
            let words = format!("there is no schema of a report {report:?}; there are those of {known}");
            return Err(Failure::Usage(words));
        }
    };
    writeln!(anstream::stdout(), "{schema}").map_err(Failure::output)?;
    Ok(FINE)
}
