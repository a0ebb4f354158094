//! The model of a blueprint instance.
use crate::{library, oci};
use serde::{Deserialize, Serialize};
use signet_base::{FieldErrors, Map, Timestamp, json};
use signet_model::{Change, Choice, Model, Snapshot};

/// How the last application went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum BlueprintStatus {
    Successful,
    /// Applied, but for parts that do not exist here.
    Warning,
    Error,
    /// Its file is gone.
    Orphaned,
    /// Not applied yet.
    Unknown,
}

impl BlueprintStatus {
    /// Whether everything that can be is applied.
    pub fn is_done(self) -> bool {
        matches!(self, BlueprintStatus::Successful | BlueprintStatus::Warning)
    }
}

/// A blueprint that is applied again when it changes: a file, an artifact of an OCI registry, or its own content.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_blueprints", path = "managed/blueprints", label = "Blueprint Instance", search("name", "path"), ordering = "name", check = check)]
pub struct BlueprintInstance {
    #[field(filter)]
    pub name: String,
    /// Relative path of a file, or an artifact as oci://registry/repository:tag.
    #[field(default = "", blank, filter, gives = "everything")]
    pub path: String,
    /// Values that go before those of the blueprint's own context.
    #[field(default_fn = |_| json!({}), gives = "everything")]
    #[serde(default)]
    pub context: Map,
    #[field(read_only, default_fn = |ports| json!(ports.now()))]
    pub last_applied: Timestamp,
    /// SHA-512 of what was applied last.
    #[field(read_only, default = "", blank)]
    #[serde(default)]
    pub last_applied_hash: String,
    #[field(read_only, choice, default = "unknown")]
    pub status: BlueprintStatus,
    /// Whether it is applied.
    #[field(default = true, gives = "everything")]
    pub enabled: bool,
    /// Models that it has entries about.
    #[field(read_only, default_fn = |_| json!([]))]
    #[serde(default)]
    pub managed_models: Vec<String>,
    /// Name and labels of the blueprint.
    #[field(read_only, default_fn = |_| json!({}))]
    #[serde(default)]
    pub metadata: Map,
    /// The blueprint itself, where it is in no file.
    #[field(default = "", blank, gives = "everything", widget = "textarea", max = 4_194_304)]
    #[serde(default)]
    pub content: String,
}

fn check(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    let (path, content) = (change.text("path"), change.text("content"));
    match (path.is_empty(), content.trim().is_empty()) {
        (true, true) => {
            return Err(FieldErrors::one("non_field_errors", "Either path or content must be set."));
        }
        (false, false) => return Err(FieldErrors::one("content", "Set either path or content, not both.")),
        _ => {}
    }
    if oci::is_artifact(path) {
        return oci::Artifact::parse(path).map(drop).map_err(|why| FieldErrors::one("path", why));
    }
    if !path.is_empty() && !library::is_relative(path) {
        return Err(FieldErrors::one("path", "Blueprint file does not exist"));
    }
    Ok(())
}
