//! Writes the collected values to an account: a new one, or the run's.
mod apply;
mod taken;

pub use taken::TellOwner;

use crate::Slice;
use apply::{Applied, apply, change};
use async_trait::async_trait;
use maud::html;
use serde::{Deserialize, Serialize};
use signet_base::{Error, FieldErrors, Json, Map, Result, Secret, Uuid, json};
use signet_core::budget::Prefix;
use signet_core::directory::{Actor, Transaction, UserChange};
use signet_core::event::EventAction;
use signet_core::flow::account::{self, AccountAt, PROVEN};
use signet_core::flow::proof;
use signet_core::flow::{Changes, FlowRun, FlowStep, PendingUser, StageKind, keys, question, token};
use signet_core::pool::{Lane, PoolTurn};
use signet_core::{Core, Principal, directory, setup};
use signet_model::{Change, Choice, Model, Snapshot};
use signet_pages::{FormContext, StagePage, ui};
use signet_store::users::{self, User};
use signet_store::{Batch, epoch};
use std::sync::Arc;

pub const SLICE: Slice =
    Slice { models: &[UserWriteStage::DEF], kind: || Arc::new(UserWrite), actions: signet_rest::none };

#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum CreationMode {
    NeverCreate,
    CreateWhenRequired,
    AlwaysCreate,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum UserType {
    Internal,
    External,
    ServiceAccount,
    InternalServiceAccount,
}

/// Keeps what earlier stages asked for in the person's account.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "authentik_stages_user_write", path = "stages/user_write", base = Stage, label = "User Write Stage", component = "ak-stage-user-write-form", search("name"), check = check)]
pub struct UserWriteStage {
    #[field(unique, filter)]
    pub name: String,
    /// Whether an account is made when the run is not about one.
    #[field(choice, default = "create_when_required", filter)]
    pub user_creation_mode: CreationMode,
    /// New accounts cannot sign in until somebody activates them.
    #[field(default = false, filter)]
    pub create_users_as_inactive: bool,
    /// Group of new accounts.
    #[field(refers = "authentik_core.group", filter, gives = "membership")]
    pub create_users_group: Option<Uuid>,
    #[field(choice, default = "external", filter)]
    pub user_type: UserType,
    /// Path of new accounts. Empty: `users`.
    #[field(default = "", blank, filter)]
    pub user_path_template: String,
}
fn check(change: &mut Change<'_>, _: &Snapshot) -> Result<(), FieldErrors> {
    let path = change.text("user_path_template");
    if !path.is_empty() && !apply::is_path(path) {
        return Err(FieldErrors::one(
            "user_path_template",
            "Use names joined by single slashes, without a slash at the ends.",
        ));
    }
    Ok(())
}

fn is_first_run(flow: &FlowRun<'_>) -> bool {
    flow.flow.text("slug") == setup::FLOW
}

/// Asked in a run whose data comes from no form: opening an address writes nothing.
const QUESTION: &str = "Continue to save your account.";
struct UserWrite;
/// Shown when the account cannot be written; the log says why.
const FAILED: &str = "Failed to update user. Please try again later.";

#[async_trait]
impl StageKind for UserWrite {
    fn id(&self) -> &'static str {
        "authentik_stages_user_write.userwritestage"
    }
    fn writes_people(&self) -> bool {
        true
    }
    fn needs_agreement(&self) -> bool {
        true
    }
    fn page(&self, challenge: &Json, form: &FormContext<'_>) -> Option<StagePage> {
        let text = |name: &str| challenge.get(name).and_then(Json::as_str).unwrap_or_default();
        (text("component") == question::COMPONENT).then(|| {
            let body = form.form(
                challenge,
                html! { (ui::hidden("token", text("token"))) (ui::button_primary("Continue", "Saving")) },
            );
            signet_pages::challenge::question(challenge, form, body)
        })
    }
    async fn show(&self, flow: &mut FlowRun<'_>) -> Result<FlowStep> {
        let Some(data) = flow.plan.context.get(&keys::PROMPT_DATA) else {
            return Ok(FlowStep::Deny(Some("No Pending data.".to_owned())));
        };
        if !flow.agreed {
            let settings = flow.settings::<UserWriteStage>()?;
            if let Err(step) = target(flow, &settings).await? {
                return Ok(step);
            }
            let asked = question::ask(flow.core, &mut flow.plan.context, QUESTION);
            return Ok(FlowStep::Show(flow.about_person(asked)));
        }
        save(flow, data).await
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<FlowStep> {
        let data = flow.plan.context.get(&keys::PROMPT_DATA);
        match data.filter(|_| question::is_answered(flow.context(), answer)) {
            Some(data) => save(flow, data).await,
            None => self.show(flow).await,
        }
    }
}

