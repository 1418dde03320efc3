//! The screen that answers the question: is the clock right?
//!
//! The screen fits 80 columns and 24 lines. The answer comes first, then faults with advice, then the facts.

use crate::args::Chronyds;
use crate::error::{Code, Failure, code};
use crate::print::advice::{alternatives, refused, steps};
use crate::print::layout::{BOLD, NO_BREAK, aligned, broken};
use crate::print::text::FAILED;
use crate::read::facts::assessed;
use crate::sheet::datum::date;
use anstyle::{AnsiColor, Style};
use chrony_health::quantity::{offset, seconds};
use chrony_health::{Diagnosis, Facts, Finding, Level, Site, Uptime, Verdict, View, follows_source, reference};
use libchrony::Tracking;
use std::cmp::Reverse;
use std::io::{self, Write};
use std::time::{Duration, SystemTime};
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
/// Units that stay on the line of their number.
const UNITS: &[&str] = &["ns", "us", "ms", "s", "min", "h", "d", "years", "ppm", "%"];
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
    let (facts, verdict, host) = assessed(chronyds, &Site::load()?.policy())?;
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
    if facts.sources.is_ok() {
        lines.extend(list(&facts.views(), verdict, HEIGHT.saturating_sub(lines.len()), width));
    }
    lines
}

fn answer(facts: &Facts, verdict: &Verdict) -> (String, Style) {
    let right = || verdict.accuracy.clone().unwrap_or_else(|| "nothing is wrong".to_owned());
    let is_critical =
        |name: &&str| verdict.alarms().any(|finding| finding.measure.name == *name && finding.level == Level::Critical);
    let (answer, level) = match (verdict.worst, verdict.grace.and(facts.uptime())) {
        _ if facts.tracking.is_err() => ("Unknown: no report could be read".to_owned(), verdict.worst),
        (Level::Critical, Some(Uptime { at_most, is_exact: true })) => {
            let uptime = seconds(at_most.as_secs_f64().round());
            (format!("Not yet: chronyd was started {uptime} ago"), Level::Warning)
        }
        (Level::Critical, Some(_)) => ("Not yet: chronyd was started not long ago".to_owned(), Level::Warning),
        (Level::Critical, None) if ["reference", "bound", "age"].iter().any(is_critical) => {
            ("No, do not rely on it".to_owned(), Level::Critical)
        }
        (Level::Critical, None) => ("No".to_owned(), Level::Critical),
        (Level::Ok, _) => (format!("Yes: {}", right()), Level::Ok),
        // The sources contradict the bound.
        (Level::Warning, _) if is_alarm(verdict, "agreement") => ("Perhaps not".to_owned(), Level::Warning),
        (Level::Warning, _) => (format!("Yes, with a warning: {}", right()), Level::Warning),
        (Level::Unknown, _) => (format!("As far as is known: {}", right()), Level::Unknown),
    };
    (answer, style(level))
}

fn is_alarm(verdict: &Verdict, measure: &str) -> bool {
    verdict.alarms().any(|finding| finding.measure.name == measure)
}

const fn style(level: Level) -> Style {
    match level {
        Level::Ok => AnsiColor::Green.on_default(),
        Level::Unknown => AnsiColor::Magenta.on_default(),
        Level::Warning => AnsiColor::Yellow.on_default(),
        Level::Critical => FAILED,
    }
}

/// Lists the causes, and the alarms that no cause explains, each with the next steps.
fn wrong(verdict: &Verdict, width: usize) -> Vec<String> {
    let next = |advice: Vec<String>| advice.iter().map(|step| item(step, width)).collect::<Vec<_>>();
    let fault = |level: Level, words: &str| field(&level.name().to_lowercase(), words, style(level), width);
    let causes = verdict.causes.iter().map(|cause| {
        let advice = steps(cause).into_iter().chain(alternatives(cause)).collect();
        (cause.level, fault(cause.level, &cause.words), next(advice))
    });
    let unexplained = verdict.unexplained().map(|Finding { level, words, advice, .. }| {
        let advice = if advice.is_empty() { Vec::new() } else { vec![(*advice).to_owned()] };
        (*level, fault(*level, words), next(advice))
    });
    let mut faults: Vec<_> = causes.chain(unexplained).collect();
    faults.sort_by_key(|(level, ..)| Reverse(*level));
    // Every fault is named as far as there is room, and then advised on, the worst first.
    let mut room = WRONG;
    let named = faults.iter().take_while(|(_, said, _)| {
        let has_room = said.len() < room;
        room = room.saturating_sub(said.len());
        has_room
    });
    let named = named.count().max(1);
    let mut is_cut = named < faults.len();
    let mut lines = Vec::new();
    for (_, said, advice) in faults.into_iter().take(named) {
        lines.extend(said);
        for step in advice {
            is_cut |= step.len() >= room;
            if !is_cut {
                room -= step.len();
                lines.extend(step);
            }
        }
    }
    let more = is_cut.then_some("chrony-report check -v");
    lines.extend(more.into_iter().flat_map(|more| field("more", more, BOLD, width)));
    lines.extend(refused(verdict).into_iter().flat_map(|words| field("note", &words, BOLD, width)));
    lines
}

