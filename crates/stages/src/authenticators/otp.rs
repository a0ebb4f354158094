//! One-time passwords: HOTP (RFC 4226), TOTP (RFC 6238), Base32 keys (RFC 4648 §6) and the `otpauth` URI.
use aws_lc_rs::{constant_time, hmac};
use signet_base::{Timestamp, query};
use signet_model::Choice;

/// The hash function of the HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Algorithm {
    #[choice("SHA1")]
    Sha1,
    #[choice("SHA256")]
    Sha256,
    #[choice("SHA512")]
    Sha512,
}

impl Algorithm {
    /// Length of a key in bytes: that of the hash (RFC 6238 §5.1).
    pub fn key_length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }
}

/// The code of one counter value, with leading zeros. `digits` from 6 to 8.
pub fn hotp(key: &[u8], counter: u64, digits: u32, algorithm: Algorithm) -> String {
    let tag = hmac::sign(&hmac::Key::new(algorithm.hmac(), key), &counter.to_be_bytes());
    let bytes = tag.as_ref();
    // Dynamic truncation (RFC 4226 §5.3): the last four bits are the offset. The tag has at least 20 bytes,
    // so it is in range.
    let offset = bytes.last().map_or(0, |b| usize::from(b & 0x0f));
    let word =
        bytes[offset..offset + 4].iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) & 0x7fff_ffff;
    let width = digits.clamp(6, 8);
    format!("{:0width$}", word % 10u32.pow(width), width = width as usize)
}

/// Parameters that a TOTP device and the server share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub algorithm: Algorithm,
    pub digits: u32,
    /// Time step in seconds.
    pub period: i64,
    /// Accepted clock drift in steps (RFC 6238 §5.2).
    pub drift: i64,
}

impl Shape {
    /// The time step at that time.
    pub fn step(&self, now: Timestamp) -> i64 {
        now.secs().div_euclid(self.period.max(1))
    }
    /// The code of a step.
    pub fn code(&self, key: &[u8], step: i64) -> String {
        hotp(key, u64::try_from(step).unwrap_or_default(), self.digits, self.algorithm)
    }
    /// The newest step after `used` that has this code.
    pub fn matching(&self, key: &[u8], code: &str, now: Timestamp, used: i64) -> Option<i64> {
        let now = self.step(now);
        let mut found = None;
        for step in now - self.drift..=now + self.drift {
            // All steps are compared, so that the duration does not reveal the step.
            let fits =
                constant_time::verify_slices_are_equal(self.code(key, step).as_bytes(), code.as_bytes())
                    .is_ok();
            if fits && step > used && step >= 0 {
                found = Some(step);
            }
        }
        found
    }
    /// The `otpauth` URI in the QR code.
    pub fn address(&self, key: &[u8], issuer: &str, account: &str) -> String {
        // A colon separates issuer and account in the label.
        let issuer = issuer.replace(':', " ");
        let label = query::encode(&format!("{issuer}:{account}"));
        let digits = self.digits.to_string();
        let period = self.period.to_string();
        let secret = base32(key);
        let parts = [
            ("secret", secret.as_str()),
            ("algorithm", self.algorithm.as_str()),
            ("digits", &digits),
            ("period", &period),
            ("issuer", &issuer),
        ];
        format!("otpauth://totp/{label}?{}", query::build(parts))
    }
}

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Base32 without padding.
pub fn base32(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let mut block = [0; 5];
        block[..chunk.len()].copy_from_slice(chunk);
        let bits = block.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        for i in 0..(chunk.len() * 8).div_ceil(5) {
            out.push(char::from(ALPHABET[(bits >> (35 - 5 * i) & 31) as usize]));
        }
    }
    out
}

