//! The authdata report: how the packets of a source are authenticated.

use super::macros::{constants, report};
use crate::report::value::Open;

constants! {
    /// What authenticates the packets of a source (chronyc manual, `authdata`, "Mode").
    AuthMode: u8 {
        /// Nothing.
        None = 0, "none";
        /// A key that both sides have (SK).
        SymmetricKey = 1, "symmetric key";
        /// Network Time Security.
        Nts = 2, "NTS";
    }
}

constants! {
    /// Type of a key (chronyc manual, `authdata`, "Type").
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
        /// AES-CMAC of 128 bits.
        Aes128 = 13, "AES128";
        /// AES-CMAC of 256 bits.
        Aes256 = 14, "AES256";
        /// NTS, with AES-SIV-CMAC-256.
        AeadAesSivCmac256 = 15, "AEAD-AES-SIV-CMAC-256";
        /// NTS, with AES-128-GCM-SIV.
        Aead128GcmSiv = 30, "AEAD-AES-128-GCM-SIV";
    }
}

report! {
    /// How the packets of a source are authenticated (libchrony report "authdata", chronyc manual `authdata`). chrony
    /// has it from version 4.0 on.
    AuthData = c"authdata", PerNtpSource, since("4.0") {
        /// What authenticates the packets.
        mode: Open<AuthMode> = Enum(c"mode");
        /// Type of the key. 0, which has no name, when there is none (yet).
        key_type: Open<KeyType> = Enum(c"key type").unless("key_length", &[0]);
        /// Number of the key. With NTS, the number of successful key establishments. 0 without a key.
        key_id: u32 = Index(c"key ID");
        /// Length of the key in bits. 0 without a key.
        key_length: u16 = LengthBits(c"key length");
        /// With NTS, attempts to establish keys since the last success that an authenticated answer followed.
        key_establishment_attempts: u16 = Count(c"key establishment attempts");
        /// Seconds since keys were last established. 4294967295 when they never were, and without NTS.
        last_key_establishment_ago: u32 = IntervalSeconds(c"last key establishment ago");
        /// NTS cookies that chronyd holds, 8 at most. Fewer tell of lost answers.
        cookies: u16 = Count(c"cookies");
        /// Length of the next cookie in bytes. 0 without one.
        cookie_length: u16 = LengthBytes(c"cookie length");
        /// Whether the server has refused a cookie (an NTS NAK) since the last request.
        nak: bool = Boolean(c"NAK");
    }
}
