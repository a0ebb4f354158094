//! Expressions: the inputs and functions of policies, property mappings and prompts.
//!
//! All uses share one list of names; a use without a value for a name passes `None`. A run-time error is
//! never a value: callers deny (policies), or skip the mapping and write an event (claims).
mod emails;
mod host;
mod journal;
mod jwt;
mod objects;
mod orm;
mod people;
mod plan;
mod vocabulary;
mod web;

use crate::flow::{Changes, Context, keys, plan::pending_principal};
use crate::policy::Question;
use crate::source::SOURCE;
use crate::{Client, Core, Principal, risk};
use host::Caller;
use journal::{Journal, Row};
use objects::Shared;
use plan::{changes, flatten, nested, read_through, signed_in};
use signet_base::{FieldErrors, Json, Map, Uuid};
use signet_expr::{Dict, Limits};
use signet_model::{Base, Change, Model, Object, Snapshot};
use std::sync::{Arc, Mutex, PoisonError};

pub use journal::Author;
pub use plan::to_json;
pub use web::Outside;

pub use signet_expr::{ErrorKind, Program, RunError, Value};

/// Names of inputs. `None` if a use has no value.
pub const INPUTS: &[&str] = &[
    "request",
    "context",
    "user",
    "http_request",
    "ak_client_ip",
    "ak_is_sso_flow",
    "ak_logger",
    "prompt_context",
    "provider",
    "token",
    "device",
    "stage",
];

/// Further inputs of the mappings of sources: what the source says, the properties so far, and the group that is mapped.
pub const SOURCE_INPUTS: &[&str] =
    &["source", "properties", "group_id", "info", "oauth_userinfo", "client", "token"];

/// Parses a source for `prepare` and `check` of models.
pub fn parse(source: &str) -> Result<Program, String> {
    parse_with(source, &[])
}

/// Parses a source with further inputs, which every run must provide.
pub fn parse_with(source: &str, more: &[&str]) -> Result<Program, String> {
    let names: Vec<&str> =
        INPUTS.iter().copied().chain(more.iter().copied().filter(|name| !INPUTS.contains(name))).collect();
    Program::parse(source, &names).map_err(|e| e.to_string())
}

/// For a model's `check`: refuses a source that cannot work, with field, position and suggestion.
pub fn check(change: &Change<'_>, field: &str) -> Result<(), FieldErrors> {
    check_text(change.text(field), field).map(drop)
}

/// Like [`check`], for any text.
pub fn check_text(source: &str, field: &str) -> Result<Program, FieldErrors> {
    faults(source).map_err(|faults| {
        let mut errors = FieldErrors::new();
        faults.into_iter().for_each(|fault| errors.add(field, fault));
        errors
    })
}

/// Parses a source on save; returns all errors with line and column.
pub fn faults(source: &str) -> Result<Program, Vec<String>> {
    vocabulary::check(source).map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

/// The result of a run.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The returned value; `Value::None` without `return`.
    pub value: Value,
    /// Messages of `ak_message`, in order.
    pub messages: Vec<String>,
    /// Keys set in `context["flow_plan"].context`; null removes a key.
    pub changes: Map,
    /// The output of `print()`.
    pub printed: String,
    /// The program ran without the interpreter.
    pub direct: bool,
}

/// Runs one program for a question. `extra` gives further names of [`INPUTS`] (`provider`, `token`…). Writes are
/// refused.
///
/// # Errors
/// Every failure of the program or of loading what it needs.
pub async fn evaluate(
    question: &Question<'_>,
    program: &Program,
    extra: Inputs,
) -> Result<Outcome, RunError> {
    evaluate_as(None, question, program, extra).await
}

