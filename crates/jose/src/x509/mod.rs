//! X.509 certificates: reading what the interfaces show, and generating self-signed ones.
mod generate;
mod name;
mod read;

pub use generate::{Generate, Generated, KeyAlgorithm, generate};
pub use read::{Certificate, KeyType, check_pair};
