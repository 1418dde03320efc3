//! Files that are not libchrony: the error says which file, why, and what is missing.

use crate::common::alone::is_alone;
use crate::common::*;
use libchrony::{Connection, ErrorKind, Library, LibraryError};
use std::fs;
use std::path::{Path, PathBuf};
use testbed::stub_library;

/// A folder that only this test program uses, empty unless a parent process has prepared it.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if is_alone() {
        return folder;
    }
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn refused(file: &Path) -> LibraryError {
    let error = Library::open(file).unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("libchrony bindings not available. Tried: "), "{message}");
    assert!(message.contains(&*file.to_string_lossy()), "{message}");
    assert!(
        message.contains("dnf install libchrony") && message.ends_with("set LIBCHRONY_PATH to the file"),
        "{message}"
    );
    error
}

#[test]
fn a_missing_file() {
    let message = refused(Path::new("/nonexistent/libchrony.so.0")).to_string();
    assert!(message.contains("No such file or directory"), "{message}");
}

/// The environment may name the file, and a terminal or a log obeys control characters that are not escaped.
#[test]
fn what_cannot_be_seen_in_a_name_is_escaped() {
    let error = Library::open("/nonexistent/\n\x1b[31m\u{202e}.so").unwrap_err();
    for message in [error.to_string(), std::error::Error::source(&error).unwrap().to_string()] {
        assert!(message.contains("/nonexistent/\\n\\u{1b}[31m\\u{202e}.so"), "{message}");
        assert!(!message.contains(|character: char| character.is_control() || character == '\u{202e}'), "{message}");
    }
}

#[test]
fn the_name_of_a_library_that_lacks_a_report_is_escaped() {
    let file = folder("unseen").join("\x1b[31m.so");
    fs::copy(stub_library().unwrap(), &file).unwrap();
    let connection = Connection::builder().library(Library::open(&file).unwrap()).build().unwrap();
    let message = connection.report("no such report").unwrap_err().to_string();
    assert!(message.contains("/\\u{1b}[31m.so) knows no report") && !message.contains('\x1b'), "{message}");
}

#[test]
fn a_file_that_is_no_library() {
    let folder = folder("no-library");
    let file = folder.join("text.so");
    fs::write(&file, "This is not a library, although it is long enough to hold an ELF header and more.\n").unwrap();
    assert!(refused(&file).to_string().contains("invalid ELF header"));
    fs::write(&file, "").unwrap();
    assert!(refused(&file).to_string().contains("file too short"));
    let message = refused(&folder).to_string();
    assert!(message.contains("Is a directory") || message.contains("cannot read file data"), "{message}");
}

#[test]
fn a_library_that_is_another() {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let libc = maps.lines().filter_map(|line| line.split_whitespace().nth(5)).find(|path| path.contains("libc.so"));
    let error = refused(Path::new(libc.expect("a C library")));
    assert!(error.to_string().contains("(it has no symbol chrony_open_socket)"), "{error}");
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "it has no symbol chrony_open_socket");
}

#[test]
fn a_name_that_no_path_can_have() {
    let error = Library::open("/nul\0byte").unwrap_err().to_string();
    assert!(error.contains("NUL"), "{error}");
    let long = format!("/{}", "x/".repeat(10_000));
    assert!(Library::open(long).unwrap_err().to_string().starts_with("libchrony bindings not available"));
}

#[test]
fn a_library_knows_its_file_and_is_loaded_without_a_search() {
    let stub = stub_library().unwrap();
    let library = Library::open(&stub).unwrap();
    assert_eq!(library.path().canonicalize().unwrap(), stub.canonicalize().unwrap());
    assert_eq!(library.clone().path(), library.path());
    // A bare name is a file in the working directory, not one for the loader to find.
    let error = Library::open("libc.so.6").unwrap_err().to_string();
    assert!(error.contains("/libc.so.6 ("), "{error}");
}

#[test]
fn two_libraries_serve_side_by_side() {
    let chronyd = scripted(r#"{"tracking": {"stratum": 7}}"#);
    let real = connect_to(&chronyd);
    let stub = stub("/stratum=3");
    for _ in 0..3 {
        assert_eq!([real.tracking().unwrap().stratum, stub.tracking().unwrap().stratum], [7, 3]);
    }
}

#[test]
fn a_connection_keeps_its_library_loaded() {
    let library = Library::open(stub_library().unwrap()).unwrap();
    let builder = Connection::builder().address("/stratum=4".parse().unwrap()).library(library.clone());
    drop(library);
    let connection = builder.build().unwrap();
    assert_eq!(connection.tracking().unwrap().stratum, 4);
    assert_eq!(connection.tracking().unwrap().stratum, 4);
}

#[test]
fn the_error_of_a_builder_without_a_library_is_the_librarys() {
    let error = libchrony::Error::from(Library::open("/nonexistent").unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Library);
    assert_eq!(chain(&error)[0], Library::open("/nonexistent").unwrap_err().to_string());
}
