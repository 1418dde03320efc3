//! The extension module `pychrony._core`.
