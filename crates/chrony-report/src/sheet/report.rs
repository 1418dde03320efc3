//! The reports: known ones, which have a table, and others, which only the loaded libchrony knows.

use libchrony::{REPORTS, Table};

/// A report to read.
#[derive(Clone, Debug)]
pub(crate) enum Report {
    /// A report with a table.
    Known(&'static Table),
    /// A report that only libchrony knows.
    Other(String),
}

impl Report {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Known(table) => name(table),
            Self::Other(name) => name,
        }
    }

    pub(crate) fn table(&self) -> Option<&'static Table> {
        if let Self::Known(table) = self { Some(table) } else { None }
    }
}

/// Returns the table of the report with this name.
pub(crate) fn find(asked: &str) -> Option<&'static Table> {
    REPORTS.iter().copied().find(|table| name(table) == asked)
}

pub(crate) fn name(table: &Table) -> &'static str {
    table.name.to_str().unwrap_or_default()
}

/// Returns the subject of a report, without the source in parentheses.
pub(crate) fn about(table: &Table) -> String {
    let sentence = first_sentence(table.doc);
    sentence.split_once(" (").map_or(sentence.clone(), |(about, _)| about.to_owned())
}

/// Returns the first sentence of a text, without its full stop.
pub(crate) fn first_sentence(text: &str) -> String {
    let end = text.find(". ").into_iter().chain(text.find(".\n")).min().unwrap_or(text.len());
    text[..end].split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}
