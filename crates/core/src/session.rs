//! Browser sessions: a row found by a random key in a signed cookie. One row is read per request; expiry,
//! session rules and account state are checked then.
mod anonymous;
pub mod binding;
mod cookies;
mod csrf;
mod ending;
pub mod impersonation;
mod judged;
mod merge;
pub mod participants;
pub mod rules;
mod state;
mod store;

use crate::flow::sealed;
use crate::{Client, Core, Principal, device};
use binding::Binding;
pub use cookies::SessionCookies;
use ending::end;
pub use ending::{close, end_all, end_batch};
use judged::{broken, end_after_use, end_broken, make_room, note_use};
use signet_base::{Result, Span, Timestamp, Uuid};
use signet_store::{Batch, sessions, users};
pub use state::{Authentication, State};
use store::Stored;
pub use store::has_ended;

pub const SESSION_COOKIE: &str = "authentik_session";
pub const CSRF_COOKIE: &str = "authentik_csrf";
pub const DEVICE_COOKIE: &str = "authentik_device";
/// Remembers a second factor for `last_auth_threshold`.
pub const MFA_COOKIE: &str = "authentik_mfa";
/// `X-authentik-CSRF`
pub const CSRF_HEADER: &str = "x-authentik-csrf";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Write {
    None,
    Relaxed,
    Durable,
}

/// The session of one request. Nothing is written before `save`.
pub struct WebSession {
    /// The secret key in the cookie; empty as long as there is nothing to store.
    key: String,
    row: Option<sessions::Session>,
    /// The row as read, under the key or under the one that this session replaces.
    stored: Option<Stored>,
    /// The public id; it stays when the same user signs in again.
    uuid: Option<Uuid>,
    /// The account's epoch at sign-in.
    epoch: i64,
    pub state: State,
    principal: Option<Principal>,
    write: Write,
    /// The key of the session that this one replaces (a sign-in creates a new key).
    replaces: Option<String>,
    set_cookie: bool,
    expires: Option<Timestamp>,
    /// The end regardless of use; `None` before sign-in.
    absolute: Option<Timestamp>,
    /// A user has signed in with this request.
    fresh: bool,
    ended: bool,
    /// Whether the user is known with this browser, and the lifetime of the device cookie.
    known_device: bool,
    device_age: Span,
    /// What is written with the sign-in of this request: its event.
    arrival: Batch,
    /// What the state depends on, or what depends on it: written in the commit of the session's row.
    beside: Batch,
    /// `Set-Cookie` values of stages.
    cookies: Vec<String>,
    /// The run need not be stored: the browser only gets the key.
    without_run: bool,
    /// What was charged for the stored row.
    paid: usize,
    /// The person whose session ends with this request.
    leaves: Option<i64>,
    /// The run that this request ended was ended before by another one.
    overtaken: bool,
}

impl WebSession {
    /// No session.
    pub fn anonymous() -> Self {
        Self {
            key: String::new(),
            row: None,
            stored: None,
            uuid: None,
            epoch: 0,
            state: State::default(),
            principal: None,
            write: Write::None,
            replaces: None,
            set_cookie: false,
            expires: None,
            absolute: None,
            fresh: false,
            ended: false,
            known_device: false,
            device_age: Span::from_secs(DEVICE_AGE_SECS),
            arrival: Batch::new(),
            beside: Batch::new(),
            cookies: Vec::new(),
            without_run: false,
            paid: 0,
            leaves: None,
            overtaken: false,
        }
    }

