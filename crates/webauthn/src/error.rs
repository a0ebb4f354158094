//! Why an answer of an authenticator is refused.

/// Texts are fit for logs and for an administrator; people read something shorter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebAuthnError {
    /// The JSON lacks a member or has one of the wrong form.
    #[error("The credential's member \"{0}\" is missing or not valid.")]
    Member(&'static str),
    /// CBOR that is damaged, not canonical or has something left over.
    #[error("The authenticator's CBOR could not be read.")]
    Cbor,
    /// The authenticator data is too short or has something left over.
    #[error("The authenticator data could not be read.")]
    AuthenticatorData,
    /// `type` of the client data is for the other ceremony.
    #[error("The answer belongs to another ceremony.")]
    Type,
    /// Another challenge was answered.
    #[error("The answer belongs to another challenge.")]
    Challenge,
    /// Another origin, or one inside a foreign page.
    #[error("The answer comes from another origin.")]
    Origin,
    /// The credential is for another relying party.
    #[error("The credential belongs to another relying party.")]
    RelyingParty,
    /// Nobody touched the authenticator.
    #[error("The authenticator was not touched.")]
    UserPresence,
    /// The person was not verified, though it was required.
    #[error("The authenticator did not verify the person.")]
    UserVerification,
    /// Backup state without eligibility (§6.1).
    #[error("The authenticator's backup flags contradict each other.")]
    Backup,
    /// A key that is no supported COSE key.
    #[error("The credential's key is not supported.")]
    Key,
    /// The signature does not fit.
    #[error("The signature does not fit.")]
    Signature,
    /// The counter did not move forward: the authenticator may have been cloned.
    #[error("The signature counter went back.")]
    Counter,
    /// An attestation format that is not known.
    #[error("The attestation format is not supported.")]
    Format,
    /// The attestation statement is wrong.
    #[error("The attestation is not valid: {0}.")]
    Attestation(&'static str),
}
