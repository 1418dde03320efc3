//! The reports: one file for each, with a table of its fields, and the only list of them all.
//!
//! A line of a table gives the name and type of the field in this crate, libchrony's content and name, and the limits
//! that do not follow from the content. Lines are in the order of libchrony's own table (`reports.h`). To add a report,
//! write its table and add it to the list.

pub(crate) mod any;
pub(crate) mod collect;
pub(crate) mod content;
pub(crate) mod datum;
pub(crate) mod field;
pub(crate) mod query;
pub(crate) mod record;
pub(crate) mod reference_id;
pub(crate) mod value;
pub(crate) mod views;

pub use crate::report::query::Shape;

use crate::report::field::{Field, Value};
use crate::report::query::Query;
use crate::report::record::{FieldError, Record};
use std::ffi::CStr;
use std::fmt;

pub(crate) mod macros;

/// The list of all reports: the method's documentation, the module and method, the record, and the value of a call.
macro_rules! for_each_report {
    ($callback:ident) => {
        $callback! {
            /// Reads the system clock's state and its reference.
            tracking: Tracking => Tracking;
            /// Reads the time sources, in chronyd's order. The list may be empty.
            sources: Source => Vec<Source>;
            /// Reads the statistics of the time sources, in chronyd's order. The list may be empty.
            source_stats: SourceStats => Vec<SourceStats>;
            /// Reads the tracking of the real-time clock.
            rtc_data: RtcData => RtcData;
            /// Reads the number of servers and peers in each state.
            activity: Activity => Activity;
            /// Reads the time sources as the selection sees them, in chronyd's order. The list may be empty.
            select_data: SelectData => Vec<SelectData>;
            /// Reads the authentication of the sources' packets, in chronyd's order. A reference clock is `None`.
            auth_data: AuthData => Vec<Option<AuthData>>;
            /// Reads the last valid responses of the sources, in chronyd's order. A reference clock is `None`.
            ntp_data: NtpData => Vec<Option<NtpData>>;
            /// Reads the numbers of requests that chronyd has served since it started.
            server_stats: ServerStats => ServerStats;
            /// Reads the smoothing of the time that chronyd serves.
            smoothing: Smoothing => Smoothing;
        }
    };
}
pub(crate) use for_each_report;

