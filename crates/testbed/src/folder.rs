//! A private folder with a short path, removed when dropped.
//!
//! Short, because a client's socket must fit next to chronyd's in the 107 bytes of a socket path; private (mode 0700),
//! because chronyd refuses to put its socket anywhere else. `TMPDIR` is not honoured: it can be long. `TESTBED_FOLDER`
//! is, for measurements: libchrony makes folders next to chronyd's socket, which take their time on a disk. The usual
//! place, /run, is in memory.

use std::env;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use tempfile::{Builder, TempDir};

use crate::Error;

/// Makes `/tmp/tb-XXXXXX`.
pub(crate) fn make() -> Result<TempDir, Error> {
    let parent = env::var_os("TESTBED_FOLDER").unwrap_or_else(|| "/tmp".into());
    Builder::new()
        .prefix("tb-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(&parent)
        .map_err(Error::system(format!("could not make a folder in {}", parent.display())))
}
