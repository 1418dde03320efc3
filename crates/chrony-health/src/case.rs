//! One clock as it is judged: the facts, the sources, and the reason for the state of each source.

use crate::advice::Advice;
use crate::diagnosis::{Reason, reasons};
use crate::facts::{Facts, View};
use libchrony::{Source, SourceState};

/// The number of sources that a sentence names.
const NAMED: usize = 3;

/// The facts about one chronyd, with the sources and their reasons, by the same index.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) views: Vec<View<'a>>,
    pub(crate) reasons: Vec<Reason>,
}

impl<'a> Case<'a> {
    pub(crate) fn new(facts: &'a Facts) -> Self {
        let views = facts.views();
        let reasons = reasons(facts, &views);
        Self { facts, views, reasons }
    }

    /// Returns the usable sources.
    pub(crate) fn usable(&self) -> impl Iterator<Item = &View<'a>> {
        self.views.iter().filter(|view| view.is_usable)
    }

    /// Returns true if chronyd has sources, and none of them is usable.
    pub(crate) fn has_no_usable(&self) -> bool {
        self.facts.sources.is_ok() && self.usable().next().is_none()
    }

    /// Returns the places of the sources for which this is true.
    pub(crate) fn places(&self, is_meant: impl Fn(&View<'a>, &Reason) -> bool) -> Vec<usize> {
        let both = self.views.iter().zip(&self.reasons).enumerate();
        both.filter(|(_, (view, reason))| is_meant(view, reason)).map(|(place, _)| place).collect()
    }

    /// Returns the places of the reachable sources whose last measurement excludes that the clock is right within
    /// `bound` seconds.
    pub(crate) fn contradicting(&self, bound: f64) -> Vec<usize> {
        self.places(|view, _| {
            let source = view.source;
            source.is_reachable() && source.has_sample() && source.latest_meas.abs() - source.latest_meas_err > bound
        })
    }

    /// Says the reason of one source, or what several have in common.
    pub(crate) fn say(&self, places: &[usize], many: &str) -> String {
        self.say_all(places, many, &|all| {
            format!("{} {many}", if all == 2 { "both sources".to_owned() } else { format!("all {all} sources") })
        })
    }

    /// As [`say`](Self::say), with a phrase that follows "none of the sources".
    pub(crate) fn say_none(&self, places: &[usize], many: &str, none: &str) -> String {
        self.say_all(places, many, &|all| {
            format!(
                "{} {none}",
                if all == 2 { "neither source".to_owned() } else { format!("none of the {all} sources") }
            )
        })
    }

    fn say_all(&self, places: &[usize], many: &str, all: &dyn Fn(usize) -> String) -> String {
        let said = match places {
            [place] => return format!("{} {}", self.views[*place].source.address, self.reasons[*place].words()),
            _ if places.len() == self.views.len() => all(places.len()),
            _ => format!("{} {many}", self.names(places)),
        };
        let sizes = places.iter().filter_map(|place| self.reasons[*place].size());
        match sizes.reduce(|most, size| if size.0 > most.0 { size } else { most }) {
            Some((_, most)) => format!("{said} (up to {most})"),
            None => said,
        }
    }

    /// Says this of one source, or of several.
    pub(crate) fn say_of(&self, places: &[usize], one: &str, many: &str) -> String {
        format!("{} {}", self.names(places), if places.len() == 1 { one } else { many })
    }

    /// Says why the first of these sources is not usable, in words that follow its name.
    pub(crate) fn which(&self, places: &[usize]) -> String {
        places.first().map_or_else(String::new, |place| format!("which {}", self.reasons[*place].words()))
    }

    /// Returns the advice for the first of these sources.
    pub(crate) fn advice(&self, places: &[usize]) -> Advice {
        let advice = |place: &usize| self.reasons[*place].advice(&self.views[*place].source.address);
        places.first().map(advice).unwrap_or_default()
    }

    /// Lists the names of the first few sources, and counts the others.
    pub(crate) fn names(&self, places: &[usize]) -> String {
        names(places.iter().map(|place| self.views[*place].source))
    }
}

/// Lists the names of the first few sources, and counts the others.
pub(crate) fn names<'a>(sources: impl Iterator<Item = &'a Source>) -> String {
    let names: Vec<_> = sources.map(|source| &*source.address).collect();
    let more = names.len().saturating_sub(NAMED);
    let (last, first) = match names[..names.len() - more].split_last() {
        Some((last, first)) if more == 0 && !first.is_empty() => (format!(" and {last}"), first),
        _ => (if more > 0 { format!(" and {more} more") } else { String::new() }, &names[..names.len() - more]),
    };
    first.join(", ") + &last
}

/// Returns true if chronyd takes the source for wrong.
pub(crate) fn is_falseticker(source: &Source) -> bool {
    source.state == SourceState::Falseticker
}