/// As [`evaluate`]; with an author the text may write. What it wrote is committed when it has succeeded, unless the
/// question is a dry run. A text that another one calls (`ak_call_policy`) writes into the journal of the first, which
/// is committed or dropped as a whole.
///
/// # Errors
/// As [`evaluate`], and where the directory refuses what was written.
pub async fn evaluate_as(
    author: Option<&Author>,
    question: &Question<'_>,
    program: &Program,
    extra: Inputs,
) -> Result<Outcome, RunError> {
    let journal = match author {
        Some(_) => Journal::of_caller(),
        None => Some(Arc::new(Journal::closed())),
    };
    let commits = journal.is_none();
    let journal = journal.unwrap_or_else(|| Arc::new(Journal::open()));
    let prepared = prepare(question, std::slice::from_ref(program), extra, journal).await?;
    let outcome =
        signet_expr::run(program, prepared.inputs, prepared.caller.clone(), &Limits::default()).await?;
    let mut changes = match (&outcome.context, &prepared.plan) {
        // The context is unchanged.
        (Some(Value::Dict(after)), Some(plan)) if Arc::ptr_eq(after, &plan.whole) => Map::new(),
        (Some(after), Some(plan)) => {
            let after = read_through(after.clone()).await?;
            let mut changes = changes(&plan.context, &after).map_err(failure)?;
            flatten(&mut changes, question.context);
            changes
        }
        _ => Map::new(),
    };
    if let Some(to) =
        prepared.plan.and_then(|plan| plan.to.lock().unwrap_or_else(PoisonError::into_inner).take())
    {
        changes.insert(REDIRECTED.to_owned(), to.into());
    }
    let value = found(outcome.value).await?;
    if let Some(author) = author.filter(|_| commits && !question.is_dry_run()) {
        let written = journal::apply(prepared.caller.shared(), question, author, &mut changes).await;
        written.map_err(|error| failure(format!("what the text wrote was refused: {error}")))?;
    }
    Ok(Outcome {
        value,
        messages: prepared.caller.take_messages(),
        changes,
        printed: outcome.printed,
        direct: outcome.direct,
    })
}

/// Runs several programs with the same inputs in one job. Results keep the order; a failure does not affect
/// the others. Messages and context changes are not returned.
pub async fn evaluate_many(
    question: &Question<'_>,
    programs: Vec<Program>,
    extra: Inputs,
) -> Vec<Result<Outcome, RunError>> {
    let prepared = match prepare(question, &programs, extra, Arc::new(Journal::closed())).await {
        Ok(prepared) => prepared,
        Err(error) => return vec![Err(error); programs.len()],
    };
    let runs = programs.into_iter().map(|program| (program, prepared.inputs.clone())).collect();
    let mut outcomes = Vec::new();
    for run in signet_expr::run_many(runs, prepared.caller.clone(), &Limits::default()).await {
        outcomes.push(match run {
            Ok(o) => found(o.value).await.map(|value| Outcome {
                value,
                messages: Vec::new(),
                changes: Map::new(),
                printed: o.printed,
                direct: o.direct,
            }),
            Err(error) => Err(error),
        });
    }
    outcomes
}

/// A query as result is replaced by its objects.
async fn found(value: Value) -> Result<Value, RunError> {
    match &value {
        Value::Object(object) if object.special().query => object
            .call("__iter__", Vec::new(), signet_expr::Kwargs::new())
            .await
            .map_err(|error| failure(error.to_string())),
        _ => Ok(value),
    }
}

/// A group for expressions.
pub fn group_value(core: &Arc<Core>, client: &Client, group: signet_store::groups::Group) -> Value {
    people::Group::all(&shared(core, client), &Arc::new(vec![group]))
        .into_iter()
        .next()
        .map_or(Value::None, Value::object)
}
/// An invitation for expressions.
pub fn invitation_value(
    core: &Arc<Core>,
    client: &Client,
    invitation: signet_store::invitations::Invitation,
) -> Value {
    orm::invitation(&shared(core, client), &invitation)
}
fn shared(core: &Arc<Core>, client: &Client) -> Arc<Shared> {
    Arc::new(Shared { core: core.clone(), client: client.clone(), journal: Arc::new(Journal::closed()) })
}

/// A configuration object for expressions: its settings without secrets.
pub fn object_value(object: &Arc<Object>) -> Value {
    Value::object(objects::Config { object: object.clone(), application: None })
}

/// A user for expressions.
pub fn person_value(core: &Arc<Core>, client: &Client, person: &Principal) -> Value {
    people::user(&shared(core, client), person.clone(), None)
}

