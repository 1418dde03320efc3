//! The name of the source that a record is about, equal in all lists.
//!
//! authdata does not name its sources, and ntpdata has no values for a reference clock. Their records are in the order
//! of the sources. So the list of sources is read before and after them. If the lists are equal, they name the records.

use libchrony::{Content, Datum, ReferenceId, Row, Rows, Shape, Table, Value};

/// Returns true if the list of sources must be read before and after these reports.
pub(crate) fn are_needed(tables: &[&Table]) -> bool {
    tables.iter().any(|table| table.shape == Shape::PerNtpSource)
}

/// Names the records that do not name their source, if the sources did not change meanwhile.
pub(crate) fn fill(rows: &mut [Vec<Datum>], before: &[Vec<Datum>], after: &[Vec<Datum>]) {
    let name = |row: &Vec<Datum>| row.first().cloned();
    if !before.iter().map(name).eq(after.iter().map(name)) {
        return;
    }
    for (row, source) in rows.iter_mut().zip(before) {
        if let (Some(Datum::Unknown), Some(name)) = (row.first(), name(source)) {
            row[0] = name;
        }
    }
}

/// Returns the values of records. In a list, the name of the source comes first, if the record has it.
pub(crate) fn rows(table: &Table, records: &Rows) -> Vec<Vec<Datum>> {
    let row = |record: &Option<Box<dyn Row>>| {
        let record = record.as_deref();
        let name = || record.and_then(|record| own_name(table, record));
        let name = (table.shape != Shape::Single).then(|| name().map_or(Datum::Unknown, Datum::Text));
        let values =
            record.map_or_else(|| vec![Datum::None; table.fields.len()], |record| table.data(&record.values()));
        name.into_iter().chain(values).collect()
    };
    records.iter().map(row).collect()
}

/// Returns the name of a source from its own record: the address, or else the reference ID of a reference clock.
fn own_name(table: &Table, record: &dyn Row) -> Option<String> {
    let values = record.values();
    let of = |content| table.fields.iter().zip(&values).find(|(field, _)| field.content == content);
    match (of(Content::Address)?.1, of(Content::ReferenceId)) {
        (Value::Text(Some(address)), _) => Some((*address).to_owned()),
        (Value::Text(None), Some((_, Value::Unsigned(id)))) => {
            u32::try_from(*id).ok().map(|id| ReferenceId(id).name()).filter(|name| !name.is_empty())
        }
        _ => None,
    }
}
