//! What a caller sees: addresses and libraries, connections, errors, and what may be sent between threads.

mod connection;
mod errors;
mod library;
mod markers;
mod search;
