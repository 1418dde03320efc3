//! The reports that there are: those of the loaded libchrony, and what is known of them here.

use crate::ask::library;
use crate::columns::Column;
use crate::command::{Chronyds, List, first_sentence, name};
use crate::datum::Datum;
use crate::error::{FINE, Failure};
use crate::output::print;
use crate::rows::{Answer, Sheet};
use libchrony::{Content, REPORTS, Shape};
use std::process::ExitCode;
use std::time::SystemTime;

/// Prints a line for each report that the loaded libchrony knows.
pub(crate) fn run(chronyds: &Chronyds, options: &List) -> Result<ExitCode, Failure> {
    let library = library(chronyds)?;
    let row = |report: &str| {
        let table = REPORTS.iter().find(|table| name(table) == report);
        let records = table.map_or(Datum::Unknown, |table| {
            Datum::Word(
                match table.shape {
                    Shape::One => "one",
                    Shape::All => "one a source",
                    Shape::ByAddress => "one a source, none for reference clocks",
                }
                .to_owned(),
            )
        });
        let since = table.and_then(|table| table.since).map_or(Datum::None, |since| Datum::Text(since.to_owned()));
        let about = table.map_or(Datum::Unknown, |table| Datum::Text(first_sentence(table.doc)));
        Some(vec![Datum::Text(report.to_owned()), records, since, about])
    };
    let rows = library.reports().map(row).collect();
    let sheet = Sheet {
        report: "list".to_owned(),
        is_single: false,
        columns: ["name", "records", "since", "about"].map(column).into(),
        answers: vec![Answer { host: String::new(), time: SystemTime::now(), rows: Ok(rows) }],
    };
    print(&[sheet], options.output.format, false)?;
    Ok(FINE.into())
}

fn column(name: &str) -> Column {
    Column {
        name: name.to_owned(),
        title: name.to_owned(),
        doc: String::new(),
        content: Content::Plain,
        kind: None,
        positive: None,
        constants: None,
        since: None,
    }
}
