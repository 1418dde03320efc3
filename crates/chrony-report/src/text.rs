//! Tables for people: units scaled, signs in words, never and unknown as words.
//!
//! A report with one record is a list of its fields. One with many is a table with a row for each record. Where that is
//! wider than the terminal, its columns go on below, each time with the names of the sources in front; a few records
//! have a column each, if these fit.

use crate::columns::{Column, SOURCE};
use crate::datum::{Datum, date};
use crate::rows::Sheet;
use anstyle::Style;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use libchrony::{Content, ReferenceId, Type, Unit};
use std::io::{self, Write};
use std::time::{Duration, SystemTime};
use std::{env, iter};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const FAILED: Style = anstyle::AnsiColor::Red.on_default();
/// Between two columns.
const GAP: usize = 2;
/// No header is broken into lines shorter than this.
const HEADER: usize = 10;
/// No text is broken into lines shorter than this.
const ROOM: usize = 30;

/// Writes sheets. With many chronyds, each row begins with its chronyd. Each of several rounds begins with its time.
pub(crate) fn write(out: &mut impl Write, sheets: &[Sheet], is_many: bool, is_repeated: bool) -> io::Result<()> {
    let width = width();
    if is_repeated {
        writeln!(out, "{DIM}{}{DIM:#}", date(SystemTime::now()))?;
    }
    for sheet in sheets {
        if sheets.len() > 1 {
            writeln!(out, "{BOLD}{}{BOLD:#}", sheet.report)?;
        }
        Shown::new(sheet, is_many).write(out, width)?;
        if sheets.len() > 1 || is_repeated {
            writeln!(out)?;
        }
    }
    Ok(())
}

/// The width of the terminal, unless `COLUMNS` tells another. What is no terminal has room for all.
fn width() -> usize {
    let told = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|&columns| columns > 0);
    let terminal = || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0.into());
    told.or_else(terminal).unwrap_or(usize::MAX)
}

/// What is shown of a sheet: texts in rows and columns.
struct Shown<'a> {
    sheet: &'a Sheet,
    is_many: bool,
    names: Vec<Name>,
    rows: Vec<Vec<String>>,
    /// How many columns tell which chronyd and which source a row is of.
    keys: usize,
}

impl<'a> Shown<'a> {
    fn new(sheet: &'a Sheet, is_many: bool) -> Self {
        let records =
            || sheet.answers.iter().flat_map(|answer| answer.rows.iter().flatten().map(move |row| (answer, row)));
        let has_source = sheet.columns.first().is_some_and(|column| column.name == SOURCE);
        let is_shown = |&number: &usize| {
            let column = &sheet.columns[number];
            // What the first column tells need not be told again.
            let is_told = |values: &[Datum]| values[number] == values[0] || values[number] == Datum::None;
            let is_source = has_source && number > 0 && column.content == Content::Address;
            !(column.is_noise || is_source && records().all(|(_, values)| is_told(values)))
        };
        let shown: Vec<_> = (0..sheet.columns.len()).filter(is_shown).collect();
        let host = is_many.then(|| Name { title: "host".to_owned(), is_right: false });
        let names = host.into_iter().chain(shown.iter().map(|&number| Name::of(&sheet.columns[number]))).collect();
        let rows = records().map(|(answer, values)| {
            let host = is_many.then(|| answer.host.clone());
            let has_address = has_source || !values.contains(&Datum::None);
            let show = |&number: &usize| match (&sheet.columns[number], &values[number]) {
                (Column { content: Content::ReferenceId, .. }, &Datum::Unsigned(id)) if id > 0 && !has_address => {
                    let name = ReferenceId(u32::try_from(id).unwrap_or_default()).name();
                    format!("{id:08X} ({name})")
                }
                (column, value) => show(column, value),
            };
            host.into_iter().chain(shown.iter().map(show)).collect()
        });
        let keys = usize::from(is_many) + usize::from(has_source);
        Self { sheet, is_many, names, rows: rows.collect(), keys }
    }

