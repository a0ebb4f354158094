//! `signet explain-permission`: which role, group or object permission gives somebody a permission, or what is missing.
use super::output::{self, say};
use crate::config::Options;
use crate::serve;
use clap::Args;
use signet_base::{Error, Ports, Result};
use signet_core::permission::explain;
use signet_store::users;

/// What is asked on the command line.
#[derive(Args)]
pub struct Query {
    /// Name of the user.
    user: String,
    /// `authentik_core.view_user`
    permission: String,
    /// Primary key of one object, as the API shows it; left out: all objects.
    object: Option<String>,
    /// The whole answer as JSON.
    #[arg(long)]
    json: bool,
}

pub async fn run(options: &Options, query: &Query) -> Result<()> {
    let core = serve::open(options, Ports::system()).await?;
    let user = users::by_username(&core.db, &query.user)
        .await?
        .ok_or_else(|| Error::unavailable(format!("there is no user {}", query.user)))?;
    let answer = explain::explain(&core, &user, &query.permission, query.object.as_deref()).await?;
    if query.json {
        say!("{}", serde_json::to_string_pretty(&answer.to_json())?);
    } else {
        output::text(answer.to_text());
    }
    core.db.close().await;
    Ok(())
}
