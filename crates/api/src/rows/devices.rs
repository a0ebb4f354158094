//! `/authenticators/…`: second factors. Users see their own; administrators see all below `admin/`.
use super::{USER, told, users as people};
use http::Method;
use signet_base::{Error, Json, Map, json};
use signet_core::directory::{self, DeviceChange};
use signet_core::permission::{Right, catalogue};
use signet_model::{FieldDef, FieldKind, Verb};
use signet_rest::form::{self, Members};
use signet_rest::list::{Filters, Paging};
use signet_rest::{Action, Output, Permission, Run};
use signet_rest::{ApiResult, Call, Fault, Reply};
use signet_store::devices::{self, Device, DeviceKind};
use signet_store::users::{self, User};
use signet_store::{ListQuery, Page, list as list_of};
use std::collections::HashMap;
use std::sync::Arc;

const PK: FieldDef = FieldDef::shown("pk", FieldKind::Int);
const OF: FieldDef = FieldDef::shown("user", FieldKind::Object);
const NAME: FieldDef =
    told(FieldDef::plain("name", FieldKind::Text).required().max(64), "What the person calls the device.");
/// A code in a list.
const TOKEN: &[FieldDef] = &[FieldDef::shown("token", FieldKind::Text)];

pub(crate) const STATIC: &[FieldDef] = &[NAME, FieldDef::shown("token_set", FieldKind::Items(TOKEN)), PK, OF];
pub(crate) const TOTP: &[FieldDef] = &[NAME, PK, OF];
pub(crate) const DUO: &[FieldDef] = &[PK, NAME, OF];
pub(crate) const SMS: &[FieldDef] = &[NAME, PK, FieldDef::shown("phone_number", FieldKind::Text), OF];
pub(crate) const EMAIL: &[FieldDef] = &[NAME, PK, FieldDef::shown("email", FieldKind::Text), OF];
pub(crate) const WEBAUTHN: &[FieldDef] = &[
    PK,
    told(FieldDef::plain("name", FieldKind::Text).required().max(200), "What the person calls the device."),
    FieldDef::shown("created_on", FieldKind::Time),
    FieldDef::shown("device_type", FieldKind::Object).nullable(),
    FieldDef::shown("aaguid", FieldKind::Text),
    OF,
];
/// Fields of all device kinds.
pub(crate) const ANY: &[FieldDef] = &[
    FieldDef::shown("pk", FieldKind::Text),
    FieldDef::shown("name", FieldKind::Text),
    FieldDef::shown("type", FieldKind::Text),
    FieldDef::shown("confirmed", FieldKind::Bool),
    FieldDef::shown("created", FieldKind::Time),
    FieldDef::shown("last_updated", FieldKind::Time),
    FieldDef::shown("last_used", FieldKind::Time).nullable(),
    FieldDef::shown("extra_description", FieldKind::Text).nullable(),
    FieldDef::shown("external_id", FieldKind::Text).nullable(),
    FieldDef::shown("verbose_name", FieldKind::Text),
    FieldDef::shown("verbose_name_plural", FieldKind::Text),
    FieldDef::shown("meta_model_name", FieldKind::Text),
];
/// The body for creating a device for a user.
const GIVEN: &[FieldDef] =
    &[NAME, told(FieldDef::plain("user", USER).required(), "Whose device it becomes.")];

/// Number and length of codes created by an administrator.
const CODES: usize = 6;
const CODE_LENGTH: usize = 12;

fn fields(kind: DeviceKind) -> &'static [FieldDef] {
    match kind {
        DeviceKind::Static => STATIC,
        DeviceKind::Totp => TOTP,
        DeviceKind::Webauthn => WEBAUTHN,
        DeviceKind::Duo => DUO,
        DeviceKind::Sms => SMS,
        DeviceKind::Email => EMAIL,
    }
}

/// The devices that a path is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// The caller's own, also for administrators.
    Own,
    Everybody,
}

