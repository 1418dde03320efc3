//! The table of the measures for `docs/judgement.md`.

use super::measure::Measure;
use super::range::{Range, Unit};

/// Returns the table of the measures in Markdown, for `docs/judgement.md`.
#[must_use]
pub fn markdown() -> String {
    let head = "| rule | its value | no warning | not critical | how it is measured | what to do |\n\
                    | --- | --- | --- | --- | --- | --- |\n";
    let lines = Measure::ALL.iter().map(|measure| {
        let asked = if measure.is_opt_in { " (only when asked for)" } else { "" };
        let cells = [
            format!("`{}`", measure.name),
            format!("{}{asked}", measure.about),
            limit(measure, measure.warning),
            limit(measure, measure.critical),
            measure.method.replace('|', "\\|"),
            measure.advice.to_owned(),
        ];
        format!("| {} |\n", cells.join(" | "))
    });
    [head.to_owned()].into_iter().chain(lines).collect()
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
