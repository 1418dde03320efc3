//! The columns of a report: from its table, or from a record as libchrony describes it.

use crate::sheet::report::first_sentence;
use libchrony::{AnyRecord, Constants, Content, Field, Sense, Shape, Table, Type, Unit};

/// The name of the column with the source of a row.
pub(crate) const SOURCE: &str = "source";

/// The description of a field's values.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// The name in JSON and CSV, as in Rust and Python.
    pub(crate) name: String,
    /// The name in tables, as in libchrony.
    pub(crate) title: String,
    doc: &'static str,
    pub(crate) content: Content,
    pub(crate) kind: Option<Type>,
    /// The meaning of a positive value for the clock.
    pub(crate) positive: Option<Sense>,
    pub(crate) constants: Option<&'static Constants>,
    /// True if some records have null: from old versions, or for sources without samples.
    pub(crate) is_optional: bool,
    /// True if people do not need the column: it has no meaning, or other columns show it.
    pub(crate) is_noise: bool,
}

impl Column {
    /// Returns a column of text.
    pub(crate) fn text(name: &str, doc: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            title: name.to_owned(),
            doc,
            content: Content::Plain,
            kind: Some(Type::Text),
            positive: None,
            constants: None,
            is_optional: true,
            is_noise: false,
        }
    }

    /// Returns the meaning, with its sign and unit.
    pub(crate) fn meaning(&self) -> String {
        let meaning = first_sentence(self.doc);
        let unit = self.unit().name();
        let unit = if unit.is_empty() || meaning.contains(", in ") { String::new() } else { format!(" ({unit})") };
        let sign = self.positive.map_or_else(String::new, |sense| format!("; positive: {}", sense.name()));
        meaning + &unit + &sign
    }

    pub(crate) fn unit(&self) -> Unit {
        self.content.unit()
    }

    fn of(field: &Field) -> Self {
        // The name of a source comes from two fields, and the title of either would describe only one of them.
        let title = field.or.map_or_else(|| field.libchrony.to_string_lossy(), |_| field.name.replace('_', " ").into());
        Self {
            name: field.name.to_owned(),
            title: title.into_owned(),
            doc: field.doc,
            content: field.content,
            kind: Some(field.kind),
            positive: field.positive,
            constants: field.constants,
            is_optional: field.since.is_some() || field.unless.is_some(),
            // A field without a content type in libchrony has no meaning for people.
            is_noise: field.or.is_some() || field.content == Content::Plain,
        }
    }
}

/// Returns the columns of a table. In a list, the name of the source comes first.
pub(crate) fn of_table(table: &Table) -> Vec<Column> {
    let source = || Column::text(SOURCE, "The source: its address, or the name of a reference clock");
    let source = (table.shape != Shape::Single).then(source);
    let mut columns: Vec<_> = source.into_iter().chain(table.fields.iter().map(Column::of)).collect();
    if table.shape == Shape::PerNtpSource {
        // A reference clock has no values in these reports.
        for column in &mut columns {
            column.is_optional = true;
        }
    }
    columns
}

/// Returns the columns of a record that has no table.
pub(crate) fn of_record(record: &AnyRecord) -> Vec<Column> {
    let column = |(title, field): &(String, libchrony::AnyField)| Column {
        name: title.to_lowercase().replace([' ', '-'], "_"),
        title: title.clone(),
        doc: "",
        content: field.content,
        kind: field.kind,
        positive: None,
        constants: None,
        is_optional: true,
        is_noise: false,
    };
    record.fields().iter().map(column).collect()
}
