//! A clock over time: a chronyd that is read again and again, recordings of it, and the curves that are drawn.

pub(crate) mod live;
pub(crate) mod recording;
pub(crate) mod series;
