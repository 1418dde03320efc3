//! Reads reports of one chronyd or many, and ends in order when a signal comes.

pub(crate) mod reader;
pub(crate) mod signals;
pub(crate) mod source_names;
