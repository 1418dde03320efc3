//! The tables of the measures and causes for `docs/judgement.md`.

use crate::cause::Cause;
use crate::measure::Measure;
use crate::range::{Range, Unit};

/// Returns the tables of the measures and of the causes in Markdown, for `docs/judgement.md`.
#[must_use]
pub fn markdown() -> [String; 2] {
    let measures = Measure::ALL.iter().map(|measure| {
        let asked = if measure.is_opt_in { " (only when asked for)" } else { "" };
        vec![
            format!("`{}`", measure.name),
            format!("{}{asked}", measure.about),
            limit(measure, measure.warning),
            limit(measure, measure.critical),
            measure.method.to_owned(),
        ]
    });
    let causes = Cause::ALL.iter().map(|cause| {
        let names = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let more = match cause.explains.without_usable {
            [] => String::new(),
            more => format!("; without a usable source also {}", names(more)),
        };
        let others = cause.not_told_from.iter().map(|other| other.words).collect::<Vec<_>>().join("; ");
        vec![
            format!("`{}`", cause.name),
            cause.about.to_owned(),
            cause.method.to_owned(),
            names(cause.explains.always) + &more,
            others,
        ]
    });
    [
        table(&["measure", "its value", "no warning", "not critical", "derived from"], measures),
        table(&["cause", "meaning", "evidence", "explains", "could be"], causes),
    ]
}

fn table(titles: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let head = line(titles.iter().map(ToString::to_string).collect()) + &line(vec!["---".to_owned(); titles.len()]);
    let escaped = |cells: Vec<String>| cells.into_iter().map(|cell| cell.replace('|', "\\|")).collect();
    rows.fold(head, |text, cells| text + &line(escaped(cells)))
}

/// Formats a limit with its unit.
fn limit(measure: &Measure, range: Range) -> String {
    let unit = match (measure.limits_in, measure.unit) {
        _ if range == Range::ANY => return "any".to_owned(),
        (Some(what), _) => format!(" {what}"),
        (None, Unit::Number) => String::new(),
        (None, unit) => format!(" {}", unit.name()),
    };
    format!("`{range}`{unit}")
}