/// A provider, with its `application`.
pub fn provider_value(config: &Snapshot, provider: &Arc<Object>) -> Value {
    let of = provider.num.and_then(|num| crate::models::application_of(config, num)).cloned();
    Value::object(objects::Config { object: provider.clone(), application: of })
}

fn failure(message: impl Into<String>) -> RunError {
    RunError {
        kind: ErrorKind::Host,
        exception: "RuntimeError".into(),
        message: message.into(),
        line: 0,
        column: 0,
        unsupported: None,
    }
}

/// Inputs with their values.
pub type Inputs = Vec<(&'static str, Value)>;
/// The key under which `flow_plan.redirect()` of a policy reaches the flow.
pub const REDIRECTED: &str = keys::PLAN_REDIRECT.0;

/// The prepared inputs of a run.
struct Prepared {
    inputs: Inputs,
    caller: Arc<Caller>,
    plan: Option<Plan>,
}
/// The flow context of a run; `None` outside of flows.
struct Plan {
    context: Dict,
    /// The whole `context`, which contains the plan's.
    whole: Arc<Dict>,
    /// The redirect requested by the expression.
    to: Arc<Mutex<Option<String>>>,
}

/// Prepares the inputs that the programs mention.
async fn prepare(
    question: &Question<'_>,
    programs: &[Program],
    mut extra: Inputs,
    journal: Arc<Journal>,
) -> Result<Prepared, RunError> {
    let uses = |name: &str| programs.iter().any(|program| program.uses(name));
    let may_name = |name: &str| programs.iter().any(|program| program.may_name(name));
    let shared = Arc::new(Shared { core: question.core.clone(), client: question.client.clone(), journal });
    let mut inputs: Inputs = Vec::with_capacity(INPUTS.len());
    let mut plan = None;
    let user = match question.user {
        Some(principal) => people::user(&shared, current(&shared, principal)?, None),
        None => people::nobody(&shared),
    };
    let mut context = Value::None;
    if may_name("context") {
        let mut dict = plain_context(question, &shared).await?;
        let in_flow = question
            .target
            .is_some_and(|t| t.def.app == "authentik_flows" || t.def.base == Some(Base::Stage));
        // Extra inputs are also part of the context.
        for (name, value) in &extra {
            dict.insert(*name, value.clone());
        }
        let before = in_flow.then(|| dict.clone());
        surroundings(question, &mut dict, may_name).await?;
        let to = Arc::new(Mutex::new(None));
        if let Some(before) = &before {
            let flow_pk = question.target.map(|target| flow_pk(target)).unwrap_or_default();
            dict.insert(
                "flow_plan",
                Value::object(objects::FlowPlan {
                    context: Value::from(before.clone()),
                    flow_pk,
                    to: to.clone(),
                }),
            );
        }
        let whole = Arc::new(dict);
        plan = before.map(|context| Plan { context, whole: whole.clone(), to });
        context = Value::Dict(whole);
    }
    let http = if uses("request") || uses("http_request") {
        Value::object(objects::HttpRequest {
            shared: shared.clone(),
            user: signed_in(question, &shared, &user),
            session: objects::session(question.client),
        })
    } else {
        Value::None
    };
    if uses("request") {
        let target = question.target.map_or(Value::None, object_value);
        let request = objects::PolicyRequest {
            user: user.clone(),
            http: http.clone(),
            target,
            context: context.clone(),
            debug: question.is_dry_run(),
        };
        inputs.push(("request", Value::object(request)));
    }
    for name in INPUTS.iter().filter(|name| uses(name) && **name != "request") {
        let given = extra.iter_mut().find(|(known, _)| known == name).map(|(_, value)| std::mem::take(value));
        let value = match (given, *name) {
            (Some(given), _) => given,
            (None, "context") => context.clone(),
            (None, "user") => user.clone(),
            (None, "http_request") => http.clone(),
            (None, "ak_client_ip") => question.client.ip.to_string().into(),
            (None, "ak_is_sso_flow") => {
                (question.context.get(keys::IS_SSO.0) == Some(&Json::Bool(true))).into()
            }
            (None, "ak_logger") => Value::object(objects::Logger),
            (None, _) => Value::None,
        };
        inputs.push((name, value));
    }
    for (name, value) in extra {
        if !INPUTS.contains(&name) && uses(name) {
            inputs.push((name, value));
        }
    }
    // Only other policies need the original context.
    let own = if may_name("ak_call_policy") { question.context.clone() } else { Map::new() };
    let caller = Caller::new(shared, question, own);
    Ok(Prepared { inputs, caller: Arc::new(caller), plan })
}

/// A person as the texts that call this one have left them.
fn current(shared: &Shared, principal: &Principal) -> Result<Principal, RunError> {
    match shared.journal.user(principal.user.id) {
        None => Ok(principal.clone()),
        Some(Row { after: Some(user), .. }) => Ok(Principal { user: Arc::new(user), ..principal.clone() }),
        Some(Row { after: None, .. }) => Err(failure("the account is gone")),
    }
}

/// Location, AS and risk of the request, if a program mentions them.
async fn surroundings(
    question: &Question<'_>,
    context: &mut Dict,
    may_name: impl Fn(&str) -> bool,
) -> Result<(), RunError> {
    if may_name("geoip") || may_name("asn") {
        // Without a database nothing is known: the keys are absent, as for an unknown address.
        let found = question.core.geoip.look_up(question.client.ip).map_err(|e| failure(e.to_string()))?;
        if let Some(place) = found.place {
            context.insert("geoip", Value::from(Json::Object(place.to_map())));
        }
        if let Some(network) = found.network {
            context.insert("asn", Value::from(Json::Object(network.to_map())));
        }
    }
    if may_name("risk") {
        let risk = risk::assess(question).await.map_err(|e| failure(e.to_string()))?;
        context.insert("risk", Value::from(risk.to_json()));
    }
    Ok(())
}

/// The flow context with objects in place of keys.
async fn plain_context(question: &Question<'_>, shared: &Arc<Shared>) -> Result<Dict, RunError> {
    let mut dict: Dict =
        question.context.iter().map(|(name, value)| (name.clone(), Value::from(value))).collect();
    // Only what programs may read is loaded; most questions have no context.
    if question.context.is_empty() {
        return Ok(dict);
    }
    if let Some(Json::Object(typed)) = question.context.get(keys::PROMPT_DATA.0) {
        dict.insert(keys::PROMPT_DATA.0, Value::from(Json::Object(nested(typed))));
    }
    let context = Context(question.context.clone());
    if let Some(pending) = context.get(&keys::PENDING_USER) {
        let backend = context.get(&keys::USER_BACKEND);
        let known = question.user.filter(|u| Some(u.user.id) == pending.id).cloned();
        let principal = match known {
            Some(principal) => Some(principal),
            None => pending_principal(question.core, &context).await.map_err(|e| failure(e.to_string()))?,
        };
        dict.insert(
            keys::PENDING_USER.0,
            match principal {
                Some(principal) => {
                    let person = people::user(shared, current(shared, &principal)?, backend);
                    // Changes of the user by an earlier expression, for later stages.
                    let changed = people::account(&person).and_then(|account| {
                        Some(account.clone().changed_by(Changes::of(&context, account.id())?))
                    });
                    changed.map_or(person, Value::object)
                }
                None => people::pretended(shared, pending),
            },
        );
    }
    if let Some(application) =
        context.get(&keys::APPLICATION).and_then(|pk: Uuid| question.core.config().get(pk).cloned())
    {
        dict.insert(keys::APPLICATION.0, object_value(&application));
    }
    if let Some(source) = context.get(&SOURCE).and_then(|pk: Uuid| question.core.config().get(pk).cloned()) {
        dict.insert(SOURCE.0, object_value(&source));
    }
    Ok(dict)
}

/// The flow of a policy's target as its plan names it: a binding belongs to the flow that it is in.
fn flow_pk(target: &Object) -> String {
    let of = Uuid::parse_str(target.text("target")).unwrap_or(target.pk);
    of.simple().to_string()
}

/// Prepares the program of a model's `expression` field.
pub fn prepared<M: Model>(source: &str) -> Result<signet_model::def::Prepared, String> {
    parse(source)
        .map(|program| Arc::new(program) as signet_model::def::Prepared)
        .map_err(|why| format!("{}: {why}", M::DEF.name))
}

#[cfg(test)]
mod tests;
