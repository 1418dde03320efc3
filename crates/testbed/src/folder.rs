//! A private folder with a short path, removed when dropped, and the times of its files.
//!
//! The path is short, because a client's socket must fit next to chronyd's in the 107 bytes of a socket path. The
//! folder is private (mode 0700), because chronyd refuses to put its socket anywhere else. `TMPDIR` is ignored, because
//! it can be long. Measurements set `TESTBED_FOLDER`: libchrony creates folders next to chronyd's socket, which is slow
//! on a disk, but the usual place, /run, is in memory.

use std::env;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT, utimensat};
use tempfile::{Builder, TempDir};

use crate::Error;

/// Sets the modification time of a file of any kind.
pub(crate) fn set_modified(path: &Path, time: SystemTime) -> Result<(), Error> {
    let since = time.duration_since(UNIX_EPOCH).expect("a time after 1970");
    let last_modification = Timespec::try_from(since).expect("a time before 2262");
    let last_access = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    utimensat(CWD, path, &Timestamps { last_access, last_modification }, AtFlags::empty())
        .map_err(Error::system(format!("could not change the time of {}", path.display())))
}

/// Creates `/tmp/tb-XXXXXX`.
pub(crate) fn make() -> Result<TempDir, Error> {
    let parent = env::var_os("TESTBED_FOLDER").unwrap_or_else(|| "/tmp".into());
    Builder::new()
        .prefix("tb-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(&parent)
        .map_err(Error::system(format!("could not make a folder in {}", parent.display())))
}
