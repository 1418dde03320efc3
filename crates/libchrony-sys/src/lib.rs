//! Run-time loaded bindings to libchrony.