/// Decodes Base32 in either case, with or without padding; `None` if invalid.
pub fn from_base32(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let (mut bits, mut count) = (0u32, 0);
    let mut out = Vec::with_capacity(text.len() * 5 / 8);
    for c in text.bytes() {
        let value = ALPHABET.iter().position(|a| *a == c.to_ascii_uppercase())?;
        bits = bits << 5 | u32::try_from(value).ok()?;
        count += 5;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    // Rejects impossible lengths and non-zero trailing bits.
    (count < 5 && bits & ((1 << count) - 1) == 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4226, appendix D.
    #[test]
    fn hotp_gives_the_values_of_its_rfc() {
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
            "520489",
        ];
        for (counter, code) in (0..).zip(codes) {
            assert_eq!(hotp(b"12345678901234567890", counter, 6, Algorithm::Sha1), code);
        }
    }
    /// RFC 6238, appendix B: the keys are the digits repeated to the length of the hash.
    #[test]
    fn totp_gives_the_values_of_its_rfc() {
        let rows = [
            (59, "94287082", "46119246", "90693936"),
            (1_111_111_109, "07081804", "68084774", "25091201"),
            (1_111_111_111, "14050471", "67062674", "99943326"),
            (1_234_567_890, "89005924", "91819424", "93441116"),
            (2_000_000_000, "69279037", "90698825", "38618901"),
            (20_000_000_000, "65353130", "77737706", "47863826"),
        ];
        for (secs, sha1, sha256, sha512) in rows {
            for (algorithm, wanted) in
                [(Algorithm::Sha1, sha1), (Algorithm::Sha256, sha256), (Algorithm::Sha512, sha512)]
            {
                let shape = Shape { algorithm, digits: 8, period: 30, drift: 1 };
                let key: Vec<u8> =
                    b"1234567890".iter().copied().cycle().take(algorithm.key_length()).collect();
                let now = Timestamp::from_secs(secs);
                assert_eq!(shape.code(&key, shape.step(now)), wanted, "{secs} {algorithm:?}");
                assert_eq!(shape.matching(&key, wanted, now, 0), Some(shape.step(now)));
            }
        }
    }
    #[test]
    fn a_code_counts_one_step_early_and_late_and_not_after_it_was_used() {
        let shape = Shape { algorithm: Algorithm::Sha1, digits: 6, period: 30, drift: 1 };
        let key = b"12345678901234567890";
        let code = shape.code(key, 100);
        let at = |step: i64| Timestamp::from_secs(step * 30 + 7);
        for (now, fits) in [(98, false), (99, true), (100, true), (101, true), (102, false)] {
            assert_eq!(shape.matching(key, &code, at(now), 0), fits.then_some(100), "{now}");
        }
        assert_eq!(shape.matching(key, &code, at(100), 100), None);
        assert_eq!(shape.matching(key, &code, at(100), 99), Some(100));
        for wrong in ["", "0", &code[1..], &format!("{code}0"), "12345６"] {
            assert_eq!(shape.matching(key, wrong, at(100), 0), None);
        }
        // There is no step before 1970.
        assert_eq!(shape.matching(key, &shape.code(key, 0), Timestamp::from_secs(-20), -5), Some(0));
        assert_eq!(shape.matching(key, &shape.code(key, 0), Timestamp::from_secs(-60), -5), None);
    }
    /// RFC 4648 §10.
    #[test]
    fn base32_is_that_of_its_rfc() {
        for (plain, coded) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(plain.as_bytes()), coded);
            assert_eq!(from_base32(coded).unwrap(), plain.as_bytes());
            assert_eq!(from_base32(&coded.to_lowercase()).unwrap(), plain.as_bytes());
        }
        assert_eq!(from_base32("MZXW6YQ=").unwrap(), b"foob");
        for wrong in ["M", "MZ1", "MZX", "MZXW6Y", "M=Y", "MZ", "é"] {
            assert!(from_base32(wrong).is_none(), "{wrong}");
        }
    }
    #[test]
    fn the_address_has_what_apps_read() {
        let shape = Shape { algorithm: Algorithm::Sha1, digits: 6, period: 30, drift: 1 };
        assert_eq!(
            shape.address(b"foobar", "My: Firm & Co", "ada@example.org"),
            "otpauth://totp/My%20%20Firm%20%26%20Co%3Aada%40example.org?secret=MZXW6YTBOI&algorithm=SHA1&digits=6&period=30&issuer=My%20%20Firm%20%26%20Co"
        );
    }
}
