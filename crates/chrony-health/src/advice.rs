//! Advice as data: the next steps, and the limits that accept a state. Each program prints it in its own words.

use crate::range::Range;
use serde::Serialize;

/// The next steps for a cause, in the order in which they are best taken.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Advice {
    /// The steps. There are none if nothing is to be done.
    pub steps: Vec<Step>,
    /// The limits of measures with which the state raises no alarm, for those who have it on purpose.
    pub accept: Vec<Accept>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Step {
    /// An instruction, without a full stop.
    pub words: String,
    /// The text that carries it out.
    #[serde(flatten)]
    pub text: Option<Text>,
}

/// A text to type, or to write into a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Text {
    /// A command of chronyc, without its name: `makestep`.
    Chronyc(String),
    /// A directive or an option in chrony.conf: `maxdistance 5`.
    ChronyConf(String),
    /// A command of the system's shell.
    Shell(String),
}

/// Limits that accept the present value of a measure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Accept {
    /// The name of the measure.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::measure"))]
    pub measure: &'static str,
    /// The values that raise no warning, in the unit of the measure.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::range"))]
    pub warning: Range,
    /// The values that are not critical, in the unit of the measure.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::range"))]
    pub critical: Range,
}

/// Something else that has the same signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Alternative {
    /// The other cause.
    pub words: &'static str,
    /// The command of chronyc that tells the two apart, as root on chronyd's machine. `None` if none does.
    pub chronyc: Option<&'static str>,
}

impl Alternative {
    /// Returns an alternative that no report tells apart.
    pub(crate) const fn of(words: &'static str) -> Self {
        Self { words, chronyc: None }
    }

    /// Returns an alternative that a command of chronyc tells apart.
    pub(crate) const fn by(words: &'static str, chronyc: &'static str) -> Self {
        Self { words, chronyc: Some(chronyc) }
    }
}

impl Advice {
    /// Returns advice without limits.
    pub(crate) fn of<const N: usize>(steps: [Step; N]) -> Self {
        Self { steps: steps.into(), accept: Vec::new() }
    }

    /// Adds the limits that accept the state.
    pub(crate) fn or_accept(mut self, measure: &'static str, warning: Range, critical: Range) -> Self {
        self.accept.push(Accept { measure, warning, critical });
        self
    }

    /// Adds the steps and limits of other advice that it does not have yet.
    pub(crate) fn and(mut self, other: Self) -> Self {
        for step in other.steps {
            if !self.steps.contains(&step) {
                self.steps.push(step);
            }
        }
        self.accept.extend(other.accept);
        self
    }
}

/// Returns a step without a text.
pub(crate) fn step(words: impl Into<String>) -> Step {
    Step { words: words.into(), text: None }
}

/// Returns a step that a command of chronyc carries out.
pub(crate) fn chronyc(words: impl Into<String>, command: impl Into<String>) -> Step {
    Step { words: words.into(), text: Some(Text::Chronyc(command.into())) }
}

/// Returns a step that a directive in chrony.conf carries out.
pub(crate) fn chrony_conf(words: impl Into<String>, directive: impl Into<String>) -> Step {
    Step { words: words.into(), text: Some(Text::ChronyConf(directive.into())) }
}

/// Returns a step that a command of the shell carries out.
pub(crate) fn shell(words: impl Into<String>, command: impl Into<String>) -> Step {
    Step { words: words.into(), text: Some(Text::Shell(command.into())) }
}
