//! A clock over time: the thread that reads chronyd, recordings, and the curves to draw.

pub(crate) mod live;
pub(crate) mod recording;
pub(crate) mod series;
