//! Compact JWS and JWT (RFC 7515, RFC 7519), with the precautions of RFC 8725.
mod claims;
mod encode;
pub(crate) mod strict;
mod verify;

pub use claims::{Claims, Verified};
pub use encode::Encoder;
pub use verify::{Expect, UnverifiedHeader, decode_unverified_header, verify};
