//! Codes: authenticator app, recovery codes, SMS, email. A code is tried on every device of the classes that
//! use codes.
use super::model::AuthenticatorValidateStage;
use super::{outcome, throttle};
use crate::authenticators;
use signet_base::{Json, Map, Result};
use signet_core::Principal;
use signet_core::flow::{FlowRun, FlowStep, ResponseErrors};
use signet_store::devices::{Device, DeviceKind};

const KINDS: [DeviceKind; 4] = [DeviceKind::Totp, DeviceKind::Sms, DeviceKind::Email, DeviceKind::Static];
const WRONG: &str = "Invalid Token. Please ensure the time on your device is accurate and try again.";

/// The typed code without spaces and dashes. Older clients send a number; leading zeros are restored.
fn typed(answer: &Map) -> Result<String, ResponseErrors> {
    let text: String = match answer.get("code") {
        Some(Json::String(text)) => text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect(),
        Some(Json::Number(n)) if n.is_u64() => format!("{:0>6}", n.to_string()),
        _ => return Err(ResponseErrors::one("code", "Not a valid string.", "invalid")),
    };
    match text.len() {
        0 => Err(ResponseErrors::one("code", "This field may not be blank.", "blank")),
        1..=128 => Ok(text),
        _ => Err(ResponseErrors::one("code", WRONG, "invalid")),
    }
}

pub async fn answer(
    flow: &mut FlowRun<'_>,
    settings: &AuthenticatorValidateStage,
    person: &Principal,
    devices: &[Device],
    answer: &Map,
) -> Result<FlowStep> {
    let code = match typed(answer) {
        Ok(code) => code,
        Err(errors) => return Ok(FlowStep::Invalid(errors)),
    };
    let (core, user) = (flow.core, person.user.id);
    let counter = throttle::Counter::of(core, flow.client, user).await?;
    let (mut judged, mut wait) = (Vec::new(), None);
    for kind in KINDS {
        let own: Vec<&Device> = devices.iter().filter(|d| d.kind == kind).collect();
        if own.is_empty() {
            continue;
        }
        if let Some(until) = throttle::take(core, &counter, kind, settings.throttling(kind)).await? {
            wait = wait.max(Some(until));
            continue;
        }
        judged.push(kind);
        for device in own {
            if authenticators::verify(core, user, device, &code).await? {
                for kind in judged {
                    throttle::clear(core, &counter, kind).await?;
                }
                return Ok(outcome::passed(flow, settings, person, device));
            }
        }
    }
    if let (true, Some(until)) = (judged.is_empty(), wait) {
        return Ok(FlowStep::Invalid(ResponseErrors::one(
            "code",
            &throttle::text(until, core.now()),
            "throttled",
        )));
    }
    outcome::failed(flow, &person.user.username, judged.first().copied().unwrap_or(DeviceKind::Totp)).await;
    Ok(FlowStep::Invalid(ResponseErrors::one("code", WRONG, "invalid")))
}
/// The response to a code without a device.
pub fn wrong() -> FlowStep {
    FlowStep::Invalid(ResponseErrors::one("code", WRONG, "invalid"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::map;
    use signet_base::json;

    #[test]
    fn a_code_is_text_or_a_number() {
        assert_eq!(typed(&map(json!({"code": " 012 345"}))).unwrap(), "012345");
        assert_eq!(typed(&map(json!({"code": 12345}))).unwrap(), "012345");
        for wrong in
            [json!(""), json!(" - "), json!(null), json!([]), json!(1.5), json!(-3), json!("1".repeat(129))]
        {
            assert!(typed(&map(json!({"code": wrong.clone()}))).is_err(), "{wrong}");
        }
    }
}
