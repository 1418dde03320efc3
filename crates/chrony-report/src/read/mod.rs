//! Reads reports of one chronyd or many, and ends in order when a signal comes.

pub(crate) mod facts;
mod host;
pub(crate) mod open;
pub(crate) mod reader;
pub(crate) mod signals;
mod silence;
mod source_names;
