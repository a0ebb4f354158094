//! The fields that all kinds of sources have.
use crate::models::EngineMode;
use crate::{Core, media};
use serde::{Deserialize, Serialize};
use signet_base::{Error, Json, Result, Uuid};
use signet_model::{Choice, Object};

/// Whose account a newcomer's is, when no connection says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Choice)]
pub enum UserMatchingMode {
    #[default]
    Identifier,
    EmailLink,
    EmailDeny,
    UsernameLink,
    UsernameDeny,
}

/// Which group a group of the source is, when no connection says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Choice)]
pub enum GroupMatchingMode {
    #[default]
    Identifier,
    NameLink,
    NameDeny,
}

/// The path of new accounts unless the source says otherwise.
pub(super) const DEFAULT_PATH: &str = "goauthentik.io/sources/%(slug)s";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SourceSettings {
    pub name: String,
    pub slug: String,
    pub enabled: bool,
    #[serde(default)]
    pub promoted: bool,
    pub authentication_flow: Option<Uuid>,
    pub enrollment_flow: Option<Uuid>,
    #[serde(default)]
    pub user_property_mappings: Vec<Uuid>,
    #[serde(default)]
    pub group_property_mappings: Vec<Uuid>,
    pub policy_engine_mode: EngineMode,
    #[serde(default)]
    pub user_matching_mode: UserMatchingMode,
    #[serde(default)]
    pub group_matching_mode: GroupMatchingMode,
    #[serde(default)]
    pub user_path_template: String,
    #[serde(default)]
    pub icon: String,
}

impl SourceSettings {
    /// # Errors
    /// `Internal` for an object that is no source.
    pub fn of(source: &Object) -> Result<Self> {
        serde_json::from_value(Json::Object(source.data.clone())).map_err(Error::internal)
    }
    /// The path of new accounts. `%(slug)s` is the only placeholder; a template with another one is `users`.
    pub fn user_path(&self) -> String {
        let template =
            if self.user_path_template.is_empty() { DEFAULT_PATH } else { &self.user_path_template };
        let path = template.replace("%(slug)s", &self.slug);
        if path.contains('%') { "users".to_owned() } else { path }
    }
    /// The picture's address; `None` without a picture.
    pub fn icon_url(&self, core: &Core) -> Option<String> {
        Some(media::url(core, &self.icon)).filter(|url| !url.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::json;

    fn settings(template: &str) -> SourceSettings {
        serde_json::from_value(
            json!({"name": "Up", "slug": "up", "enabled": true, "authentication_flow": null,
            "enrollment_flow": null, "policy_engine_mode": "any", "user_path_template": template}),
        )
        .unwrap()
    }

    #[test]
    fn a_path_has_the_slug_and_nothing_else() {
        assert_eq!(settings("").user_path(), "goauthentik.io/sources/up");
        assert_eq!(settings("a/%(slug)s/b").user_path(), "a/up/b");
        assert_eq!(settings("a/%(other)s").user_path(), "users");
    }
}
