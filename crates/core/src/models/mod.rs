//! Configuration models that the engines themselves read. Families declare theirs beside their code.
mod application;
mod brand;
mod certificate;
mod entitlement;
mod flow;
mod policy_binding;
mod role;

pub use application::{Application, application_of};
pub use brand::Brand;
pub use certificate::{CertificateKeyPair, ES256, PreparedCertificate, SELF_SIGNED};
pub use entitlement::ApplicationEntitlement;
pub use flow::{
    DEFAULT_BACKGROUND, DeniedAction, Designation, Flow, FlowStageBinding, InvalidResponseAction, Layout,
    Requirement, background_url, flow_bindings, flow_summary,
};
pub use policy_binding::{EngineMode, PolicyBinding};
pub use role::{InitialPermissions, Role};
use signet_model::{Model, ModelDef};

/// Every model declared here.
pub const ALL: &[&ModelDef] = &[
    Flow::DEF,
    FlowStageBinding::DEF,
    PolicyBinding::DEF,
    Application::DEF,
    ApplicationEntitlement::DEF,
    Brand::DEF,
    CertificateKeyPair::DEF,
    Role::DEF,
    InitialPermissions::DEF,
    crate::system::SystemSettings::DEF,
];
