//! The parts of a command line that several commands have, as they are typed.

mod chronyds;
mod duration;

pub(crate) use chronyds::Chronyds;
pub(crate) use duration::duration;
