//! The table of the rules as `docs/judgement.md` has it.

use super::measure::{RULES, Rule};
use super::range::{Range, Unit};

/// The rules as a table in Markdown.
pub fn markdown() -> String {
    let head = "| rule | its value | no warning | not critical | how it is measured | what to do |\n\
                    | --- | --- | --- | --- | --- | --- |\n";
    let lines = RULES.iter().map(|rule| {
        let asked = if rule.is_asked_only { " (only when asked for)" } else { "" };
        let cells = [
            format!("`{}`", rule.name),
            format!("{}{asked}", rule.says),
            limit(rule, rule.warning),
            limit(rule, rule.critical),
            rule.how.replace('|', "\\|"),
            rule.advice.to_owned(),
        ];
        format!("| {} |\n", cells.join(" | "))
    });
    [head.to_owned()].into_iter().chain(lines).collect()
}

/// A limit with what it is in.
fn limit(rule: &Rule, range: Range) -> String {
    let unit = match (rule.limits_in, rule.unit) {
        _ if range == Range::ANY => return "any".to_owned(),
        (Some(what), _) => format!(" {what}"),
        (None, Unit::Number) => String::new(),
        (None, unit) => format!(" {}", unit.name()),
    };
    format!("`{range}`{unit}")
}
