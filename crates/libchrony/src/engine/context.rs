//! The context of one call, which every step of it needs.

use crate::engine::clock::Clock;
use crate::engine::settings::Settings;
use crate::report::query::Query;
use std::sync::Arc;
use std::time::Duration;

/// A call's settings, its query, and its time. `lane` opens lanes with it, and `explain` makes its errors.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) settings: Arc<Settings>,
    pub(crate) query: Query,
    pub(crate) clock: Clock,
    /// The time that the call waited for its turn.
    pub(crate) queued: Duration,
}

impl Context {
    pub(crate) fn new(settings: &Arc<Settings>, query: Query, clock: Clock) -> Self {
        Self { settings: Arc::clone(settings), query, clock, queued: Duration::ZERO }
    }
}
