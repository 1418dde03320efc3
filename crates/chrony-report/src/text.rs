//! Tables for people: units scaled, signs in words, never and unknown as words.
//!
//! A report with one record is a list of its fields. One with many is a table with a row for each record, or, where
//! that is too wide, with a column for each.

use crate::columns::Column;
use crate::datum::{Datum, date};
use crate::rows::Sheet;
use anstyle::Style;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use libchrony::{Content, Type, Unit};
use std::io::{self, Write};
use std::time::Duration;

const BOLD: Style = Style::new().bold();
const FAILED: Style = anstyle::AnsiColor::Red.on_default();
/// Between two columns.
const GAP: u16 = 2;
/// The width of what is no terminal.
const WIDTH: u16 = 120;
/// No header is broken into lines shorter than this.
const HEADER: usize = 10;

/// Writes sheets. With many chronyds, each row begins with its chronyd.
pub(crate) fn write(out: &mut impl Write, sheets: &[Sheet], is_many: bool) -> io::Result<()> {
    let width = Table::new().width().unwrap_or(WIDTH).into();
    for (number, sheet) in sheets.iter().enumerate() {
        if sheets.len() > 1 {
            let between = if number > 0 { "\n" } else { "" };
            writeln!(out, "{between}{BOLD}{}{BOLD:#}", sheet.report)?;
        }
        write_sheet(out, sheet, is_many, width)?;
    }
    Ok(())
}

fn write_sheet(out: &mut impl Write, sheet: &Sheet, is_many: bool, width: usize) -> io::Result<()> {
    let mut names = if is_many { vec![Name { title: "host".to_owned(), is_right: false }] } else { Vec::new() };
    names.extend(sheet.columns.iter().map(Name::of));
    let mut rows = Vec::new();
    for answer in &sheet.answers {
        for record in answer.rows.iter().flatten() {
            let mut row = if is_many { vec![answer.host.clone()] } else { Vec::new() };
            for (number, column) in sheet.columns.iter().enumerate() {
                row.push(record.as_ref().map_or_else(|| "-".to_owned(), |values| show(column, &values[number])));
            }
            rows.push(row);
        }
    }
    let columns: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(number, name)| {
            let widest = rows.iter().map(|row| row[number].chars().count()).max().unwrap_or(0);
            broken(&name.title, widest.max(HEADER))
        })
        .collect();
    match rows.as_slice() {
        [] => {}
        [row] if sheet.is_single => {
            let lines = names.iter().zip(row).map(|(name, value)| vec![name.title.clone(), value.clone()]);
            write!(out, "{}", table(&[], lines, &[]))?;
        }
        rows => {
            let is_right: Vec<_> = names.iter().map(|name| name.is_right).collect();
            let wide = table(&columns, rows.iter().cloned(), &is_right);
            if wide.lines().all(|line| line.chars().count() <= width) {
                write!(out, "{wide}")?;
            } else {
                write_turned(out, &names, rows, width)?;
            }
        }
    }
    if rows.is_empty() && !sheet.has_failed() {
        writeln!(out, "none")?;
    }
    for answer in &sheet.answers {
        if let Err(error) = &answer.rows {
            let host = if is_many { format!("{}: ", answer.host) } else { String::new() };
            writeln!(out, "{FAILED}{host}{error}{FAILED:#}")?;
        }
    }
    Ok(())
}

/// A column for each record, as many beside each other as fit.
fn write_turned(out: &mut impl Write, names: &[Name], rows: &[Vec<String>], width: usize) -> io::Result<()> {
    let title = names.iter().map(|name| name.title.chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = rows
        .iter()
        .map(|row| row.iter().map(|value| value.chars().count()).max().unwrap_or(0) + usize::from(GAP))
        .collect();
    let mut next = 0;
    while next < rows.len() {
        let mut end = next + 1;
        let mut used = title + widths[next];
        while end < rows.len() && used + widths[end] <= width {
            used += widths[end];
            end += 1;
        }
        let lines = names.iter().enumerate().map(|(number, name)| {
            let values = rows[next..end].iter().map(|row| row[number].clone());
            [name.title.clone()].into_iter().chain(values).collect()
        });
        write!(out, "{}{}", if next > 0 { "\n" } else { "" }, table(&[], lines, &[]))?;
        next = end;
    }
    Ok(())
}

/// Lines of cells, aligned.
fn table(headers: &[String], rows: impl Iterator<Item = Vec<String>>, is_right: &[bool]) -> String {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let align = |number: usize, cell: String| {
        let is_right = is_right.get(number).copied().unwrap_or(false);
        Cell::new(cell).set_alignment(if is_right { CellAlignment::Right } else { CellAlignment::Left })
    };
    if !headers.is_empty() {
        table.set_header(headers.iter().enumerate().map(|(number, header)| align(number, header.clone())));
    }
    for row in rows {
        table.add_row(row.into_iter().enumerate().map(|(number, cell)| align(number, cell)));
    }
    let count = table.column_count();
    for (number, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if number + 1 < count { GAP } else { 0 }));
    }
    table.lines().fold(String::new(), |text, line| text + line.trim_end() + "\n")
}

