//! API actions of prompts.
use super::{Prompt, preview};
use signet_base::{Error, Uuid};
use signet_core::permission::closure;
use signet_model::{Lookup, Model, Snapshot, check};
use signet_rest::{Action, ApiResult, Call, Fault, Permission, Reply, run};

pub fn actions() -> Vec<Action> {
    vec![
        Action::post(
            "stages/prompt/prompts/preview",
            Permission::Named(&["authentik_stages_prompt.view_prompt"]),
            "The challenge with this prompt alone.",
            run!(preview_prompt),
        )
        .input(Prompt::DEF.fields),
    ]
}

/// A prompt has no references.
struct NoRows;
impl Lookup for NoRows {
    fn user_exists(&self, _: i64) -> bool {
        false
    }
    fn group_exists(&self, _: Uuid) -> bool {
        false
    }
}

async fn read_prompt(call: &Call) -> Result<Prompt, Fault> {
    let (body, ports) = (&call.body, &call.core.ports);
    // Validated as a new object: a prompt with this name may exist.
    let change = check(Prompt::DEF, body, None, false, &Snapshot::default(), &NoRows, ports)?;
    // Its expressions run.
    call.may_give(&closure::of_object(&call.core, &call.config, Prompt::DEF, None, &change.data)).await?;
    Ok(serde_json::from_value(change.data.into()).map_err(Error::from)?)
}

async fn preview_prompt(call: &mut Call) -> ApiResult {
    let prompt = read_prompt(call).await?;
    let author = call.person()?.clone();
    Ok(Reply::ok(preview(&call.core, &call.client, &author, &prompt).await?))
}
