//! The interpreter that the extension is in: its end, its modules, its greenlets, and locks that survive a fork.

pub(crate) mod at_exit;
pub(crate) mod greenlets;
pub(crate) mod imported;
pub(crate) mod lock;
