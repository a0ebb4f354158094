//! Passwords: the backends that judge them, and the count of attempts that no crowd of requests can beat.
mod share;

use crate::pool::PoolTurn;
use crate::{Client, Core, Principal, device, keyed_semaphore, token};
use async_trait::async_trait;
use share::{Admission, Share};
use signet_base::{Error, Json, Map, Result, Secret, Span, Timestamp, json};
use signet_store::attempts::{self, BeginOutcome};
use signet_store::users::{self, User, canonical};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A password to verify.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    pub client: &'a Client,
    /// The account's username, or the typed identifier if there is no account.
    pub username: &'a str,
    /// The account, if it exists and is active.
    pub account: Option<&'a Principal>,
    pub password: &'a Secret,
    /// The lane in which it is hashed.
    pub turn: PoolTurn,
}

/// An accepted password.
#[derive(Debug, Clone)]
pub struct Accepted {
    pub person: Principal,
    /// Name of the backend.
    pub backend: &'static str,
    /// `auth_method` of the flow.
    pub method: &'static str,
    pub args: Map,
}

/// A password backend. Login sources register theirs with the families.
#[async_trait]
pub trait PasswordBackend: Send + Sync {
    /// The name in password stages.
    fn name(&self) -> &'static str;
    /// The user that the password authenticates. Unknown names must take as long as wrong passwords. A
    /// directory may return a user unknown to this server; `attempt.account` is `None` then.
    async fn judge(&self, core: &Arc<Core>, attempt: &Attempt<'_>) -> Result<Option<Accepted>>;
}

pub const INTERNAL: &str = "authentik.core.auth.InbuiltBackend";
pub const APP_PASSWORDS: &str = "authentik.core.auth.TokenBackend";

/// Local accounts.
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

/// App passwords: tokens for programs.
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
    /// A proof of work is asked for, and none came. Without one the next attempt is judged at this time.
    Unproven {
        until: Timestamp,
        challenge: Json,
    },
    /// None of the backends is available on this server.
    NoBackend,
}

/// How long wrong passwords are remembered, in seconds. The window begins with the first one.
const WINDOW_SECS: i64 = 300;

/// A password with what it is judged by.
pub struct Judgement<'a> {
    /// Names of the backends, in their order.
    pub backends: &'a [&'a str],
    /// So many are judged for one account in a window.
    pub limit: i64,
    /// The username of the account, or what was typed where it is nobody's.
    pub username: &'a str,
    /// What was typed, which is counted beside the account.
    pub typed: &'a str,
    /// The account, when it is there and active.
    pub account: Option<&'a Principal>,
    pub password: &'a Secret,
    /// The answer to a proof of work.
    pub proof: Option<&'a str>,
}

/// The proof of work that a password for this name needs from here, if any.
///
/// # Errors
/// `TooMany` where the network has used up its share of wrong passwords.
pub async fn proof_wanted(
    core: &Core,
    client: &Client,
    typed: &str,
    account: Option<&Principal>,
) -> Result<Option<Json>> {
    let known = device::is_known(core, client, account.map_or(0, |p| p.user.id)).await?;
    let (who, name) = (name_of(typed, account), counted(typed));
    Ok(Share::of(core, client, &who, &name, known).await?.challenge())
}