async fn save(flow: &mut FlowRun<'_>, mut data: Map) -> Result<FlowStep> {
    let settings = flow.settings::<UserWriteStage>()?;
    // The first administrator may be named, and has a name else.
    if is_first_run(flow) && data.get("username").and_then(Json::as_str) == Some("") {
        data.remove("username");
    }
    let target = match target(flow, &settings).await? {
        Ok(target) => target,
        Err(step) => return Ok(step),
    };
    let created = target.is_none();
    let mut user = match &target {
        Some(person) => User::clone(&person.user),
        None => new_user(flow, &settings),
    };
    // Changes by policies are applied before typed values.
    let changes = target.as_ref().and_then(|person| Changes::of(&flow.plan.context, person.user.id));
    let mut applied = match changes
        .map_or(Ok(()), |changes| change(&mut user, &changes))
        .and_then(|()| apply(&mut user, &data))
    {
        Ok(applied) => applied,
        Err(why) => {
            tracing::info!(flow = flow.flow.text("slug"), %why, "what was typed cannot be written");
            return Ok(FlowStep::Deny(Some(why)));
        }
    };
    // Everything else is written, so that the answer is the one that a free address gets.
    let (mut entered, mut also) = (None, Batch::new());
    let before = target.as_ref().map(|person| person.user.as_ref());
    if !is_first_run(flow) && taken::is_taken(flow, &user, before).await? {
        let kept = before.map(|before| before.email.clone()).unwrap_or_default();
        let address = std::mem::replace(&mut user.email, kept);
        applied.fields.retain(|field| field != "email");
        also = taken::tell_owner(flow, &user.username, &address)?;
        entered = Some(address);
    }
    match write(flow, &settings, target.as_ref(), user, &applied, also).await {
        Ok(person) => {
            flow.plan.context.remove(&keys::PENDING_CHANGES);
            let mut pending = person.pending();
            pending.email = entered.unwrap_or(pending.email);
            done(flow, person, pending, created, &applied).await
        }
        Err(error) if epoch::has_changed(&error) => Err(error),
        Err(error) if directory::is_last_administrator(&error) => {
            Ok(FlowStep::Deny(Some(directory::LAST_ADMINISTRATOR.to_owned())))
        }
        Err(error @ (Error::Conflict(_) | Error::Invalid(_) | Error::NotFound)) => {
            tracing::info!(flow = flow.flow.text("slug"), %error, "an account was not written");
            Ok(FlowStep::Deny(Some(FAILED.to_owned())))
        }
        Err(error) => Err(error),
    }
}

/// The account to write; none when one is to be made. `Err` refuses.
async fn target(
    flow: &FlowRun<'_>,
    settings: &UserWriteStage,
) -> Result<Result<Option<Principal>, FlowStep>> {
    if is_first_run(flow) {
        // The executor lets exactly one run come here: it is about the first administrator, whoever runs it.
        let admin = match users::by_username(&flow.core.db, setup::ADMINISTRATOR).await? {
            Some(user) => Principal::of(flow.core, user).await?,
            None => return Ok(Err(FlowStep::Deny(None))),
        };
        return Ok(Ok(Some(admin)));
    }
    let context = &flow.plan.context;
    let may = decide(
        settings.user_creation_mode,
        proof::is_unknown(context),
        flow.pending_user().is_some_and(|u| u.id.is_some()),
        proof::owns_pending(context, flow.user()),
        flow.user().is_some(),
    );
    Ok(match may {
        Decision::Create => Ok(None),
        Decision::Refuse => {
            tracing::warn!(
                flow = flow.flow.text("slug"),
                "a write stage was reached without an account that it may write"
            );
            Err(FlowStep::Deny(None))
        }
        Decision::Pending => match flow.pending_account().await? {
            Some(person) => Ok(Some(person)),
            None => Err(FlowStep::Deny(None)),
        },
        Decision::SignedIn => Ok(flow.user().cloned()),
    })
}