macro_rules! list {
    ($($(#[$doc:meta])* $module:ident: $record:ident => $output:ty;)*) => {
        $(mod $module; pub use $module::*;)*

        /// The tables of all reports that have a type of their own.
        pub const REPORTS: &[&Table] = &[$($record::TABLE),*];
    };
}
for_each_report!(list);

/// The description of a report.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Table {
    /// libchrony's name of the report.
    pub name: &'static CStr,
    /// The documentation of the record.
    pub doc: &'static str,
    /// The number of records.
    pub shape: Shape,
    /// The first version of chrony that has the report, if libchrony supports older ones.
    pub since: Option<&'static str>,
    /// The fields of a record, in libchrony's order. Fields that are made of several others come last.
    pub fields: &'static [Field],
    pub(crate) unavailable: Option<&'static Unavailable>,
    pub(crate) decode: fn(Record<'_>) -> Result<Box<dyn Row>, FieldError>,
}

impl Table {
    /// Returns the query of a call.
    pub(crate) fn query(&self) -> Query {
        let is_optional = self.unavailable.is_some();
        Query { name: self.name, shape: Some(self.shape), is_optional, is_contact: false }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The message for a report that chronyd is not configured to have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unavailable {
    pub(crate) what: &'static str,
    pub(crate) why: &'static str,
    pub(crate) remedy: &'static str,
}

/// A record of one of chronyd's reports.
pub trait Report: Sized + Row + sealed::Sealed + 'static {
    /// The table of the report.
    const TABLE: &'static Table;
    /// libchrony's name of the report.
    const NAME: &'static CStr = Self::TABLE.name;
    /// The fields, in libchrony's order.
    const FIELDS: &'static [Field] = Self::TABLE.fields;
}

/// A record of any report.
pub trait Row: fmt::Debug + Send + Sync {
    /// Returns the values, in the order of the fields in the report's table.
    fn values(&self) -> Vec<Value<'_>>;
}

pub(crate) mod sealed {
    use super::{FieldError, Record};

    /// The decoder of a record. Other crates cannot name this trait, and so cannot implement it.
    pub trait Sealed: Sized {
        #[expect(private_interfaces, reason = "sealed: the trait cannot be named outside this crate")]
        fn decode(record: Record<'_>) -> Result<Self, FieldError>;
    }
}

#[cfg(test)]
mod tests {
    use super::sealed::Sealed;
    use super::*;
    use crate::Library;
    use crate::raw;
    use crate::raw::session::RawSession;
    use crate::report::content::Content;
    use crate::report::field::FieldValue;
    use std::collections::HashSet;
    use std::time::{Duration, SystemTime};
    use testbed::{Scripted, Values};

    /// Returns a session that has just received the first record of a report.
    fn received(chronyd: &Scripted, report: &'static CStr) -> RawSession {
        let mut session = raw::tests::open(&Library::load().unwrap(), chronyd);
        raw::tests::receive(&mut session, report, 0);
        session
    }

    fn chronyd() -> Scripted {
        Scripted::start(Values::new(&"{\"rtcdata\": {}}".parse().unwrap())).unwrap()
    }

    #[test]
    fn tables_have_libchronys_names_in_libchronys_order() {
        for table in REPORTS {
            let session = received(&chronyd(), table.name);
            let mut names = HashSet::new();
            let fields = table.fields.iter().filter(|field| names.insert(field.libchrony));
            let indexes: Vec<_> = fields.map(|field| session.field_index(field.libchrony).unwrap()).collect();
            assert!(indexes.is_sorted() && indexes[0] == 0, "{table:?}: {indexes:?}");
            let record = (table.decode)(Record::new(&session)).unwrap();
            assert_eq!(record.values().len(), table.fields.len());
        }
    }

    #[test]
    fn tables_have_libchronys_contents_and_types() {
        for table in REPORTS {
            let session = received(&chronyd(), table.name);
            for field in table.fields {
                let index = session.field_index(field.libchrony).unwrap();
                assert_eq!(session.field_type(index), field.kind.number(), "{table:?} {field:?}");
                assert_eq!(session.field_content(index), field.content.number(), "{table:?} {field:?}");
            }
        }
    }

    #[test]
    fn what_says_nothing_depends_on_another_number_of_the_record() {
        for table in REPORTS {
            for field in table.fields {
                let Some((other, numbers)) = field.unless else { continue };
                let other = table.fields.iter().find(|found| found.name == other).unwrap();
                assert!(matches!(other.kind, crate::Type::Unsigned(_)) && !numbers.is_empty(), "{field:?}");
            }
        }
    }

    #[test]
    fn values_come_in_the_order_of_the_fields() {
        let chronyd = chronyd();
        let tracking = Tracking::decode(Record::new(&received(&chronyd, Tracking::NAME))).unwrap();
        let values = tracking.values();
        let time = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
        assert_eq!(values[..3], [Value::Unsigned(0x7F00_0001), Value::Text(Some("127.0.0.1")), Value::Unsigned(2)]);
        assert_eq!(values[3..5], [Value::Constant(0), Value::Time(time)]);
        assert_eq!(values[8], Value::Float(-1.5));
        assert_eq!(values[13], Value::Float(64.25));
        let source = Source::decode(Record::new(&received(&chronyd, Source::NAME))).unwrap();
        let values = source.values();
        assert_eq!(values[..2], [Value::Text(Some("127.0.0.1")), Value::Signed(6)]);
    }

    /// Versions of chronyd differ in the number and order of fields, so the index is only a hint.
    #[test]
    fn fields_are_found_by_name_wherever_they_are() {
        let session = received(&chronyd(), Source::NAME);
        let record = Record::new(&session);
        let field = Source::FIELDS.iter().find(|field| field.name == "reachability").unwrap();
        for index in [-1, 0, 3, 6, 99] {
            assert_eq!(u8::decode(record, index, field), Ok(255), "looked for at {index} first");
        }
    }

    /// serverstats has four layouts, with different fields, positions and widths.
    #[test]
    fn fields_of_every_layout_are_found_and_the_missing_are_missing() {
        let dropped = Field::new::<u32>("dropped", "u32", "", c"dropped NTP requests", Content::Count);
        let held = Field::new::<u32>("held", "u32", "", c"held NTP timestamps", Content::Count);
        for layout in 1..=4 {
            let values = format!(r#"{{"layouts": {{"serverstats": {layout}}}}}"#).parse().unwrap();
            let session = received(&Scripted::start(Values::new(&values)).unwrap(), c"serverstats");
            let read = |field| u32::decode(Record::new(&session), 2, field);
            assert_eq!(read(&dropped), Ok(1004), "layout {layout}");
            let missing = FieldError::Missing { field: "held NTP timestamps".into() };
            assert_eq!(read(&held), if layout < 3 { Err(missing) } else { Ok(1010) }, "layout {layout}");
        }
    }

    #[test]
    fn constants_and_flags_have_libchronys_own_words() {
        for table in REPORTS {
            let session = received(&chronyd(), table.name);
            for field in table.fields {
                let index = session.field_index(field.libchrony).unwrap();
                let libchronys = |number| Record::new(&session).constant_name(index, number);
                for number in 0..=u64::from(u16::MAX) {
                    let name = field.constants.and_then(|constants| constants.name(number));
                    // libchrony has swapped the names: chronyd sends test B as 4 and test C as 2.
                    let expected = match libchronys(number) {
                        Some("testB") if number == 2 => Some("testC"),
                        Some("testC") if number == 4 => Some("testB"),
                        // This libchrony is older than these states.
                        None if field.name == "state" && table.name == c"selectdata" => match number {
                            114 => Some("stratum out of range"),
                            76 => Some("outlier"),
                            _ => None,
                        },
                        words => words,
                    };
                    assert_eq!(name, expected, "{table:?} {field:?} {number}");
                }
            }
        }
    }

    #[test]
    fn constants_and_numbers_are_one_to_one() {
        for &state in SourceState::ALL {
            assert_eq!(SourceState::from_number(state.number().into()), Some(state));
            assert_eq!(format!("[{state:>13}]").len(), 15, "padded as text is");
        }
        assert_eq!(SourceState::from_number(6), None);
        assert_eq!(SourceMode::from_number(u64::MAX), None);
        assert_eq!(LeapStatus::from_number(256), None);
    }
}
