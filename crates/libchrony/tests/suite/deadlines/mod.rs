//! A call ends in time, with the right error, and the next one works: silence, junk, and chronyds that go away.

mod away;
mod silence;
