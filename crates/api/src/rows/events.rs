//! `/events/events/`: the log.
use crate::call::{ApiResult, Call, Fault, Reply};
use crate::form::{self, Members};
use crate::list::{Filters, Paging, autocomplete};
use signet_base::akql::{Operator, Query, Term};
use signet_base::{Json, Uuid, json};
use signet_model::{FieldDef, FieldKind};
use signet_store::events::{self, Event, EventRow};

pub(crate) const FIELDS: &[FieldDef] = &[
    FieldDef::shown("pk", FieldKind::Uuid),
    FieldDef::plain("user", FieldKind::Object),
    FieldDef::plain("action", FieldKind::Text).required(),
    FieldDef::plain("app", FieldKind::Text).required(),
    FieldDef::plain("context", FieldKind::Object),
    FieldDef::shown("client_ip", FieldKind::Text).nullable(),
    FieldDef::shown("created", FieldKind::Time),
    FieldDef::shown("expires", FieldKind::Time).nullable(),
    FieldDef::plain("brand", FieldKind::Object),
];

/// Word on the wire and name for people; `custom_` begins the words that others make up.
const ACTIONS: &[(&str, &str)] = &[
    ("login", "Login"),
    ("login_failed", "Login Failed"),
    ("logout", "Logout"),
    ("user_write", "User Write"),
    ("suspicious_request", "Suspicious Request"),
    ("password_set", "Password Set"),
    ("secret_view", "Secret View"),
    ("secret_rotate", "Secret Rotate"),
    ("invitation_used", "Invite Used"),
    ("authorize_application", "Authorize Application"),
    ("source_linked", "Source Linked"),
    ("impersonation_started", "Impersonation Started"),
    ("impersonation_ended", "Impersonation Ended"),
    ("flow_execution", "Flow Execution"),
    ("policy_execution", "Policy Execution"),
    ("policy_exception", "Policy Exception"),
    ("property_mapping_exception", "Property Mapping Exception"),
    ("system_task_execution", "System Task Execution"),
    ("system_task_exception", "System Task Exception"),
    ("system_exception", "System Exception"),
    ("configuration_error", "Configuration Error"),
    ("configuration_warning", "Configuration Warning"),
    ("model_created", "Model Created"),
    ("model_updated", "Model Updated"),
    ("model_deleted", "Model Deleted"),
    ("email_sent", "Email Sent"),
    ("update_available", "Update Available"),
    ("export_ready", "Export Ready"),
    ("review_initiated", "Review Initiated"),
    ("review_overdue", "Review Overdue"),
    ("review_attested", "Review Attested"),
    ("review_completed", "Review Completed"),
    ("custom_", "Custom Prefix"),
];

pub(crate) fn show(e: &Event) -> Json {
    json!({
        "pk": e.id, "user": e.user, "action": e.action, "app": e.app, "context": e.context, "client_ip": e.client_ip,
        "created": e.created, "expires": e.expires, "brand": e.brand,
    })
}

/// Events that name a device with this key, which is a number or a text.
fn about_device(pk: &str) -> Query {
    let path = ["context", "device", "pk"].map(str::to_owned).to_vec();
    let value = json!([pk, pk.parse::<i64>().ok()]);
    Query::Term(Term { path, operator: Operator::In, value, negated: false })
}

/// `GET /events/events/`
pub(crate) async fn list(call: &mut Call) -> ApiResult {
    let paging = Paging::read(call)?;
    let mut f = Filters::new(call);
    let mut q = paging.rows::<EventRow>(&mut f);
    if let Some(of) = f.text("context_device").map(|pk| about_device(&pk)) {
        q.query = Some(match q.query.take() {
            Some(asked) => asked.and(of),
            None => of,
        });
    }
    let brand = f.text("brand_name");
    f.done()?;
    let (page, total) = events::list(&call.core.db, &q, brand.as_deref()).await?;
    let words: Vec<&str> = ACTIONS.iter().map(|(word, _)| *word).collect();
    let help = autocomplete(
        "authentik_events.event",
        &[
            ("action", "str", Some(&words)),
            ("event_uuid", "str", None),
            ("app", "str", None),
            ("client_ip", "str", None),
            ("user", "relation", None),
            ("brand", "relation", None),
            ("context", "relation", None),
            ("created", "datetime", None),
        ],
    );
    paging.envelope(page.iter().map(show).collect(), total, help)
}

/// `GET /events/events/<uuid>/`
pub(crate) async fn retrieve(call: &mut Call) -> ApiResult {
    let id = Uuid::parse_str(&call.key).map_err(|_| Fault::not_found())?;
    let event = events::by_id(&call.core.db, id).await?.ok_or_else(|| Fault::missing("Event"))?;
    call.reach(id, None, "Event")?;
    Ok(Reply::ok(show(&event)))
}

/// `POST /events/events/`: only actions that begin with `custom_`, so that nobody can forge what the system
/// says.
pub(crate) async fn create(call: &mut Call) -> ApiResult {
    let sent = form::read(call, FIELDS, false).await?;
    let action = sent.text("action").unwrap_or_default();
    if !action.starts_with("custom_") {
        return Err(Fault::invalid("action", format!("\"{action}\" is not a valid choice.")));
    }
    let context = Json::Object(sent.map("context").unwrap_or_default());
    let id = call
        .core
        .event(&call.client, call.principal.as_ref(), &action, &sent.text("app").unwrap_or_default(), context)
        .await;
    let id = id.ok_or_else(|| signet_base::Error::Unavailable("the event could not be written".into()))?;
    let event = events::by_id(&call.core.db, id).await?.ok_or_else(|| Fault::missing("Event"))?;
    Ok(Reply::created(show(&event)))
}

/// `GET /events/events/actions/`
pub(crate) async fn actions(_: &mut Call) -> ApiResult {
    let one = |(word, name): &(&str, &str)| json!({"name": name, "description": "", "component": word, "model_name": "", "requires_enterprise": false, "deprecated": false});
    Ok(Reply::ok(ACTIONS.iter().map(one).collect::<Vec<_>>()))
}
