//! Which source a record is of: its name, in all lists alike.
//!
//! authdata names no source, and nothing is said of a reference clock in ntpdata. Their records are at the places of the
//! sources. So the list of sources is read before and after them: if both are the same, its places are theirs.

use crate::datum::Datum;
use libchrony::{AnyRecords, Content, Error, ReferenceId, Report, Row, Shape, Source, Table, Value};

/// What is read, so that the records of these tables can be named.
pub(crate) fn around(tables: &[&'static Table]) -> Vec<&'static Table> {
    let sources = has_nameless(tables).then_some(Source::TABLE);
    sources.into_iter().chain(tables.iter().copied()).chain(sources).collect()
}

/// What was read of the tables, and the names of all places, if they are known.
pub(crate) fn within(
    mut results: Vec<Result<AnyRecords, Error>>,
    tables: &[&'static Table],
) -> (Vec<String>, Vec<Result<AnyRecords, Error>>) {
    if !has_nameless(tables) || results.len() < 2 {
        return (Vec::new(), results);
    }
    let after = names(results.pop());
    let before = names(Some(results.remove(0)));
    (if before == after { before } else { Vec::new() }, results)
}

fn has_nameless(tables: &[&Table]) -> bool {
    tables.iter().any(|table| table.shape == Shape::ByAddress)
}

fn names(sources: Option<Result<AnyRecords, Error>>) -> Vec<String> {
    let records = sources.and_then(Result::ok);
    let records = records.iter().flat_map(|records| records.iter());
    let name = |record: &Option<Box<dyn Row>>| record.as_deref().and_then(|record| own_name(Source::TABLE, record));
    records.map(|record| name(record).unwrap_or_default()).collect()
}

/// The values of records, each with the name of its source in front if it is of one.
pub(crate) fn rows(table: &Table, records: &AnyRecords, names: &[String]) -> Vec<Vec<Datum>> {
    let row = |(index, record): (usize, &Option<Box<dyn Row>>)| {
        let record = record.as_deref();
        let name = || record.and_then(|record| own_name(table, record)).or_else(|| names.get(index).cloned());
        let name = (table.shape != Shape::One).then(|| name().map_or(Datum::Unknown, Datum::Text));
        let values = record.map_or_else(|| vec![Datum::None; table.fields.len()], |record| values(table, record));
        name.into_iter().chain(values).collect()
    };
    records.iter().enumerate().map(row).collect()
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
