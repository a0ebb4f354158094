//! Signing and verifying keys, parsed once and held in memory.
mod signing;
mod verifying;

pub use signing::SigningKey;
pub use verifying::VerifyingKey;

use crate::KeyError;
use aws_lc_rs::hmac;

/// An HMAC-SHA-256 key from a client secret. Boxed: it is far larger than the other keys.
///
/// RFC 7518 §3.2 asks for 32 bytes; client secrets chosen by administrators may be shorter and are
/// taken. An empty secret is refused, and so is the PEM text of a key: whoever verifies with it
/// meant a public key, which everybody knows.
fn hmac_key(secret: &[u8]) -> Result<Box<hmac::Key>, KeyError> {
    let pem = secret.windows(10).any(|w| w == b"-----BEGIN");
    if secret.is_empty() || pem {
        return Err(KeyError::Secret);
    }
    Ok(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret)))
}
