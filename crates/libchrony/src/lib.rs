//! Read the state of chronyd through libchrony.
