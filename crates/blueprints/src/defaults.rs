//! The blueprints in the binary, applied at the first start, and again when a release changes them.
use crate::apply::{Report, Source, apply_all};
use signet_base::{Json, Map, Result, vault::sha256_hex};
use signet_core::Core;
use signet_core::directory::Author;
use signet_store::kv;

macro_rules! files {
    ($($path:literal),* $(,)?) => { &[$(($path, include_str!(concat!("../../../blueprints/", $path)))),*] };
}

/// Path and text, in order of application.
pub const DEFAULTS: &[(&str, &str)] = files![
    "system/bootstrap.yaml",
    "system/providers-oauth2.yaml",
    "system/providers-proxy.yaml",
    "default/flow-default-authentication-flow.yaml",
    "default/flow-default-invalidation-flow.yaml",
    "default/flow-default-provider-invalidation.yaml",
    "default/flow-default-provider-authorization-explicit-consent.yaml",
    "default/flow-default-provider-authorization-implicit-consent.yaml",
    "default/flow-password-change.yaml",
    "default/flow-default-user-settings-flow.yaml",
    "default/flow-default-authenticator-totp-setup.yaml",
    "default/flow-default-authenticator-static-setup.yaml",
    "default/flow-default-authenticator-webauthn-setup.yaml",
    "default/flow-default-authenticator-email-setup.yaml",
    "default/flow-oobe.yaml",
    "default/flow-default-source-authentication.yaml",
    "default/flow-default-source-enrollment.yaml",
    "default/flow-default-source-pre-authentication.yaml",
    "default/default-brand.yaml",
];

/// Example flows; `signet apply_blueprint example/…` applies one.
pub const EXAMPLES: &[(&str, &str)] = files![
    "example/flow-enrollment-2-stage.yaml",
    "example/flow-enrollment-email-verification.yaml",
    "example/flow-enrollment-invitation.yaml",
    "example/flow-recovery-email.yaml",
    "example/flow-unenrollment.yaml",
    "example/flow-login-2fa.yaml",
    "example/flow-login-passwordless.yaml",
    "example/flow-login-conditional-captcha.yaml",
    "example/flow-example-corp-authentication.yaml",
    "example/flow-enterprise-sso.yaml",
];

/// The text of an embedded file.
pub fn shipped(path: &str) -> Option<&'static str> {
    DEFAULTS.iter().chain(EXAMPLES).find(|(name, _)| *name == path).map(|(_, text)| *text)
}

/// Key of the record of applied files' digests.
const KEY: &str = "blueprints";

/// Whether there is an embedded file with this name.
pub fn has(name: &str) -> bool {
    !name.is_empty()
        && DEFAULTS
            .iter()
            .any(|(_, text)| text.lines().any(|l| l.trim().strip_prefix("name: ").is_some_and(|n| n == name)))
}

/// Applies the files whose content this installation has not applied yet. Changes and deletions by
/// administrators persist until a release changes the file.
pub async fn apply_defaults(core: &Core) -> Result<Report> {
    let seen = kv::get(&core.db, KEY).await?;
    let (known, version) = seen.map_or((Json::Null, 0), |(value, version)| (value, version));
    let digests: Map = DEFAULTS
        .iter()
        .map(|(path, text)| ((*path).to_owned(), Json::String(sha256_hex(text.as_bytes()))))
        .collect();
    let sources: Vec<Source<'_>> = DEFAULTS
        .iter()
        .filter(|(path, _)| known.get(*path) != digests.get(*path))
        .map(|(path, text)| Source::new(path, text))
        .collect();
    if sources.is_empty() {
        return Ok(Report::default());
    }
    let report = apply_all(core, &sources, &Author::system()).await?;
    kv::put(&core.db, &core.ports, KEY, &Json::Object(digests), Some(version)).await?;
    Ok(report)
}
