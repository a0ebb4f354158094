//! `signet rescue`: restores access to an installation whose administrators are locked out. It creates a flow
//! of its own and does not change existing flows, so that they can be repaired afterwards.
use super::accounts::{AKADMIN, link, prepared, repaired};
use super::output::say;
use crate::config::Options;
use signet_base::{Result, Span, json};
use signet_blueprints::{Source, apply};
use signet_core::directory::Author;
use signet_core::models::Brand;
use signet_core::{Core, brand};

/// A minimal sign-in flow with its own stages and no policies.
const SLUG: &str = "rescue-authentication";
const FLOW: &str = include_str!("../../../../blueprints/system/rescue.yaml");
/// Removes the objects of an earlier rescue, in whatever state they are.
const CLEAR: &str = include_str!("../../../../blueprints/system/rescue-clear.yaml");

pub async fn run(options: &Options) -> Result<()> {
    let core = prepared(options).await?;
    let author = Author::command("rescue");
    let user = repaired(&core, &author).await?;
    say!("{AKADMIN} is an active administrator.");
    let before = brands(&core);
    for (file, text) in [("rescue-clear.yaml", CLEAR), ("rescue.yaml", FLOW)] {
        apply(&core, &Source::new(file, text), &author).await?;
    }
    for (domain, flow) in &before {
        // JSON is YAML; a domain may contain any characters.
        let entry = json!({"model": "authentik_brands.brand", "identifiers": {"domain": domain}, "attrs": {"flow_authentication": "@flow@"}}).to_string();
        let entry = entry.replace("\"@flow@\"", &format!("!Find [authentik_flows.flow, [slug, {SLUG}]]"));
        apply(&core, &Source::new("brand", &format!("version: 1\nentries:\n- {entry}\n")), &author).await?;
        say!(
            "Brand {domain}: people sign in by the flow {SLUG} now (before: {}).",
            flow.as_deref().unwrap_or("none")
        );
    }
    say!(
        "A running server knows it within a second. Open this path on it and confirm to sign in, once; `signet changepassword {AKADMIN}` sets a password."
    );
    link(&core, &author, &user, Span::from_secs(3600)).await?;
    say!("When your own sign-in flow works again, set it as the brand's authentication flow.");
    core.db.close().await;
    Ok(())
}

/// Domains of the brands with their authentication flow.
fn brands(core: &Core) -> Vec<(String, Option<String>)> {
    let config = core.config();
    config
        .all::<Brand>()
        .map(|(_, b)| (b.domain.clone(), brand::slug(&config, b.flow_authentication)))
        .collect()
}
