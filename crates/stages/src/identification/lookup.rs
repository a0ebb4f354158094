//! Look-up of a typed identifier.
use super::{IdentificationStage, UserField};
use signet_base::Result;
use signet_core::{Core, Principal};
use signet_store::groups;
use signet_store::users::{self, User};

/// The active account that matches one of the stage's fields, in their order. Inactive accounts do not match.
pub async fn find(core: &Core, settings: &IdentificationStage, typed: &str) -> Result<Option<Principal>> {
    for field in &settings.user_fields {
        let found = match field {
            UserField::Username => users::by_username(&core.db, typed).await?,
            UserField::Email => users::by_email(&core.db, typed).await?,
            UserField::Upn => users::by_upn(&core.db, typed).await?,
        };
        let found = found.filter(|u| settings.case_insensitive_matching || written(u, *field) == Some(typed));
        if let Some(user) = found {
            let active = user.is_active;
            return Ok(Some(Principal::of(core, user).await?).filter(|_| active));
        }
    }
    // An unknown identifier costs the same queries as a known one.
    groups::effective_groups(&core.db, 0).await?;
    Ok(None)
}

fn written(user: &User, field: UserField) -> Option<&str> {
    match field {
        UserField::Username => Some(&user.username),
        UserField::Email => Some(&user.email),
        UserField::Upn => user.attributes.get("upn").and_then(|v| v.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::{Ports, json};

    #[test]
    fn exact_matching_compares_what_is_written() {
        let mut user = User::new(&Ports::system(), "Ada");
        user.email = "Ada@example.test".into();
        user.attributes.insert("upn".into(), json!("ada@corp"));
        assert_eq!(written(&user, UserField::Username), Some("Ada"));
        assert_eq!(written(&user, UserField::Email), Some("Ada@example.test"));
        assert_eq!(written(&user, UserField::Upn), Some("ada@corp"));
    }
}
