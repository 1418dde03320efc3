//! Prints `docs/fields.md`, the table of all fields, from the reports' tables (`make fields`).

use libchrony::{Content, Field, REPORTS, Shape, Type};

const HEAD: &str = "\
# The fields of all reports

Generated from the tables in `crates/libchrony/src/report` by `make fields`; `make lint` fails if it is out of date.

A field has the same name in Rust and in Python. libchrony's other fields, not listed here, are named \"reserved\", with
a number. \"chrony\" is the first version with the field or its report. If it is empty, every version that libchrony
supports has the field. A value outside its range is an error. Open: a number without a name is kept unchanged.
The documentation of the records has the full meaning.
";

fn main() {
    print!("{HEAD}");
    for table in REPORTS {
        let records = match table.shape {
            Shape::Single => "One record.",
            Shape::PerSource => "A record for each source.",
            Shape::PerNtpSource => "A record for each source, `None` for a reference clock.",
            other => unreachable!("{other:?}"),
        };
        println!("\n## {}\n\n{records}\n", table.name.to_string_lossy());
        println!("| libchrony's field | name | Rust | Python | unit | range | chrony | meaning |");
        println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
        for field in table.fields {
            println!(
                "| {} | `{}` | `{}` | `{}` | {} | {} | {} | {} |",
                [Some(field.libchrony), field.or]
                    .into_iter()
                    .flatten()
                    .map(|name| name.to_string_lossy())
                    .collect::<Vec<_>>()
                    .join(", or "),
                field.name,
                field.rust_type,
                python_type(field),
                field.unit().name(),
                range(field),
                field.since.or(table.since).unwrap_or_default(),
                meaning(field),
            );
        }
    }
}

/// Returns the type of the field in Python.
fn python_type(field: &Field) -> String {
    let name = match field.kind {
        _ if field.content == Content::Boolean => "bool",
        // The contract of the others has `int`.
        _ if field.constants.is_some_and(|constants| constants.is_open) => &python_enum(field.rust_type),
        Type::Unsigned(_) | Type::Signed(_) => "int",
        Type::Float | Type::Time => "float",
        Type::Text => "str",
        other => unreachable!("{other:?}"),
    };
    // A vertical line would end the table's cell.
    if field.since.is_some() { format!("{name} \\| None") } else { name.to_owned() }
}

/// Returns the Python name of a Rust type: of `Open<NtpMode>`, `NTPMode`, and of `NtpFlags`, `NTPFlag`.
fn python_enum(rust: &str) -> String {
    let name = rust.strip_prefix("Open<").map_or_else(|| rust.trim_end_matches('s'), |open| open.trim_end_matches('>'));
    name.replace("Ntp", "NTP")
}

/// Returns the range of the field's values, in words.
fn range(field: &Field) -> String {
    let numbers = field.constants.map_or(&[][..], |constants| constants.names);
    match field.kind {
        _ if field.content == Content::Boolean => String::new(),
        Type::Unsigned(_) if field.constants.is_some_and(|constants| !constants.is_open) => {
            let numbers = || numbers.iter().map(|(number, _)| number);
            format!("{} to {}", numbers().min().unwrap_or(&0), numbers().max().unwrap_or(&0))
        }
        Type::Unsigned(_) if field.content == Content::Enum => format!("open; {} named", numbers.len()),
        Type::Unsigned(_) if field.max.is_finite() => format!("0 to {}", field.max),
        Type::Unsigned(bits) => {
            let named = if numbers.is_empty() { String::new() } else { format!("; open, {} named", numbers.len()) };
            format!("0 to {}{named}", u64::MAX >> (u64::BITS - bits))
        }
        Type::Signed(_) if field.max.is_finite() => format!("{} to {}", field.min, field.max),
        Type::Signed(bits) => {
            let least = i64::MIN >> (i64::BITS - bits);
            format!("{least} to {}", -(least + 1))
        }
        Type::Float if field.min < 0.0 => "finite".to_owned(),
        Type::Float | Type::Time => "0 or more".to_owned(),
        Type::Text => String::new(),
        other => unreachable!("{other:?}"),
    }
}

fn meaning(field: &Field) -> String {
    let nothing = field.unless.map(|(other, numbers)| {
        let numbers = numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        format!(" Meaningless while `{other}` is {numbers}.")
    });
    let sign = field.positive.map(|sense| format!(" Positive: {}.", sense.name()));
    first_sentence(field.doc) + &sign.unwrap_or_default() + &nothing.unwrap_or_default()
}

fn first_sentence(doc: &str) -> String {
    let words = doc.split_whitespace().collect::<Vec<_>>().join(" ");
    words.split_once(". ").map_or(words.clone(), |(sentence, _)| format!("{sentence}."))
}
