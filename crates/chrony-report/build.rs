//! Links GCC's unwinder statically, if the toolchain has the archive.
//!
//! The shared library, libgcc_s.so.1, queries all features of the processor when it is loaded. A virtual machine
//! answers so slowly that this takes a tenth of the time of `chrony-report tracking`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=RUSTC_LINKER");
    let folder = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    // The linker finds this script, which names the archive, in place of the shared library.
    if let Some(archive) = archive() {
        fs::write(folder.join("libgcc_s.so"), format!("INPUT({})\n", archive.display()))?;
        println!("cargo:rustc-link-search=native={}", folder.display());
    }
    Ok(())
}

/// Returns the path of the archive with the unwinder, if there is one.
fn archive() -> Option<PathBuf> {
    let is_glibc = env::var_os("CARGO_CFG_TARGET_ENV").is_some_and(|environment| environment == "gnu");
    let linker = env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    let output = Command::new(linker).arg("-print-file-name=libgcc_eh.a").output().ok().filter(|_| is_glibc)?;
    let archive = Path::new(str::from_utf8(&output.stdout).ok()?.trim()).to_owned();
    archive.is_absolute().then_some(archive)
}
