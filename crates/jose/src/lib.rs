//! JOSE and X.509 wire formats: keys, JWS/JWT, JWK and certificates. Pure functions on bytes, no I/O.
//!
//! Two rules hold everywhere: a private key is parsed once and kept, and the algorithm of a
//! signature is a property of the key, never of the token (RFC 8725 §3.1).
mod algorithm;
mod der;
mod error;
mod hash;
mod pem;
mod public;

pub mod jwk;
pub mod jwt;
pub mod keys;
pub mod x509;

pub use algorithm::Algorithm;
pub use error::{GenerateError, JwtError, KeyError};
pub use hash::{
    constant_time_eq, half_hash, is_pkce_verifier, pkce_s256, pkce_s256_matches, sha256_base64url,
};
pub use jwk::{Jwk, JwkSet};
pub use jwt::{Claims, Encoder, Expect, UnverifiedHeader, Verified};
pub use keys::{SigningKey, VerifyingKey};
pub use public::{Curve, PublicParams};
pub use x509::{Certificate, KeyType};

#[cfg(test)]
mod tests;
