//! The replies of a hostile chronyd.

mod replies;
