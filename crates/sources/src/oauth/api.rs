//! API actions of OAuth sources.
use super::types::source_types;
use signet_rest::{Action, ApiResult, Call, Output, Permission, Reply, run};

pub fn actions() -> Vec<Action> {
    vec![
        Action::get(
            "sources/oauth/source_types",
            Permission::Named(&["authentik_sources_oauth.view_oauthsource"]),
            "Kinds of servers that OAuth sources know.",
            run!(show_source_types),
        )
        .output(Output::Plain("SourceType")),
    ]
}

async fn show_source_types(call: &mut Call) -> ApiResult {
    let name = call.param("name").filter(|name| !name.is_empty()).map(str::to_owned);
    Ok(Reply::ok(source_types(name.as_deref())))
}
