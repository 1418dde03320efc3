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
