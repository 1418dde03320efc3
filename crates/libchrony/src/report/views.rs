//! Methods with the names of fields, which give their values only if they say something, in the types of the standard
//! library.

use crate::report::datum::Datum;
use crate::report::value::Open;
use crate::report::{Report, Row};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

/// Declares the views of a report. The tables decide which values say something.
macro_rules! views {
    ($record:ident {
        $($known:ident: Option<$type:ty>;)*
    } $(durations { $($duration:ident),+ })?) => {
        impl $record {
            #[cfg(test)]
            pub(crate) const VIEWS: &'static [&'static str] =
                &[$(stringify!($known),)* $($(stringify!($duration)),+)?];

            $(
                #[doc = concat!("Returns the field [`", stringify!($known), "`](#structfield.", stringify!($known), "),")]
                /// or `None` if it says nothing.
                #[must_use]
                pub fn $known(&self) -> Option<$type> {
                    let is_known = $crate::report::views::is_known(self, stringify!($known));
                    is_known.then(|| $crate::report::views::View::view(&self.$known)).flatten()
                }
            )*
            $($(
                #[doc = concat!("Returns the field [`", stringify!($duration), "`](#structfield.", stringify!($duration), ")")]
                /// as a duration.
                #[must_use]
                pub fn $duration(&self) -> std::time::Duration {
                    $crate::report::views::View::view(&self.$duration).unwrap_or_default()
                }
            )+)?
        }
    };
}
pub(crate) use views;

/// Returns true if the field with this name says something.
pub(crate) fn is_known<R: Report>(record: &R, name: &str) -> bool {
    let (table, values) = (R::TABLE, Row::values(record));
    let place = table.fields.iter().position(|field| field.name == name);
    place.is_some_and(|place| !matches!(table.datum(&values, place), Datum::Never | Datum::Unknown | Datum::None))
}

/// A value in another type. `None` if it has none there, such as a name that is no IP address.
pub(crate) trait View<T> {
    fn view(&self) -> Option<T>;
}

macro_rules! same {
    ($($type:ty),*) => {$(
        impl View<$type> for $type {
            fn view(&self) -> Option<$type> {
                Some(*self)
            }
        }
    )*};
}
same!(u8, i8, f64, SystemTime, crate::ReferenceId, crate::NtpFlags);

impl<T: Copy> View<Self> for Open<T> {
    fn view(&self) -> Option<Self> {
        Some(*self)
    }
}

impl View<Duration> for u32 {
    fn view(&self) -> Option<Duration> {
        Some(Duration::from_secs((*self).into()))
    }
}

impl View<Duration> for Option<u64> {
    fn view(&self) -> Option<Duration> {
        self.map(Duration::from_secs)
    }
}

impl View<Duration> for f64 {
    fn view(&self) -> Option<Duration> {
        Some(Duration::try_from_secs_f64(*self).unwrap_or(Duration::MAX))
    }
}

impl View<IpAddr> for String {
    fn view(&self) -> Option<IpAddr> {
        self.parse().ok()
    }
}

impl View<IpAddr> for Option<String> {
    fn view(&self) -> Option<IpAddr> {
        self.as_ref()?.view()
    }
}

#[cfg(test)]
mod tests {
    use crate::*;

    #[test]
    fn each_field_that_may_say_nothing_has_a_view() {
        let views = [
            (Tracking::TABLE, Tracking::VIEWS),
            (Source::TABLE, Source::VIEWS),
            (SourceStats::TABLE, SourceStats::VIEWS),
            (RtcData::TABLE, RtcData::VIEWS),
            (Activity::TABLE, &[]),
            (SelectData::TABLE, SelectData::VIEWS),
            (AuthData::TABLE, AuthData::VIEWS),
            (NtpData::TABLE, NtpData::VIEWS),
            (ServerStats::TABLE, ServerStats::VIEWS),
            (Smoothing::TABLE, Smoothing::VIEWS),
        ];
        assert_eq!(views.len(), REPORTS.len());
        for (table, views) in views {
            for field in table.fields {
                let is_duration = field.content == Content::IntervalSeconds && field.name.ends_with("_ago");
                if field.unless.is_some() || field.content == Content::Time || is_duration {
                    assert!(views.contains(&field.name), "{table:?} {}", field.name);
                }
            }
        }
    }
}
