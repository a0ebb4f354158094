//! Second factors other than passkeys: set-up stages and code verification.
//!
//! A set-up stage stores a device only for a user who is authenticated in this run or signed in, and only
//! after the device was tested.
mod confirm;
pub mod duo;
pub mod email;
mod kinds;
pub mod otp;
pub(crate) mod page;
pub mod sms;
pub mod static_codes;
pub mod totp;

pub use kinds::{challenge_of, send, verify};

use serde::{Deserialize, Serialize};
use signet_base::{Conflict, Error, Json, Map, Ports, Result, Secret, Uuid};
use signet_core::Core;
use signet_core::directory::{DeviceChange, Transaction};
use signet_core::flow::proof;
use signet_core::flow::{Context, FlowRun, FlowStep, Key, ResponseErrors, keys};
use signet_store::devices::{Device, DeviceKind};

/// Whether the device is the user's, confirmed, and of the kind.
fn counts(user: i64, device: &Device, kind: DeviceKind) -> bool {
    device.user_id == user && device.confirmed && device.kind == kind
}

/// The account that a device is set up for: the pending user, if the current user is authenticated as them. Each
/// stage's guard asks for it.
fn owner(flow: &FlowRun<'_>) -> Result<i64> {
    let pending = flow.plan.context.get(&keys::PENDING_USER).and_then(|u| u.id);
    pending
        .filter(|_| proof::owns_pending(&flow.plan.context, flow.user()))
        .ok_or_else(|| Error::denied(NOBODY))
}
const NOBODY: &str = "Sign in before you set up a second factor.";
fn nobody() -> FlowStep {
    FlowStep::Deny(Some(NOBODY.to_owned()))
}

/// The state between showing a device's secret and confirming it.
#[derive(Debug, Serialize, Deserialize)]
struct PendingDevice {
    stage: Uuid,
    user: i64,
    /// The id of the new device, so that concurrent answers create one device.
    device: Uuid,
    sealed: String,
}
const HELD: Key<PendingDevice> = Key::new("goauthentik.io/authenticators/held");

/// The new device of this stage and user with its secret, as stored by [`hold`].
fn held(flow: &FlowRun<'_>, user: i64) -> Result<Option<(Uuid, Secret)>> {
    let stage = flow.stage.as_ref().map(|s| s.pk);
    let Some(held) = flow.plan.context.get(&HELD).filter(|h| Some(h.stage) == stage && h.user == user) else {
        return Ok(None);
    };
    let secret = flow.core.vault.open(("flow", &held.device.to_string(), "device"), &held.sealed)?;
    Ok(Some((held.device, secret)))
}
/// The secret, for callers that have the plan only.
fn held_in(core: &Core, context: &Context, stage: Uuid) -> Result<Option<Secret>> {
    let Some(held) = context.get(&HELD).filter(|h| h.stage == stage) else { return Ok(None) };
    core.vault.open(("flow", &held.device.to_string(), "device"), &held.sealed).map(Some)
}
/// Stores the secret of the new device. A given id is kept.
fn hold(flow: &mut FlowRun<'_>, user: i64, device: Option<Uuid>, secret: &Secret) -> Result<Uuid> {
    let stage = flow
        .stage
        .as_ref()
        .map(|s| s.pk)
        .ok_or_else(|| Error::internal("a set-up stage without settings"))?;
    let device = device.unwrap_or_else(|| flow.core.ports.uuid());
    let sealed = flow.core.vault.seal(("flow", &device.to_string(), "device"), secret)?;
    flow.context().set(&HELD, PendingDevice { stage, user, device, sealed });
    Ok(device)
}

/// Stores a confirmed device and writes its event. `false` if a concurrent answer has stored it.
async fn add(flow: &mut FlowRun<'_>, device: &Device, codes: &[String]) -> Result<bool> {
    let person = flow.pending_account().await?;
    let author = flow.author(person.as_ref(), "authentik_stages_authenticator");
    let mut all = Transaction::new(flow.core, &author);
    all.when(flow.unchanged(device.user_id));
    all.change(DeviceChange::create(device.clone(), codes.to_vec())).await?;
    match all.commit().await {
        Ok(_) => {}
        Err(Error::Conflict(Conflict::Unique(index))) if index == "device.uuid" => return Ok(false),
        Err(error) => return Err(error),
    }
    flow.context().remove(&HELD);
    Ok(true)
}

