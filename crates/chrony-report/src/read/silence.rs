//! A chronyd that did not answer.

use libchrony::Error;
use std::sync::Arc;

/// The error of a chronyd that did not answer. It is not asked again, so that a silent chronyd costs one timeout.
#[derive(Debug, Default)]
pub(crate) struct Silence(Option<Arc<Error>>);

impl Silence {
    /// Reads a report, unless chronyd was silent before.
    pub(crate) fn unless<T>(&mut self, read: impl FnOnce() -> Result<T, Error>) -> Result<T, Arc<Error>> {
        if let Some(error) = &self.0 {
            return Err(error.clone());
        }
        let result = read().map_err(Arc::new);
        self.0 = result.as_ref().err().filter(|error| !error.is_answer()).cloned();
        result
    }
}
