//! The JSON Schema of a report's rows, made from its table.

use crate::sheet::column::{Column, of_table};
use crate::sheet::report::name;
use libchrony::{Content, Shape, Table, Type};
use serde_json::{Value, json};

/// Returns the schema of a report's rows: a record, or a failure to read it.
pub(crate) fn of(table: &Table) -> Value {
    let common = [
        ("report", json!({ "const": name(table) })),
        ("host", json!({ "type": "string", "description": "The address of the chronyd" })),
        ("time", json!({ "type": "number", "description": "When it was read, in seconds since the epoch" })),
    ];
    let index = json!({ "type": "integer", "minimum": 0, "description": "The place of the source in chronyd's order" });
    let index = (table.shape != Shape::Single).then_some(("index", index));
    let columns = of_table(table);
    let fields = columns.iter().map(|column| (&*column.name, field(column)));
    let record = object(common.clone().into_iter().chain(index).chain(fields));
    let error = json!({ "type": "string", "description": "Why it could not be read" });
    let failure = object(common.into_iter().chain([("error", error)]));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("A row of the report {}", name(table)),
        "description": plain(table.doc),
        "oneOf": [record, failure],
    })
}

/// Removes the links from a documentation comment.
fn plain(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ").replace("[`", "").replace("`]", "")
}

/// Returns the schema of an object that has all of these properties and no others.
fn object<'a>(properties: impl Iterator<Item = (&'a str, Value)>) -> Value {
    let properties: serde_json::Map<_, _> = properties.map(|(name, schema)| (name.to_owned(), schema)).collect();
    let required: Vec<_> = properties.keys().cloned().collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn field(column: &Column) -> Value {
    let constants = column.constants.map_or(&[][..], |constants| constants.names);
    let words = constants.iter().map(|(_, word)| *word);
    let is_open = column.constants.is_some_and(|constants| constants.is_open);
    let number = json!({ "type": "integer", "minimum": 0 });
    let mut choices = match (column.content, column.kind) {
        (Content::Boolean, _) => vec![json!({ "type": "boolean" })],
        (Content::Flags, _) => {
            let words = words.collect::<Vec<_>>();
            vec![json!({ "type": "array", "items": { "anyOf": [{ "enum": words }, number] } })]
        }
        (Content::Enum, _) => {
            let words = json!({ "enum": words.collect::<Vec<_>>() });
            if is_open { vec![words, number] } else { vec![words] }
        }
        (_, Some(Type::Unsigned(_))) => vec![number],
        (_, Some(Type::Signed(_))) => vec![json!({ "type": "integer" })],
        (_, Some(Type::Float | Type::Time)) => vec![json!({ "type": "number" })],
        (_, Some(Type::Text)) => vec![json!({ "type": "string" })],
        _ => vec![json!({})],
    };
    let is_null =
        column.is_optional || matches!(column.content, Content::IntervalSeconds | Content::Time | Content::Address);
    if is_null {
        choices.push(json!({ "type": "null" }));
    }
    let mut schema = if choices.len() == 1 { choices.remove(0) } else { json!({ "anyOf": choices }) };
    schema["description"] = json!(column.meaning());
    schema
}
