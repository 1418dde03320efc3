//! The commands. Each file has the options and the code of one command.

pub(crate) mod check;
pub(crate) mod explain;
pub(crate) mod list;
pub(crate) mod plot;
pub(crate) mod reports;
pub(crate) mod schema;
pub(crate) mod status;
pub(crate) mod wait;
pub(crate) mod watch;
