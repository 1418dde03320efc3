//! The program as a process, on real chronyds and on scripted ones.

mod reports;
mod support;
