//! W3C WebAuthn Level 3, relying party operations: options for the browser, and verification of its
//! responses. Pure functions on bytes and JSON. The caller stores challenges and credentials.
//!
//! A refused response has a reason of type [`WebAuthnError`]. No input causes a panic.
mod assertion;
mod attestation;
mod auth_data;
mod cbor;
mod client_data;
mod cose;
mod credential;
mod error;
mod options;
mod registration;
#[cfg(feature = "soft")]
pub mod soft;

pub use assertion::{Assertion, VerifiedAssertion};
pub use attestation::Attestation;
pub use auth_data::Flags;
pub use cose::Algorithm;
pub use credential::{b64, b64_decode};
pub use error::WebAuthnError;
pub use options::{CreationOptions, Descriptor, RequestOptions};
pub use registration::{NewCredential, register};

/// The values a response must match.
#[derive(Debug, Clone, Copy)]
pub struct Expect<'a> {
    /// The issued challenge, not encoded.
    pub challenge: &'a [u8],
    /// `https://host[:port]`; compared for equality.
    pub origin: &'a str,
    /// RP ID: the domain that the credentials are scoped to.
    pub rp_id: &'a str,
    /// Whether user verification (PIN, fingerprint) is required.
    pub user_verification: bool,
}

/// SHA-256 digest.
pub(crate) fn sha256(data: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, data).as_ref());
    out
}
