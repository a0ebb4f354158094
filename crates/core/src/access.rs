//! Access decisions: the caller's identity, and whether they may use an application. Every protocol asks
//! here.
use crate::flow::PendingUser;
use crate::models::{Application, EngineMode, PolicyBinding};
use crate::policy::{self, Membership, Question, Trace, Verdict};
use crate::{Client, Core};
use signet_base::{Json, Map, Result, Uuid};
use signet_model::{Grants, Object};
use signet_store::groups::Group;
use signet_store::roles::{self, RoleGrants};
use signet_store::{groups, people, users};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A user (or service account) with their rights, as read for this request.
#[derive(Debug, Clone)]
pub struct Principal {
    pub user: Arc<users::User>,
    /// Direct and inherited groups.
    pub groups: Arc<Vec<Group>>,
    /// The direct groups, if they were read.
    pub direct: Option<Arc<[Uuid]>>,
    /// Member of a superuser group, directly or through an ancestor.
    pub is_superuser: bool,
    /// Roles of the account and its groups.
    pub roles: Arc<BTreeSet<Uuid>>,
    /// Permissions of the roles; all of them for a superuser.
    pub grants: Arc<Grants>,
    /// Default `sub` of tokens: SHA-256 of `<pk>-<install id>`.
    pub uid: String,
    /// The impersonating administrator, see [`session::impersonation`](crate::session::impersonation).
    pub impersonator: Option<Arc<users::User>>,
    /// The token by which a request came, as its events name it.
    pub token: Option<Arc<Json>>,
}

impl Principal {
    /// Whether the user has a permission on all objects: `authentik_core.view_user`.
    pub fn may(&self, permission: &str) -> bool {
        self.grants.has(permission)
    }
    /// The owner of the browser session.
    pub fn session_owner(&self) -> i64 {
        self.impersonator.as_ref().map_or(self.user.id, |user| user.id)
    }
    /// The account, if it exists and is active.
    pub async fn load(core: &Core, id: i64) -> Result<Option<Self>> {
        Ok(Self::load_any(core, id).await?.filter(|p| p.user.is_active))
    }
    /// The account, active or not. For callers that check `is_active` themselves.
    pub async fn load_any(core: &Core, id: i64) -> Result<Option<Self>> {
        Ok(core.people.by_id(&core.db, id).await?.map(|found| Self::found(core, found)))
    }
    /// The account with this name, active or not.
    pub async fn by_username(core: &Core, username: &str) -> Result<Option<Self>> {
        Ok(core.people.by_username(&core.db, username).await?.map(|found| Self::found(core, found)))
    }
    pub async fn of(core: &Core, user: users::User) -> Result<Self> {
        let groups = groups::effective_groups(&core.db, user.id).await?;
        let held = roles::of_user(&core.db, user.id).await?;
        Ok(Self::with(core, Arc::new(user), Arc::new(groups), None, &held))
    }
    pub(crate) fn found(core: &Core, found: people::Person) -> Self {
        Self::with(core, found.user, found.groups, Some(found.direct), &found.held)
    }
    fn with(
        core: &Core,
        user: Arc<users::User>,
        groups: Arc<Vec<Group>>,
        direct: Option<Arc<[Uuid]>>,
        held: &RoleGrants,
    ) -> Self {
        let is_superuser = groups.iter().any(|g| g.is_superuser);
        let grants = if is_superuser { Arc::new(Grants::everything()) } else { held.grants.clone() };
        let uid = core.uid(user.id);
        Self {
            user,
            groups,
            is_superuser,
            roles: held.roles.clone(),
            grants,
            uid,
            direct,
            impersonator: None,
            token: None,
        }
    }
    pub fn in_group(&self, id: Uuid) -> bool {
        self.groups.iter().any(|g| g.id == id)
    }
    pub fn pending(&self) -> PendingUser {
        PendingUser {
            id: Some(self.user.id),
            username: self.user.username.clone(),
            name: self.user.name.clone(),
            email: self.user.email.clone(),
        }
    }
}

/// Whether a user may use an application: the account is active, and the application's policies pass. Without
/// bindings everyone may.
pub async fn may_use(
    core: &Arc<Core>,
    client: &Client,
    user: &Principal,
    application: &Arc<Object>,
    context: &Map,
) -> Result<Verdict> {
    Ok(explain_use(core, client, user, application, context).await?.0)
}

/// Like `may_use`, with the result of each binding.
pub async fn explain_use(
    core: &Arc<Core>,
    client: &Client,
    user: &Principal,
    application: &Arc<Object>,
    context: &Map,
) -> Result<(Verdict, Arc<Vec<Trace>>)> {
    if !user.user.is_active {
        return Ok((Verdict::fail("The account is not active."), Arc::default()));
    }
    let (Some(pbm), Some(settings)) = (application.pbm(), application.get::<Application>()) else {
        return Ok((Verdict::fail("The application cannot be judged."), Arc::default()));
    };
    let question = Question { core, client, user: Some(user), context, target: Some(application) };
    let (verdict, traces) = policy::explain(pbm, settings.policy_engine_mode, &question).await?;
    if traces.is_empty() && !(verdict.passing && is_open(core)) {
        return Ok((Verdict::fail("Nothing gives access to this application."), traces));
    }
    Ok((verdict, traces))
}

/// The groups that keep a user out of an application, by name: membership in one of them (`any`), or in all of them
/// (`all`), would let the user in. Empty if something else refuses too. `traces` are those of the refusal.
pub async fn missing_groups(core: &Core, application: &Object, traces: &[Trace]) -> Vec<String> {
    let mode = application.get::<Application>().map(|a| a.policy_engine_mode);
    let refusing: Vec<&Trace> = traces.iter().filter(|t| !t.passing).collect();
    let groups: Vec<Uuid> = refusing
        .iter()
        .filter(|t| t.kind == policy::GROUP && !t.negated)
        .filter_map(|t| core.config().get(t.binding)?.get::<PolicyBinding>()?.group)
        .collect();
    if groups.is_empty() || (mode != Some(EngineMode::Any) && groups.len() != refusing.len()) {
        return Vec::new();
    }
    // Without the names the refusal still stands; it only says less.
    let read = groups::many(&core.db, &groups).await.unwrap_or_default();
    let name = |id: &Uuid| read.iter().find(|group| group.id == *id).map(|group| group.name.clone());
    groups.iter().filter_map(name).collect()
}

/// Whether an application is among those that a person is shown: those that the person may use. Where memberships
/// alone decide, nothing is asked and no decision is logged.
pub async fn is_shown(
    core: &Arc<Core>,
    client: &Client,
    user: &Principal,
    application: &Arc<Object>,
) -> Result<bool> {
    let (Some(pbm), Some(settings)) = (application.pbm(), application.get::<Application>()) else {
        return Ok(false);
    };
    let mode = settings.policy_engine_mode;
    match policy::by_membership(&core.config(), pbm, mode, user, core.now()) {
        Membership::Decides(passing) => Ok(passing && user.user.is_active),
        Membership::NothingBound => Ok(user.user.is_active && is_open(core)),
        Membership::PoliciesDecide => {
            Ok(may_use(core, client, user, application, &Map::new()).await?.passing)
        }
    }
}

/// Whether an application to which nothing is bound is open to everyone: unless the system flag forbids it.
fn is_open(core: &Core) -> bool {
    core.system().flags.get("core_default_app_access") != Some(&Json::Bool(false))
}
