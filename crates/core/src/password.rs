//! Passwords: the backends that judge them, and the count of attempts that no crowd of requests can beat.
use crate::budget::{self, Prefix};
use crate::pool::{Lane, PoolTurn};
use crate::{Client, Core, Principal, device, keyed_semaphore, token};
use async_trait::async_trait;
use signet_base::{Error, Map, Result, Secret, Span, json};
use signet_store::attempts::{self, Taken};
use signet_store::users::{self, User, canonical};
use std::net::IpAddr;
use std::sync::Arc;

/// One password to judge.
pub struct Attempt<'a> {
    pub client: &'a Client,
    /// The username of the account, or what was typed where it is nobody's.
    pub username: &'a str,
    /// The account, when it is there and active.
    pub account: Option<&'a Principal>,
    pub password: &'a Secret,
    /// In which turn it is hashed.
    pub turn: PoolTurn,
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
    /// Who the password proves to be there. For names that are nobody's it must take as long as for a wrong
    /// password. A directory may bring somebody along whom this server did not know: `attempt.account` is
    /// then none.
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
        let fits =
            check_password(core, attempt.turn, attempt.account.map(|p| &p.user), attempt.password).await?;
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

/// Judges a password by the named backends, in order. Wrong ones use up the share of the address over all
/// accounts (`Error::TooMany`), but not in a browser that the person has signed in with before. At most
/// `limit` attempts are judged for one account in a window, however many come at once and on however many
/// nodes; names that are nobody's are counted alike. A browser that the person has signed in with before has
/// a count of its own, so that a stranger cannot lock the person out there. Success forgets the count.
/// Whoever fails to be judged (the server is overloaded) has lost no attempt.
pub async fn judge(
    core: &Arc<Core>,
    backends: &[&str],
    limit: i64,
    client: &Client,
    username: &str,
    account: Option<&Principal>,
    password: &Secret,
) -> Result<Outcome> {
    let backends: Vec<Arc<dyn PasswordBackend>> =
        backends.iter().filter_map(|name| core.families.password_backend(name)).collect();
    if backends.is_empty() {
        return Ok(Outcome::NoBackend);
    }
    let limit = limit.max(1);
    // No account has the id 0: names that are nobody's cost the same look-up.
    let known = device::is_known(core, client, account.map_or(0, |p| p.user.id)).await?;
    let share = Share { core, ip: client.ip, who: who(core, username, account), known };
    let attempt = &Attempt { client, username, account, password, turn: share.turn(account) };
    let name = counter(core, attempt, known);
    share.check()?;
    let _turn: keyed_semaphore::KeyedPermit =
        core.keyed_semaphore.take(&name, usize::try_from(limit).unwrap_or(usize::MAX >> 4)).await?;
    let Taken::Allowed { left } =
        attempts::take(&core.db, &name, limit, Span::from_secs(WINDOW_SECS), core.now()).await?
    else {
        return Ok(Outcome::Exhausted);
    };
    match ask(core, &backends, attempt).await {
        Ok(Some(accepted)) => {
            share.succeeded();
            attempts::clear(&core.db, &name).await?;
            Ok(Outcome::Accepted(Box::new(accepted)))
        }
        Ok(None) => {
            share.failed();
            Ok(Outcome::Wrong { last: left == 0 })
        }
        Err(error) => {
            attempts::give_back(&core.db, &name).await?;
            Err(error)
        }
    }
}

async fn ask(
    core: &Arc<Core>,
    backends: &[Arc<dyn PasswordBackend>],
    attempt: &Attempt<'_>,
) -> Result<Option<Accepted>> {
    for backend in backends {
        let accepted = backend.judge(core, attempt).await?;
        // A backend may bring somebody along; an inactive account gets nothing by any way.
        let Some(accepted) = accepted.filter(|a| a.person.user.is_active) else { continue };
        if attempt.account.is_some_and(|p| p.user.id != accepted.person.user.id) {
            tracing::error!(
                backend = backend.name(),
                "a password backend named another person than was asked about: refused"
            );
            continue;
        }
        return Ok(Some(accepted));
    }
    Ok(None)
}

/// What the address of an attempt pays for.
struct Share<'a> {
    core: &'a Core,
    ip: IpAddr,
    /// Whose password it is.
    who: u64,
    /// The browser is one that the person has signed in with before: strangers' failures do not count against
    /// it.
    known: bool,
}
impl Share<'_> {
    fn check(&self) -> Result<()> {
        if self.known {
            Ok(())
        } else {
            self.core.budgets.check(budget::BudgetKind::Password, self.ip, self.core.now())
        }
    }
    fn failed(&self) {
        if !self.known {
            self.core.budgets.charge(budget::BudgetKind::Password, self.ip, self.who, 1.0, self.core.now());
        }
    }
    fn succeeded(&self) {
        self.core.budgets.give_back(budget::BudgetKind::Password, self.ip, self.who, self.core.now());
        self.core.budgets.note_good(self.ip, self.core.now());
    }
    /// People in browsers that are known have a turn of their own, others share that of their address.
    fn turn(&self, account: Option<&Principal>) -> PoolTurn {
        let own = account.filter(|_| self.known || self.core.budgets.is_exempt(self.ip));
        let lane =
            own.map_or_else(|| Lane::Address(Prefix::of(self.ip)), |person| Lane::Account(person.user.id));
        PoolTurn { lane, first: self.known || self.core.budgets.is_good(self.ip, self.core.now()) }
    }
}

/// Whose password it is, or what was typed where it is nobody's.
fn name_of(username: &str, account: Option<&Principal>) -> String {
    match account {
        Some(person) => format!("id {}", person.user.id),
        None => format!("name {}", canonical(username)),
    }
}
fn who(core: &Core, username: &str, account: Option<&Principal>) -> u64 {
    core.budgets.name(&name_of(username, account))
}

/// The name under which attempts are counted. Digested: what was typed may be long, or a password in the
/// wrong field.
fn counter(core: &Core, attempt: &Attempt<'_>, known: bool) -> String {
    let browser = if known { attempt.client.device.as_str() } else { "" };
    core.vault
        .digest("attempt", &format!("password\n{}\n{browser}", name_of(attempt.username, attempt.account)))
}

/// What a person's password must fit before a session starts; used by the password stage and by nobody else.
async fn check_password(
    core: &Core,
    turn: PoolTurn,
    user: Option<&Arc<User>>,
    password: &Secret,
) -> Result<bool> {
    let stored = user.filter(|u| u.is_active).map(|u| u.password.as_str());
    let fits = core.hasher.verify_in_turn(turn, stored, password).await?;
    if let (true, Some(user)) = (fits, user)
        && core.hasher.is_outdated(&user.password)
    {
        match core.hasher.hash_in_turn(turn, password.clone()).await {
            Ok(hash) => users::rehash(&core.db, user.id, &user.password, &hash).await?,
            Err(Error::Unavailable(_) | Error::TooMany { .. }) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(fits)
}
