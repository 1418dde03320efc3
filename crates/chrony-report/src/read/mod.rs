//! Reads reports from one chronyd or many, and closes everything when a signal comes.

pub(crate) mod facts;
mod host;
pub(crate) mod open;
pub(crate) mod reader;
pub(crate) mod signals;
mod silence;
mod source_names;
