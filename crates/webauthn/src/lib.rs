//! Web Authentication, the relying party's side (W3C WebAuthn Level 3): options for the browser, and judging
//! what comes back. Pure functions on bytes and JSON; whose credential it is, and which challenge was issued,
//! is the caller's to know.
//!
//! What is refused has a reason of [`WebAuthnError`]; nothing in here panics on input.
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

/// What an answer of the browser must fit.
#[derive(Debug, Clone, Copy)]
pub struct Expect<'a> {
    /// The bytes that were issued, not encoded.
    pub challenge: &'a [u8],
    /// `https://host[:port]`, compared whole.
    pub origin: &'a str,
    /// The domain that credentials are for.
    pub rp_id: &'a str,
    /// The authenticator must have verified the person (PIN, fingerprint).
    pub user_verification: bool,
}

/// SHA-256.
pub(crate) fn sha256(data: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, data).as_ref());
    out
}