pub(crate) fn register(rows: &mut Vec<Action>) {
    use Permission::{Model, Own, SignedIn};
    use Verb::{Add, Change, Delete, View};
    type Needs = fn(Verb) -> Permission;
    rows.push(
        Action::get("authenticators/all", SignedIn, "The caller's second factors.", signet_rest::run!(all))
            .output(Output::Plain("Device")),
    );
    rows.push(
        Action::get(
            "authenticators/admin/all",
            SignedIn,
            "Lists second factors for administrators; user narrows it to one person.",
            signet_rest::run!(admin_all),
        )
        .output(Output::Plain("Device")),
    );
    for kind in DeviceKind::ALL {
        let component = kind.model().1;
        for (path, scope, needs) in [
            (format!("authenticators/{}", kind.as_str()), Scope::Own, Own as Needs),
            (format!("authenticators/admin/{}", kind.as_str()), Scope::Everybody, Model as Needs),
        ] {
            let one = format!("{path}/{{id}}");
            let mut add = |action: Action| rows.push(action.about(catalogue::device(kind)));
            add(Action::get(
                &path,
                needs(View),
                "Lists devices.",
                Run::Shared(Arc::new(move |call| Box::pin(list(call, kind, scope)))),
            )
            .gives(component));
            add(Action::get(
                &one,
                needs(View),
                "One device.",
                Run::Shared(Arc::new(move |call| Box::pin(retrieve(call, kind, scope)))),
            )
            .gives(component));
            for (method, partial) in [(Method::PUT, false), (Method::PATCH, true)] {
                let run = Run::Shared(Arc::new(move |call| Box::pin(change(call, kind, scope, partial))));
                add(Action::new(method, &one, needs(Change), "Renames the device.", run)
                    .takes(component)
                    .gives(component));
            }
            let run = Run::Shared(Arc::new(move |call| Box::pin(destroy(call, kind, scope))));
            add(Action::new(Method::DELETE, &one, needs(Delete), "Removes the device.", run)
                .output(Output::Nothing));
            match scope {
                Scope::Own => {
                    let run = Run::Shared(Arc::new(move |call| Box::pin(used_by(call, kind))));
                    add(Action::get(
                        format!("{one}/used_by"),
                        needs(View),
                        "Lists what refers to the object.",
                        run,
                    )
                    .output(Output::Plain("UsedBy")));
                }
                Scope::Everybody => {
                    let run = Run::Shared(Arc::new(move |call| Box::pin(create(call, kind))));
                    add(Action::post(
                        &path,
                        needs(Add),
                        "Gives a person a device, where that can be done for them.",
                        run,
                    )
                    .input(GIVEN)
                    .gives(component));
                }
            }
        }
    }
}

/// A device with the common fields.
fn common(d: &Device) -> Json {
    let (app, model) = d.kind.model();
    let text = |name: &str| d.data.get(name).cloned().unwrap_or_default();
    let (description, external) = if d.kind == DeviceKind::Webauthn {
        (text("description"), text("aaguid"))
    } else {
        (Json::Null, Json::Null)
    };
    json!({
        "pk": d.id.to_string(), "name": d.name, "type": format!("{app}.{model}"), "confirmed": d.confirmed, "created": d.created, "last_updated": d.updated,
        "last_used": d.last_used, "extra_description": description, "external_id": external, "verbose_name": d.kind.label(),
        "verbose_name_plural": format!("{}s", d.kind.label()), "meta_model_name": format!("{app}.{}", model.to_lowercase()),
    })
}

