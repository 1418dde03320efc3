//! The columns of a report: those of its table, or of a record as libchrony describes it.

use crate::command::first_sentence;
use libchrony::{AnyRecord, Constants, Content, Field, Sense, Table, Type, Unit};

/// What is known of the values of a field.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// Its name in JSON and CSV: that of Rust and Python.
    pub(crate) name: String,
    /// Its name in tables: libchrony's.
    pub(crate) title: String,
    pub(crate) doc: String,
    pub(crate) content: Content,
    pub(crate) kind: Option<Type>,
    /// What a positive value says of the clock.
    pub(crate) positive: Option<Sense>,
    pub(crate) constants: Option<&'static Constants>,
    pub(crate) since: Option<&'static str>,
}

impl Column {
    pub(crate) fn unit(&self) -> Unit {
        self.content.unit()
    }

    fn of(field: &Field) -> Self {
        // The name of a source is made of two fields, so that none of them tells what it is.
        let title = field.or.map_or_else(|| field.libchrony.to_string_lossy(), |_| field.name.replace('_', " ").into());
        Self {
            name: field.name.to_owned(),
            title: title.into_owned(),
            doc: first_sentence(field.doc),
            content: field.content,
            kind: Some(field.kind),
            positive: field.positive,
            constants: field.constants,
            since: field.since,
        }
    }
}

/// The columns of a table.
pub(crate) fn of_table(table: &Table) -> Vec<Column> {
    table.fields.iter().map(Column::of).collect()
}

/// The columns of a record that has no table.
pub(crate) fn of_record(record: &AnyRecord) -> Vec<Column> {
    let column = |(title, field): &(String, libchrony::AnyField)| Column {
        name: title.to_lowercase().replace([' ', '-'], "_"),
        title: title.clone(),
        doc: String::new(),
        content: field.content,
        kind: field.kind,
        positive: None,
        constants: None,
        since: None,
    };
    record.fields().iter().map(column).collect()
}
