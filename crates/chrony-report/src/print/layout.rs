//! Texts in rows and columns, aligned, and fitted to the width of a terminal.
//!
//! If a table is too wide, the remaining columns go below it, and the key columns are repeated. If the rows are few and
//! fit, each becomes a column instead. The layout does not know about reports.

use anstyle::Style;
use std::borrow::Cow;
use std::io::{self, Write};

pub(crate) const BOLD: Style = Style::new().bold();
/// A blank at which no line is broken.
pub(crate) const NO_BREAK: &str = "\u{a0}";
/// The gap between two columns.
const GAP: usize = 2;
/// The shortest line of a broken title.
const TITLE: usize = 10;
/// The shortest line of a broken text.
const ROOM: usize = 30;

/// A column heading.
pub(crate) struct Title {
    pub(crate) text: String,
    /// True if the column is aligned to the right.
    pub(crate) is_right: bool,
}

pub(crate) struct Table {
    pub(crate) titles: Vec<Title>,
    /// The rows, with a text for each title.
    pub(crate) rows: Vec<Vec<String>>,
    /// The number of leading columns that tell the rows apart.
    pub(crate) keys: usize,
}

/// A column with its widths.
#[derive(Clone, Copy)]
struct Column {
    number: usize,
    width: usize,
    /// The width of the title.
    title: usize,
    is_right: bool,
}

impl Table {
    /// Writes the table in lines of at most `width`, as far as possible.
    pub(crate) fn write(&self, out: &mut impl Write, width: usize) -> io::Result<()> {
        let total = |columns: &[Column]| columns.iter().map(|column| column.width + GAP).sum::<usize>();
        let keys: Vec<_> = (0..self.keys).map(|number| self.column(number, width)).collect();
        let room = width.saturating_add(GAP).saturating_sub(total(&keys));
        let columns = (self.keys..self.titles.len()).map(|number| self.column(number, room.saturating_sub(GAP)));
        let columns: Vec<_> = columns.collect();
        if total(&columns) > room && self.turned() <= width {
            return self.write_turned(out);
        }
        let mut rest = columns.as_slice();
        loop {
            let mut count = rest.len().min(1);
            while count < rest.len() && total(&rest[..=count]) <= room {
                count += 1;
            }
            let mut part = [&keys, &rest[..count]].concat();
            // Words may continue on the next line, if there is room for several.
            let left = room.saturating_sub(total(&rest[..count]));
            let next = rest.get(count).filter(|_| left > ROOM).map(|next| self.column(next.number, left - GAP));
            if let Some(next) = next.filter(|next| next.width + GAP <= left) {
                part.push(next);
                count += 1;
            }
            self.write_part(out, &part)?;
            rest = &rest[count..];
            if rest.is_empty() {
                return Ok(());
            }
            writeln!(out)?;
        }
    }

    /// Writes a line for each column: its title, then the texts of all rows.
    pub(crate) fn write_turned(&self, out: &mut impl Write) -> io::Result<()> {
        let titles = self.titles.iter().map(|title| length(&title.text)).max().unwrap_or(0);
        let widths: Vec<_> =
            self.rows.iter().map(|row| row.iter().map(|text| length(text)).max().unwrap_or(0)).collect();
        let mut line = String::new();
        for (number, title) in self.titles.iter().enumerate() {
            pad(&mut line, &title.text, titles, false);
            for (row, width) in self.rows.iter().zip(&widths) {
                pad(&mut line, &row[number], *width, false);
            }
            writeln!(out, "{}", line.trim_end())?;
            line.clear();
        }
        Ok(())
    }

    /// Returns the width of the turned table.
    fn turned(&self) -> usize {
        let titles = self.titles.iter().map(|title| length(&title.text)).max().unwrap_or(0);
        let widths = self.rows.iter().map(|row| row.iter().map(|text| length(text)).max().unwrap_or(0) + GAP);
        titles + widths.sum::<usize>()
    }

    /// Returns a column whose texts are broken into lines of this width, as far as their words allow.
    fn column(&self, number: usize, width: usize) -> Column {
        let title = &self.titles[number];
        let texts = self.rows.iter().map(|row| widest(&broken(&row[number], width)));
        let texts = texts.max().unwrap_or(0);
        let title_width = texts.max(TITLE);
        let width = texts.max(widest(&broken(&title.text, title_width)));
        Column { number, width, title: title_width, is_right: title.is_right }
    }

    fn write_part(&self, out: &mut impl Write, columns: &[Column]) -> io::Result<()> {
        let titles = columns.iter().map(|column| broken(&self.titles[column.number].text, column.title));
        write_lines(out, columns, &titles.collect::<Vec<_>>(), BOLD)?;
        for row in &self.rows {
            let texts: Vec<_> = columns.iter().map(|column| broken(&row[column.number], column.width)).collect();
            write_lines(out, columns, &texts, Style::new())?;
        }
        Ok(())
    }
}

/// Writes texts side by side, in as many lines as they have.
fn write_lines(out: &mut impl Write, columns: &[Column], texts: &[Cow<'_, str>], style: Style) -> io::Result<()> {
    let count = texts.iter().map(|text| text.split('\n').count()).max().unwrap_or(0);
    let mut line = String::new();
    for number in 0..count {
        for (column, text) in columns.iter().zip(texts) {
            pad(&mut line, text.split('\n').nth(number).unwrap_or_default(), column.width, column.is_right);
        }
        writeln!(out, "{style}{}{style:#}", line.trim_end())?;
        line.clear();
    }
    Ok(())
}

/// Appends an aligned text and a gap.
fn pad(line: &mut String, text: &str, width: usize, is_right: bool) {
    let blanks = width - length(text).min(width);
    let (before, after) = if is_right { (blanks, GAP) } else { (0, blanks + GAP) };
    line.extend(std::iter::repeat_n(' ', before));
    line.push_str(text);
    line.extend(std::iter::repeat_n(' ', after));
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// Returns the length of the longest line.
fn widest(text: &str) -> usize {
    text.split('\n').map(length).max().unwrap_or(0)
}

/// Aligns rows without titles.
pub(crate) fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |number: usize| rows.iter().filter_map(|row| row.get(number)).map(|text| length(text)).max();
    let widths: Vec<_> = (0..count).map(|number| width(number).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let mut line = String::new();
        row.iter().zip(&widths).for_each(|(text, width)| pad(&mut line, text, *width, false));
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// Breaks a text into lines of at most this width, as far as its words allow.
pub(crate) fn broken(text: &str, width: usize) -> Cow<'_, str> {
    if length(text) <= width {
        return text.into();
    }
    let mut lines = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let length = length(word);
        if !lines.is_empty() {
            let is_room = used + 1 + length <= width;
            lines.push(if is_room { ' ' } else { '\n' });
            used = if is_room { used + 1 } else { 0 };
        }
        lines.push_str(word);
        used += length;
    }
    lines.into()
}