/// What is written of a column.
struct Name {
    title: String,
    is_right: bool,
}

impl Name {
    fn of(column: &Column) -> Self {
        let is_number = matches!(column.kind, Some(Type::Unsigned(_) | Type::Signed(_) | Type::Float));
        let is_right = is_number && !matches!(column.content, Content::Enum | Content::Flags | Content::Boolean);
        Self { title: column.title.clone(), is_right }
    }
}

/// A title in lines that are not much longer than the values below it.
fn broken(title: &str, width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in title.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

/// A value as people read it.
pub(crate) fn show(column: &Column, value: &Datum) -> String {
    match value {
        Datum::Never => "never".to_owned(),
        Datum::Unknown => "unknown".to_owned(),
        Datum::None => "none".to_owned(),
        Datum::Boolean(value) => if *value { "yes" } else { "no" }.to_owned(),
        Datum::Time(time) => date(*time),
        Datum::Flags(words, 0) if words.is_empty() => "none".to_owned(),
        Datum::Flags(..) | Datum::Text(_) | Datum::Word(_) | Datum::Number(_) => value.plain(),
        Datum::Unsigned(number) => match (column.content, column.kind) {
            (Content::ReferenceId, _) => format!("{number:08X}"),
            (Content::Bits, Some(Type::Unsigned(bits @ ..=8))) => format!("{number:0width$b}", width = bits as usize),
            (Content::Bits, _) => format!("{number:#x}"),
            (Content::IntervalSeconds, _) => interval(Duration::from_secs(*number).as_secs_f64()),
            _ => with_unit(&number.to_string(), column.unit()),
        },
        Datum::Signed(number) => match column.unit() {
            Unit::Log2Seconds => interval(f64::from(i32::try_from(*number).unwrap_or(i32::MAX)).exp2()),
            unit => with_unit(&number.to_string(), unit),
        },
        Datum::Float(number) => {
            let is_signed = matches!(column.content, Content::OffsetSeconds | Content::OffsetPpm);
            let (sign, size) = match column.positive {
                Some(sense) if *number > 0.0 => (format!(" {}", sense.name()), number.abs()),
                Some(sense) if *number < 0.0 => (format!(" {}", sense.opposite().name()), number.abs()),
                _ => (String::new(), *number),
            };
            let plus = if column.positive.is_none() && is_signed && size > 0.0 { "+" } else { "" };
            let text = match (column.content, column.unit()) {
                (Content::IntervalSeconds, _) => interval(size),
                (_, Unit::Seconds) => seconds(size),
                (_, unit) => with_unit(&digits(size), unit),
            };
            format!("{plus}{text}{sign}")
        }
    }
}

fn with_unit(number: &str, unit: Unit) -> String {
    match unit.name() {
        "" => number.to_owned(),
        unit => format!("{number} {unit}"),
    }
}

/// A time as its size asks for: `12.3 us`.
pub(crate) fn seconds(seconds: f64) -> String {
    let (factor, unit) = match seconds.abs() {
        0.0 => (1.0, "s"),
        ..1e-6 => (1e9, "ns"),
        ..1e-3 => (1e6, "us"),
        ..1.0 => (1e3, "ms"),
        _ => (1.0, "s"),
    };
    format!("{} {unit}", digits(seconds * factor))
}

/// A longer time: `64 s`, `17 min`, `3.2 h`.
pub(crate) fn interval(interval: f64) -> String {
    let (factor, unit) = match interval.abs() {
        ..1.0 => return seconds(interval),
        ..120.0 => (1.0, "s"),
        ..7200.0 => (60.0, "min"),
        ..172_800.0 => (3600.0, "h"),
        _ => (86400.0, "d"),
    };
    format!("{} {unit}", digits(interval / factor))
}

/// A number with three digits or more before or behind the point, without zeros at its end.
fn digits(number: f64) -> String {
    let places = match number.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    let text = format!("{number:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
