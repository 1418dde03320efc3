//! What `pychrony.aio` calls: connections whose calls never wait.
//!
//! Event loops are not known here. Python's side takes a call on, and is told what it waits for, so that no Python code
//! runs below a function of this module. A daemon thread that is in the middle of such code when the interpreter ends
//! would crash it (before Python 3.14).

pub(crate) mod call;
pub(crate) mod connection;
pub(crate) mod fleet;
