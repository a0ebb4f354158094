//! Preparation before the server is ready: default objects, key pairs, bootstrap settings.
use crate::certificates;
use crate::config::Bootstrap;
use signet_base::{Json, Result, json};
use signet_core::directory::{Author, TokenChange, Transaction, UserChange};
use signet_core::{Core, setup};
use signet_store::epoch::KeptSession;
use signet_store::users::{self, User};
use signet_store::{kv, tokens};
use std::sync::Arc;

/// Key of the record that the first start is complete.
const KEY: &str = "first_start";
/// Identifier of the token from `AUTHENTIK_BOOTSTRAP_TOKEN`.
pub const TOKEN: &str = "authentik-bootstrap-token";

/// Applies the default objects and, once per installation, the bootstrap settings. Both exist when this
/// returns. Nodes and commands run it one after the other; later ones find it done.
pub async fn prepare(core: &Arc<Core>, bootstrap: &Bootstrap) -> Result<()> {
    let _alone = core.db.exclusive().await?;
    core.objects.refresh_if_stale().await?;
    let rsa = certificates::begin_rsa(core).await?;
    let report = signet_blueprints::apply_defaults(core).await?;
    if !report.is_empty() {
        tracing::info!(created = report.created, updated = report.updated, "default objects written");
    }
    certificates::ensure_es256(core).await?;
    certificates::keep_rsa(core, rsa).await?;
    if kv::get(&core.db, KEY).await?.is_none() {
        administrator(core, bootstrap).await?;
        kv::put(&core.db, &core.ports, KEY, &json!({"done": true, "at": core.now()}), None).await?;
    }
    Ok(())
}

/// Prints the setup address as long as the first-run setup is open.
pub async fn announce(core: &Core) -> Result<()> {
    if let Some(code) = setup::code(core).await? {
        tracing::warn!(
            setup_code = code.reveal(),
            "nobody has set this server up yet: open its address in a browser. From another machine it asks for the set-up code"
        );
    }
    Ok(())
}

async fn administrator(core: &Arc<Core>, bootstrap: &Bootstrap) -> Result<()> {
    let Some(user) = users::by_username(&core.db, "akadmin").await? else { return Ok(()) };
    let author = Author::system().by("message", "Settings of the first start (AUTHENTIK_BOOTSTRAP_…)");
    let mut all = Transaction::new(core, &author);
    if let Some(email) = &bootstrap.email {
        let after = User { email: email.clone(), ..user.clone() };
        all.change(UserChange::update(&user, after).last_write_wins()).await?;
    }
    let hash = match (&bootstrap.password, &bootstrap.password_hash) {
        (Some(password), _) => Some(core.hasher.hash(password.clone()).await?),
        (None, Some(hash)) => Some(hash.clone()),
        (None, None) => None,
    };
    let has_password = hash.is_some();
    if let Some(hash) = hash {
        core.hasher.learn(&hash);
        all.change(UserChange::of(&user).password(hash, &KeptSession::default())).await?;
    }
    if let Some(key) = &bootstrap.token
        && tokens::by_identifier(&core.db, TOKEN).await?.is_none()
    {
        let mut token = tokens::Token::new(core.ports.uuid(), TOKEN, "api", user.id, core.now());
        token.managed = Some("goauthentik.io/bootstrap-token".into());
        token.description = "Made on the first start from AUTHENTIK_BOOTSTRAP_TOKEN".into();
        all.change(TokenChange::create(token, key.clone())).await?;
    }
    all.commit().await?;
    if has_password {
        setup::finish(core).await?;
    }
    Ok(())
}

/// Whether the first start is complete, for commands on a database that no server has prepared yet.
pub async fn is_prepared(core: &Core) -> Result<bool> {
    Ok(kv::get(&core.db, KEY).await?.is_some_and(|(v, _)| v.get("done") == Some(&Json::Bool(true))))
}
