//! The search for libchrony, and its order. Each case is a process with an environment of its own.

use super::library::folder;
use crate::common::alone::{Alone, is_alone};
use libchrony::{Connection, Error, Library};
use std::env;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

const VARIABLE: &str = "LIBCHRONY_PATH";

/// A folder in which the system's loader finds a libchrony.
fn with_library(name: &str) -> PathBuf {
    let folder = folder(name);
    if !is_alone() {
        symlink(Library::load().unwrap().path().canonicalize().unwrap(), folder.join("libchrony.so.0")).unwrap();
    }
    folder
}

/// A folder in which the system's loader finds something that is not a library.
fn with_text(name: &str) -> PathBuf {
    let folder = folder(name);
    if !is_alone() {
        let text =
            "Not a library, and long enough for the loader to tell so from its first bytes, as the header has 64.";
        fs::write(folder.join("libchrony.so.0"), text).unwrap();
    }
    folder
}

fn loaded() -> PathBuf {
    Library::load().unwrap().path().to_owned()
}

fn refused() -> String {
    Library::load().unwrap_err().to_string()
}

#[test]
fn the_variable_comes_first_and_is_used_alone() {
    const TEST: &str = "api::search::the_variable_comes_first_and_is_used_alone";
    let (chosen, system, text) = (with_library("chosen"), with_library("passed-over"), with_text("chosen-text"));
    let chosen = chosen.join("libchrony.so.0");
    Alone::new(TEST, "good")
        .env(VARIABLE, &chosen)
        .env("LD_LIBRARY_PATH", &system)
        .run(|| assert_eq!(loaded(), chosen));

    let bad = text.join("libchrony.so.0");
    Alone::new(TEST, "bad").env(VARIABLE, &bad).env("LD_LIBRARY_PATH", &system).run(|| {
        let message = refused();
        let start = format!("libchrony bindings not available. Tried: LIBCHRONY_PATH={} (", bad.display());
        assert!(message.starts_with(&start), "{message}");
        assert!(!message.contains("the system's"), "{message}");
        // A fallback is not used, either, and a connection has the same error.
        assert_eq!(Library::load_or(Some(&system.join("libchrony.so.0"))).unwrap_err().to_string(), message);
        let error = Connection::builder().build().unwrap_err();
        assert!(matches!(error, Error::Library(_)) && error.to_string() == message, "{error}");
    });
}

#[test]
fn a_relative_path_in_the_variable_is_a_file_and_not_searched_for() {
    const TEST: &str = "api::search::a_relative_path_in_the_variable_is_a_file_and_not_searched_for";
    let (here, system) = (with_library("relative"), with_text("relative-system"));
    let alone = || Alone::new(TEST, "bare").env(VARIABLE, "libchrony.so.0").env("LD_LIBRARY_PATH", &system);
    alone()
        .folder(&here)
        .run(|| assert_eq!(loaded().canonicalize().unwrap(), here.join("libchrony.so.0").canonicalize().unwrap()));
    // Not even if the working directory is gone, so that the path cannot be made absolute.
    let gone = folder("relative-gone");
    let alone = Alone::new(TEST, "gone").env(VARIABLE, "libchrony.so.0").env("LD_LIBRARY_PATH", &here);
    alone.folder(&gone).run(|| {
        fs::remove_dir(env::current_dir().unwrap()).unwrap();
        assert!(refused().starts_with("libchrony bindings not available. Tried: LIBCHRONY_PATH="));
    });
    let nothing = folder("relative-nothing");
    Alone::new(TEST, "missing").env(VARIABLE, "libc.so.6").folder(&nothing).run(|| {
        let message = refused();
        assert!(message.contains(&format!("LIBCHRONY_PATH={}/libc.so.6 (", nothing.display())), "{message}");
    });
}

#[test]
fn without_the_variable_or_with_an_empty_one_the_system_decides() {
    const TEST: &str = "api::search::without_the_variable_or_with_an_empty_one_the_system_decides";
    let system = with_library("system");
    let is_systems = || assert_eq!(loaded(), system.join("libchrony.so.0"));
    Alone::new(TEST, "unset").without_env(VARIABLE).env("LD_LIBRARY_PATH", &system).run(is_systems);
    Alone::new(TEST, "empty").env(VARIABLE, "").env("LD_LIBRARY_PATH", &system).run(is_systems);

    let text = with_text("system-text");
    Alone::new(TEST, "refused").without_env(VARIABLE).env("LD_LIBRARY_PATH", &text).run(|| {
        let message = refused();
        let start = "libchrony bindings not available. Tried: the system's libchrony.so.0 (";
        assert!(message.starts_with(start) && message.contains("invalid ELF header"), "{message}");
    });
}

#[test]
fn a_fallback_comes_last() {
    const TEST: &str = "api::search::a_fallback_comes_last";
    let (system, text, fallback) = (with_library("before"), with_text("useless"), with_library("fallback"));
    let fallback = fallback.join("libchrony.so.0");
    Alone::new(TEST, "unneeded").without_env(VARIABLE).env("LD_LIBRARY_PATH", &system).run(|| {
        assert_eq!(Library::load_or(Some(&fallback)).unwrap().path(), system.join("libchrony.so.0"));
    });
    Alone::new(TEST, "needed").without_env(VARIABLE).env("LD_LIBRARY_PATH", &text).run(|| {
        assert_eq!(Library::load_or(Some(&fallback)).unwrap().path(), fallback);
        let missing = Path::new("/nonexistent/libchrony.so.0");
        let message = Library::load_or(Some(missing)).unwrap_err().to_string();
        let (first, second) = message.split_once("; the package's own /nonexistent/libchrony.so.0 (").unwrap();
        assert!(first.contains("the system's libchrony.so.0 ("), "{message}");
        assert!(second.contains("No such file"), "{message}");
    });
}

/// A program with more rights than its user does not take its library from the user. Only root can create such a
/// program for the test. For other users, the test shows that the variable still works.
#[test]
fn a_set_user_id_program_ignores_the_variable() {
    const TEST: &str = "api::search::a_set_user_id_program_ignores_the_variable";
    let program = folder("set-user-id").join("program");
    if !is_alone() {
        // A copy by another process: while this one has a file open for writing, a fork elsewhere in it keeps the file
        // busy.
        let mut copy = Command::new("cp");
        testbed::run({
            copy.arg(env::current_exe().unwrap()).arg(&program);
            copy
        })
        .unwrap();
        if rustix::process::getuid().is_root() {
            chown(&program, Some(65534), Some(65534)).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
        }
    }
    Alone::from(TEST, "missing", &program).env(VARIABLE, "/nonexistent/libchrony.so.0").run(|| {
        let honoured = Library::load().is_err_and(|error| error.to_string().contains("Tried: LIBCHRONY_PATH="));
        assert_eq!(honoured, !rustix::process::getuid().is_root());
    });
}
