//! Development only: starts real chronyds and plays scripted ones.
