//! The effects of calls on their process: forks, signals, sockets and descriptors.

mod descriptors;
mod fork;
mod signals;
mod sockets;
