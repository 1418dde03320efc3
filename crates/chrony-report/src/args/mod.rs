//! The arguments that several commands share.

mod chronyds;
mod duration;

pub(crate) use chronyds::Chronyds;
pub(crate) use duration::duration;
