//! Somebody whom a source vouches for: signs in, enrols, connects their account, or goes on with a run.
use super::engine::{judge, told};
use super::matching::{self, Match, Refusal};
use super::settle::{SETTLE, SWITCH};
use super::{
    ARRIVED, Arrived, Exchange, RESUMED, Remote, SOURCE, SOURCE_GROUPS, SOURCES_OF_USER, SourceSettings,
    connection, groups, properties,
};
use crate::directory::{Author, Transaction};
use crate::flow::plan::{NotPlanned, plan};
use crate::flow::{Context, Executor, Key, Plan, Planned, StageRef, account, keys, proof};
use crate::models::Flow;
use crate::pending_request::Purpose;
use crate::{Core, Principal, WebSession};
use signet_base::{Error, Json, Map, Result, Uuid, json, query};
use signet_model::Object;
use signet_store::source_connections;

/// The source stage that a run waits at, by the mark of its request.
pub const ASKED: Key<String> = Key::new("goauthentik.io/sources/asked");
/// Where people see their connections.
const CONNECTIONS: &str = "/if/user/security/?done=connected#connections";
const SESSION_OVER: &str = "The session in which this was begun has ended. Sign in and start again.";
const INACTIVE: &str = "This account is switched off. Ask your administrator.";

/// The address of a run of a flow.
pub(super) fn address(core: &Core, flow: Uuid, query: &str) -> String {
    match core.config().get(flow) {
        Some(flow) if query.is_empty() => format!("/if/flow/{}/", flow.text("slug")),
        Some(flow) => format!("/if/flow/{}/?{query}", flow.text("slug")),
        None => "/".to_owned(),
    }
}

/// Everything that is known of somebody.
struct Visitor {
    remote: Remote,
    properties: Map,
    groups: Option<Vec<groups::RemoteGroup>>,
}

pub(super) async fn arrive(
    exchange: &Exchange<'_>,
    settings: &SourceSettings,
    session: &mut WebSession,
    purpose: Purpose,
    target: &str,
    remote: Remote,
) -> Result<String> {
    if remote.identifier.1.is_empty() {
        let text = format!("{} does not say who you are ({}).", settings.name, remote.identifier.0);
        told(exchange, &text, Map::new()).await;
        return Err(Error::denied(text));
    }
    let properties = properties::of_user(exchange, &settings.user_property_mappings, &remote).await?;
    let groups = groups::read(exchange, settings, &remote).await?;
    let visitor = Visitor { remote, properties, groups };
    match purpose {
        Purpose::Link { user, epoch, session: begun_in } => {
            let same =
                |p: &&Principal| p.user.id == user && p.user.epoch <= epoch && p.impersonator.is_none();
            let person = session.principal().filter(same).cloned();
            let person = person.filter(|_| session.uuid() == Some(begun_in));
            link(exchange, settings, person.ok_or_else(|| Error::denied(SESSION_OVER))?, visitor).await
        }
        Purpose::SignIn | Purpose::Message => sign_in(exchange, settings, session, target, visitor).await,
        Purpose::Resume { flow, query, mark } => {
            resume(exchange, settings, session, (flow, &query, &mark), visitor).await
        }
    }
}

/// What is kept in the run until the account is known.
fn arrived(exchange: &Exchange<'_>, visitor: &Visitor, user: Option<i64>) -> Result<Arrived> {
    let remote = &visitor.remote;
    let (core, source) = (exchange.core, exchange.source.pk);
    Ok(Arrived {
        source,
        identifier: remote.identifier.1.clone(),
        user,
        tokens: source_connections::sealed(&core.vault, source, &remote.identifier.1, &remote.tokens)?,
        expires: remote.expires,
        proven_email: remote
            .email
            .as_ref()
            .filter(|(_, proven)| *proven == Some(true))
            .map(|(address, _)| address.clone()),
        groups: visitor.groups.clone(),
    })
}

/// Connects the account of whoever has asked for it.
async fn link(
    exchange: &Exchange<'_>,
    settings: &SourceSettings,
    person: Principal,
    visitor: Visitor,
) -> Result<String> {
    let Exchange { core, client, source } = exchange;
    judge(exchange, settings, Some(&person)).await?;
    let arrived = arrived(exchange, &visitor, Some(person.user.id))?;
    let author =
        Author::request(client, Some(&person), "authentik_core").by("source", Core::model_event(source));
    let mut done = connect(core, &author, source, &person, &arrived).await;
    if done.as_ref().is_err_and(connection::is_overtaken) {
        done = connect(core, &author, source, &person, &arrived).await;
    }
    match done {
        Ok(()) => Ok(CONNECTIONS.to_owned()),
        Err(error) if connection::is_taken(&error) => {
            told(exchange, "the identifier or the account is connected already", Map::new()).await;
            Err(Error::denied(format!(
                "This account of {} is connected with another account here, or yours is connected with another one of {}. Disconnect that one first.",
                settings.name, settings.name
            )))
        }
        Err(error) => Err(error),
    }
}
async fn connect(
    core: &Core,
    author: &Author,
    source: &Object,
    person: &Principal,
    arrived: &Arrived,
) -> Result<()> {
    let mut all = Transaction::new(core, author);
    connection::settle(&mut all, source, person, arrived).await?;
    all.commit().await.map(drop)
}

