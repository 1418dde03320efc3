//! The number of requests of a list that may be in flight over UDP. The choice of the requests is left to the list.
//!
//! chronyd's receive buffer of the default size (208 KiB) has room for 277 requests, from all of its clients. It has
//! room for only 208 until the kernel has released the requests that chronyd has just read. chronyd needs about 10 µs
//! for a request. So the time that a request waits in the buffer shows how many others are in it.

use crate::engine::policy::{ANSWERS_PER_GROWTH, FIRST_WINDOW, LONG_QUEUE, SHORT_QUEUE};
use std::time::Duration;

/// The number of requests that may be in flight, which follows the delay of the responses.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) size: usize,
    most: usize,
    answers: usize,
    /// Set if the last response was queued for more than a short time.
    pub(crate) is_long: bool,
    /// The number of responses after which the window may grow.
    grows: usize,
    /// The number of responses after which the window may shrink.
    shrinks: usize,
    /// The number of responses between one growth and the next.
    caution: usize,
}

impl Window {
    /// Creates a window that does not change.
    pub(crate) fn fixed(size: usize) -> Self {
        Self { size, most: size, answers: 0, is_long: false, grows: 0, shrinks: 0, caution: 0 }
    }

    /// Creates a window that starts small.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, ..Self::fixed(FIRST_WINDOW.min(most)) }
    }

    /// Adapts the window to a response that was probably queued for the time `late`.
    pub(crate) fn answered(&mut self, late: Duration) {
        self.answers += 1;
        self.is_long = late >= SHORT_QUEUE;
        let has_room = !self.is_long || self.size < FIRST_WINDOW;
        if has_room && self.size < self.most && self.answers >= self.grows {
            self.size += 1;
            self.grows = self.answers + self.caution;
        } else if late > LONG_QUEUE && self.size > FIRST_WINDOW && self.answers >= self.shrinks {
            self.size -= 1;
            // The requests in flight were sent before the window shrank.
            self.shrinks = self.answers + self.size;
            self.grows = self.grows.max(self.answers + ANSWERS_PER_GROWTH);
        }
    }

    /// Halves the window after a loss.
    pub(crate) fn lost(&mut self) {
        self.size = (self.size / 2).max(1);
        self.caution = ANSWERS_PER_GROWTH;
        self.grows = self.answers + ANSWERS_PER_GROWTH;
    }

    /// Limits the window to the requests that are in flight, because no lane can be opened for more.
    pub(crate) fn limit(&mut self, on_their_way: usize) {
        self.size = on_their_way.max(1);
        self.most = self.most.min(self.size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(window: &mut Window, answers: usize, late: Duration) -> usize {
        (0..answers).for_each(|_| window.answered(late));
        window.size
    }

    #[test]
    fn it_grows_on_short_queues_and_shrinks_on_long_ones_and_losses() {
        let mut window = Window::new(8);
        assert_eq!(window.size, 2);
        assert_eq!(after(&mut window, 3, Duration::ZERO), 5);
        assert_eq!(after(&mut window, 9, Duration::ZERO), 8);
        assert_eq!(after(&mut window, 9, SHORT_QUEUE), 8, "neither");
        assert_eq!(after(&mut window, 1, LONG_QUEUE * 2), 7);
        assert_eq!(after(&mut window, 6, LONG_QUEUE * 2), 7, "those were in flight");
        assert_eq!(after(&mut window, 5 * 6, LONG_QUEUE * 2), 2);
        assert_eq!(after(&mut window, ANSWERS_PER_GROWTH / 2, Duration::ZERO), 2, "not at once");
        assert_eq!(after(&mut window, ANSWERS_PER_GROWTH, Duration::ZERO), 8);
        window.lost();
        assert_eq!(window.size, 4);
        assert_eq!(after(&mut window, ANSWERS_PER_GROWTH - 1, Duration::ZERO), 4);
        assert_eq!(after(&mut window, 1, Duration::ZERO), 5);
        (0..5).for_each(|_| window.lost());
        assert_eq!(window.size, 1);
        assert_eq!(after(&mut window, 2 * ANSWERS_PER_GROWTH, LONG_QUEUE * 2), 2, "grows back to its first size");
        window.limit(0);
        assert_eq!(after(&mut window, 999, Duration::ZERO), 1);
        assert_eq!(Window::new(1).size, 1);
    }
}
