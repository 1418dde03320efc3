//! The connections and calls of `pychrony.aio`, whose calls never wait.
//!
//! This module does not know an event loop. Python advances a call, and the call returns what it waits for. So no
//! Python code runs below a function of this module. A daemon thread that is in the middle of such code when the
//! interpreter ends would crash it (before Python 3.14).

pub(crate) mod call;
pub(crate) mod connection;
