//! The surface for a caller: addresses and libraries, connections, errors, and the types that threads may send.

mod connection;
mod errors;
mod library;
mod markers;
mod search;
