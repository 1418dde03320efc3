//! Man pages and completions, generated from the command line, and the schemas of all reports.

use crate::error::{Code, FINE, Failure};
use crate::sheet::report::name;
use crate::sheet::schema;
use chrony_health::VERDICT_SCHEMA;
use clap_complete::Shell;
use clap_mangen::Man;
use libchrony::REPORTS;
use std::fs;
use std::path::Path;

/// The source that the man pages name.
const SOURCE: &str = concat!("chrony-report ", env!("CARGO_PKG_VERSION"));

/// Writes `man/*.1`, `completions/*` and `schemas/*.json` into a folder.
pub(super) fn run(command: &clap::Command, folder: &Path) -> Result<Code, Failure> {
    let [man, completions, schemas] = ["man", "completions", "schemas"].map(|name| folder.join(name));
    let write = || {
        for folder in [&man, &completions, &schemas] {
            fs::create_dir_all(folder)?;
        }
        let mut command_line = command.clone().disable_help_subcommand(true);
        command_line.build();
        let pages = command_line.get_subcommands().filter(|command| !command.is_hide_set());
        for page in pages.chain([&command_line]) {
            let name = page.get_display_name().unwrap_or_else(|| page.get_name()).to_owned();
            let mut text = Vec::new();
            Man::new(page.clone()).title(&name).source(SOURCE).manual("chrony-report").render(&mut text)?;
            // clap uses this heading for the text after the options.
            let text = String::from_utf8_lossy(&text).replace("\n.SH EXTRA\n", "\n.SH EXAMPLES AND NOTES\n");
            fs::write(man.join(name).with_extension("1"), text)?;
        }
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            clap_complete::generate_to(shell, &mut command.clone(), "chrony-report", &completions)?;
        }
        // clap_complete names the functions in two ways if the name of the program has a hyphen.
        let bash = completions.join("chrony-report.bash");
        let script = fs::read_to_string(&bash)?.replace("chrony__subcmd__report", "chrony__report");
        fs::write(bash, script)?;
        for table in REPORTS {
            fs::write(schemas.join(name(table)).with_extension("json"), format!("{:#}\n", schema::of(table)))?;
        }
        fs::write(schemas.join("verdict.json"), VERDICT_SCHEMA)?;
        Ok(())
    };
    write().map_err(|source| Failure::File {
        what: format!("cannot write to {}", folder.display()),
        source,
        advice: "Give a folder that can be written",
    })?;
    Ok(FINE)
}
