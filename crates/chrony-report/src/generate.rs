//! Man pages and completions, made from the command line that the program has, and the schemas of all reports.

use crate::command::{command, name};
use crate::error::{Code, FINE, Failure};
use crate::schema;
use clap_complete::Shell;
use libchrony::REPORTS;
use std::fs;
use std::path::Path;

/// Writes `man/*.1`, `completions/*` and `schemas/*.json` below a folder.
pub(crate) fn run(folder: &Path) -> Result<Code, Failure> {
    let [man, completions, schemas] = ["man", "completions", "schemas"].map(|name| folder.join(name));
    let write = || {
        for folder in [&man, &completions, &schemas] {
            fs::create_dir_all(folder)?;
        }
        clap_mangen::generate_to(command().disable_help_subcommand(true), &man)?;
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            clap_complete::generate_to(shell, &mut command(), "chrony-report", &completions)?;
        }
        for table in REPORTS {
            fs::write(schemas.join(name(table)).with_extension("json"), format!("{:#}\n", schema::of(table)))?;
        }
        Ok(())
    };
    write().map_err(|source| Failure::File {
        what: format!("cannot write to {}", folder.display()),
        source,
        advice: "Give a folder that can be written",
    })?;
    Ok(FINE)
}
