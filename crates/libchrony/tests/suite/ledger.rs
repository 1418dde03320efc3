//! The ledger of libchrony's traps, `docs/libchrony.md`, names tests that exist.

use std::fs;
use std::path::Path;

#[test]
fn every_test_in_the_ledger_exists() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ledger = fs::read_to_string(crate_folder.join("../../docs/libchrony.md")).unwrap();
    let named: Vec<_> = ledger.split('`').filter_map(|code| code.split_once(".rs::")).collect();
    assert!(named.len() > 50, "{}", named.len());
    for (file, test) in named {
        let folder = if file.contains('/') { crate_folder.to_owned() } else { crate_folder.join("tests/suite") };
        let source = fs::read_to_string(folder.join(format!("{file}.rs"))).unwrap_or_default();
        assert!(
            source.contains(&format!("#[test]\nfn {test}()")) || source.contains(&format!("#[test]\n    fn {test}()")),
            "{file}.rs has no test {test}"
        );
    }
    let rows = (1..=34).filter(|row| ledger.contains(&format!("\n| {row} | ")));
    assert_eq!(rows.count(), 34);
}
