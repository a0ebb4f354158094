//! Whom a typed name means.
use super::{IdentificationStage, UserField};
use signet_base::{Result, json};
use signet_core::{Core, Principal};
use signet_store::Page;
use signet_store::users::{self, User, UserQuery};

/// The active account that the name means by one of the stage's fields, in their order. An inactive account is nobody.
pub async fn find(core: &Core, settings: &IdentificationStage, typed: &str) -> Result<Option<Principal>> {
    for field in &settings.user_fields {
        let found = match field {
            UserField::Username => users::by_username(&core.db, typed).await?,
            UserField::Email => users::by_email(&core.db, typed).await?,
            UserField::Upn => by_upn(core, typed).await?,
        };
        let found = found.filter(|u| settings.case_insensitive_matching || written(u, *field) == Some(typed));
        if let Some(user) = found {
            return if user.is_active { Principal::of(core, user).await.map(Some) } else { Ok(None) };
        }
    }
    Ok(None)
}

/// The attribute `upn`. Nobody when two share it: it could not be said who is meant.
async fn by_upn(core: &Core, typed: &str) -> Result<Option<User>> {
    let wanted = json!({"upn__iexact": typed}).as_object().cloned();
    let query = UserQuery { attributes: wanted, page: Page::first(2), ..UserQuery::default() };
    let (mut found, total) = users::list(&core.db, &query).await?;
    Ok(if total == 1 { found.pop() } else { None })
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
    use signet_base::Ports;

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
