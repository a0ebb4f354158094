//! The blueprints in the binary, applied at the first start, and again when a release changes them.
use crate::apply::{Import, Report};
use crate::file;
use crate::instance::BlueprintInstance;
use crate::instances::{self, Repeat};
use signet_base::Result;
use signet_core::Core;
use signet_core::directory::Author;

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
    "default/rbac-role-read-only.yaml",
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

/// Applies the files whose content this installation has not applied yet; each has an instance that says so. Changes and
/// deletions by administrators persist until a release changes the file. A disabled instance is left alone.
pub async fn apply_defaults(core: &Core) -> Result<Report> {
    let mut import = Import::new(core);
    for (path, text) in DEFAULTS {
        let head = file::head(text).ok().flatten().unwrap_or_default();
        let instance = instances::of_file(&mut import, path, &head)?;
        if instance.get::<BlueprintInstance>().is_some_and(|instance| instance.enabled) {
            instances::apply_text(&mut import, &instance, text, false, Repeat::IfChanged).await?;
        }
    }
    import.commit(&Author::system()).await
}