/// Judges a password by the named backends, in order. Wrong ones use up the share of the address over all
/// accounts (`Error::TooMany`), but not in a browser that the person has signed in with before. At most
/// `limit` attempts are judged for one account in a window, however many come at once and on however many
/// nodes; names that are nobody's are counted alike. What was typed has a count of its own, and only that one is
/// told: an address that is closed after attempts at a username would tell whose it is. A browser that the person has signed in with before has
/// a count of its own, so that a stranger cannot lock the person out there. Success forgets the count.
/// Whoever fails to be judged (the server is overloaded) has lost no attempt. What is under way is waited for: a crowd of
/// right passwords gets in, however many come at once.
pub async fn judge(core: &Arc<Core>, client: &Client, asked: Judgement<'_>) -> Result<Outcome> {
    let Judgement { username, account, password, .. } = asked;
    let backends: Vec<Arc<dyn PasswordBackend>> =
        asked.backends.iter().filter_map(|name| core.families.password_backend(name)).collect();
    if backends.is_empty() {
        return Ok(Outcome::NoBackend);
    }
    let limit = asked.limit.max(1);
    // No account has the id 0: names that are nobody's cost the same look-up.
    let known = device::is_known(core, client, account.map_or(0, |p| p.user.id)).await?;
    let (who, counted) = (name_of(asked.typed, account), counted(asked.typed));
    let share = Share::of(core, client, &who, &counted, known).await?;
    if let Admission::Unproven { until, challenge } = share.admit(asked.proof).await? {
        return Ok(Outcome::Unproven { until, challenge });
    }
    let attempt = &Attempt { client, username, account, password, turn: share.turn(account) };
    let of_account = counter(core, client, &who, known);
    let of_name = counter(core, client, &counted, known);
    let _turn: keyed_semaphore::KeyedPermit =
        core.keyed_semaphore.take(&of_account, usize::try_from(limit).unwrap_or(usize::MAX >> 4)).await?;
    let Some(left) = begin(core, &of_name, limit).await? else { return Ok(Outcome::Exhausted) };
    let (mut counters, mut closed) = (vec![of_name], false);
    if of_account != counters[0] {
        match begin(core, &of_account, limit).await {
            Ok(Some(_)) => counters.push(of_account),
            Ok(None) => closed = true,
            Err(error) => {
                attempts::withdraw(&core.db, &counters[0]).await?;
                return Err(error);
            }
        }
    }
    // Where the account is closed, nobody's password is judged, which takes as long.
    let answer = match closed {
        true => ask(core, &backends, &Attempt { account: None, ..*attempt }).await.map(|_| None),
        false => ask(core, &backends, attempt).await,
    };
    match answer {
        Ok(Some(accepted)) => {
            share.succeeded().await?;
            for counter in &counters {
                attempts::clear(&core.db, counter).await?;
            }
            Ok(Outcome::Accepted(Box::new(accepted)))
        }
        Ok(None) => {
            for counter in &counters {
                attempts::judged(&core.db, counter).await?;
            }
            share.failed().await?;
            Ok(Outcome::Wrong { last: left == 0 })
        }
        Err(error) => {
            for counter in &counters {
                attempts::withdraw(&core.db, counter).await?;
            }
            Err(error)
        }
    }
}

/// How long an attempt waits for those under way on other nodes, and how often it asks.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(25);

/// Counts an attempt; what is left after it, or none where the limit is used up by wrong ones. What others have under way
/// may turn out right, so that it is waited for.
///
/// # Errors
/// `Unavailable` where they take too long.
async fn begin(core: &Core, name: &str, limit: i64) -> Result<Option<i64>> {
    let began = Instant::now();
    loop {
        match attempts::begin(&core.db, name, limit, Span::from_secs(WINDOW_SECS), core.now()).await? {
            BeginOutcome::Allowed { left } => return Ok(Some(left)),
            BeginOutcome::Refused { .. } => return Ok(None),
            BeginOutcome::UnderWay if began.elapsed() < PATIENCE => tokio::time::sleep(PAUSE).await,
            BeginOutcome::UnderWay => {
                return Err(Error::Unavailable("too many attempts for one name are under way".into()));
            }
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
        // A backend may return another user; an inactive account is refused in any case.
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

/// Whose charges are returned together.
fn name_of(typed: &str, account: Option<&Principal>) -> String {
    account.map_or_else(|| counted(typed), |person| format!("id {}", person.user.id))
}
/// What attempts are counted by.
fn counted(typed: &str) -> String {
    format!("name {}", canonical(typed))
}

/// The name under which attempts are counted. Digested: what was typed may be long, or a password in the
/// wrong field.
fn counter(core: &Core, client: &Client, name: &str, known: bool) -> String {
    let browser = if known { client.device.as_str() } else { "" };
    core.vault.digest("attempt", &format!("password\n{name}\n{browser}"))
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
