//! What tables are written in: reports, constants and flags.

/// Declares a report's struct, its table and its reader.
macro_rules! report {
    (
        $(#[$doc:meta])*
        $name:ident = $report:literal, $shape:ident $(, unavailable($what:literal, $why:literal, $remedy:literal))? {
            $(
                $(#[doc = $field_doc:literal])*
                $field:ident: $type:ty = $content:ident($libchrony:literal) $(.$limit:ident($($arg:expr),*))*;
            )*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[doc = $field_doc])* pub $field: $type,)*
        }

        impl $crate::report::Report for $name {
            const TABLE: &'static $crate::report::Table = &$crate::report::Table {
                name: $report,
                shape: $crate::report::Shape::$shape,
                fields: &[$(
                    $crate::field::Field::new::<$type>(
                        stringify!($field),
                        concat!($($field_doc, "\n"),*),
                        $libchrony,
                        $crate::field::Content::$content,
                    )$(.$limit($($arg),*))*
                ),*],
                unavailable: $crate::report::macros::unavailable!($($what, $why, $remedy)?),
                read: |record| Ok(Box::new(<Self as $crate::report::sealed::Sealed>::read(record)?)),
            };

            type Gather = $crate::gather::$shape<Self>;
        }

        impl $crate::report::Row for $name {
            fn values(&self) -> Vec<$crate::value::Value<'_>> {
                vec![$($crate::value::FieldValue::value(&self.$field)),*]
            }
        }

        impl $crate::report::sealed::Sealed for $name {
            #[expect(private_interfaces, reason = "sealed: the trait cannot be named outside this crate")]
            fn read(record: $crate::record::Record<'_>) -> Result<Self, $crate::field::FieldError> {
                let mut fields = (0..).zip(<Self as $crate::report::Report>::FIELDS);
                let mut next = || fields.next().unwrap_or_else(|| unreachable!("one entry for each field"));
                $(
                    let (index, field) = next();
                    let $field = $crate::value::FieldValue::decode(record, index, field)?;
                )*
                Ok(Self { $($field),* })
            }
        }
    };
}
pub(crate) use report;

macro_rules! unavailable {
    () => {
        None
    };
    ($what:literal, $why:literal, $remedy:literal) => {
        Some(&$crate::report::Unavailable { what: $what, why: $why, remedy: $remedy })
    };
}
pub(crate) use unavailable;

/// Declares an enum of a field's constants, with libchrony's own words for them. With `..` at the end, a number without
/// a name is a value, too.
macro_rules! constants {
    ($(#[$doc:meta])* $name:ident: $type:ident {
        $($(#[$variant_doc:meta])* $variant:ident = $number:literal, $words:literal;)*
        $(.. $other:ident;)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
            $(
                /// A number that has no name yet.
                $other($type),
            )?
        }

        impl $name {
            /// All values that have a name.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            const CONSTANTS: &'static $crate::field::Constants =
                &$crate::field::Constants::new(&[$(($number, $words)),*], $crate::report::macros::is_open!($($other)?));

            /// The value's number in chronyd's protocol.
            #[must_use]
            pub const fn number(self) -> $type {
                match self {
                    $(Self::$variant => $number,)*
                    $(Self::$other(number) => number,)?
                }
            }

            /// libchrony's own words for the value.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $words,)*
                    $(Self::$other(_) => "unknown",)?
                }
            }

            /// The value of this number.
            #[must_use]
            pub fn from_number(number: u64) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => $crate::report::macros::other!(number $(, $other)?),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $(
                    if let Self::$other(number) = self {
                        return f.pad(&format!("unknown ({number})"));
                    }
                )?
                f.pad(self.name())
            }
        }

        impl $crate::value::FieldValue for $name {
            const TYPE: $crate::field::Type = $crate::field::Type::Unsigned($type::BITS);
            const CONSTANTS: Option<&'static $crate::field::Constants> = Some(Self::CONSTANTS);

            fn decode(
                record: $crate::record::Record<'_>,
                index: libchrony_sys::types::Int,
                field: &$crate::field::Field,
            ) -> Result<Self, $crate::field::FieldError> {
                let number = record.unsigned(index, field.libchrony)?;
                Self::from_number(number).ok_or_else(|| $crate::field::FieldError::invalid(field.name, number))
            }

            fn value(&self) -> $crate::value::Value<'_> {
                $crate::value::Value::Constant(u64::from(self.number()))
            }
        }
    };
}
pub(crate) use constants;

macro_rules! is_open {
    () => {
        false
    };
    ($other:ident) => {
        true
    };
}
pub(crate) use is_open;

macro_rules! other {
    ($number:ident) => {
        None
    };
    ($number:ident, $other:ident) => {
        $number.try_into().ok().map(Self::$other)
    };
}
pub(crate) use other;
