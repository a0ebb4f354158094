//! Digests of the protocols: `at_hash`/`c_hash`, PKCE, and comparison in constant time.
use crate::Algorithm;
use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// `at_hash` or `c_hash` (OpenID Connect Core §3.1.3.6): Base64url of the left half of the digest
/// of `value`, with the hash function of the ID token's algorithm (SHA-512 for Ed25519).
pub fn half_hash(alg: Algorithm, value: &str) -> String {
    let function = match alg {
        Algorithm::Rs256 | Algorithm::Es256 | Algorithm::Hs256 => &SHA256,
        Algorithm::Es384 => &SHA384,
        Algorithm::Es512 | Algorithm::EdDsa => &SHA512,
    };
    let digest = digest::digest(function, value.as_bytes());
    URL_SAFE_NO_PAD.encode(&digest.as_ref()[..function.output_len() / 2])
}

/// Base64url of SHA-256, without padding: `x5t#S256`, `ath`, JWK thumbprints.
pub fn sha256_base64url(data: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&SHA256, data))
}

/// The `S256` code challenge of a PKCE verifier (RFC 7636 §4.2).
pub fn pkce_s256(verifier: &str) -> String {
    sha256_base64url(verifier.as_bytes())
}

/// Whether the text is a code verifier by RFC 7636 §4.1: 43 to 128 unreserved characters.
pub fn is_pkce_verifier(verifier: &str) -> bool {
    (43..=128).contains(&verifier.len())
        && verifier.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
}

/// Whether a well-formed verifier has this `S256` challenge.
pub fn pkce_s256_matches(verifier: &str, challenge: &str) -> bool {
    is_pkce_verifier(verifier) && constant_time_eq(pkce_s256(verifier).as_bytes(), challenge.as_bytes())
}

/// Equality that takes the same time wherever the two differ. Only the lengths may leak.
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok()
}