async fn show(call: &Call, d: &Device, owner: Option<&User>) -> Result<Map, Fault> {
    let mut out = json!({"pk": d.id, "name": d.name, "user": owner.map(|u| people::partial(call, u))})
        .as_object()
        .cloned()
        .unwrap_or_default();
    match d.kind {
        DeviceKind::Static => {
            // Only digests are stored: the number of remaining codes is known, the codes are not.
            let left = devices::count_codes(&call.core.db, d.id, call.core.now()).await?;
            let tokens: Vec<Json> =
                (0..left.clamp(0, 1000)).map(|_| json!({"token": "************"})).collect();
            out.insert("token_set".into(), json!(tokens));
        }
        DeviceKind::Sms => drop(out.insert("phone_number".into(), json!(d.text("phone_number")))),
        DeviceKind::Email => drop(out.insert("email".into(), json!(d.text("email")))),
        DeviceKind::Webauthn => {
            let aaguid = d.text("aaguid");
            let known = !d.text("description").is_empty();
            out.insert("created_on".into(), json!(d.created));
            out.insert("aaguid".into(), json!(aaguid));
            out.insert(
                "device_type".into(),
                if known {
                    json!({"aaguid": aaguid, "description": d.text("description")})
                } else {
                    Json::Null
                },
            );
        }
        DeviceKind::Totp | DeviceKind::Duo => {}
    }
    Ok(out)
}

async fn answer(call: &Call, device: &Device) -> ApiResult {
    let owner = users::by_id(&call.core.db, device.user_id).await?;
    Ok(Reply::ok(Json::Object(show(call, device, owner.as_ref()).await?)))
}

/// The user of a list; `None` for all.
fn whose(call: &Call, scope: Scope) -> Result<Option<i64>, Fault> {
    Ok(if scope == Scope::Own { Some(call.person()?.user.id) } else { None })
}

/// Hides other users' devices.
async fn find(call: &Call, kind: DeviceKind, scope: Scope) -> Result<Device, Fault> {
    let missing = || Fault::missing(kind.model().1);
    let owner = whose(call, scope)?;
    let id: i64 = call.key.parse().map_err(|_| Fault::not_found())?;
    let found = devices::get(&call.core.db, kind, id).await?.filter(|d| owner.is_none_or(|o| o == d.user_id));
    let device = found.ok_or_else(missing)?;
    call.reach(id, Some(device.user_id), kind.model().1)?;
    Ok(device)
}

/// `GET /authenticators/all/`
async fn all(call: &mut Call) -> ApiResult {
    let own = devices::of_user(&call.core.db, call.person()?.user.id, None).await?;
    Ok(Reply::ok(own.iter().map(common).collect::<Vec<_>>()))
}

/// Maximum number of devices in a list without paging.
const MOST: u64 = 1000;

/// `GET /authenticators/admin/all/`: callers without permission get an empty list, as clients expect.
async fn admin_all(call: &mut Call) -> ApiResult {
    let mut f = Filters::new(call);
    let user = f.int("user");
    f.done()?;
    let mut found = Vec::new();
    for kind in DeviceKind::ALL {
        let view = Verb::View.on(&catalogue::device(kind));
        if !call.principal.as_ref().is_some_and(|p| p.grants.anywhere(&view)) {
            continue;
        }
        let page = Page { scope: call.person()?.grants.scope(&view), ..Page::first(MOST) };
        let q = ListQuery { owner: user, page, ..ListQuery::default() }.equal("kind", kind.as_str());
        found.extend(list_of::<Device>(&call.core.db, &q).await?.0);
    }
    found.sort_by_key(|device| device.id);
    Ok(Reply::ok(found.iter().map(common).collect::<Vec<_>>()))
}

/// `GET /authenticators/[admin/]<kind>/`
async fn list(call: &mut Call, kind: DeviceKind, scope: Scope) -> ApiResult {
    let paging = Paging::read(call)?;
    let mut f = Filters::new(call);
    let q = ListQuery { owner: whose(call, scope)?, ..paging.rows::<Device>(&mut f) };
    let q = q.equal("kind", kind.as_str());
    f.done()?;
    let (page, total) = list_of::<Device>(&call.core.db, &q).await?;
    let ids: Vec<i64> = page.iter().map(|d| d.user_id).collect();
    let owners: HashMap<i64, User> =
        users::by_ids(&call.core.db, &ids).await?.into_iter().map(|u| (u.id, u)).collect();
    let mut shown = Vec::with_capacity(page.len());
    for device in &page {
        shown.push(Json::Object(show(call, device, owners.get(&device.user_id)).await?));
    }
    paging.envelope(shown, total, json!({}))
}

