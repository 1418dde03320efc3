//! The sources of a clock, each with all that chronyd reports of it.

use super::{Fact, Facts, follows_source};
use libchrony::{
    AuthData, NtpData, Open, SelectData, SelectOptions, SelectState, Source, SourceMode, SourceState, SourceStats,
};

/// The number of polls in the reachability register.
pub(super) const POLLS: f64 = 8.0;

/// A source, with its records in the other reports.
///
/// A record is `None` if its report was not read, or if the sources changed between two reports.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct View<'a> {
    /// The record of the sources report.
    pub source: &'a Source,
    /// The record of the selectdata report.
    pub select_data: Option<&'a SelectData>,
    /// The record of the sourcestats report.
    pub source_stats: Option<&'a SourceStats>,
    /// The record of the authdata report.
    pub auth_data: Option<&'a AuthData>,
    /// The record of the ntpdata report.
    pub ntp_data: Option<&'a NtpData>,
    /// True if chronyd can use the source, and the source was sampled within its last eight polls.
    pub is_usable: bool,
    /// True if the source is usable only while the clock is updated in time: chronyd selects a source at each update.
    waits_for_update: bool,
}

impl View<'_> {
    /// Returns true if the source is a reference clock of chronyd's machine.
    #[must_use]
    pub fn is_clock(&self) -> bool {
        self.source.mode == SourceMode::ReferenceClock
    }

    /// Returns true if the source has an address, or is a reference clock.
    #[must_use]
    pub fn is_resolved(&self) -> bool {
        !self.source.address.starts_with("ID#")
    }

    /// Returns true if the source was sampled within its last eight polls.
    #[must_use]
    pub fn is_recent(&self) -> bool {
        let Source { reachability, last_sample_ago, .. } = *self.source;
        reachability > 0 || f64::from(last_sample_ago) <= POLLS * self.source.poll_interval().max(1.0)
    }

    /// Returns the state of the source in the selection. `None` without selectdata, or if the state has no name.
    #[must_use]
    pub fn select_state(&self) -> Option<SelectState> {
        match self.select_data?.state {
            Open::Known(state) => Some(state),
            Open::Unknown(_) => None,
        }
    }

    /// Returns true if this option is in force for the source. It may be configured, or come from `authselectmode`.
    pub(crate) fn has_option(&self, option: SelectOptions) -> bool {
        self.select_data.is_some_and(|data| data.effective_options.contains(option))
    }

    /// Returns true if this option is in force for the source, and is not configured.
    pub(crate) fn is_given(&self, option: SelectOptions) -> bool {
        self.select_data
            .is_some_and(|data| data.effective_options.contains(option) && !data.configured_options.contains(option))
    }
}

impl Facts {
    /// Returns the sources with their records in the other reports, in the order of the sources report.
    #[must_use]
    pub fn views(&self) -> Vec<View<'_>> {
        let mut views = self.views_while_updated();
        let expected = self.expected_update_interval().unwrap_or_default();
        if self.age().is_none_or(|age| age > LATE * expected) {
            for view in views.iter_mut().filter(|view| view.waits_for_update) {
                view.is_usable = false;
            }
        }
        views
    }

    /// As [`views`](Self::views), but a source that waits for an update of the clock is always usable.
    pub(super) fn views_while_updated(&self) -> Vec<View<'_>> {
        let sources: &[Source] = self.sources.as_deref().unwrap_or_default();
        let select_data = list(Some(&self.select_data), sources);
        let source_stats = list(self.source_stats.as_ref(), sources);
        let auth_data = list(self.auth_data.as_ref(), sources);
        let ntp_data = list(self.ntp_data.as_ref(), sources);
        let has_selected = sources.iter().any(Source::is_selected);
        let follows = self.tracking.as_ref().is_ok_and(follows_source);
        let mut views = Vec::with_capacity(sources.len());
        for (at, source) in sources.iter().enumerate() {
            let is_same = |address: &Option<String>| address.as_ref().is_none_or(|address| *address == source.address);
            let source_stats = source_stats.get(at).filter(|record| is_same(&record.address));
            let mut view = View {
                source,
                select_data: select_data.get(at).filter(|record| is_same(&record.address)),
                source_stats,
                // authdata has no addresses. chronyd numbers the sources alike in all reports, and sourcestats is read
                // after authdata.
                auth_data: auth_data.get(at).and_then(Option::as_ref).filter(|_| source_stats.is_some()),
                ntp_data: ntp_data.get(at).and_then(Option::as_ref).filter(|record| is_same(&record.remote_address)),
                is_usable: false,
                waits_for_update: false,
            };
            let (can_be_used, waits_for_update) = match view.select_state() {
                Some(SelectState::WaitingForUpdate) => (true, true),
                Some(state) => (is_possible(state), false),
                None => match source.state {
                    SourceState::Selected | SourceState::Unselected => (true, false),
                    SourceState::Selectable if has_selected => (true, false),
                    // Without selectdata, a source that chronyd must not select looks the same.
                    SourceState::Selectable => (follows, true),
                    _ => (false, false),
                },
            };
            view.is_usable = can_be_used && view.is_recent();
            view.waits_for_update = waits_for_update;
            views.push(view);
        }
        views
    }
}

/// The age of the last update, in expected update intervals, above which chronyd no longer updates the clock.
const LATE: f64 = 4.0;

/// Returns the records of a report that has one for each of the sources.
fn list<'a, T>(fact: Option<&'a Fact<Vec<T>>>, sources: &[Source]) -> &'a [T] {
    fact.and_then(|fact| fact.as_deref().ok()).filter(|list| list.len() == sources.len()).unwrap_or_default()
}

/// Returns true if chronyd can use a source in this state of the selection.
const fn is_possible(state: SelectState) -> bool {
    matches!(
        state,
        SelectState::Best
            | SelectState::Combined
            | SelectState::LargeDistance
            | SelectState::Outlier
            | SelectState::NotPreferred
    )
}

/// Returns true if a source in this state is usable as far as the sources report tells: selected, combined or
/// selectable. [`Facts::views`] knows better.
#[must_use]
pub fn is_usable(state: SourceState) -> bool {
    matches!(state, SourceState::Selected | SourceState::Unselected | SourceState::Selectable)
}
