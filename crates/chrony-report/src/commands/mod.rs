//! The commands, each in a file with its options and what it does.

pub(crate) mod check;
pub(crate) mod list;
pub(crate) mod plot;
pub(crate) mod reports;
pub(crate) mod schema;
pub(crate) mod status;
pub(crate) mod wait;
pub(crate) mod watch;
