//! The values that every step of a call uses. The progress of the call is not among them.

use crate::engine::clock::Clock;
use crate::engine::settings::Settings;
use crate::report::query::Query;
use std::sync::Arc;
use std::time::Duration;

/// The settings, query and clock of a call. The module `lane` adds the methods that open lanes. The module `explain`
/// adds the methods that create errors.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) settings: Arc<Settings>,
    pub(crate) query: Query,
    pub(crate) clock: Clock,
    /// The time that the call has waited for its turn.
    pub(crate) queued: Duration,
}

impl Context {
    pub(crate) fn new(settings: &Arc<Settings>, query: Query, clock: Clock) -> Self {
        Self { settings: Arc::clone(settings), query, clock, queued: Duration::ZERO }
    }
}
