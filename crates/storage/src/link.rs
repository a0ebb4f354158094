//! Signed URLs of files that this server sends. As authentik makes them: a JWT (HS256) in the query with `path`,
//! `nbf` and `exp`, under the hexadecimal SHA-256 of `<secret key>:<usage>`.
use crate::Usage;
use signet_base::{Clock, Result, Secret, Span, vault};
use signet_jose::jwt::{Encoder, Expect, verify};
use signet_jose::{SigningKey, VerifyingKey};
use std::sync::Arc;

/// Seconds by which the clock of another node may be behind.
const SKEW: i64 = 15;

pub(crate) struct Links {
    encoder: Encoder,
    key: VerifyingKey,
    expiry: Span,
    clock: Arc<dyn Clock>,
}

impl Links {
    pub(crate) fn new(usage: Usage, secret: &Secret, expiry: Span, clock: Arc<dyn Clock>) -> Result<Self> {
        let key = Secret::new(vault::sha256_hex(format!("{}:{}", secret.reveal(), usage.name()).as_bytes()));
        let signing = SigningKey::hs256(key.reveal()).map_err(signet_base::Error::internal)?;
        let key = VerifyingKey::hs256(key.reveal()).map_err(signet_base::Error::internal)?;
        Ok(Self { encoder: Encoder::new(Arc::new(signing), "JWT"), key, expiry, clock })
    }

    /// The URL of a path below `/files/`.
    pub(crate) fn url(&self, path: &str, valid: Option<Span>) -> String {
        let valid = valid.unwrap_or(self.expiry);
        let from = issued(self.clock.now().secs(), valid);
        let claims = signet_base::json!({"path": path, "exp": from + seconds(valid), "nbf": from - SKEW});
        // Signing with a shared key does not fail; a URL without a token would be refused.
        let token = self.encoder.encode(&claims).unwrap_or_default();
        format!("/files/{}?token={token}", encode_path(path))
    }

    pub(crate) fn admits(&self, path: &str, token: &str) -> bool {
        let expect = Expect::new(self.clock.now().secs());
        verify(token, [&self.key], &expect).is_ok_and(|token| token.into_inner().text("path") == Some(path))
    }
}

pub(crate) fn seconds(span: Span) -> i64 {
    (span.micros() / 1_000_000).max(1)
}

/// The second at which a URL counts as issued: the start of the current third of its validity, so that it is the same
/// URL for that long and valid for two thirds at least.
pub(crate) fn issued(now: i64, valid: Span) -> i64 {
    let step = (seconds(valid) / 3).max(1);
    now - now.rem_euclid(step)
}

/// A path in a URL. Names consist of unreserved characters, apart from the placeholder for a theme.
pub(crate) fn encode_path(path: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    /// RFC 3986 §2.3, and the separator.
    const PATH: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
    utf8_percent_encode(path, PATH).to_string()
}