/// A new confirmed device of the run, with the reserved id.
fn device(ports: &Ports, kind: DeviceKind, user: i64, id: Uuid, friendly: &str, usual: &str) -> Device {
    Device { uuid: id, ..Device::new(ports, kind, user, if friendly.is_empty() { usual } else { friendly }) }
}

/// Maximum length of a code.
const MAX_CODE: usize = 128;

/// The member `code`. Older clients send a number; leading zeros are restored up to `digits`.
fn typed_code(answer: &Map, digits: usize) -> Result<String, ResponseErrors> {
    let text = match answer.get("code") {
        None => return Err(ResponseErrors::required("code")),
        Some(Json::Null) => return Err(ResponseErrors::one("code", "This field may not be null.", "null")),
        Some(Json::String(text)) => {
            text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect::<String>()
        }
        Some(Json::Number(n)) if n.is_u64() => format!("{:0>digits$}", n.to_string()),
        Some(_) => return Err(ResponseErrors::one("code", "Not a valid string.", "invalid")),
    };
    match text.len() {
        0 => Err(ResponseErrors::one("code", "This field may not be blank.", "blank")),
        1..=MAX_CODE => Ok(text),
        _ => Err(wrong_code()),
    }
}
fn wrong_code() -> ResponseErrors {
    ResponseErrors::one("code", "Code does not match", "invalid")
}

/// Forms without fields must at least contain their component: an empty post is no answer.
fn names_itself(answer: &Map, component: &str) -> Result<(), ResponseErrors> {
    match answer.get("component").and_then(Json::as_str) {
        Some(sent) if sent == component => Ok(()),
        _ => Err(ResponseErrors::required("component")),
    }
}

/// `count` unbiased characters of the set.
fn random_text(ports: &Ports, set: &[u8], count: usize) -> String {
    // Bytes above the last full multiple of the set's size would be biased.
    let limit = 256 - 256 % set.len();
    let mut out = String::with_capacity(count);
    while out.len() < count {
        let block: [u8; 32] = ports.bytes();
        let more = block
            .iter()
            .map(|b| usize::from(*b))
            .filter(|b| *b < limit)
            .map(|b| char::from(set[b % set.len()]));
        out.extend(more.take(count - out.len()));
    }
    out
}
/// Six random digits.
fn random_digits(ports: &Ports) -> Secret {
    Secret::new(random_text(ports, b"0123456789", 6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::map;
    use signet_base::json;

    #[test]
    fn a_code_is_read_from_text_and_number_and_nothing_else() {
        assert_eq!(typed_code(&map(json!({"code": " 012 345 "})), 6).unwrap(), "012345");
        assert_eq!(typed_code(&map(json!({"code": "abcd-efgh"})), 6).unwrap(), "abcdefgh");
        assert_eq!(typed_code(&map(json!({"code": 12345})), 6).unwrap(), "012345");
        assert_eq!(typed_code(&map(json!({})), 6).unwrap_err(), ResponseErrors::required("code"));
        for wrong in [
            json!(null),
            json!(""),
            json!(" "),
            json!(1.5),
            json!(-1),
            json!(["1"]),
            json!({"a": 1}),
            json!(true),
            json!("9".repeat(129)),
        ] {
            assert!(typed_code(&map(json!({"code": wrong.clone()})), 6).is_err(), "{wrong}");
        }
    }
    #[test]
    fn an_empty_post_and_one_for_another_form_are_no_answer() {
        assert!(names_itself(&map(json!({"component": "a"})), "a").is_ok());
        for wrong in [json!({}), json!({"component": "b"}), json!({"component": ["a"]})] {
            assert!(names_itself(&map(wrong), "a").is_err());
        }
    }
    #[test]
    fn random_texts_have_their_length_and_set() {
        let ports = Ports::system();
        let text = random_text(&ports, b"abc", 100);
        assert!(text.len() == 100 && text.chars().all(|c| "abc".contains(c)));
        assert_eq!(random_digits(&ports).reveal().len(), 6);
        assert_eq!(random_text(&ports, b"abc", 0), "");
    }
}
