//! Errors. Texts are fit for a 4xx answer: they name what is wrong and carry no key material.

/// Why a key or certificate was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text holds no PEM block of the wanted kind.
    #[error("The text holds no {0} in PEM form.")]
    Missing(&'static str),
    /// A PEM block is not closed or not Base64.
    #[error("The PEM text is damaged.")]
    MalformedPem,
    /// The private key is protected by a passphrase.
    #[error("The private key is encrypted. Remove its passphrase first.")]
    Encrypted,
    /// The private key's structure is wrong.
    #[error("The private key could not be read.")]
    MalformedPrivateKey,
    /// The public key's structure is wrong, or its point is not on the curve.
    #[error("The public key could not be read.")]
    MalformedPublicKey,
    /// The certificate's structure is wrong.
    #[error("The certificate could not be read.")]
    MalformedCertificate,
    /// An RSA modulus outside 2048 to 8192 bits.
    #[error("An RSA key needs 2048 to 8192 bits.")]
    RsaSize,
    /// A key type, curve or algorithm that Signet does not sign or verify with.
    #[error("This type of key is not supported. Use RSA, P-256, P-384, P-521 or Ed25519.")]
    Unsupported,
    /// A JWK with a missing, repeated or contradictory member.
    #[error("The JWK member \"{0}\" is missing or not valid.")]
    Jwk(&'static str),
    /// An HMAC secret that is empty or a PEM text.
    #[error("The shared secret is empty, or the text of a key.")]
    Secret,
    /// The private key belongs to another certificate.
    #[error("The private key does not belong to the certificate.")]
    Mismatch,
    /// The signing operation failed.
    #[error("The signature could not be made.")]
    Sign,
}

/// Why a token was refused, or could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// Not three Base64url parts holding JSON objects, or too long.
    #[error("The token is malformed.")]
    Malformed,
    /// A JSON object repeats a member name.
    #[error("The token repeats a JSON member.")]
    DuplicateMember,
    /// An `alg` that is `none`, missing or unknown.
    #[error("The token's algorithm is not supported.")]
    UnsupportedAlgorithm,
    /// The header lists extensions that must be understood.
    #[error("The token needs extensions that are not understood.")]
    Critical,
    /// The header's `typ` is not the expected one.
    #[error("The token is of another type.")]
    Type,
    /// No key has the token's `kid` and algorithm.
    #[error("No key fits the token.")]
    NoKey,
    /// The signature does not verify.
    #[error("The token's signature is not valid.")]
    Signature,
    /// A required claim is absent.
    #[error("The token lacks the claim \"{0}\".")]
    MissingClaim(&'static str),
    /// A claim has the wrong JSON type or value range.
    #[error("The token's claim \"{0}\" is not valid.")]
    InvalidClaim(&'static str),
    /// `iss` is another issuer.
    #[error("The token is from another issuer.")]
    Issuer,
    /// `aud` does not name the expected audience.
    #[error("The token is for another audience.")]
    Audience,
    /// `exp` has passed.
    #[error("The token has expired.")]
    Expired,
    /// `exp` is further ahead than any token is meant to live.
    #[error("The token's expiry is too far ahead.")]
    FarFuture,
    /// `nbf` or `iat` lies ahead.
    #[error("The token is not valid yet.")]
    NotYetValid,
    /// The claims do not serialise to a JSON object.
    #[error("The claims are not a JSON object.")]
    Claims,
    /// The signing operation failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Why no certificate was generated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenerateError {
    /// An empty common name, or one with control characters.
    #[error("The common name must not be empty or hold control characters.")]
    CommonName,
    /// An alternative name that is neither a DNS name nor an IP address.
    #[error("\"{0}\" is neither a DNS name nor an IP address.")]
    SubjectAltName(String),
    /// A validity below one day or past the year 9999.
    #[error("The validity must be at least one day and end before the year 10000.")]
    ValidityDays,
    /// The cryptographic library failed.
    #[error("The certificate could not be generated.")]
    Crypto,
}

impl GenerateError {
    /// The request field at fault, as named on the wire.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::CommonName => Some("common_name"),
            Self::SubjectAltName(_) => Some("subject_alt_name"),
            Self::ValidityDays => Some("validity_days"),
            Self::Crypto => None,
        }
    }
}
