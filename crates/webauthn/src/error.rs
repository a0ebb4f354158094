//! Reasons for which a response is refused.

/// The messages are for logs and administrators. Pages show shorter sentences.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebAuthnError {
    /// A JSON member is missing or malformed.
    #[error("The credential's member \"{0}\" is missing or not valid.")]
    Member(&'static str),
    /// CBOR that is malformed, not canonical, or followed by other bytes.
    #[error("The authenticator's CBOR could not be read.")]
    Cbor,
    /// The authenticator data is too short or too long.
    #[error("The authenticator data could not be read.")]
    AuthenticatorData,
    /// `type` of the client data belongs to the other ceremony.
    #[error("The answer belongs to another ceremony.")]
    Type,
    /// The challenge is not the issued one.
    #[error("The answer belongs to another challenge.")]
    Challenge,
    /// The origin is another one, or the page was in a frame of another site.
    #[error("The answer comes from another origin.")]
    Origin,
    /// The RP ID hash is that of another relying party.
    #[error("The credential belongs to another relying party.")]
    RelyingParty,
    /// UP flag not set: nobody touched the authenticator.
    #[error("The authenticator was not touched.")]
    UserPresence,
    /// UV flag not set, though user verification is required.
    #[error("The authenticator did not verify the person.")]
    UserVerification,
    /// The BS flag is set without BE (§6.1).
    #[error("The authenticator's backup flags contradict each other.")]
    Backup,
    /// Not a supported COSE key.
    #[error("The credential's key is not supported.")]
    Key,
    /// The signature does not verify.
    #[error("The signature does not fit.")]
    Signature,
    /// The signature counter did not increase: the authenticator may have been cloned.
    #[error("The signature counter went back.")]
    Counter,
    /// Unknown attestation format.
    #[error("The attestation format is not supported.")]
    Format,
    /// The attestation statement does not verify.
    #[error("The attestation is not valid: {0}.")]
    Attestation(&'static str),
}
