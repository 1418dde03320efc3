//! Tests of the loader, with the real library and with other files.
#![expect(unsafe_code, reason = "loading and calling C are unsafe")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

use libchrony_sys::{LoadError, Symbols, types};
use std::collections::BTreeSet;
use std::ffi::{CStr, OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Returns the file that the product would load.
fn library() -> OsString {
    env::var_os("LIBCHRONY_PATH").unwrap_or_else(|| "libchrony.so.0".into())
}

fn load(file: impl AsRef<OsStr>) -> Result<Symbols, LoadError> {
    // SAFETY: the file is the real libchrony, not a library, or a library without initialisers.
    unsafe { Symbols::load(file.as_ref()) }
}

/// Compiles C source to a shared library.
fn compile(name: &str, source: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (input, output) = (folder.join(format!("{name}.c")), folder.join(format!("{name}.so")));
    fs::write(&input, source).unwrap();
    let status = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&output, &input]).status().unwrap();
    assert!(status.success());
    output
}

/// libchrony returns times by value.
#[test]
fn a_time_has_the_size_that_c_gives_it() {
    let size = size_of::<types::Timespec>();
    compile("time", &format!("#include <time.h>\n_Static_assert(sizeof(struct timespec) == {size}, \"\");\n"));
}

#[test]
fn the_real_library_loads_and_says_where_from() {
    let chrony = load(library()).unwrap();
    assert!(chrony.path().is_absolute() && chrony.path().exists(), "{:?}", chrony.path());
    // SAFETY: the functions take no pointer and read constants.
    let (reports, name, none) = unsafe {
        let reports = (chrony.chrony_get_number_supported_reports)();
        let name = CStr::from_ptr((chrony.chrony_get_report_name)(0));
        (reports, name, (chrony.chrony_get_report_name)(reports))
    };
    assert!(reports >= 9, "{reports}");
    assert!(!name.is_empty() && none.is_null());
}

#[test]
fn error_codes_have_the_words_of_the_header() {
    let chrony = load(library()).unwrap();
    for (code, words) in [
        (types::CHRONY_OK, c"Success"),
        (types::CHRONY_NO_MEMORY, c"Failed to allocate memory"),
        (types::CHRONY_NO_RANDOM, c"Failed to open /dev/urandom"),
        (types::CHRONY_UNKNOWN_REPORT, c"Unknown report"),
        (types::CHRONY_RANDOM_FAILED, c"Failed to read /dev/urandom"),
        (types::CHRONY_SEND_FAILED, c"Failed to send request"),
        (types::CHRONY_RECV_FAILED, c"Failed to receive response"),
        (types::CHRONY_INVALID_ARGUMENT, c"Invalid argument"),
        (types::CHRONY_UNEXPECTED_CALL, c"Unexpected function call"),
        (types::CHRONY_UNAUTHORIZED, c"Not authorized"),
        (types::CHRONY_DISABLED, c"Disabled"),
        (types::CHRONY_UNEXPECTED_STATUS, c"Unexpected status"),
        (types::CHRONY_OLD_SERVER, c"Unsupported server version (too old)"),
        (types::CHRONY_NEW_SERVER, c"Unsupported server version (too new)"),
        (types::CHRONY_INVALID_RESPONSE, c"Invalid response"),
    ] {
        // SAFETY: takes any code and returns a literal.
        assert_eq!(unsafe { CStr::from_ptr((chrony.chrony_get_error_string)(code)) }, words);
    }
}

/// The table has every `chrony_…` function that the file exports, and no other.
#[test]
fn the_table_is_complete() {
    let chrony = load(library()).unwrap();
    let bytes = fs::read(chrony.path()).unwrap();
    // Names in an ELF file's string tables end with a NUL. The loader finds only the exported ones.
    let names = bytes.split(|byte| *byte == 0).filter(|name| name.starts_with(b"chrony_"));
    // SAFETY: the library is already open, and the symbols that are found are not used.
    let exported: BTreeSet<&str> = unsafe {
        let library = libloading::Library::new(chrony.path()).unwrap();
        names.filter(|name| library.get::<*const ()>(*name).is_ok()).map(|name| str::from_utf8(name).unwrap()).collect()
    };
    assert_eq!(exported, Symbols::NAMES.iter().copied().collect());
    assert_eq!(Symbols::NAMES.len(), 24);
}

#[test]
fn a_file_that_cannot_be_opened_says_why() {
    let error = load("/nonexistent/libchrony.so.0").unwrap_err();
    assert!(matches!(error, LoadError::Open { .. }));
    assert!(error.to_string().contains("/nonexistent/libchrony.so.0: cannot open shared object file"), "{error}");
    let error = load(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap_err();
    assert!(error.to_string().contains("invalid ELF header"), "{error}");
    let error = load("lib\0chrony.so.0").unwrap_err();
    assert_eq!(error.to_string(), "the file name contains a NUL byte");
}

#[test]
fn a_library_without_a_function_is_refused_by_its_name() {
    let some = compile("some", "int chrony_open_socket(void) { return -1; } void chrony_close_socket(void) {}");
    let error = load(some).unwrap_err();
    assert!(matches!(error, LoadError::MissingSymbol { symbol: "chrony_get_error_string" }), "{error:?}");
    assert_eq!(error.to_string(), "it has no symbol chrony_get_error_string");
    let none = compile("none", "int unrelated;");
    assert!(matches!(load(none), Err(LoadError::MissingSymbol { symbol: "chrony_open_socket" })));
    for (index, missing) in Symbols::NAMES.iter().enumerate().skip(22) {
        let all_but_one = Symbols::NAMES.iter().filter(|name| *name != missing);
        let source = all_but_one.fold(String::new(), |source, name| source + "void " + name + "(void) {}\n");
        let error = load(compile(&format!("without-{index}"), &source)).unwrap_err();
        assert!(matches!(error, LoadError::MissingSymbol { symbol } if symbol == *missing), "{error:?}");
    }
}
