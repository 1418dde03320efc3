//! The reports, for people and as values.

use crate::support::{ask, scripted};

#[test]
fn a_report_is_a_list_of_its_fields_with_units_and_words() {
    let chronyd = scripted(r#"{"tracking": {"current correction": -1.5e-6, "frequency offset": 12.25}}"#);
    let ran = ask(chronyd.socket(), "tracking");
    assert_eq!((ran.code, &*ran.err), (Some(0), ""));
    for line in ["current correction    1.5 us fast", "frequency offset      12.2 ppm fast"] {
        assert!(ran.out.lines().any(|found| found == line), "{}", ran.out);
    }
}
