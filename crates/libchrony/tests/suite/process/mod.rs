//! What calls do to the process they are in: forks, signals, sockets and descriptors.

mod descriptors;
mod fork;
mod signals;
mod sockets;
