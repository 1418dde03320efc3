//! A private folder with a short path, removed when dropped.
//!
//! Short, because a client's socket must fit beside chronyd's in the 107 bytes of a socket path; private (mode 0700),
//! because chronyd refuses to put its socket anywhere else. `TMPDIR` is not honoured: it can be long.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use tempfile::{Builder, TempDir};

use crate::Error;

/// Makes `/tmp/tb-XXXXXX`.
pub(crate) fn make() -> Result<TempDir, Error> {
    Builder::new()
        .prefix("tb-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in("/tmp")
        .map_err(Error::system("could not make a folder in /tmp"))
}
