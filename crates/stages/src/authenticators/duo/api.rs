//! API actions of the Duo stage: enrolment status and import.
use super::{self as duo, AuthenticatorDuoStage};
use http::{StatusCode, header};
use signet_base::{Error, FieldErrors, Uuid, json};
use signet_core::WebSession;
use signet_core::permission::Right;
use signet_core::session::CSRF_HEADER;
use signet_model::{FieldDef, FieldKind, Model, Object, Verb};
use signet_rest::{Action, ApiResult, Call, Fault, Output, Permission, Reply, run};
use signet_store::users;
use std::sync::Arc;

const STATUS: &[FieldDef] =
    &[FieldDef::shown("duo_response", FieldKind::Choice(&["success", "waiting", "invalid"]))];
const IMPORT: &[FieldDef] = &[
    FieldDef::plain("duo_user_id", FieldKind::Text).required(),
    FieldDef::plain("username", FieldKind::Text).required(),
];
const IMPORTED: &[FieldDef] =
    &[FieldDef::shown("count", FieldKind::Int), FieldDef::shown("error", FieldKind::Text)];

pub fn actions() -> Vec<Action> {
    let path = |last: &str| format!("{}/{{stage_uuid}}/{last}", AuthenticatorDuoStage::DEF.path);
    vec![
        // Also for users who are signing in: their session's run identifies them.
        Action::post(
            path("enrollment_status"),
            Permission::Anyone,
            "How far the caller's enrolment at Duo is.",
            run!(enrollment_status),
        )
        .output(Output::Members("DuoDeviceEnrollmentStatus", STATUS)),
        Action::post(
            path("import_device_manual"),
            Permission::Model(Verb::Change),
            "Gives a user the device of an account at Duo.",
            run!(import_one),
        )
        .about(AuthenticatorDuoStage::DEF.full_name())
        .input(IMPORT)
        .output(Output::Nothing),
        Action::post(
            path("import_devices_automatic"),
            Permission::Model(Verb::Change),
            "Gives every user of Duo's who is known here their device.",
            run!(import_all),
        )
        .about(AuthenticatorDuoStage::DEF.full_name())
        .output(Output::Members("AuthenticatorDuoStageDeviceImportResponse", IMPORTED)),
    ]
}

fn stage(call: &Call) -> Result<Arc<Object>, Fault> {
    let found = Uuid::parse_str(&call.key)
        .ok()
        .and_then(|pk| call.config.get(pk))
        .filter(|o| o.get::<AuthenticatorDuoStage>().is_some());
    let found = found.cloned().ok_or_else(|| Fault::missing("AuthenticatorDuoStage"))?;
    call.reach_object(&found)?;
    Ok(found)
}

async fn enrollment_status(call: &mut Call) -> ApiResult {
    let stage = stage(call)?;
    let loaded = match &call.session {
        Some(_) => None,
        None => Some(stranger(call).await?),
    };
    let mut status = None;
    for plan in call.session.as_ref().or(loaded.as_ref()).iter().flat_map(|s| s.state.runs()) {
        status = duo::enrollment_status(&call.core, plan, &stage).await?;
        if status.is_some() {
            break;
        }
    }
    match status {
        Some(status) => Ok(Reply::ok(json!({"duo_response": status}))),
        None => {
            Err(Fault::invalid("non_field_errors", "There is no enrolment at this stage in your session."))
        }
    }
}

/// The session of a user who has not signed in yet. The CSRF token is checked as usual.
async fn stranger(call: &Call) -> Result<WebSession, Fault> {
    let cookies = call
        .headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .collect::<Vec<_>>()
        .join("; ");
    let session = WebSession::load(&call.core, &call.client, &cookies).await?;
    let sent = call.headers.get(CSRF_HEADER).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !session.csrf_fits(&call.core, sent) {
        return Err(Fault::detail(StatusCode::FORBIDDEN, "CSRF Failed: CSRF token incorrect."));
    }
    Ok(session)
}

async fn import_one(call: &mut Call) -> ApiResult {
    let stage = stage(call)?;
    let text = |name: &str| call.body.get(name).and_then(|v| v.as_str()).filter(|t| !t.is_empty());
    let (account, username) = (text("duo_user_id"), text("username"));
    let (Some(account), Some(username)) = (account, username) else {
        let mut errors = FieldErrors::new();
        for (name, sent) in [("duo_user_id", account), ("username", username)] {
            if sent.is_none() {
                errors.add(name, "This field is required.");
            }
        }
        return Err(Error::Invalid(errors).into());
    };
    // Whoever owns the account at Duo answers for the user here.
    if let Some(user) = users::by_username(&call.core.db, username).await? {
        call.may_give(&[Right::Account(user.id)]).await?;
    }
    match duo::import_one(&call.core, &call.client, call.principal.as_ref(), &stage, username, account)
        .await?
    {
        true => Ok(Reply::Empty),
        false => Err(Fault::invalid("duo_user_id", "The user has this device already.")),
    }
}

async fn import_all(call: &mut Call) -> ApiResult {
    let stage = stage(call)?;
    call.may_give(&[Right::Everything]).await?;
    match duo::import_all(&call.core, &call.client, call.principal.as_ref(), &stage).await {
        Ok(count) => Ok(Reply::ok(json!({"count": count, "error": ""}))),
        // Duo's error message is for the administrator.
        Err(Error::Unavailable(why)) => Ok(Reply::ok(json!({"count": 0, "error": why.to_string()}))),
        Err(other) => Err(other.into()),
    }
}
