//! Finds the stub library, and builds it first if there is a cargo.
//!
//! Cargo does not build a C library for the tests of another crate by itself.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::{Error, run};

/// Returns the file of the stub library, which is up to date with its source, and next to the calling program.
pub fn stub_library() -> Result<PathBuf, Error> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    if let Some(library) = BUILT.get() {
        return Ok(library.clone());
    }
    let program = env::current_exe().map_err(Error::system("could not find this program"))?;
    let folders = program.ancestors().skip(1);
    // TARGET/debug/deps/test or TARGET/debug/testbed
    let profile = folders.into_iter().find(|folder| !folder.ends_with("deps")).unwrap_or(Path::new("."));
    let library = profile.join("libchrony_stub.so");

    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/stub/Cargo.toml")]);
    cargo.arg("--target-dir").arg(profile.parent().unwrap_or(profile));
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    match run(cargo) {
        Ok(_) => {}
        // Without cargo, use the library that was built with this program.
        Err(Error::System { .. }) if library.exists() => {}
        Err(error) => return Err(error),
    }
    Ok(BUILT.get_or_init(|| library).clone())
}
