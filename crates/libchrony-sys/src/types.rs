//! The C types and constants of libchrony's `chrony.h`.
//!
//! C enums are integers here, never Rust enums, because a newer library may return a value that is not listed.

use libc::{c_int, c_uint};
use std::marker::{PhantomData, PhantomPinned};

/// C `chrony_session`: an opaque client-server session.
#[doc(alias = "chrony_session_t")]
#[repr(C)]
#[derive(Debug)]
pub struct ChronySession {
    _opaque: [u8; 0],
    _marker: PhantomData<(*mut u8, PhantomPinned)>,
}

/// C `struct timespec`.
pub type Timespec = libc::timespec;

// libchrony returns it by value. If it had 8 bytes here, on a 32-bit system, a libchrony that was built for 64-bit
// times would write 16.
const _: () = assert!(
    size_of::<Timespec>() == 16,
    "libchrony's `struct timespec` may be larger than that of the crate `libc` on this 32-bit system. Build with \
     RUST_LIBC_UNSTABLE_GNU_TIME_BITS=64 (glibc) if libchrony has 64-bit times"
);

/// C `chrony_err`: one of the codes below, [`CHRONY_OK`] for success.
pub type ChronyErr = c_uint;

/// C `chrony_field_type`: the type of a field's value.
pub type ChronyFieldType = c_uint;

/// C `chrony_field_content`: the meaning of a field's value, with its unit.
pub type ChronyFieldContent = c_uint;

/// C `int`, for indexes, counts and descriptors.
pub type Int = c_int;

macro_rules! constants {
    ($type:ty: $($name:ident = $value:literal, $doc:literal;)*) => {
        $(#[doc = $doc] pub const $name: $type = $value;)*
    };
}

constants! { ChronyErr:
    CHRONY_OK = 0, "Success.";
    CHRONY_NO_MEMORY = 1, "Failed to allocate memory.";
    CHRONY_NO_RANDOM = 2, "Failed to open `/dev/urandom`.";
    CHRONY_UNKNOWN_REPORT = 3, "Unknown report.";
    CHRONY_RANDOM_FAILED = 4, "Failed to read `/dev/urandom`.";
    CHRONY_SEND_FAILED = 5, "Failed to send a request; `errno` says why.";
    CHRONY_RECV_FAILED = 6, "Failed to receive a response; `errno` says why.";
    CHRONY_INVALID_ARGUMENT = 7, "Invalid argument.";
    CHRONY_UNEXPECTED_CALL = 8, "Unexpected function call.";
    CHRONY_UNAUTHORIZED = 9, "chronyd refuses the command on this transport.";
    CHRONY_DISABLED = 10, "Not enabled in chronyd, or chronyd has no RTC.";
    CHRONY_UNEXPECTED_STATUS = 11, "Any other status, such as no such source.";
    CHRONY_OLD_SERVER = 12, "chronyd does not know the command.";
    CHRONY_NEW_SERVER = 13, "chronyd's response is of a version libchrony does not know.";
    CHRONY_INVALID_RESPONSE = 14, "The response is too short.";
}

constants! { ChronyFieldType:
    CHRONY_TYPE_NONE = 0, "No such field.";
    CHRONY_TYPE_UINTEGER = 1, "Read with `chrony_get_field_uinteger`.";
    CHRONY_TYPE_INTEGER = 2, "Read with `chrony_get_field_integer`.";
    CHRONY_TYPE_FLOAT = 3, "Read with `chrony_get_field_float`.";
    CHRONY_TYPE_TIMESPEC = 4, "Read with `chrony_get_field_timespec`.";
    CHRONY_TYPE_STRING = 5, "Read with `chrony_get_field_string`.";
}

constants! { ChronyFieldContent:
    CHRONY_CONTENT_NONE = 0, "No content, or a field without a value.";
    CHRONY_CONTENT_COUNT = 1, "A count.";
    CHRONY_CONTENT_TIME = 2, "A time in seconds since the epoch.";
    CHRONY_CONTENT_INTERVAL_LOG2_SECONDS = 3, "An interval as a power of two, in seconds.";
    CHRONY_CONTENT_INTERVAL_SECONDS = 4, "An interval in seconds.";
    CHRONY_CONTENT_OFFSET_SECONDS = 5, "A signed offset in seconds.";
    CHRONY_CONTENT_MEASURE_SECONDS = 6, "A measure in seconds.";
    CHRONY_CONTENT_OFFSET_PPM = 7, "A signed offset in parts per million.";
    CHRONY_CONTENT_MEASURE_PPM = 8, "A measure in parts per million.";
    CHRONY_CONTENT_OFFSET_PPM_PER_SECOND = 9, "A signed change in parts per million per second.";
    CHRONY_CONTENT_RATIO = 10, "A ratio.";
    CHRONY_CONTENT_REFERENCE_ID = 11, "An NTP reference ID.";
    CHRONY_CONTENT_ENUM = 12, "One of the field's named constants.";
    CHRONY_CONTENT_BITS = 13, "Bits without names.";
    CHRONY_CONTENT_FLAGS = 14, "Bits named by the field's constants.";
    CHRONY_CONTENT_ADDRESS = 15, "A network address.";
    CHRONY_CONTENT_PORT = 16, "A port.";
    CHRONY_CONTENT_INDEX = 17, "An index.";
    CHRONY_CONTENT_LENGTH_BITS = 18, "A length in bits.";
    CHRONY_CONTENT_LENGTH_BYTES = 19, "A length in bytes.";
    CHRONY_CONTENT_BOOLEAN = 20, "Zero or not zero.";
}