/// The account of a visitor who signs in; none if one is to be made.
async fn account_of(
    exchange: &Exchange<'_>,
    settings: &SourceSettings,
    visitor: &Visitor,
) -> Result<std::result::Result<Option<Principal>, Refusal>> {
    let (core, source, remote) = (exchange.core, exchange.source, &visitor.remote);
    let known = source_connections::user_by_identifier(&core.db, source.pk, &remote.identifier.1).await?;
    let person = match known {
        Some(known) => Principal::load_any(core, known.user_id).await?,
        None => match matching::decide(core, settings.user_matching_mode, remote, &visitor.properties).await?
        {
            Match::Enrol => None,
            Match::Link(person) => Some(person),
            Match::Refuse(refusal) => return Ok(Err(refusal)),
        },
    };
    if let Some(person) = &person
        && !person.user.is_active
    {
        told(exchange, "the account is not active", of_person(person)).await;
        return Err(Error::denied(INACTIVE));
    }
    judge(exchange, settings, person.as_ref()).await?;
    Ok(Ok(person))
}

fn of_person(person: &Principal) -> Map {
    Map::from_iter([("username".to_owned(), json!(person.user.username))])
}

/// The event and the sentence of a refused match.
async fn refused(exchange: &Exchange<'_>, settings: &SourceSettings, remote: &Remote, why: Refusal) -> Error {
    let mut more = Map::new();
    more.insert(
        "matching_mode".into(),
        serde_json::to_value(settings.user_matching_mode).unwrap_or_default(),
    );
    if let Refusal::Missing(name) = why {
        more.insert("missing".into(), json!(name));
    }
    more.insert("claims".into(), json!(remote.claims));
    told(exchange, why.reason(), more).await;
    Error::denied(why.text(&settings.name))
}

/// What the stages of the run know.
fn fill(context: &mut Context, exchange: &Exchange<'_>, visitor: &Visitor, arrived: Arrived) {
    let remote = &visitor.remote;
    context.set(&keys::IS_SSO, true);
    context.set(&SOURCE, exchange.source.pk);
    if let Some(groups) = &remote.groups {
        context.set(&SOURCE_GROUPS, groups.clone());
    }
    let upstream = json!({"auth_time": remote.authenticated, "acr": remote.class, "sid": remote.session});
    let args = json!({"source": Core::model_event(exchange.source), "upstream": upstream});
    context.set(&keys::AUTH_METHOD_ARGS, args.as_object().cloned().unwrap_or_default());
    context.set(&ARRIVED, arrived);
}

/// The fields of a new account.
fn prompt_data(settings: &SourceSettings, properties: &Map) -> Map {
    let mut data = properties.clone();
    data.remove("groups");
    data.remove("path");
    let mut attributes = match data.remove("attributes") {
        Some(Json::Object(attributes)) => attributes,
        _ => Map::new(),
    };
    attributes.insert(SOURCES_OF_USER.to_owned(), json!([settings.name]));
    data.insert("attributes".to_owned(), Json::Object(attributes));
    data
}

/// The person counts as authenticated.
fn vouch(context: &mut Context, person: &Principal) {
    proof::set_pending(context, person.pending());
    context.set(&keys::USER_BACKEND, proof::ENROLLED.to_owned());
    account::prove(context, &person.user);
}

fn built_in(kind: &str) -> Planned {
    Planned {
        stage: StageRef::BuiltIn { kind: kind.to_owned(), settings: Json::Null },
        binding: None,
        re_evaluate: false,
    }
}

/// Has the connection committed as soon as the account is there: at `at`, or behind the last stage that writes accounts.
fn settle_in(core: &Core, plan: &mut Plan, at: Option<usize>) -> Result<()> {
    let writes = |planned: &Planned| {
        let kind = planned.stage.kind_id(core).and_then(|id| core.families.stage(&id));
        kind.is_some_and(|kind| kind.writes_people())
    };
    let at = at.or_else(|| plan.stages.iter().rposition(writes).map(|last| last + 1));
    let at = at.ok_or_else(|| Error::denied("No account can be made here. Ask your administrator."))?;
    plan.stages.insert(at.min(plan.stages.len()), built_in(SETTLE));
    plan.total = plan.stages.len();
    Ok(())
}