    fn write(&self, out: &mut impl Write, width: usize) -> io::Result<()> {
        match self.rows.as_slice() {
            [] if !self.sheet.has_failed() => writeln!(out, "none")?,
            [] => {}
            [row] if self.sheet.is_single => {
                let lines = self.names.iter().zip(row).map(|(name, value)| vec![name.title.clone(), value.clone()]);
                write!(out, "{}", table(&[], lines, &[]))?;
            }
            _ => self.write_rows(out, width)?,
        }
        for answer in &self.sheet.answers {
            if let Err(error) = &answer.rows {
                let host = if self.is_many { format!("{}: ", answer.host) } else { String::new() };
                let style = if answer.is_not_available() { DIM } else { FAILED };
                writeln!(out, "{style}{host}{error}{style:#}")?;
            }
        }
        Ok(())
    }

    fn write_rows(&self, out: &mut impl Write, width: usize) -> io::Result<()> {
        let total = |columns: &[Wide]| columns.iter().map(|column| column.width + GAP).sum::<usize>();
        let keys: Vec<_> = (0..self.keys).map(|number| self.column(number, width)).collect();
        let room = (width.saturating_add(GAP)).saturating_sub(total(&keys));
        let columns: Vec<_> =
            (self.keys..self.names.len()).map(|number| self.column(number, room - GAP.min(room))).collect();
        let mut rest = columns.as_slice();
        if total(rest) > room {
            let turned = self.turned();
            if turned.lines().all(|line| line.chars().count() <= width) {
                return write!(out, "{turned}");
            }
        }
        let mut is_first = true;
        while is_first || !rest.is_empty() {
            let mut count = rest.len().min(1);
            while count < rest.len() && total(&rest[..=count]) <= room {
                count += 1;
            }
            // Words may go on in the next line, where there is room for several.
            let left = room - total(&rest[..count]).min(room);
            let last = (count < rest.len() && left > ROOM).then(|| self.column(rest[count].number, left - GAP));
            let last = last.filter(|last| last.width + GAP <= left);
            let part: Vec<_> = keys.iter().chain(&rest[..count]).chain(&last).collect();
            count += last.iter().len();
            let headers: Vec<_> = part.iter().map(|column| column.header.clone()).collect();
            let is_right: Vec<_> = part.iter().map(|column| column.is_right).collect();
            let rows = (0..self.rows.len()).map(|row| part.iter().map(|column| column.values[row].clone()).collect());
            write!(out, "{}{}", if is_first { "" } else { "\n" }, table(&headers, rows, &is_right))?;
            (is_first, rest) = (false, &rest[count..]);
        }
        Ok(())
    }

    /// A column, with a header that is not much wider than its values.
    fn column(&self, number: usize, width: usize) -> Wide {
        let name = &self.names[number];
        let values: Vec<_> = self.rows.iter().map(|row| broken(&row[number], width)).collect();
        let widest = values.iter().map(|value| widest(value)).max().unwrap_or(0);
        let header = broken(&name.title, widest.max(HEADER));
        Wide { number, width: widest.max(self::widest(&header)), header, values, is_right: name.is_right }
    }

    /// A column for each record.
    fn turned(&self) -> String {
        let lines = self.names.iter().enumerate().map(|(number, name)| {
            iter::once(name.title.clone()).chain(self.rows.iter().map(|row| row[number].clone())).collect()
        });
        table(&[], lines, &[])
    }
}

/// A column of a table.
struct Wide {
    number: usize,
    header: String,
    values: Vec<String>,
    width: usize,
    is_right: bool,
}

/// The length of the longest line.
fn widest(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or(0)
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
        column.set_padding((0, if number + 1 < count { 2 } else { 0 }));
    }
    let header = headers.iter().map(|header| header.lines().count()).max().unwrap_or(0);
    table.lines().enumerate().fold(String::new(), |text, (number, line)| {
        let line = line.trim_end();
        text + &if number < header { format!("{BOLD}{line}{BOLD:#}\n") } else { format!("{line}\n") }
    })
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

/// A text in lines that are no longer than this, as far as its words allow.
fn broken(text: &str, width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
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
            // chrony's own way: not in minutes.
            Unit::Log2Seconds => seconds(f64::from(i32::try_from(*number).unwrap_or(i32::MAX)).exp2()),
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

/// A number with three digits or more, without zeros at the end of its fraction.
fn digits(number: f64) -> String {
    let places = match number.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        0.1.. => 3,
        0.01.. => 4,
        0.001.. => 5,
        _ => 6,
    };
    let text = format!("{number:.places$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}
