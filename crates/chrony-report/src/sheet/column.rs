//! The columns of a report: those of its table, or of a record as libchrony describes it.

use crate::sheet::report::first_sentence;
use libchrony::{AnyRecord, Constants, Content, Field, Sense, Shape, Table, Type, Unit};

/// The name of the column that tells which source a row is of.
pub(crate) const SOURCE: &str = "source";

/// What is known of the values of a field.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// Its name in JSON and CSV: that of Rust and Python.
    pub(crate) name: String,
    /// Its name in tables: libchrony's.
    pub(crate) title: String,
    doc: &'static str,
    pub(crate) content: Content,
    pub(crate) kind: Option<Type>,
    /// What a positive value says of the clock.
    pub(crate) positive: Option<Sense>,
    pub(crate) constants: Option<&'static Constants>,
    /// Whether it is null in some records: in those of old versions, or of sources without samples.
    pub(crate) is_optional: bool,
    /// Whether people need not see it: it means nothing, or other columns tell it.
    pub(crate) is_noise: bool,
}

impl Column {
    /// A column of text.
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

    /// What it means, with its sign and unit.
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
        // The name of a source is made of two fields, so that none of them tells what it is.
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
            // libchrony says of none of the other fields that they have no meaning.
            is_noise: field.or.is_some() || field.content == Content::Plain,
        }
    }
}

/// The columns of a table. A list has the name of the source in front.
pub(crate) fn of_table(table: &Table) -> Vec<Column> {
    let source = || Column::text(SOURCE, "The source: its address, or the name of a reference clock");
    let source = (table.shape != Shape::Single).then(source);
    let mut columns: Vec<_> = source.into_iter().chain(table.fields.iter().map(Column::of)).collect();
    if table.shape == Shape::PerNtpSource {
        // A reference clock has none of them.
        for column in &mut columns {
            column.is_optional = true;
        }
    }
    columns
}

/// The columns of a record that has no table.
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
