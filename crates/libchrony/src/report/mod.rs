//! The reports: one per file, each a table with a line for every field.
//!
//! A line gives the name and type of the field here, then the name, unit and bounds in libchrony's record. Lines are
//! in the order of libchrony's own table (`reports.h`). To add a report, write its table, add it to the list here and
//! give [`Connection`](crate::Connection) a method for it.

mod rtc_data;
mod source;
mod source_stats;
mod tracking;

pub use rtc_data::RtcData;
pub use source::{Source, SourceMode, SourceState};
pub use source_stats::SourceStats;
pub use tracking::{LeapStatus, Tracking};

use crate::record::{Field, FieldError, Record, Value};
use std::ffi::CStr;

/// A record of one of chronyd's reports.
pub trait Report: Sized + sealed::Sealed {
    /// libchrony's name of the report.
    const NAME: &'static CStr;
    /// The fields, in libchrony's order.
    const FIELDS: &'static [Field];

    /// The values, in the order of [`Report::FIELDS`].
    fn values(&self) -> impl Iterator<Item = Value<'_>>;
}

pub(crate) mod sealed {
    use super::{FieldError, Record};

    /// How a record is read; nobody else can make one.
    pub trait Sealed: Sized {
        #[expect(private_interfaces, reason = "sealed: the trait cannot be named outside this crate")]
        fn read(record: Record<'_>) -> Result<Self, FieldError>;
    }
}

/// Declares a report's struct, its table and its reader.
macro_rules! report {
    (
        $(#[$doc:meta])*
        $name:ident = $report:literal {
            $($(#[$field_doc:meta])* $field:ident: $type:ty = $kind:ident($libchrony:literal $(, $arg:expr)*);)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl $crate::report::Report for $name {
            const NAME: &'static std::ffi::CStr = $report;
            const FIELDS: &'static [$crate::record::Field] =
                &[$($crate::record::Field::$kind(stringify!($field), $libchrony $(, $arg)*)),*];

            fn values(&self) -> impl Iterator<Item = $crate::record::Value<'_>> {
                [$($crate::record::FieldValue::value(&self.$field)),*].into_iter()
            }
        }

        impl $crate::report::sealed::Sealed for $name {
            #[expect(private_interfaces, reason = "sealed: the trait cannot be named outside this crate")]
            fn read(record: $crate::record::Record<'_>) -> Result<Self, $crate::record::FieldError> {
                let mut fields = (0..).zip(<Self as $crate::report::Report>::FIELDS);
                let mut next = || fields.next().unwrap_or_else(|| unreachable!("one entry for each field"));
                $(
                    let (index, field) = next();
                    let $field = $crate::record::FieldValue::read(record, index, field)?;
                )*
                Ok(Self { $($field),* })
            }
        }
    };
}
pub(crate) use report;

/// Declares an enum of a field's constants, with libchrony's own words for them.
macro_rules! constants {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal, $words:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$variant_doc])* $variant = $number,)*
        }

        impl $name {
            /// All values, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The value's number in chronyd's protocol.
            #[must_use]
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// libchrony's own words for the value.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $words,)*
                }
            }

            /// The value of this number.
            #[must_use]
            pub fn from_number(number: u64) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl $crate::record::FieldValue for $name {
            fn read(
                record: $crate::record::Record<'_>,
                index: libchrony_sys::types::Int,
                field: &$crate::record::Field,
            ) -> Result<Self, $crate::record::FieldError> {
                record.constant(index, field, Self::from_number)
            }

            fn value(&self) -> $crate::record::Value<'_> {
                $crate::record::Value::Constant(self.number())
            }
        }
    };
}
pub(crate) use constants;

#[cfg(test)]
mod tests {
    use super::sealed::Sealed;
    use super::*;
    use crate::Library;
    use crate::raw;
    use crate::raw::session::RawSession;
    use crate::record::FieldValue;
    use std::time::{Duration, SystemTime};
    use testbed::{Scripted, Values};

    /// A session that has just received the first record of a report.
    fn received(chronyd: &Scripted, report: &'static CStr) -> RawSession {
        let mut session = raw::tests::open(&Library::load().unwrap(), chronyd);
        raw::tests::receive(&mut session, report, 0);
        session
    }