    /// Loads the session of a request's `Cookie` header. An invalid cookie means no session.
    pub async fn load(core: &Core, client: &Client, cookies: &str) -> Result<Self> {
        let Some((key, signed_in)) =
            cookie(cookies, SESSION_COOKIE).and_then(|c| core.session_cookies.open(c))
        else {
            return Ok(Self::anonymous());
        };
        let Some(mut row) = sessions::get(&core.db, &core.vault.timed_digest("session", &key)).await? else {
            // An anonymous key may exist before a row does; sign-in replaces it.
            return Ok(if signed_in { Self::anonymous() } else { Self { key, ..Self::anonymous() } });
        };
        if row.is_expired(core.now()) {
            return Ok(Self::anonymous());
        }
        let principal = match row.user_id {
            Some(id) => match Principal::load(core, id).await? {
                Some(p) if p.user.epoch <= row.epoch => Some(p),
                // The account is deleted or deactivated, or its epoch was raised: the session is void.
                _ => return Ok(Self::anonymous()),
            },
            None => None,
        };
        let paid = if row.user_id.is_none() { anonymous::parts(&row.data) } else { 0 };
        let Some(state) = State::decode(sealed::open(&core.vault, &row.id, row.data.clone())) else {
            // The binding is in the part that cannot be decrypted.
            tracing::warn!(request_id = %client.request_id, session = %row.uuid, "the state of a session does not decode: the session ends");
            if row.user_id.is_some() {
                end(core, &row).await?;
            }
            sessions::delete(&core.db, &row.id).await?;
            return Ok(Self::anonymous());
        };
        if let Some(person) = &principal
            && let Some(reason) = broken(core, client, &row, &state)
        {
            end_broken(core, client, person, &row, state.acts_as, reason).await?;
            return Ok(Self::anonymous());
        }
        let principal = match principal {
            Some(owner) => Some(impersonation::person(core, owner, state.acts_as).await?),
            None => None,
        };
        let mut expires = row.expires;
        if principal.is_some() {
            expires = note_use(core, client, &row, &state).await?;
        }
        if let Some(person) = &principal {
            client.sent.signed_in(person);
        }
        Ok(Self {
            key,
            absolute: row.absolute_expires,
            epoch: row.epoch,
            stored: Some(Stored { version: row.version, data: std::mem::take(&mut row.data) }),
            row: Some(row),
            uuid: None,
            state,
            principal,
            write: Write::None,
            replaces: None,
            set_cookie: false,
            expires: Some(expires),
            fresh: false,
            ended: false,
            known_device: false,
            device_age: Span::from_secs(DEVICE_AGE_SECS),
            arrival: Batch::new(),
            beside: Batch::new(),
            cookies: Vec::new(),
            without_run: false,
            paid,
            leaves: None,
            overtaken: false,
        })
    }

