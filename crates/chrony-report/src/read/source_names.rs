//! Which source a record is of: its name, in all lists alike.
//!
//! authdata names no source, and nothing is said of a reference clock in ntpdata. Their records are at the places of
//! the sources. So the list of sources is read before and after them: if both are the same, its places are theirs.

use crate::sheet::datum::Datum;
use libchrony::{Content, ReferenceId, Row, Rows, Shape, Table, Value};

/// Whether the list of sources is to be read before and after these.
pub(crate) fn are_needed(tables: &[&Table]) -> bool {
    tables.iter().any(|table| table.shape == Shape::PerNtpSource)
}

/// Names the records that do not tell it, if the sources have been the same before and after.
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

/// The values of records. Those of a list have the name of the source in front, if they tell it.
pub(crate) fn rows(table: &Table, records: &Rows) -> Vec<Vec<Datum>> {
    let row = |record: &Option<Box<dyn Row>>| {
        let record = record.as_deref();
        let name = || record.and_then(|record| own_name(table, record));
        let name = (table.shape != Shape::Single).then(|| name().map_or(Datum::Unknown, Datum::Text));
        let values = record.map_or_else(|| vec![Datum::None; table.fields.len()], |record| values(table, record));
        name.into_iter().chain(values).collect()
    };
    records.iter().map(row).collect()
}

fn values(table: &Table, record: &dyn Row) -> Vec<Datum> {
    let values = record.values();
    let says_nothing = |(other, numbers): (&str, &[u64])| {
        let place = table.fields.iter().position(|field| field.name == other);
        let number = place.and_then(|place| match values[place] {
            Value::Unsigned(number) | Value::Constant(number) => Some(number),
            _ => None,
        });
        number.is_some_and(|number| numbers.contains(&number))
    };
    let datum = |(field, value): (&libchrony::Field, &Value<'_>)| {
        if field.unless.is_some_and(says_nothing) { Datum::None } else { Datum::of(field, *value) }
    };
    table.fields.iter().zip(&values).map(datum).collect()
}

/// The name of a source that its own record tells: the address, or else the reference ID of a reference clock.
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
