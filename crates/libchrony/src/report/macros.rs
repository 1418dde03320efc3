//! The macros for tables: reports, constants and flags.

/// Declares a report's struct, table and decoder.
macro_rules! report {
    (
        $(#[doc = $doc:literal])*
        $name:ident = $report:literal, $shape:ident $(, checked_by $check:ident)?
        $(, since($since:literal))? $(, unavailable($what:literal, $why:literal, $remedy:literal))? {
            $(
                $(#[doc = $field_doc:literal])*
                $field:ident: $type:ty = $content:ident($libchrony:literal) $(.$limit:ident($($arg:expr),*))*
                    $(, known_from $known:ident)?;
            )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[doc = $field_doc])* pub $field: $type,)*
        }

        impl $crate::report::Report for $name {
            const TABLE: &'static $crate::report::Table = &$crate::report::Table {
                name: $report,
                doc: concat!($($doc, "\n"),*),
                shape: $crate::report::query::Shape::$shape,
                // The first element is the table's own, if it has one.
                since: [$(Some($since),)? None][0],
                fields: &[$(
                    $crate::report::field::Field::new::<$type>(
                        stringify!($field),
                        stringify!($type),
                        concat!($($field_doc, "\n"),*),
                        $libchrony,
                        $crate::report::content::Content::$content,
                    )$(.$limit($($arg),*))*
                ),*],
                unavailable: [
                    $(Some(&$crate::report::Unavailable { what: $what, why: $why, remedy: $remedy }),)?
                    None
                ][0],
                decode: |record| Ok(Box::new(<Self as $crate::report::sealed::Sealed>::decode(record)?)),
            };
        }

        impl $crate::report::Row for $name {
            fn values(&self) -> Vec<$crate::report::field::Value<'_>> {
                vec![$($crate::report::field::FieldValue::value(&self.$field)),*]
            }
        }

        /// In the form of the schemas in `docs/schemas`: constants and flags by their names, and null for what is not
        /// known.
        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let values = $crate::report::Row::values(self);
                $crate::report::datum::serialize_record(<Self as $crate::report::Report>::TABLE, &values, serializer)
            }
        }

        impl $crate::report::sealed::Sealed for $name {
            #[expect(private_interfaces, reason = "sealed: the trait cannot be named outside this crate")]
            fn decode(record: $crate::report::record::Record<'_>) -> Result<Self, $crate::report::record::FieldError> {
                let mut fields = (0..).zip(<Self as $crate::report::Report>::FIELDS);
                let mut next = || fields.next().unwrap_or_else(|| unreachable!("one entry for each field"));
                $(
                    let (index, field) = next();
                    // A value that an earlier field has read is copied.
                    let known: Option<$type> = None$(.or_else(|| $known.clone()))?;
                    let $field = match known {
                        Some(known) => known,
                        None => $crate::report::field::FieldValue::decode(record, index, field)?,
                    };
                )*
                let record = Self { $($field),* };
                $(record.$check()?;)?
                Ok(record)
            }
        }
    };
}
pub(crate) use report;

/// Declares an enum of a field's constants, with libchrony's names.
macro_rules! constants {
    ($(#[$doc:meta])* $name:ident: $type:ident {
        $($(#[$variant_doc:meta])* $variant:ident = $number:literal, $words:literal;)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr($type)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant = $number,)*
        }

        impl $name {
            /// All values.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Returns the value's number in chronyd's protocol.
            #[must_use]
            pub const fn number(self) -> $type {
                self as $type
            }

            /// Returns libchrony's name of the value.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $words,)*
                }
            }

            /// Returns the value with this number, or `None` if there is no such value.
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

        /// Finds the value with this libchrony name.
        impl std::str::FromStr for $name {
            type Err = $crate::report::value::UnknownName;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.iter().copied().find(|value| value.name() == name);
                found.ok_or_else(|| $crate::report::value::UnknownName::new::<Self>(name))
            }
        }

        impl $crate::report::value::Constant for $name {
            const NAMES: &'static [(u64, &'static str)] = &[$(($number, $words)),*];

            fn from_number(number: u64) -> Option<Self> {
                Self::from_number(number)
            }

            fn number(self) -> u64 {
                u64::from(self.number())
            }
        }
    };
}
pub(crate) use constants;

/// Declares the flags of a field, with libchrony's names. Bits without a name are kept.
macro_rules! flags {
    ($(#[$doc:meta])* $name:ident: $type:ident {
        $($(#[$flag_doc:meta])* $flag:ident = $bit:literal, $words:literal;)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub $type);

        impl $name {
            $($(#[$flag_doc])* pub const $flag: Self = Self($bit);)*

            const CONSTANTS: &'static $crate::report::field::Constants =
                &$crate::report::field::Constants::new(&[$(($bit, $words)),*], true);

            /// Returns true if all of `flags` are set.
            #[must_use]
            pub const fn contains(self, flags: Self) -> bool {
                self.0 & flags.0 == flags.0
            }

            /// Returns libchrony's names of the flags that are set, in libchrony's order.
            pub fn names(self) -> impl Iterator<Item = &'static str> {
                let is_set = move |(bit, _): &&(u64, &str)| u64::from(self.0) & bit != 0;
                Self::CONSTANTS.names.iter().filter(is_set).map(|(_, words)| *words)
            }

            /// Returns the flags that are set, from the lowest bit up. A bit without a name is a flag, too.
            pub fn iter(self) -> impl Iterator<Item = Self> {
                (0..$type::BITS).map(|bit| Self(1 << bit)).filter(move |flag| self.contains(*flag))
            }

            /// Writes the flags that are set, with these names, and the bits without a name as a number.
            fn write(
                self,
                f: &mut std::fmt::Formatter<'_>,
                between: &str,
                name: fn(Self) -> Option<&'static str>,
            ) -> std::fmt::Result {
                let (mut before, mut rest) = ("", 0);
                for flag in self.iter() {
                    match name(flag) {
                        Some(name) => {
                            write!(f, "{before}{name}")?;
                            before = between;
                        }
                        None => rest |= flag.0,
                    }
                }
                if rest != 0 { write!(f, "{before}{rest:#x}") } else { Ok(()) }
            }
        }

        /// The names of the constants.
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}(", stringify!($name))?;
                self.write(f, " | ", |flag| match flag {
                    $(Self::$flag => Some(stringify!($flag)),)*
                    _ => None,
                })?;
                write!(f, ")")
            }
        }

        /// libchrony's names, or `none`.
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                if self.0 == 0 {
                    return f.write_str("none");
                }
                self.write(f, ", ", |flag| Self::CONSTANTS.name(flag.0.into()))
            }
        }

        impl std::ops::BitOr for $name {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        impl $crate::report::field::FieldValue for $name {
            const TYPE: $crate::report::content::Type = $crate::report::content::Type::Unsigned($type::BITS);
            const CONSTANTS: Option<&'static $crate::report::field::Constants> = Some(Self::CONSTANTS);

            fn decode(
                record: $crate::report::record::Record<'_>,
                index: libchrony_sys::types::Int,
                field: &$crate::report::field::Field,
            ) -> Result<Self, $crate::report::record::FieldError> {
                <$type as $crate::report::field::FieldValue>::decode(record, index, field).map(Self)
            }

            fn value(&self) -> $crate::report::field::Value<'_> {
                $crate::report::field::Value::Flags(u64::from(self.0))
            }
        }
    };
}
pub(crate) use flags;
