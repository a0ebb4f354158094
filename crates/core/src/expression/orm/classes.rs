//! The classes, their import paths, and their data.
use signet_model::{Base, Object};
use signet_store::lookups::Model;

/// The data of a class.
#[derive(Debug, Clone, Copy)]
pub enum ClassKind {
    Rows(Model),
    /// Configuration objects of one model, by its full name.
    Objects(&'static str),
    /// Configuration objects of a family.
    Family(Base),
}

#[derive(Debug)]
pub struct Class {
    pub name: &'static str,
    pub module: &'static str,
    pub kind: ClassKind,
}

const fn rows(name: &'static str, module: &'static str, model: Model) -> Class {
    Class { name, module, kind: ClassKind::Rows(model) }
}
const fn objects(name: &'static str, module: &'static str, model: &'static str) -> Class {
    Class { name, module, kind: ClassKind::Objects(model) }
}
const fn family(name: &'static str, module: &'static str, base: Base) -> Class {
    Class { name, module, kind: ClassKind::Family(base) }
}

const CORE: &str = "authentik.core.models";
const FLOWS: &str = "authentik.flows.models";
const POLICIES: &str = "authentik.policies.models";

pub static USER: Class = rows("User", CORE, Model::User);
pub static GROUP: Class = rows("Group", CORE, Model::Group);
pub static ENTITLEMENT: Class =
    objects("ApplicationEntitlement", CORE, "authentik_core.applicationentitlement");
pub static ROLE: Class = objects("Role", "authentik.rbac.models", "authentik_rbac.role");
pub static INVITATION: Class = rows("Invitation", "authentik.stages.invitation.models", Model::Invitation);
pub static DEVICES: [Class; 6] = [
    rows("StaticDevice", "authentik.stages.authenticator_static.models", Model::Static),
    rows("TOTPDevice", "authentik.stages.authenticator_totp.models", Model::Totp),
    rows("WebAuthnDevice", "authentik.stages.authenticator_webauthn.models", Model::Webauthn),
    rows("DuoDevice", "authentik.stages.authenticator_duo.models", Model::Duo),
    rows("SMSDevice", "authentik.stages.authenticator_sms.models", Model::Sms),
    rows("EmailDevice", "authentik.stages.authenticator_email.models", Model::Email),
];
static REST: [Class; 38] = [
    rows("Token", CORE, Model::Token),
    rows("AuthenticatedSession", CORE, Model::Session),
    objects("Application", CORE, "authentik_core.application"),
    family("Provider", CORE, Base::Provider),
    family("Source", CORE, Base::Source),
    family("PropertyMapping", CORE, Base::PropertyMapping),
    rows("Event", "authentik.events.models", Model::Event),
    rows("Reputation", "authentik.policies.reputation.models", Model::Reputation),
    objects("PolicyBinding", POLICIES, "authentik_policies.policybinding"),
    family("Policy", POLICIES, Base::Policy),
    objects(
        "ExpressionPolicy",
        "authentik.policies.expression.models",
        "authentik_policies_expression.expressionpolicy",
    ),
    objects("Flow", FLOWS, "authentik_flows.flow"),
    objects("FlowStageBinding", FLOWS, "authentik_flows.flowstagebinding"),
    family("Stage", FLOWS, Base::Stage),
    objects("EmailStage", "authentik.stages.email.models", "authentik_stages_email.emailstage"),
    objects("PromptStage", "authentik.stages.prompt.models", "authentik_stages_prompt.promptstage"),
    objects("Prompt", "authentik.stages.prompt.models", "authentik_stages_prompt.prompt"),
    objects(
        "IdentificationStage",
        "authentik.stages.identification.models",
        "authentik_stages_identification.identificationstage",
    ),
    objects("PasswordStage", "authentik.stages.password.models", "authentik_stages_password.passwordstage"),
    objects(
        "UserLoginStage",
        "authentik.stages.user_login.models",
        "authentik_stages_user_login.userloginstage",
    ),
    objects(
        "UserWriteStage",
        "authentik.stages.user_write.models",
        "authentik_stages_user_write.userwritestage",
    ),
    objects(
        "InvitationStage",
        "authentik.stages.invitation.models",
        "authentik_stages_invitation.invitationstage",
    ),
    objects("Brand", "authentik.brands.models", "authentik_brands.brand"),
    objects("CertificateKeyPair", "authentik.crypto.models", "authentik_crypto.certificatekeypair"),
    objects(
        "OAuth2Provider",
        "authentik.providers.oauth2.models",
        "authentik_providers_oauth2.oauth2provider",
    ),
    objects("ScopeMapping", "authentik.providers.oauth2.models", "authentik_providers_oauth2.scopemapping"),
    objects("ProxyProvider", "authentik.providers.proxy.models", "authentik_providers_proxy.proxyprovider"),
    objects("SAMLProvider", "authentik.providers.saml.models", "authentik_providers_saml.samlprovider"),
    objects("LDAPProvider", "authentik.providers.ldap.models", "authentik_providers_ldap.ldapprovider"),
    objects(
        "RadiusProvider",
        "authentik.providers.radius.models",
        "authentik_providers_radius.radiusprovider",
    ),
    objects("SCIMProvider", "authentik.providers.scim.models", "authentik_providers_scim.scimprovider"),
    objects("OAuthSource", "authentik.sources.oauth.models", "authentik_sources_oauth.oauthsource"),
    objects("SAMLSource", "authentik.sources.saml.models", "authentik_sources_saml.samlsource"),
    objects("LDAPSource", "authentik.sources.ldap.models", "authentik_sources_ldap.ldapsource"),
    objects("PlexSource", "authentik.sources.plex.models", "authentik_sources_plex.plexsource"),
    objects(
        "KerberosSource",
        "authentik.sources.kerberos.models",
        "authentik_sources_kerberos.kerberossource",
    ),
    objects("SCIMSource", "authentik.sources.scim.models", "authentik_sources_scim.scimsource"),
    objects("Outpost", "authentik.outposts.models", "authentik_outposts.outpost"),
];

pub fn all() -> impl Iterator<Item = &'static Class> {
    [&USER, &GROUP, &ENTITLEMENT, &ROLE, &INVITATION].into_iter().chain(&DEVICES).chain(&REST)
}

/// The class of a configuration object.
pub fn class_of(object: &Object) -> Option<&'static Class> {
    let name = object.def.full_name();
    all().find(|class| matches!(class.kind, ClassKind::Objects(model) if model == name))
}

impl Class {
    /// The type names of its instances, its own first.
    pub fn names(&self) -> Vec<String> {
        let mut names = vec![self.name.to_owned()];
        if let ClassKind::Family(base) = self.kind {
            let end = base.label().rsplit('.').next().unwrap_or_default().to_owned();
            names.extend(
                all()
                    .filter(|other| {
                        matches!(other.kind, ClassKind::Objects(_))
                            && other.name.to_lowercase().ends_with(&end)
                    })
                    .map(|other| other.name.to_owned()),
            );
        }
        names
    }
}
