//! The `sub` claim.
use super::model::SubMode;
use signet_base::Json;
use signet_core::Principal;

pub fn subject(mode: SubMode, person: &Principal) -> String {
    let user = &person.user;
    match mode {
        SubMode::HashedUserId => person.uid.clone(),
        SubMode::UserId => user.id.to_string(),
        SubMode::UserUuid => user.uuid.to_string(),
        SubMode::UserUsername => user.username.clone(),
        SubMode::UserEmail => user.email.clone(),
        SubMode::UserUpn => match user.attributes.get("upn").and_then(Json::as_str) {
            Some(upn) if !upn.is_empty() => upn.to_owned(),
            _ => person.uid.clone(),
        },
    }
}
