//! The screen that answers the question: is the clock right?
//!
//! The screen fits 80 columns and 24 lines. The answer comes first, then faults with advice, then the facts.

use crate::args::Chronyds;
use crate::error::{Code, Failure, code};
use crate::print::layout::{BOLD, aligned, broken};
use crate::print::text::FAILED;
use crate::read::facts::facts;
use crate::sheet::datum::date;
use anstyle::{AnsiColor, Style};
use chrony_health::quantity::{interval, seconds};
use chrony_health::{Facts, Finding, Level, Policy, Verdict, follows_source, is_usable, judge};
use libchrony::{Open, SelectData, SelectState, Source, Tracking};
use std::io::{self, Write};
use terminal_size::terminal_size_of;

const WIDTH: usize = 80;
/// The narrowest layout. A narrower terminal breaks the lines itself.
const NARROWEST: usize = 40;
/// The height of a usual terminal, less a line for the prompt.
const HEIGHT: usize = 23;
/// The column at which the text of a named line begins.
const INDENT: usize = 10;
/// The greatest number of lines about faults.
const WRONG: usize = 13;
/// The greatest length of the name of a source.
const NAME: usize = 30;

/// Prints the screen. The exit code is the one of `check` without a grace period. Any other failure is unknown.
pub(crate) fn run(chronyds: &Chronyds) -> Code {
    let level = show(chronyds).unwrap_or_else(|failure| {
        failure.report();
        Level::Unknown
    });
    code(level)
}

fn show(chronyds: &Chronyds) -> Result<Level, Failure> {
    let (facts, host) = facts(chronyds, false)?;
    let verdict = judge(&facts, &Policy::default());
    let width = terminal_size_of(io::stdout()).map_or(WIDTH, |(width, _)| width.0.into());
    let text = screen(&facts, &host, &verdict, width.clamp(NARROWEST, WIDTH)).join("\n");
    writeln!(anstream::stdout(), "{text}").map_err(Failure::output)?;
    Ok(verdict.worst)
}

/// Returns the lines of the screen.
fn screen(facts: &Facts, host: &str, verdict: &Verdict, width: usize) -> Vec<String> {
    let (answer, colour) = answer(facts, verdict);
    let mut lines: Vec<_> = wrapped(&format!("Is the clock right? {answer}"), width)
        .into_iter()
        .map(|line| format!("{}{line}{:#}", colour.bold(), colour.bold()))
        .collect();
    let wrong = wrong(verdict, width);
    if !wrong.is_empty() {
        lines.push(String::new());
        lines.extend(wrong);
    }
    if let Ok(tracking) = &facts.tracking {
        lines.push(String::new());
        lines.extend(known(facts, host, tracking, width));
    }
    if let Ok(sources) = &facts.sources {
        lines.extend(list(facts, sources, HEIGHT.saturating_sub(lines.len()), width));
    }
    lines
}

fn answer(facts: &Facts, verdict: &Verdict) -> (String, Style) {
    let right = || facts.accuracy().unwrap_or_else(|| "nothing is wrong".to_owned());
    let (answer, level) = match (verdict.worst, verdict.grace.and(facts.uptime())) {
        _ if facts.tracking.is_err() => ("Unknown: chronyd tells nothing".to_owned(), verdict.worst),
        (Level::Critical, Some(uptime)) => {
            let uptime = interval(uptime.as_secs_f64().round());
            (format!("Not yet: chronyd was started {uptime} ago"), Level::Warning)
        }
        (Level::Ok, _) => (format!("Yes: {}", right()), Level::Ok),
        (Level::Warning, _) => (format!("Yes, with a warning: {}", right()), Level::Warning),
        (Level::Critical, _) => ("No, do not rely on it".to_owned(), Level::Critical),
        (Level::Unknown, _) => (format!("As far as is known: {}", right()), Level::Unknown),
    };
    (answer, style(level))
}

const fn style(level: Level) -> Style {
    match level {
        Level::Ok => AnsiColor::Green.on_default(),
        Level::Unknown => AnsiColor::Magenta.on_default(),
        Level::Warning => AnsiColor::Yellow.on_default(),
        Level::Critical => FAILED,
    }
}

/// Lists the faults, the worst first, each with the next step.
fn wrong(verdict: &Verdict, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let alarms: Vec<_> = verdict.alarms().collect();
    for (number, Finding { level, words, advice, .. }) in alarms.iter().enumerate() {
        let mut next = field(&level.name().to_lowercase(), words, style(*level), width);
        if !advice.is_empty() {
            next.extend(field("", &format!("Next: {advice}."), Style::new(), width));
        }
        let is_last = number + 1 == alarms.len();
        if lines.len() + next.len() + usize::from(!is_last) > WRONG && number > 0 {
            let more = alarms.len() - number;
            lines.extend(field("", &format!("And {more} more: chrony-report check -v has all"), Style::new(), width));
            break;
        }
        lines.extend(next);
    }
    lines
}