/// Lists the facts about the clock.
fn known(facts: &Facts, host: &str, tracking: &Tracking, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut add = |name: &str, text: String| lines.extend(field(name, &text, BOLD, width));
    if follows_source(tracking) {
        let &Tracking { offset: correction, root_dispersion, root_delay, .. } = tracking;
        add("follows", chrony_health::followed(tracking));
        let bound = tracking.clock_error_bound().map_or_else(|| "unknown".to_owned(), seconds);
        let (correction, dispersion, delay) = (offset(-correction), seconds(root_dispersion), seconds(root_delay));
        add("bound", format!("{bound} ({correction} + dispersion {dispersion} + half of delay {delay})"));
        let (age, every) = (facts.age().unwrap_or_default(), seconds(tracking.update_interval));
        let ago = format!("{} {}", seconds(age.abs()), if age < 0.0 { "in the future" } else { "ago" });
        // By the clock of this machine, as the times in its logs.
        let at = before(facts.time, age).map_or_else(String::new, |time| format!(", at {}", date(time)));
        add("updated", format!("{ago}{at}; before that, every {every}"));
    } else {
        add("follows", reference(tracking));
    }
    let started = facts.uptime().filter(|uptime| uptime.is_exact);
    let started = started.map(|uptime| format!(", started {} ago", seconds(uptime.at_most.as_secs_f64())));
    add("chronyd", format!("{host}{}", started.unwrap_or_default()));
    lines
}

/// Returns the time that was this number of seconds earlier.
fn before(time: SystemTime, seconds: f64) -> Option<SystemTime> {
    let by = Duration::try_from_secs_f64(seconds.abs()).ok()?;
    if seconds < 0.0 { time.checked_add(by) } else { time.checked_sub(by) }
}

/// Lists the sources in at most `room` lines: the selected one first, then those that are not usable.
fn list(views: &[View<'_>], verdict: &Verdict, room: usize, width: usize) -> Vec<String> {
    let mut rows: Vec<_> = views.iter().zip(&verdict.sources).collect();
    rows.sort_by_key(|(view, _)| (!view.source.is_selected(), view.is_usable));
    let usable = views.iter().filter(|view| view.is_usable).count();
    let mut lines = field("sources", &format!("{usable} of {} usable", views.len()), BOLD, width);
    // A pool has many names without an address.
    let all = rows.len();
    rows.retain(|(view, _)| view.is_resolved());
    let unresolved = all - rows.len();
    let nameless = (unresolved > 0).then(|| format!("  {unresolved} without an address"));
    let room = room.saturating_sub(lines.len() + usize::from(unresolved > 0));
    let shown = if rows.len() > room { room.saturating_sub(1) } else { rows.len() };
    let cells: Vec<_> = rows[..shown].iter().map(|(view, diagnosis)| row(view, diagnosis)).collect();
    lines.extend(aligned(&cells).iter().map(|line| cut(&format!("  {line}"), width)));
    if shown < rows.len() {
        let left = rows.len() - shown;
        let left = if shown > 0 { format!("and {left} more") } else { "see them".to_owned() };
        lines.push(format!("  {left}: chrony-report sources"));
    }
    lines.extend(nameless);
    lines
}

fn row(view: &View<'_>, diagnosis: &Diagnosis) -> Vec<String> {
    let source = view.source;
    let answered = source.reachability.count_ones();
    let polls = format!("{answered} of 8 {}", if view.is_clock() { "samples" } else { "polls" });
    let sample = if source.has_sample() {
        format!("clock {} +/- {}", offset(source.latest_meas), seconds(source.latest_meas_err))
    } else {
        "no sample".to_owned()
    };
    vec![cut(&source.address, NAME), polls, sample, diagnosis.state.to_owned()]
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

/// Formats an item of a list below a named line.
fn item(text: &str, width: usize) -> Vec<String> {
    let mut mark = "- ";
    let mut lines = Vec::new();
    for line in wrapped(text, width - INDENT - mark.len()) {
        lines.push(format!("{:INDENT$}{mark}{line}", ""));
        mark = "  ";
    }
    lines
}

/// Breaks a text into lines of at most this width: between words, or else at no-break spaces, or else anywhere. A number
/// stays with its unit.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut glued = String::new();
    for word in text.split(' ') {
        let is_unit = UNITS.contains(&word.trim_end_matches([',', ';', ':', '.', ')']));
        if !glued.is_empty() {
            glued += if is_unit && glued.ends_with(|letter: char| letter.is_ascii_digit()) { NO_BREAK } else { " " };
        }
        glued += word;
    }
    let pieces = |line: &str| {
        let letters: Vec<_> = line.chars().collect();
        letters.chunks(width).map(|piece| piece.iter().collect()).collect::<Vec<String>>()
    };
    let lines = |line: &str| broken(&line.replace(NO_BREAK, " "), width).lines().flat_map(pieces).collect::<Vec<_>>();
    broken(&glued, width).lines().flat_map(lines).collect()
}

/// Cuts a text to this length.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(2)).chain("..".chars()).collect()
}