    fn chronyd() -> Scripted {
        Scripted::start(Values::new(&"{\"rtcdata\": {}}".parse().unwrap())).unwrap()
    }

    fn table_is_libchronys<R: Report>() {
        let session = received(&chronyd(), R::NAME);
        for (index, field) in (0..).zip(R::FIELDS) {
            assert!(session.field_is(index, field.libchrony), "{:?} {field:?} is not number {index}", R::NAME);
        }
        let record = R::read(Record::new(&session)).unwrap();
        assert_eq!(record.values().count(), R::FIELDS.len());
    }

    #[test]
    fn tables_have_libchronys_names_in_libchronys_order() {
        table_is_libchronys::<Tracking>();
        table_is_libchronys::<Source>();
        table_is_libchronys::<SourceStats>();
        table_is_libchronys::<RtcData>();
    }

    #[test]
    fn values_come_in_the_order_of_the_fields() {
        let chronyd = chronyd();
        let tracking = Tracking::read(Record::new(&received(&chronyd, Tracking::NAME))).unwrap();
        let values: Vec<_> = tracking.values().collect();
        let time = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
        assert_eq!(values[..3], [Value::Unsigned(0x7F00_0001), Value::Text(Some("127.0.0.1")), Value::Unsigned(2)]);
        assert_eq!(values[3..5], [Value::Constant(0), Value::Time(time)]);
        assert_eq!(values[8], Value::Float(-1.5));
        assert_eq!(values[13], Value::Float(64.25));
        let source = Source::read(Record::new(&received(&chronyd, Source::NAME))).unwrap();
        let values: Vec<_> = source.values().collect();
        assert_eq!(values[..2], [Value::Text(Some("127.0.0.1")), Value::Signed(6)]);
    }

    /// Versions of chronyd differ in the number and order of fields, so the index is only where to look first.
    #[test]
    fn fields_are_found_by_name_wherever_they_are() {
        let session = received(&chronyd(), Source::NAME);
        let record = Record::new(&session);
        let field = Source::FIELDS.iter().find(|field| field.name == "reachability").unwrap();
        for index in [-1, 0, 3, 6, 99] {
            assert_eq!(u8::read(record, index, field), Ok(255), "looked for at {index} first");
        }
    }

    /// serverstats has four layouts, which differ in the place and the width of fields, and not all have all.
    #[test]
    fn fields_of_every_layout_are_found_and_the_missing_are_missing() {
        let dropped = Field::plain("dropped", c"dropped NTP requests");
        let held = Field::plain("held", c"held NTP timestamps");
        for layout in 1..=4 {
            let values = format!(r#"{{"layouts": {{"serverstats": {layout}}}}}"#).parse().unwrap();
            let session = received(&Scripted::start(Values::new(&values)).unwrap(), c"serverstats");
            let read = |field| u32::read(Record::new(&session), 2, field);
            assert_eq!(read(&dropped), Ok(1004), "layout {layout}");
            let missing = FieldError::Missing { field: "held NTP timestamps".into() };
            assert_eq!(read(&held), if layout < 3 { Err(missing) } else { Ok(1010) }, "layout {layout}");
        }
    }

    fn has_libchronys_words<R: Report, T: Copy>(
        name: &str,
        all: &[T],
        number: fn(T) -> u8,
        words: fn(T) -> &'static str,
    ) {
        let session = received(&chronyd(), R::NAME);
        let field = R::FIELDS.iter().find(|field| field.name == name).unwrap();
        let libchronys = |number: usize| Record::new(&session).constant_name(field, number.try_into().unwrap());
        for (index, &constant) in all.iter().enumerate() {
            assert_eq!(usize::from(number(constant)), index);
            assert_eq!(libchronys(index), Some(words(constant)), "{name}");
        }
        assert_eq!(libchronys(all.len()), None, "libchrony has more of {name}");
    }

    #[test]
    fn constants_have_libchronys_own_words() {
        has_libchronys_words::<Tracking, _>("leap_status", LeapStatus::ALL, LeapStatus::number, LeapStatus::name);
        has_libchronys_words::<Source, _>("state", SourceState::ALL, SourceState::number, SourceState::name);
        has_libchronys_words::<Source, _>("mode", SourceMode::ALL, SourceMode::number, SourceMode::name);
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
