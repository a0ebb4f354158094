//! A flow that is answered by a program with a name and a password.
use super::Credentials;
use crate::flow::{Executor, Reply};
use crate::{Core, Principal};
use signet_base::{Json, Map, Result, Secret, json};
use signet_model::Object;
use signet_store::devices::{self, DeviceKind};
use std::sync::Arc;

/// Requests of one sign-in at most: a flow that asks more is none for programs.
const MOST_STEPS: usize = 30;

/// The password and the code behind it. The tail is a code only if the person has a device that it fits; else it is a part
/// of the password.
pub(super) async fn split(core: &Core, credentials: &Credentials) -> Result<(Secret, Option<String>)> {
    let whole = (credentials.password.clone(), None);
    let Some((password, code)) = credentials.password.reveal().rsplit_once(';') else { return Ok(whole) };
    if !credentials.code_in_password || code.is_empty() {
        return Ok(whole);
    }
    let Some(person) = Principal::by_username(core, &credentials.username).await? else { return Ok(whole) };
    let devices = devices::of_user(&core.db, person.user.id, None).await?;
    let digits = (6..=8).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit());
    let fits = |kind: DeviceKind| match kind {
        DeviceKind::Totp | DeviceKind::Sms | DeviceKind::Email => digits,
        DeviceKind::Static => code.bytes().all(|b| b.is_ascii_alphanumeric()),
        DeviceKind::Webauthn | DeviceKind::Duo => false,
    };
    let owns = devices.iter().any(|device| device.confirmed && fits(device.kind));
    Ok(if owns { (Secret::new(password), Some(code.to_owned())) } else { whole })
}

/// Runs the flow to its end. `Err` of the inner result: why there is no session.
pub(super) async fn run(
    executor: &mut Executor<'_>,
    flow: &Arc<Object>,
    username: &str,
    password: &Secret,
    code: Option<&str>,
) -> Result<std::result::Result<(), String>> {
    let mut answered: Vec<String> = Vec::new();
    let mut answer: Option<Map> = None;
    for _ in 0..MOST_STEPS {
        let reply = match answer.take() {
            Some(answer) => executor.post(flow, &answer).await?,
            None => executor.get(flow).await?,
        };
        let shown = match reply {
            Reply::Again => continue,
            Reply::Done(_) | Reply::Away(_) => {
                let signed_in = executor.session.principal().is_some();
                return Ok(if signed_in { Ok(()) } else { Err("the flow signs nobody in".to_owned()) });
            }
            Reply::NotApplicable(shown) | Reply::Challenge(shown) => shown,
        };
        let component = shown.get("component").and_then(Json::as_str).unwrap_or_default().to_owned();
        // What is asked a second time was answered wrongly.
        if answered.contains(&component) {
            return Ok(Err(format!("{component} was not passed")));
        }
        let sent = match component.as_str() {
            "ak-stage-identification" if shown.get("password_fields") == Some(&Json::Bool(true)) => {
                json!({"uid_field": username, "password": password.reveal()})
            }
            "ak-stage-identification" => json!({"uid_field": username}),
            "ak-stage-password" => json!({"password": password.reveal()}),
            "ak-stage-authenticator-validate" => match code {
                Some(code) => json!({"code": code}),
                None => return Ok(Err("a second factor is missing".to_owned())),
            },
            "ak-stage-user-login" => json!({"remember_me": false}),
            "ak-stage-access-denied" => {
                let text = shown.get("error_message").and_then(Json::as_str).unwrap_or_default();
                return Ok(Err(format!("the flow refuses: {text}")));
            }
            other => return Ok(Err(format!("{other} is a page for people"))),
        };
        let mut sent = sent.as_object().cloned().unwrap_or_default();
        sent.insert("component".to_owned(), json!(component));
        answered.push(component);
        answer = Some(sent);
    }
    Ok(Err("the flow does not come to an end".to_owned()))
}
