//! `/events/events/`: the event log.
use signet_base::akql::{Operator, Query, Term};
use signet_base::{Json, Uuid, json};
use signet_core::event::{CUSTOM_PREFIX, EventAction};
use signet_model::{FieldDef, FieldKind};
use signet_rest::form::{self, Members};
use signet_rest::list::{Filters, Paging, autocomplete};
use signet_rest::{ApiResult, Call, Fault, Reply};
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

/// Actions that the contract knows and does not list.
const UNLISTED: [EventAction; 5] = [
    EventAction::UserOffboarded,
    EventAction::AccessRequestCreated,
    EventAction::AccessRequestApproved,
    EventAction::AccessRequestDenied,
    EventAction::AccessRequestRevoked,
];

/// Word and name for people; the last begins the words that others make up.
fn choices() -> Vec<(String, String)> {
    let all = EventAction::ALL.iter().filter(|action| !UNLISTED.contains(action));
    let all = all.map(|action| (action.to_string(), action.label().to_owned()));
    all.chain([(CUSTOM_PREFIX.to_owned(), "Custom Prefix".to_owned())]).collect()
}

pub(crate) fn show(e: &Event) -> Json {
    json!({
        "pk": e.id, "user": e.user, "action": e.action, "app": e.app, "context": e.context, "client_ip": e.client_ip,
        "created": e.created, "expires": e.expires, "brand": e.brand,
    })
}

/// Events about the device with this key (a number or a text).
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
    let words = choices();
    let words: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
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

/// `POST /events/events/`: only actions with the prefix `custom_`, so that system events cannot be forged.
pub(crate) async fn create(call: &mut Call) -> ApiResult {
    let sent = form::read(call, FIELDS, false).await?;
    let action = sent.text("action").unwrap_or_default();
    let Some(action @ EventAction::Custom(_)) = EventAction::parse(&action) else {
        return Err(Fault::invalid("action", format!("\"{action}\" is not a valid choice.")));
    };
    let context = Json::Object(sent.map("context").unwrap_or_default());
    let id = call
        .core
        .event(&call.client, call.principal.as_ref(), action, &sent.text("app").unwrap_or_default(), context)
        .await;
    let id = id.ok_or_else(|| signet_base::Error::Unavailable("the event could not be written".into()))?;
    let event = events::by_id(&call.core.db, id).await?.ok_or_else(|| Fault::missing("Event"))?;
    Ok(Reply::created(show(&event)))
}

/// `GET /events/events/actions/`
pub(crate) async fn actions(_: &mut Call) -> ApiResult {
    let one = |(word, name): &(String, String)| json!({"name": name, "description": "", "component": word, "model_name": "", "requires_enterprise": false, "deprecated": false});
    Ok(Reply::ok(choices().iter().map(one).collect::<Vec<_>>()))
}