    /// The signed-in person.
    pub fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
    }
    pub fn authentication(&self) -> Option<&Authentication> {
        self.state.authentication.as_ref().filter(|_| self.principal.is_some())
    }
    /// `sid` of tokens: SHA-256 of the session key. `None` for anonymous sessions.
    pub fn sid(&self) -> Option<String> {
        self.principal.is_some().then(|| signet_base::vault::sha256_hex(self.key.as_bytes()))
    }
    /// Public id of the session's row.
    pub fn uuid(&self) -> Option<Uuid> {
        self.row.as_ref().map(|r| r.uuid)
    }
    /// Number of the account that signed in: of who acts, where they act as somebody else.
    pub fn owner(&self) -> Option<i64> {
        self.row.as_ref().and_then(|r| r.user_id)
    }
    /// The epoch of grants made in this session.
    pub fn epoch(&self) -> i64 {
        match &self.principal {
            Some(Principal { user, impersonator: Some(_), .. }) => user.epoch,
            _ => self.epoch,
        }
    }
    /// The session survives its owner's raised epoch.
    pub fn goes_on_at(&mut self, epoch: i64) {
        self.epoch = epoch;
    }
    /// After [`WebSession::save`]: another request was first to end the run, and its last page counts: the response of this
    /// one must not be sent.
    pub fn is_overtaken(&self) -> bool {
        self.overtaken
    }
    pub fn has_key(&self) -> bool {
        !self.key.is_empty()
    }
    /// The state has changed; it is written when the request ends, not synced.
    pub fn touch(&mut self) {
        self.without_run = false;
        self.write = self.write.max(Write::Relaxed);
    }

    /// Statements for the commit that writes the session: a mail that a run sends, and that the run has sent it, are kept or
    /// lost together.
    pub fn commit_with(&mut self, batch: Batch) {
        self.beside = std::mem::take(&mut self.beside).then(batch);
        self.touch();
    }

    /// Signs a user in. The session gets a new key (session fixation); flow state is kept.
    pub fn sign_in(
        &mut self,
        core: &Core,
        principal: Principal,
        authentication: Authentication,
        duration: Span,
        arrival: Batch,
    ) {
        let again = self
            .principal
            .as_ref()
            .is_some_and(|before| before.impersonator.is_none() && before.user.id == principal.user.id);
        let uuid = self.uuid().filter(|_| again);
        if !again {
            self.note_leaving();
        }
        self.rekey(core);
        self.uuid = uuid;
        self.epoch = principal.user.epoch;
        self.state.authentication = Some(authentication);
        self.state.browser_only = duration.is_zero();
        self.state.remembered = false;
        self.state.binding = Binding::default();
        self.state.acts_as = None;
        let duration = if duration.is_zero() { BROWSER_SESSION } else { duration };
        self.set_end(core, core.now().plus(duration));
        self.principal = Some(principal);
        self.fresh = true;
        self.arrival = arrival;
        self.write = Write::Durable;
    }
    fn set_end(&mut self, core: &Core, end: Timestamp) {
        let (rules, now) = (core.settings.sessions, core.now());
        let absolute = rules.absolute_end(now, self.state.remembered).map_or(end, |longest| longest.min(end));
        self.absolute = Some(absolute);
        self.expires =
            Some(rules.idle_end(now, self.state.remembered).map_or(absolute, |idle| idle.min(absolute)));
    }
    /// After [`WebSession::sign_in`]: the user chose to stay signed in for this long.
    pub fn stay(&mut self, core: &Core, duration: Span) {
        self.state.remembered = true;
        self.state.browser_only = false;
        self.set_end(core, core.now().plus(duration));
    }
    /// After [`WebSession::sign_in`]: sets the binding.
    pub fn bind(&mut self, binding: Binding) {
        self.state.binding = binding;
    }
    /// Adds a `Set-Cookie` value to this request's response.
    pub fn add_cookie(&mut self, cookie: String) {
        self.cookies.push(cookie);
        self.touch();
    }
    /// After [`WebSession::sign_in`]: whether the browser was known, and for how long it will be.
    pub fn came_by(&mut self, known: bool, age: Option<Span>) {
        self.known_device = known;
        self.device_age = age.unwrap_or(self.device_age);
    }
    /// Signs out: the row is deleted, and the old cookie is void.
    pub fn sign_out(&mut self) {
        self.note_leaving();
        if !self.key.is_empty() && self.replaces.is_none() {
            self.replaces = Some(std::mem::take(&mut self.key));
        }
        self.key.clear();
        self.row = None;
        self.uuid = None;
        self.epoch = 0;
        self.principal = None;
        self.state.waiting.clear();
        self.state.authentication = None;
        self.state.acts_as = None;
        self.state.remembered = false;
        self.state.binding = Binding::default();
        self.expires = None;
        self.absolute = None;
        self.fresh = false;
        self.arrival = Batch::new();
        self.ended = true;
        self.write = Write::Durable;
    }
    /// Reloads the account after a change in this request.
    pub async fn reload_principal(&mut self, core: &Core) -> Result<()> {
        if let Some(p) = &self.principal {
            let impersonator = p.impersonator.clone();
            self.principal = Principal::load(core, p.user.id).await?.map(|p| Principal { impersonator, ..p });
        }
        Ok(())
    }
    /// The stored session of the person who is signed in ends when this one is saved.
    fn note_leaving(&mut self) {
        let owner = self.principal.as_ref().map(Principal::session_owner);
        self.leaves = owner.filter(|_| self.row.is_some()).or(self.leaves);
    }
    fn rekey(&mut self, core: &Core) {
        if !self.key.is_empty() && self.replaces.is_none() {
            self.replaces = Some(self.key.clone());
        }
        self.key = core.ports.timed_secret(32);
        self.row = None;
        self.uuid = None;
        self.set_cookie = true;
    }

    /// Writes the changes and returns the cookies to set. A sign-in is one commit, which succeeds only if the
    /// account is active and at the epoch of its authentication; otherwise the error satisfies
    /// [`epoch::has_changed`](signet_store::epoch::has_changed) and nobody is signed in.
    pub async fn save(&mut self, core: &Core, client: &Client) -> Result<Vec<String>> {
        if self.write == Write::None {
            return Ok(Vec::new());
        }
        let mut cookies = std::mem::take(&mut self.cookies);
        self.state.bound();
        let nothing_to_keep =
            self.principal.is_none() && self.state.runs().next().is_none() && self.key.is_empty();
        if nothing_to_keep {
            return self.leave_nothing(core, client, cookies).await;
        }
        if self.key.is_empty() {
            self.rekey(core);
        }
        if self.without_run && self.beside.is_empty() && self.is_unstored() && cookies.is_empty() {
            self.write = Write::None;
            return Ok(self.own_cookies(core, client));
        }
        let now = core.now();
        if self.fresh && core.settings.sessions.ip_binding {
            self.state.binding.ip = Some(client.ip);
        }
        if let (Some(end), Some(_)) = (self.expires, &self.principal) {
            self.expires = Some(end_after_use(core, now, self.state.remembered, self.absolute, end));
        }
        let expires = self.expires.unwrap_or_else(|| now.plus(core.settings.unauthenticated_age));
        let id = core.vault.timed_digest("session", &self.key);
        match self.pay(core, client).await {
            // Signing out costs nothing: what is left to show goes then.
            Err(_) if self.ended => return self.leave_nothing(core, client, cookies).await,
            paid => paid?,
        }
        let data = self.sealed_state(core, &id)?;
        let row = sessions::Session {
            id,
            uuid: self.row.as_ref().map(|r| r.uuid).or(self.uuid).unwrap_or_else(|| core.ports.uuid_v7()),
            user_id: self.principal.as_ref().map(Principal::session_owner),
            data,
            auth: serde_json::to_value(&self.state.authentication)?,
            absolute_expires: self.absolute,
            created: self.row.as_ref().map_or(now, |r| r.created),
            expires,
            last_used: now,
            ip: client.ip.to_string(),
            user_agent: client.user_agent.clone(),
            epoch: self.epoch,
            version: 0,
        };
        let arrived = std::mem::take(&mut self.fresh).then(|| self.principal.clone()).flatten();
        let (with, device) = match &arrived {
            Some(person) => {
                let (device, cookie) =
                    device::remember(core, client, &person.user, self.known_device, self.device_age);
                let arrival = std::mem::take(&mut self.arrival);
                (users::touch_last_login(person.user.id, self.epoch, now).then(device).then(arrival), cookie)
            }
            None => (Batch::new(), None),
        };
        self.row = Some(self.store(core, row, with).await?);
        self.leaves = None;
        self.write = Write::None;
        cookies.extend(self.own_cookies(core, client));
        cookies.extend(device);
        if let Some(person) = arrived {
            core.metrics.logins.inc();
            make_room(core, client, &person).await?;
        }
        Ok(cookies)
    }

    /// What tells applications that the session of whoever leaves is over.
    fn look(&self, core: &Core) -> Batch {
        self.leaves.map_or_else(Batch::new, |user| participants::look_batch(core, user))
    }

    async fn leave_nothing(
        &mut self,
        core: &Core,
        client: &Client,
        mut cookies: Vec<String>,
    ) -> Result<Vec<String>> {
        let beside = std::mem::take(&mut self.beside);
        if let Some(old) = self.replaces.take() {
            let look = self.look(core).then(beside);
            sessions::end(&core.db, &core.vault.timed_digest("session", &old), look).await?;
        } else if !beside.is_empty() {
            core.db.batch(beside).await?;
        }
        if self.ended {
            cookies.push(core.cookie(client, SESSION_COOKIE, "", Some(0), true));
        }
        self.write = Write::None;
        Ok(cookies)
    }
}

/// Default lifetime of known browsers in seconds.
const DEVICE_AGE_SECS: i64 = 30 * 86_400;
/// A session until the browser closes (duration 0) ends on the server after this time.
pub const BROWSER_SESSION: Span = Span::DAY;

/// The value of a cookie in a `Cookie` header.
pub fn cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split(';').filter_map(|p| p.trim().split_once('=')).find(|(n, _)| *n == name).map(|(_, v)| v)
}