async fn sign_in(
    exchange: &Exchange<'_>,
    settings: &SourceSettings,
    session: &mut WebSession,
    target: &str,
    visitor: Visitor,
) -> Result<String> {
    let Exchange { core, client, .. } = exchange;
    let person = match account_of(exchange, settings, &visitor).await? {
        Ok(person) => person,
        Err(why) => return Err(refused(exchange, settings, &visitor.remote, why).await),
    };
    let flow = if person.is_some() { settings.authentication_flow } else { settings.enrollment_flow };
    let config = core.config();
    let Some(flow) = flow.and_then(|pk| config.get(pk)).filter(|flow| flow.get::<Flow>().is_some()) else {
        let what = if person.is_some() { "sign in" } else { "create an account" };
        told(exchange, &format!("the source has no flow to {what}"), Map::new()).await;
        return Err(Error::denied(format!(
            "You cannot {what} with {} here. Ask your administrator.",
            settings.name
        )));
    };
    let mut context = Context::default();
    fill(&mut context, exchange, &visitor, arrived(exchange, &visitor, person.as_ref().map(|p| p.user.id))?);
    match &person {
        Some(person) => vouch(&mut context, person),
        None => {
            context.set(&keys::PROMPT_DATA, prompt_data(settings, &visitor.properties));
            context.set(&keys::USER_PATH, settings.user_path());
            // Whoever has begun this at our own page, and agreed at the source, has agreed.
            context.set(&keys::AGREED, true);
        }
    }
    let mut plan = match plan(core, client, flow, None, context, false).await? {
        Ok(plan) => plan,
        Err(NotPlanned::NotApplicable(messages)) if !messages.is_empty() => {
            return Err(Error::denied(messages.join("\n")));
        }
        Err(_) => return Err(Error::denied("The flow does not apply to you. Ask your administrator.")),
    };
    settle_in(core, &mut plan, person.as_ref().map(|_| 0))?;
    let own = person.as_ref().map(|p| p.user.id);
    if session.principal().is_some_and(|signed_in| Some(signed_in.user.id) != own) {
        plan.stages.push_front(built_in(SWITCH));
        plan.total = plan.stages.len();
    }
    let query = if target.is_empty() { String::new() } else { query::build([("next", target)]) };
    Executor { core, client, session, query: &query }.start(plan);
    Ok(address(core, flow.pk, &query))
}

/// A source stage of a run: the run goes on with what has arrived.
async fn resume(
    exchange: &Exchange<'_>,
    settings: &SourceSettings,
    session: &mut WebSession,
    (flow, query, mark): (Uuid, &str, &str),
    visitor: Visitor,
) -> Result<String> {
    let core = exchange.core;
    session.state.bring(flow, query);
    let asked = session.state.plan.as_ref().and_then(|plan| plan.context.get(&ASKED));
    if asked.as_deref() != Some(mark) {
        return Err(Error::denied(SESSION_OVER));
    }
    let Some(mut plan) = session.state.plan.take() else { return Err(Error::denied(SESSION_OVER)) };
    let outcome = go_on(exchange, settings, &mut plan, visitor, session.principal()).await;
    if outcome.is_ok() {
        plan.context.remove(&ASKED);
        plan.context.set(&RESUMED, mark.to_owned());
    }
    session.state.plan = Some(plan);
    session.touch();
    outcome.map(|()| address(core, flow, query))
}

async fn go_on(
    exchange: &Exchange<'_>,
    settings: &SourceSettings,
    plan: &mut Plan,
    visitor: Visitor,
    signed_in: Option<&Principal>,
) -> Result<()> {
    let core = exchange.core;
    let pending = plan.context.get(&keys::PENDING_USER).and_then(|user| user.id);
    let found = match account_of(exchange, settings, &visitor).await? {
        Ok(found) => found,
        Err(Refusal::Missing(_)) if may_miss(core, plan) => return Ok(()),
        Err(why) => return Err(refused(exchange, settings, &visitor.remote, why).await),
    };
    // The run is about somebody already: theirs it must be, or become.
    let owned = proof::owns_pending(&plan.context, signed_in);
    let person = match (pending, found) {
        (Some(pending), Some(found)) if pending != found.user.id => {
            told(exchange, "the source vouches for another account", of_person(&found)).await;
            return Err(Error::denied(format!("{} knows you as somebody else.", settings.name)));
        }
        (Some(pending), None) if owned => Principal::load_any(core, pending).await?,
        (Some(_), None) => {
            told(exchange, "the account is not connected with the source", Map::new()).await;
            return Err(Error::denied(Refusal::Taken.text(&settings.name)));
        }
        (_, found) => found,
    };
    let arrived = arrived(exchange, &visitor, person.as_ref().map(|p| p.user.id))?;
    match &person {
        Some(person) => {
            settle_in(core, plan, Some(1))?;
            vouch(&mut plan.context, person);
        }
        None => {
            settle_in(core, plan, None)?;
            let mut data = plan.context.get(&keys::PROMPT_DATA).unwrap_or_default();
            crate::rows::merge(&mut data, &prompt_data(settings, &visitor.properties));
            plan.context.set(&keys::PROMPT_DATA, data);
            plan.context.set(&keys::USER_PATH, settings.user_path());
        }
    }
    fill(&mut plan.context, exchange, &visitor, arrived);
    Ok(())
}

/// Whether the stage goes on where the source does not say what accounts are matched by.
fn may_miss(core: &Core, plan: &Plan) -> bool {
    let Some(StageRef::Object(pk)) = plan.stages.front().map(|planned| &planned.stage) else { return false };
    let config = core.config();
    let stage = config.get(*pk);
    let named = stage.and_then(|stage| stage.data.get("resume_on_match_failures")).and_then(Json::as_array);
    named.is_some_and(|all| all.iter().any(|one| one == "missing_property"))
}
