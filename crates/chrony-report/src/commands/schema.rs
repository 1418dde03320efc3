//! `schema`: the JSON Schema of a report's rows.

use crate::error::{Code, FINE, Failure};
use crate::sheet::report::{find, name};
use crate::sheet::schema::of;
use clap::Args;
use libchrony::REPORTS;
use std::io::Write;

/// The options of `schema`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  $ chrony-report schema tracking > tracking.schema.json")]
pub(crate) struct Schema {
    /// The name of the report
    report: String,
}

/// Prints the schema of a report.
pub(crate) fn run(Schema { report }: &Schema) -> Result<Code, Failure> {
    let Some(table) = find(report) else {
        let known = REPORTS.iter().map(|table| name(table)).collect::<Vec<_>>().join(", ");
        return Err(Failure::Usage(format!("there is no schema of a report {report:?}; there are those of {known}")));
    };
    writeln!(anstream::stdout(), "{:#}", of(table)).map_err(Failure::output)?;
    Ok(FINE)
}
