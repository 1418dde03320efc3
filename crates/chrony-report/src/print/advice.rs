//! Causes and their advice in the words of this command.

use super::layout::NO_BREAK;
use chrony_health::{Accept, NamedCause, Range, Site, Step, Text, Verdict};

/// Returns what to do about a cause, a sentence each, without full stops: the steps, and the limits that accept it. The
/// blanks in texts to type are no-break spaces.
pub(crate) fn steps(cause: &NamedCause) -> Vec<String> {
    let mut steps: Vec<_> = cause.advice.steps.iter().map(step).collect();
    let accept = &cause.advice.accept;
    if !accept.is_empty() {
        let options = accept.iter().map(|accept| typed(&option(accept))).collect::<Vec<_>>().join(" ");
        let lines = accept.iter().map(|accept| typed(&line(accept))).collect::<Vec<_>>().join("; ");
        steps.push(format!("If this is intended, accept it: {} {options}", typed("chrony-report check")));
        steps.push(format!("Or permanently, in {} below [limits]: {lines}", Site::FILE));
    }
    steps
}

fn step(Step { words, text, .. }: &Step) -> String {
    match text {
        Some(Text::Chronyc(command)) => format!("{words}: {}", typed(&format!("chronyc {command}"))),
        Some(Text::ChronyConf(directive)) => format!("{words} (chrony.conf; restart chronyd): {}", typed(directive)),
        Some(Text::Shell(command)) => format!("{words}: {}", typed(command)),
        _ => words.clone(),
    }
}

/// Keeps a text on one line.
fn typed(text: &str) -> String {
    text.replace(' ', NO_BREAK)
}

fn option(accept: &Accept) -> String {
    format!("--{} {}", accept.measure, limits(accept))
}

fn line(accept: &Accept) -> String {
    format!("{} = \"{}\"", accept.measure, limits(accept))
}

fn limits(accept: &Accept) -> String {
    let range = |range: Range| range.to_string();
    format!("{},{}", range(accept.warning), range(accept.critical))
}

/// Names the causes that look alike, and the way to distinguish them. `None` if there are none, or if chronyd gave no
/// report, because the error message names them.
pub(crate) fn alternatives(cause: &NamedCause) -> Option<String> {
    if cause.cause.needs.is_empty() {
        return None;
    }
    let all: Vec<_> = cause.alternatives.iter().map(|other| other.words).collect();
    let (last, first) = all.split_last()?;
    let first = first.join("; ");
    let said = if first.is_empty() { format!("Or: {last}") } else { format!("Possible causes: {first}; or {last}") };
    let mut commands: Vec<_> = cause.alternatives.iter().filter_map(|other| other.chronyc).collect();
    commands.dedup();
    let told = commands.iter().map(|command| typed(&format!("chronyc {command}")));
    let steps = steps(cause);
    let told: Vec<_> = told.filter(|command| !steps.iter().any(|step| step.contains(command))).collect();
    Some(if told.is_empty() { said } else { format!("{said}. As root on its machine: {}", told.join(", ")) })
}

/// Names the reports that chronyd refused and that would help. `None` if there are none.
pub(crate) fn refused(verdict: &Verdict) -> Option<String> {
    let is_open = |cause: &NamedCause| cause.alternatives.iter().any(|other| other.chronyc.is_some());
    let would_tell = verdict.causes.iter().any(is_open) || verdict.unexplained().next().is_some();
    let (last, first) = verdict.refused.split_last().filter(|_| would_tell)?;
    let all = if first.is_empty() { (*last).to_owned() } else { format!("{} and {last}", first.join(", ")) };
    Some(format!("chronyd refused {all} here. As root on its machine, its Unix socket tells more"))
}
