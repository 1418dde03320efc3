//! The authdata report: the authentication of a source's packets.

use super::macros::{constants, report};
use super::views::views;
use crate::report::value::Open;

constants! {
    /// The mechanism that authenticates a source's packets (chronyc manual, `authdata`, "Mode").
    AuthMode: u8 {
        /// No authentication.
        None = 0, "none";
        /// A symmetric key (SK), which both sides have.
        SymmetricKey = 1, "symmetric key";
        /// Network Time Security.
        Nts = 2, "NTS";
    }
}

constants! {
    /// The type of a key (chronyc manual, `authdata`, "Type").
    KeyType: u8 {
        /// MD5.
        Md5 = 1, "MD5";
        /// SHA1.
        Sha1 = 2, "SHA1";
        /// SHA256.
        Sha256 = 3, "SHA256";
        /// SHA384.
        Sha384 = 4, "SHA384";
        /// SHA512.
        Sha512 = 5, "SHA512";
        /// SHA3-224.
        Sha3224 = 6, "SHA3-224";
        /// SHA3-256.
        Sha3256 = 7, "SHA3-256";
        /// SHA3-384.
        Sha3384 = 8, "SHA3-384";
        /// SHA3-512.
        Sha3512 = 9, "SHA3-512";
        /// Tiger.
        Tiger = 10, "TIGER";
        /// Whirlpool.
        Whirlpool = 11, "WHIRLPOOL";
        /// AES-CMAC with a 128-bit key.
        Aes128 = 13, "AES128";
        /// AES-CMAC with a 256-bit key.
        Aes256 = 14, "AES256";
        /// NTS, with AES-SIV-CMAC-256.
        AeadAesSivCmac256 = 15, "AEAD-AES-SIV-CMAC-256";
        /// NTS, with AES-128-GCM-SIV.
        Aead128GcmSiv = 30, "AEAD-AES-128-GCM-SIV";
    }
}

report! {
    /// The authentication of a source's packets (libchrony report "authdata", chronyc manual `authdata`). Available
    /// since chrony 4.0.
    AuthData = c"authdata", PerNtpSource, since("4.0") {
        /// The mechanism that authenticates the packets.
        mode: Open<AuthMode> = Enum(c"mode");
        /// The type of the key. 0, which has no name, while there is no key.
        key_type: Open<KeyType> = Enum(c"key type").unless("key_length", &[0]);
        /// The ID of the key. With NTS, the number of successful key establishments. 0 without a key.
        key_id: u32 = Index(c"key ID");
        /// The length of the key, in bits. 0 without a key.
        key_length: u16 = LengthBits(c"key length");
        /// The number of attempts to establish NTS keys since the last success. A success counts once an authenticated
        /// response has followed.
        key_establishment_attempts: u16 = Count(c"key establishment attempts");
        /// The time since the last establishment of NTS keys, in seconds. 4294967295 if there was none, and without
        /// NTS.
        last_key_establishment_ago: u32 = IntervalSeconds(c"last key establishment ago");
        /// The number of NTS cookies that chronyd holds, 8 at most. Fewer are a sign of lost responses.
        cookies: u16 = Count(c"cookies");
        /// The length of the next NTS cookie, in bytes. 0 without a cookie.
        cookie_length: u16 = LengthBytes(c"cookie length");
        /// True if the server has refused a cookie (NTS NAK) since the last request.
        nak: bool = Boolean(c"NAK");
    }
}

views! {
    AuthData {
        key_type: Option<Open<KeyType>>;
        last_key_establishment_ago: Option<std::time::Duration>;
    }
}
