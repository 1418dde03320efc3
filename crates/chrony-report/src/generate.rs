//! Man pages and completions, made from the command line that the program has.

use crate::command::command;
use crate::error::{FINE, Failure};
use clap_complete::Shell;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// Writes `man/*.1` and `completions/*` below a folder.
pub(crate) fn run(folder: &Path) -> Result<ExitCode, Failure> {
    let (man, completions) = (folder.join("man"), folder.join("completions"));
    let write = || {
        fs::create_dir_all(&man)?;
        fs::create_dir_all(&completions)?;
        clap_mangen::generate_to(command().disable_help_subcommand(true), &man)?;
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            clap_complete::generate_to(shell, &mut command(), "chrony-report", &completions)?;
        }
        Ok(())
    };
    write().map_err(|source| Failure::File {
        what: format!("cannot write to {}", folder.display()),
        source,
        advice: "Give a folder that can be written",
    })?;
    Ok(FINE.into())
}
