//! Passwords: the backends that judge them, and the count of attempts that no crowd of requests can beat.
use crate::session::check_password;
use crate::turns::Turn;
use crate::{Client, Core, Principal, device, token};
use async_trait::async_trait;
use signet_base::{Map, Result, Secret, Span, json};
use signet_store::attempts::{self, Taken};
use signet_store::users::canonical;
use std::sync::Arc;

/// One password to judge.
pub struct Attempt<'a> {
    pub client: &'a Client,
    /// The username of the account, or what was typed where it is nobody's.
    pub username: &'a str,
    /// The account, when it is there and active.
    pub account: Option<&'a Principal>,
    pub password: &'a Secret,
}

/// A password that was accepted.
#[derive(Debug, Clone)]
pub struct Accepted {
    pub person: Principal,
    /// Name of the backend.
    pub backend: &'static str,
    /// `auth_method` of the flow.
    pub method: &'static str,
    pub args: Map,
}

/// Something that can judge passwords. A source of people registers its own with the families.
#[async_trait]
pub trait PasswordBackend: Send + Sync {
    /// The name by which password stages list it.
    fn name(&self) -> &'static str;
    /// Who the password proves to be there. For names that are nobody's it must take as long as for a wrong password.
    /// A directory may bring somebody along whom this server did not know: `attempt.account` is then none.
    async fn judge(&self, core: &Arc<Core>, attempt: &Attempt<'_>) -> Result<Option<Accepted>>;
}

pub const INTERNAL: &str = "authentik.core.auth.InbuiltBackend";
pub const APP_PASSWORDS: &str = "authentik.core.auth.TokenBackend";

/// The passwords of this server's own accounts.
pub struct Internal;
#[async_trait]
impl PasswordBackend for Internal {
    fn name(&self) -> &'static str {
        INTERNAL
    }
    async fn judge(&self, core: &Arc<Core>, attempt: &Attempt<'_>) -> Result<Option<Accepted>> {
        let fits = check_password(core, attempt.account.map(|p| &p.user), attempt.password).await?;
        let person = attempt.account.filter(|_| fits).cloned();
        Ok(person.map(|person| Accepted { person, backend: INTERNAL, method: "password", args: Map::new() }))
    }
}

/// App passwords: tokens that people make for programs.
pub struct AppPasswords;
#[async_trait]
impl PasswordBackend for AppPasswords {
    fn name(&self) -> &'static str {
        APP_PASSWORDS
    }
    async fn judge(&self, core: &Arc<Core>, attempt: &Attempt<'_>) -> Result<Option<Accepted>> {
        let found = token::by_key(core, attempt.password.reveal(), "app_password").await?;
        let (Some(person), Some(token)) = (attempt.account, found) else { return Ok(None) };
        if token.user_id != person.user.id {
            return Ok(None);
        }
        let mut args = Map::new();
        args.insert("identifier".into(), json!(token.identifier));
        Ok(Some(Accepted { person: person.clone(), backend: APP_PASSWORDS, method: "token", args }))
    }
}

/// What becomes of an attempt.
pub enum Outcome {
    Accepted(Box<Accepted>),
    Wrong {
        /// No further attempt is judged in this window.
        last: bool,
    },
    /// Too many attempts: the password was not looked at.
    Exhausted,
    /// None of the backends is available on this server.
    NoBackend,
}

/// How long wrong passwords are remembered, in seconds. The window begins with the first one.
const WINDOW_SECS: i64 = 300;

/// Judges a password by the named backends, in order. At most `limit` attempts are judged for one account in a window,
/// however many come at once and on however many nodes; names that are nobody's are counted alike. A browser that the
/// person has signed in with before has a count of its own, so that a stranger cannot lock the person out there.
/// Success forgets the count. Whoever fails to be judged (the server is overloaded) has lost no attempt.
pub async fn judge(core: &Arc<Core>, backends: &[&str], limit: i64, attempt: &Attempt<'_>) -> Result<Outcome> {
    let backends: Vec<Arc<dyn PasswordBackend>> = backends.iter().filter_map(|name| core.families.password_backend(name)).collect();
    if backends.is_empty() {
        return Ok(Outcome::NoBackend);
    }
    let limit = limit.max(1);
    let name = counter(core, attempt).await?;
    let _turn: Turn = core.turns.take(&name, usize::try_from(limit).unwrap_or(usize::MAX >> 4)).await?;
    let Taken::Allowed { left } = attempts::take(&core.db, &name, limit, Span::from_secs(WINDOW_SECS), core.now()).await? else {
        return Ok(Outcome::Exhausted);
    };
    match ask(core, &backends, attempt).await {
        Ok(Some(accepted)) => {
            attempts::clear(&core.db, &name).await?;
            Ok(Outcome::Accepted(Box::new(accepted)))
        }
        Ok(None) => Ok(Outcome::Wrong { last: left == 0 }),
        Err(error) => {
            attempts::give_back(&core.db, &name).await?;
            Err(error)
        }
    }
}

async fn ask(core: &Arc<Core>, backends: &[Arc<dyn PasswordBackend>], attempt: &Attempt<'_>) -> Result<Option<Accepted>> {
    for backend in backends {
        let accepted = backend.judge(core, attempt).await?;
        // A backend may bring somebody along; an inactive account gets nothing by any way.
        let Some(accepted) = accepted.filter(|a| a.person.user.is_active) else { continue };
        if attempt.account.is_some_and(|p| p.user.id != accepted.person.user.id) {
            tracing::error!(backend = backend.name(), "a password backend named another person than was asked about: refused");
            continue;
        }
        return Ok(Some(accepted));
    }
    Ok(None)
}

/// The name under which attempts are counted. Digested: what was typed may be long, or a password in the wrong field.
async fn counter(core: &Core, attempt: &Attempt<'_>) -> Result<String> {
    // No account has the id 0: names that are nobody's cost the same look-up.
    let known = device::is_known(core, attempt.client, attempt.account.map_or(0, |p| p.user.id)).await?;
    let browser = if known { attempt.client.device.as_str() } else { "" };
    let who = match attempt.account {
        Some(person) => format!("id {}", person.user.id),
        None => format!("name {}", canonical(attempt.username)),
    };
    Ok(core.vault.digest("attempt", &format!("password\n{who}\n{browser}")))
}