/// `GET /authenticators/[admin/]<kind>/<id>/`
async fn retrieve(call: &mut Call, kind: DeviceKind, scope: Scope) -> ApiResult {
    let device = find(call, kind, scope).await?;
    answer(call, &device).await
}

/// `PUT` and `PATCH /authenticators/[admin/]<kind>/<id>/`: only the name can be changed.
async fn change(call: &mut Call, kind: DeviceKind, scope: Scope, partial: bool) -> ApiResult {
    let before = find(call, kind, scope).await?;
    let mut device = before.clone();
    let sent = form::read(call, fields(kind), partial).await?;
    if let Some(name) = sent.text("name") {
        device.name = name;
    }
    directory::commit(&call.core, &call.author(), DeviceChange::update(&before, device.clone())).await?;
    answer(call, &device).await
}

/// `DELETE /authenticators/[admin/]<kind>/<id>/`. If an administrator removes a factor, the account's epoch
/// is raised.
async fn destroy(call: &mut Call, kind: DeviceKind, scope: Scope) -> ApiResult {
    let device = find(call, kind, scope).await?;
    if scope == Scope::Everybody {
        call.may_give(&[Right::Account(device.user_id)]).await?;
    }
    let owner = users::by_id(&call.core.db, device.user_id).await?.ok_or(Error::NotFound)?;
    let spared = directory::spared(&call.core, &call.client, call.session.as_ref(), device.user_id);
    let change = match scope {
        Scope::Everybody => DeviceChange::reset(&device, &spared),
        Scope::Own => DeviceChange::delete(&device),
    };
    let done = directory::commit(&call.core, &call.author(), change.owner(&owner.username)).await?;
    if let (Some(session), Some(_), Some(epoch)) = (call.session.as_mut(), spared.session, done.epoch) {
        session.goes_on_at(epoch);
    }
    Ok(Reply::Empty)
}

/// `GET /authenticators/<kind>/<id>/used_by/`
async fn used_by(call: &mut Call, kind: DeviceKind) -> ApiResult {
    find(call, kind, Scope::Own).await?;
    Ok(Reply::ok(Vec::<Json>::new()))
}

/// `POST /authenticators/admin/<kind>/`: recovery codes, which only this response contains, or the account's
/// email address. Other kinds need the user's device.
async fn create(call: &mut Call, kind: DeviceKind) -> ApiResult {
    if !matches!(kind, DeviceKind::Static | DeviceKind::Email) {
        return Err(Fault::invalid(
            "non_field_errors",
            format!("A {} is set up by its owner, in a flow.", kind.label()),
        ));
    }
    let sent = form::read(call, GIVEN, false).await?;
    let owner = match sent.int("user") {
        Some(id) => users::by_id(&call.core.db, id).await?,
        None => None,
    };
    let owner = owner.ok_or_else(|| Fault::invalid("user", "There is no such user."))?;
    call.may_give(&[Right::Account(owner.id)]).await?;
    let mut device = Device::new(&call.core.ports, kind, owner.id, sent.text("name").unwrap_or_default());
    let mut codes = Vec::new();
    if kind == DeviceKind::Static {
        codes = (0..CODES).map(|_| call.core.ports.alphanumeric(CODE_LENGTH).to_lowercase()).collect();
    } else if owner.email.is_empty() {
        return Err(Fault::invalid("user", "This user has no e-mail address."));
    } else {
        device.data.insert("email".into(), json!(owner.email));
    }
    let digests: Vec<String> = codes.iter().map(|c| device.code_digest(&call.core.vault, c)).collect();
    let change = DeviceChange::create(device.clone(), digests).owner(&owner.username);
    device.id = directory::commit(&call.core, &call.author(), change).await?.number()?;
    let mut shown = show(call, &device, Some(&owner)).await?;
    if kind == DeviceKind::Static {
        shown.insert("token_set".into(), codes.iter().map(|c| json!({"token": c})).collect());
    }
    Ok(Reply::created(Json::Object(shown)))
}
