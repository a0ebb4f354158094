//! Recovery codes: a list of one-time codes. Only digests are stored, so the codes are shown while the stage
//! is open and never again.
mod page;

use super::{counts, device, held, hold, names_itself, nobody, owner, random_text};
use crate::Slice;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Json, Map, Ports, Result, Secret, Uuid};
use signet_core::Core;
use signet_core::flow::{Challenge, FlowRun, FlowStep, ResponseErrors, StageKind};
use signet_model::Model;
use signet_pages::{FormContext, StagePage};
use signet_store::devices::{self, Device, DeviceKind};

pub const SLICE: Slice = Slice {
    models: &[AuthenticatorStaticStage::DEF],
    kind: || std::sync::Arc::new(Static),
    actions: signet_rest::none,
};

/// Gives a person recovery codes.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_authenticator_static", path = "stages/authenticator/static", base = Stage, label = "Static Authenticator Setup Stage", component = "ak-stage-authenticator-static-form", search("name"))]
pub struct AuthenticatorStaticStage {
    #[field(unique, filter)]
    pub name: String,
    /// Flow by which people get such codes. Empty: they cannot.
    #[field(refers = "authentik_flows.flow", filter)]
    pub configure_flow: Option<Uuid>,
    /// What people see as the name of the device.
    #[field(default = "", blank, filter, max = 64)]
    pub friendly_name: String,
    /// How many codes.
    #[field(default = 6, filter, min = 1, max = 100)]
    pub token_count: i64,
    /// Characters of a code.
    #[field(default = 12, filter, min = 6, max = 100)]
    pub token_length: i64,
}

/// Lower-case letters and digits that are hard to confuse.
const SET: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
const COMPONENT: &str = "ak-stage-authenticator-static";
struct Static;

/// New codes.
pub fn generate(ports: &Ports, count: i64, length: i64) -> Vec<String> {
    let length = usize::try_from(length).unwrap_or(12);
    (0..count.max(0)).map(|_| random_text(ports, SET, length)).collect()
}
/// The normal form of a code for digesting: users may type capitals and groups.
fn normal(code: &str) -> String {
    code.chars().filter(|c| !c.is_whitespace() && *c != '-').flat_map(char::to_lowercase).collect()
}

#[async_trait]
impl StageKind for Static {
    fn id(&self) -> &'static str {
        "authentik_stages_authenticator_static.authenticatorstaticstage"
    }
    fn component(&self) -> &'static str {
        COMPONENT
    }
    fn page(&self, challenge: &Json, form: &FormContext<'_>) -> Option<StagePage> {
        Some(page::page(challenge, form))
    }
    async fn guard(&self, flow: &mut FlowRun<'_>) -> Result<Option<FlowStep>> {
        Ok(owner(flow).is_err().then(nobody))
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let settings = flow.settings::<AuthenticatorStaticStage>()?;
        let user = owner(flow)?;
        let codes = match held(flow, user)? {
            Some((_, codes)) => codes,
            // A user with codes keeps them: a second list would leave the first one valid and forgotten.
            None if has_codes(flow.core, user).await? => return Ok(FlowStep::Next),
            None => {
                let codes = Secret::new(
                    generate(&flow.core.ports, settings.token_count, settings.token_length).join(" "),
                );
                hold(flow, user, None, &codes)?;
                codes
            }
        };
        let codes: Vec<&str> = codes.reveal().split(' ').collect();
        Ok(FlowStep::Show(flow.about_person(Challenge::new(COMPONENT).with("codes", codes))))
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<FlowStep> {
        let settings = flow.settings::<AuthenticatorStaticStage>()?;
        let user = owner(flow)?;
        // Codes that were not shown cannot be confirmed.
        let Some((id, codes)) = held(flow, user)? else { return self.show(flow).await };
        if let Err(errors) = names_itself(answer, COMPONENT) {
            return Ok(FlowStep::Invalid(errors));
        }
        let mut new =
            device(&flow.core.ports, DeviceKind::Static, user, id, &settings.friendly_name, "Static Token");
        new.data.insert("codes".to_owned(), codes.reveal().split(' ').count().into());
        let digests: Vec<String> =
            codes.reveal().split(' ').map(|c| new.code_digest(&flow.core.vault, &normal(c))).collect();
        let made = super::add(flow, &new, &digests).await?;
        Ok(if made {
            FlowStep::Next
        } else {
            FlowStep::Invalid(ResponseErrors::one(
                "non_field_errors",
                "These codes are saved already.",
                "invalid",
            ))
        })
    }
}

/// Whether the user has unused codes.
async fn has_codes(core: &Core, user: i64) -> Result<bool> {
    for device in
        devices::of_user(&core.db, user, Some(DeviceKind::Static)).await?.iter().filter(|d| d.confirmed)
    {
        if devices::count_codes(&core.db, device.id, core.now()).await? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the code is on the device's list; it is used up then.
pub async fn verify(core: &Core, user: i64, device: &Device, code: &str) -> Result<bool> {
    let code = normal(code);
    if !counts(user, device, DeviceKind::Static) || code.is_empty() {
        return Ok(false);
    }
    devices::take_code(&core.db, device.id, &device.code_digest(&core.vault, &code), core.now()).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::create;
    use signet_base::json;
    use signet_model::Snapshot;

    #[test]
    fn the_declaration_is_that_of_the_contract() {
        let config = Snapshot::default();
        let def = AuthenticatorStaticStage::DEF;
        assert!(def.is(Static.id()));
        let made = create(def, json!({"name": "a"}), &config).unwrap();
        assert_eq!(
            made,
            json!({"name": "a", "configure_flow": null, "friendly_name": "", "token_count": 6, "token_length": 12})
        );
        assert!(
            create(def, json!({"name": "a", "token_length": 1000}), &config)
                .unwrap_err()
                .get("token_length")
                .is_some()
        );
    }
    #[test]
    fn codes_have_their_length_and_are_read_as_people_type_them() {
        let codes = generate(&Ports::system(), 6, 12);
        assert!(codes.len() == 6 && codes.iter().all(|c| c.len() == 12 && normal(c) == *c));
        assert_eq!(normal(" ABCD-efgh 2345 "), "abcdefgh2345");
    }
}