#[derive(Debug, PartialEq)]
enum Decision {
    Create,
    Refuse,
    Pending,
    SignedIn,
}

/// Decides which account is written. A typed name does not suffice to write its account, and an unknown name
/// creates none.
fn decide(mode: CreationMode, unknown: bool, pending: bool, owned: bool, signed_in: bool) -> Decision {
    match (mode, pending) {
        _ if unknown => Decision::Refuse,
        (CreationMode::AlwaysCreate, _) => Decision::Create,
        (_, true) if owned => Decision::Pending,
        (_, true) => Decision::Refuse,
        (_, false) if signed_in => Decision::SignedIn,
        (CreationMode::CreateWhenRequired, false) => Decision::Create,
        (CreationMode::NeverCreate, false) => Decision::Refuse,
    }
}

fn new_user(flow: &FlowRun<'_>, settings: &UserWriteStage) -> User {
    let context = &flow.plan.context;
    let mut user = User::new(&flow.core.ports, "");
    let path = context.get(&keys::USER_PATH).unwrap_or_else(|| settings.user_path_template.clone());
    user.path = if apply::is_path(&path) { path } else { "users".to_owned() };
    user.is_active = !settings.create_users_as_inactive;
    let named = context.get(&keys::USER_TYPE).filter(|t| UserType::VALUES.contains(&t.as_str()));
    user.user_type = named.unwrap_or_else(|| settings.user_type.as_str().to_owned());
    if user.user_type == UserType::InternalServiceAccount.as_str() {
        // A flow must not create internal service accounts.
        user.user_type = UserType::ServiceAccount.as_str().to_owned();
    }
    user
}

/// Writes everything in one commit. For an existing account the commit requires the epoch of its
/// authentication.
async fn write(
    flow: &mut FlowRun<'_>,
    settings: &UserWriteStage,
    target: Option<&Principal>,
    mut user: User,
    applied: &Applied,
    also: Batch,
) -> Result<Principal> {
    let core = flow.core.clone();
    let mut groups = flow.plan.context.get(&keys::GROUPS).unwrap_or_default();
    let hash = match &applied.password {
        Some(password) => Some(core.hasher.hash_in_turn(turn(flow), password.clone()).await?),
        None => None,
    };
    let mut author = flow.author(target, "authentik_stages_user_write");
    let mut change = match target {
        Some(person) => UserChange::update(&person.user, user.clone()),
        None => {
            groups.extend(settings.create_users_group);
            if !user.is_active && flow.user().is_none() {
                user.attributes.insert(users::AWAITS_CONFIRMATION.to_owned(), json!(true));
            }
            if author.person().is_none() {
                author.actor = Actor::NewAccount;
            }
            user.id = directory::number::<User>(&core).await?;
            UserChange::create(user.clone())
        }
    };
    change = change.join(groups);
    if let Some(hash) = hash {
        change = change.password(hash, &directory::spared(&core, flow.client, Some(flow.session), user.id));
    }
    let mut all = Transaction::new(&core, &author);
    if target.is_some() {
        all.when(flow.unchanged(user.id));
    }
    all.change(change).await?;
    let created = target.is_none();
    let model = directory::model_of("user", json!(user.id), &user.username);
    all.event(EventAction::UserWrite, json!({"created": created, "model": model, "fields": applied.fields}));
    all.also(also);
    let done = all.commit().await?;
    if let Some(epoch) = done.epoch {
        goes_on_at(flow, &user, epoch);
    }
    // The run's own change of the address does not end the run.
    if !created && flow.plan.context.has(&token::ADDRESS) {
        flow.context().set(&token::ADDRESS, user.email.clone());
    }
    Principal::load_any(&core, user.id).await?.ok_or(Error::NotFound)
}

/// Anonymous users share their address's lane.
fn turn(flow: &FlowRun<'_>) -> PoolTurn {
    if flow.user().is_some() {
        PoolTurn::OWN
    } else {
        PoolTurn { lane: Lane::Address(Prefix::of(flow.client.ip)), first: false }
    }
}

