//! Development only: a library with the C interface of libchrony that fails on demand.
