//! The sources of a clock.

use libchrony::{Source, SourceMode, SourceState};

/// Returns true if chronyd may follow a source in this state: selected, combined or selectable.
#[must_use]
pub fn is_usable(state: SourceState) -> bool {
    matches!(state, SourceState::Selected | SourceState::Unselected | SourceState::Selectable)
}

/// Returns true if the source is a reference clock of chronyd's machine.
pub(crate) fn is_clock(source: &Source) -> bool {
    source.mode == SourceMode::ReferenceClock
}

/// Returns true if the name of the source was resolved to an address.
pub(crate) fn is_resolved(source: &Source) -> bool {
    !source.address.starts_with("ID#")
}