/// Lists the facts about the clock.
fn known(facts: &Facts, host: &str, tracking: &Tracking, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |name: &str, text: String| lines.extend(field(name, &text, BOLD, width));
    if follows_source(tracking) {
        let &Tracking { offset, root_dispersion, root_delay, .. } = tracking;
        add("follows", format!("{}, stratum {}", tracking.reference_id_name, tracking.stratum));
        let bound = tracking.clock_error_bound().map_or_else(|| "unknown".to_owned(), seconds);
        let sign = if offset > 0.0 { "slow" } else { "fast" };
        let (offset, dispersion, delay) = (seconds(offset.abs()), seconds(root_dispersion), seconds(root_delay));
        add("bound", format!("{bound} ({offset} {sign} + dispersion {dispersion} + half of delay {delay})"));
        let (age, every) = (interval(facts.age().unwrap_or_default()), interval(tracking.update_interval));
        let age = if facts.is_ahead() { format!("{age} in the future") } else { format!("{age} ago") };
        add("updated", format!("{age}, at {}; before that, every {every}", date(tracking.ref_time)));
    } else {
        add("follows", if tracking.is_local() { "only itself (local mode)" } else { "nothing" }.to_owned());
    }
    let started = facts.uptime().map(|uptime| format!(", started {} ago", interval(uptime.as_secs_f64())));
    add("chronyd", format!("{host}{}", started.unwrap_or_default()));
    lines
}

/// Lists the sources, the used ones first, in at most `room` lines.
fn list(facts: &Facts, sources: &[Source], room: usize, width: usize) -> Vec<String> {
    let select_data = facts.select_data.as_deref().ok().filter(|select_data| select_data.len() == sources.len());
    let mut rows: Vec<_> = (0..sources.len()).map(|at| (&sources[at], select_data.map(|all| &all[at]))).collect();
    rows.sort_by_key(|(source, _)| (!source.is_selected(), !is_usable(source.state)));
    let usable = sources.iter().filter(|source| is_usable(source.state)).count();
    let mut lines = field("sources", &format!("{usable} of {} usable", sources.len()), BOLD, width);
    let room = room.saturating_sub(lines.len());
    let shown = if rows.len() > room { room.saturating_sub(1) } else { rows.len() };
    let cells: Vec<_> = rows[..shown].iter().map(|(source, selected)| row(source, *selected)).collect();
    lines.extend(aligned(&cells).iter().map(|line| cut(&format!("  {line}"), width)));
    if shown < rows.len() {
        lines.push(format!("  and {} more: chrony-report sources", rows.len() - shown));
    }
    lines
}

fn row(source: &Source, selected: Option<&SelectData>) -> Vec<String> {
    let state = match selected.map(|selected| selected.state) {
        // selectdata says why a source is not used. The sources report has the usual word for the one that is.
        Some(Open::Known(state)) if state != SelectState::Best => state.name(),
        _ => source.state.name(),
    };
    let polls = format!("{} of 8 polls", source.reachability.count_ones());
    let offset = source.latest_meas;
    let sign = if offset > 0.0 { "fast" } else { "slow" };
    let sample = if source.has_sample() {
        let error = seconds(source.latest_meas_err);
        format!("{} {sign} +/- {error}", seconds(offset.abs()))
    } else {
        "never measured".to_owned()
    };
    vec![cut(&source.address, NAME), polls, sample, state.to_owned()]
}

/// Formats a line with a name, and continues a long text below it.
fn field(name: &str, text: &str, style: Style, width: usize) -> Vec<String> {
    let mut name = format!("{style}{name:INDENT$}{style:#}");
    let mut lines = Vec::new();
    for line in wrapped(text, width - INDENT) {
        lines.push(format!("{name}{line}"));
        name = " ".repeat(INDENT);
    }
    lines
}

/// Breaks a text into lines of at most this width, even within words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let lines = broken(text, width);
    let pieces = |line: &str| {
        let letters: Vec<_> = line.chars().collect();
        letters.chunks(width).map(|piece| piece.iter().collect()).collect::<Vec<String>>()
    };
    lines.lines().flat_map(pieces).collect()
}

/// Cuts a text to this length.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(2)).chain("..".chars()).collect()
}