/// The write has raised the epoch: this run and its owner's session continue at the new one.
fn goes_on_at(flow: &mut FlowRun<'_>, before: &User, epoch: i64) {
    let now = AccountAt { user: before.id, epoch };
    let context = &mut flow.plan.context;
    if context.get(&PROVEN).is_some_and(|at| at.user == now.user) {
        context.set(&PROVEN, now);
    }
    if account::made_here(context, before) {
        context.set(&keys::CREATED_ACCOUNT, now);
    }
    if flow.session.principal().is_some_and(|p| p.impersonator.is_none() && p.user.id == now.user) {
        flow.session.goes_on_at(epoch);
    }
}

/// What follows a write: first run, context.
async fn done(
    flow: &mut FlowRun<'_>,
    person: Principal,
    pending: PendingUser,
    created: bool,
    applied: &Applied,
) -> Result<FlowStep> {
    let core: &Arc<Core> = &flow.core.clone();
    let own = flow.user().is_some_and(|p| p.user.id == person.user.id);
    if applied.password.is_some()
        && person.is_superuser
        && let Err(error) = setup::finish(core).await
    {
        // The setup is complete with its write: an error now must not release it.
        if !is_first_run(flow) {
            return Err(error);
        }
        tracing::error!(%error, "the first run could not be closed");
    }
    let first_run = is_first_run(flow);
    let context = flow.context();
    if created {
        context.set(&keys::CREATED_ACCOUNT, AccountAt::of(&person.user));
    }
    proof::set_pending(context, pending);
    if created || first_run {
        // The run has created the account, or claimed the setup: its user is the owner.
        context.set(&keys::USER_BACKEND, proof::ENROLLED.to_owned());
        account::prove(context, &person.user);
    }
    // The password is no longer needed in the session.
    let mut data: Map = context.get(&keys::PROMPT_DATA).unwrap_or_default();
    data.retain(|_, value| !is_password(value, applied.password.as_ref()));
    context.set(&keys::PROMPT_DATA, data);
    if own && !first_run {
        flow.session.reload_principal(core).await?;
    }
    Ok(FlowStep::Next)
}

/// The repeated password is the same text in another field.
fn is_password(value: &Json, password: Option<&Secret>) -> bool {
    matches!((value, password), (Json::String(text), Some(password)) if password.matches(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::create;
    use CreationMode::*;

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let config = Snapshot::default();
        let made = create(UserWriteStage::DEF, json!({"name": "a"}), &config).unwrap();
        let expected = json!({"name": "a", "user_creation_mode": "create_when_required", "create_users_as_inactive": false, "create_users_group": null, "user_type": "external", "user_path_template": ""});
        assert_eq!(made, expected);
        for (field, wrong) in [
            ("user_creation_mode", "bogus"),
            ("user_path_template", "/a"),
            ("user_type", "god"),
            ("create_users_group", "x"),
        ] {
            let mut sent = json!({"name": "a"});
            sent[field] = json!(wrong);
            assert!(create(UserWriteStage::DEF, sent, &config).unwrap_err().get(field).is_some(), "{field}");
        }
    }
    #[test]
    fn a_settings_flow_never_inserts_and_writes_only_the_owner() {
        for mode in [NeverCreate, CreateWhenRequired] {
            // Signed in: the executor made them the pending user.
            assert_eq!(decide(mode, false, true, true, true), Decision::Pending);
            assert_eq!(decide(mode, false, false, false, true), Decision::SignedIn);
            // Another user was only named.
            assert_eq!(decide(mode, false, true, false, true), Decision::Refuse);
            assert_eq!(decide(mode, false, true, false, false), Decision::Refuse);
            assert_eq!(decide(mode, true, false, false, true), Decision::Refuse);
        }
        assert_eq!(decide(NeverCreate, false, false, false, false), Decision::Refuse);
        assert_eq!(decide(CreateWhenRequired, false, false, false, false), Decision::Create);
        assert_eq!(decide(AlwaysCreate, false, true, true, true), Decision::Create);
        assert_eq!(decide(AlwaysCreate, true, false, false, false), Decision::Refuse);
    }
    #[test]
    fn the_password_and_its_repetition_are_forgotten() {
        let secret = Secret::new("pw");
        assert!(
            is_password(&json!("pw"), Some(&secret))
                && !is_password(&json!("other"), Some(&secret))
                && !is_password(&json!("pw"), None)
        );
    }
}
