//! Parts of the identification page: embedded captcha and login sources.
use super::IdentificationStage;
use crate::captcha::{self, CaptchaStage};
use signet_base::{Json, Map, Result, json};
use signet_core::flow::{FlowRun, ResponseErrors};
use signet_core::rows::NO_AVATAR;
use signet_core::source::LoginButton;

/// The challenge of the embedded captcha.
pub fn captcha_challenge(flow: &FlowRun<'_>, settings: &IdentificationStage) -> Json {
    let config = flow.core.config();
    let Some((_, stage)) = settings.captcha_stage.and_then(|pk| config.get_typed::<CaptchaStage>(pk)) else {
        return Json::Null;
    };
    Json::Object(captcha::challenge(stage).with("pending_user", "").with("pending_user_avatar", NO_AVATAR).0)
}

/// Validates the embedded captcha. A deleted captcha stage denies.
pub async fn captcha_answer(
    flow: &mut FlowRun<'_>,
    settings: &IdentificationStage,
    answer: &Map,
) -> Result<Result<(), ResponseErrors>> {
    let Some(pk) = settings.captcha_stage else { return Ok(Ok(())) };
    let refused = || {
        Ok(Err(ResponseErrors::one(
            "captcha_token",
            "Invalid captcha response. Retrying may solve this issue.",
            "invalid",
        )))
    };
    let token = match captcha::token(answer, "captcha_token") {
        Ok(token) => token,
        Err(errors) => return Ok(Err(errors)),
    };
    let config = flow.core.config();
    let Some((_, stage)) = config.get_typed::<CaptchaStage>(pk) else { return refused() };
    match captcha::judge(flow.core, flow.client, stage, &token).await {
        Ok(said) => {
            captcha::remember(flow.context(), stage, said);
            Ok(Ok(()))
        }
        Err(why) => {
            tracing::info!(request_id = %flow.client.request_id, %why, "a captcha was refused");
            refused()
        }
    }
}

/// The offered sources, by name.
pub fn sources(flow: &FlowRun<'_>, settings: &IdentificationStage) -> Json {
    let config = flow.core.config();
    let mut offers: Vec<LoginButton> = settings
        .sources
        .iter()
        .filter_map(|pk| {
            let source = config.get(*pk)?;
            flow.core.families.source(source.def)?.login_button(flow.core, flow.client, source, flow.query)
        })
        .collect();
    offers.sort_by(|a, b| a.name.cmp(&b.name));
    offers.into_iter().map(|o| json!({"name": o.name, "icon_url": o.icon_url, "promoted": o.promoted, "challenge": o.challenge.0})).collect()
}
