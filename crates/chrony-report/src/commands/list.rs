//! `list`: the reports of the loaded libchrony, with their descriptions.

use crate::args::Chronyds;
use crate::error::{Code, FINE, Failure};
use crate::print::{Format, Printer};
use crate::read::open::library;
use crate::sheet::column::Column;
use crate::sheet::report::{about, find};
use crate::sheet::{Answer, Sheet};
use clap::Args;
use libchrony::{Datum, Shape};
use std::time::SystemTime;

/// The options of `list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  $ chrony-report list")]
pub(crate) struct List {
    /// For people (text), or an array of rows (json), a row a line (jsonl), or csv with a header
    #[arg(short, long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    pub(crate) chronyds: Chronyds,
}

/// Prints a line for each report that the loaded libchrony knows.
pub(crate) fn run(chronyds: &Chronyds, options: &List) -> Result<Code, Failure> {
    let library = library(chronyds.verbose)?;
    let is_text = options.format == Format::Text;
    let row = |report: &str| {
        let table = find(report);
        let word = |word: &'static str| Datum::Word(word.into());
        let records = table.map_or(Datum::Unknown, |table| match table.shape {
            Shape::Single => word("one"),
            Shape::PerSource => word("each source"),
            Shape::PerNtpSource => word("each NTP source"),
            _ => Datum::Unknown,
        });
        let since = table.map_or(Datum::Unknown, |table| match table.since {
            Some(since) => word(since),
            None if is_text => word("always"),
            None => Datum::None,
        });
        let about = table.map_or(Datum::Unknown, |table| Datum::Text(about(table)));
        vec![Datum::Text(report.to_owned()), records, since, about]
    };
    let rows = library.reports().map(row).collect();
    let sheet = Sheet {
        report: "list".to_owned(),
        is_single: false,
        columns: ["name", "records", "since", "about"].map(|name| Column::text(name, "")).into(),
        answers: vec![Answer { host: String::new(), address: None, time: SystemTime::now(), rows: Ok(rows) }],
    };
    Printer::new(options.format, false, false).print(&[sheet])?;
    Ok(FINE)
}
