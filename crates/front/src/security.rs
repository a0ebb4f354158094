//! `/if/user/security/`: who a person is, their sign-in methods, sessions and what they share. Works without
//! script.
use crate::consents;
use crate::edge::{Edge, read_answer, redirect};
use crate::form_context::done;
use crate::library::to_sign_in;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use signet_base::{Error, Json, Map, Result, Timestamp, Uuid, json, query};
use signet_core::directory::{Author, DeviceChange, Transaction};
use signet_core::event::EventAction;
use signet_core::page::{AccountMenu, PageContext, details_url};
use signet_core::{Core, Principal, directory, session};
use signet_model::Base;
use signet_pages::{Method, Profile, SecurityPage, SessionRow, SetUp, security_page};
use signet_store::devices::{self, Device, DeviceKind};
use signet_store::sessions;

const PATH: &str = "/if/user/security/";
/// Longest name of a device, in characters.
const LONGEST_NAME: usize = 64;

pub async fn get(mut edge: Edge) -> Response {
    if edge.session.principal().is_none() {
        return to_sign_in(&edge);
    }
    let core = edge.core.clone();
    let csrf = edge.session.csrf(&core);
    match page(&edge, &csrf).await {
        Ok(response) => edge.send(response).await,
        Err(e) => edge.fail(&e),
    }
}

/// One change, then the page again. Everything is looked up among the person's own things: what belongs to
/// somebody else is not found.
pub async fn post(mut edge: Edge, request: Request) -> Response {
    let Some(person) = edge.session.principal().cloned() else { return to_sign_in(&edge) };
    let sent = match read_answer(request).await {
        Ok(sent) => sent,
        Err((status, text)) => {
            return signet_core::page::error(
                &edge.core,
                &edge.client,
                &edge.cookies,
                status,
                "The form could not be read",
                text,
            )
            .into_response();
        }
    };
    if !edge.session.csrf_fits(&edge.core, text(&sent, "csrf")) {
        return redirect(StatusCode::SEE_OTHER, PATH);
    }
    match change(&mut edge, &person, &sent).await {
        // New codes are made on the page that shows them.
        Ok("new_codes") => {
            let to = set_up(&edge.core)
                .into_iter()
                .find(|one| one.model == "authenticatorstaticstage")
                .map_or_else(|| PATH.to_owned(), |one| one.url);
            edge.send(redirect(StatusCode::SEE_OTHER, &to)).await
        }
        Ok(done) => edge.send(redirect(StatusCode::SEE_OTHER, &format!("{PATH}?done={done}"))).await,
        Err(e) => edge.fail(&e),
    }
}

fn text<'a>(sent: &'a Map, name: &str) -> &'a str {
    sent.get(name).and_then(Json::as_str).unwrap_or_default()
}

async fn change(edge: &mut Edge, person: &Principal, sent: &Map) -> Result<&'static str> {
    let core = &edge.core.clone();
    let author = Author::request(&edge.client, Some(person), "authentik_core");
    match text(sent, "act") {
        "rename" => {
            let before = own_device(core, person, sent).await?;
            let mut device = before.clone();
            let name = text(sent, &format!("name-{}-{}", device.kind.as_str(), device.id)).trim().to_owned();
            if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
                return Err(Error::denied(format!(
                    "A name has 1 to {LONGEST_NAME} characters. Go back and write another one."
                )));
            }
            device.name = name;
            directory::commit(core, &author, DeviceChange::update(&before, device)).await?;
            Ok("renamed")
        }
        "remove" => {
            let device = own_device(core, person, sent).await?;
            directory::commit(core, &author, DeviceChange::delete(&device)).await?;
            Ok("removed")
        }
        "new_codes" => {
            let all = devices::of_user(&core.db, person.user.id, Some(DeviceKind::Static)).await?;
            if all.is_empty() || !set_up(core).iter().any(|one| one.model == "authenticatorstaticstage") {
                return Err(Error::NotFound);
            }
            let mut changes = Transaction::new(core, &author);
            for device in &all {
                changes.change(DeviceChange::delete(device)).await?;
            }
            changes.commit().await?;
            Ok("new_codes")
        }
        "sign_out" => {
            let id = Uuid::parse_str(text(sent, "id")).map_err(|_| Error::NotFound)?;
            let session = sessions::by_uuid(&core.db, id)
                .await?
                .filter(|s| s.user_id == Some(person.user.id))
                .ok_or(Error::NotFound)?;
            session::end(core, &session).await?;
            record_end(edge, person, &session).await;
            Ok("signed_out")
        }
        "sign_out_others" => {
            let own = edge.session.uuid();
            let over = sessions::of_user(&core.db, person.user.id).await?;
            let spared = directory::spared(core, &edge.client, Some(&edge.session), person.user.id);
            let epoch = directory::end_all(core, person.user.id, &spared).await?;
            if spared.session.is_some() {
                edge.session.goes_on_at(epoch);
            }
            for session in over.iter().filter(|s| Some(s.uuid) != own) {
                record_end(edge, person, session).await;
            }
            Ok("signed_out")
        }
        "withdraw" => {
            consents::withdraw(core, person, text(sent, "id")).await?;
            Ok("withdrawn")
        }
        _ => Err(Error::NotFound),
    }
}

async fn own_device(core: &Core, person: &Principal, sent: &Map) -> Result<Device> {
    let kind = DeviceKind::parse(text(sent, "kind")).ok_or(Error::NotFound)?;
    let id: i64 = text(sent, "id").parse().map_err(|_| Error::NotFound)?;
    devices::get(&core.db, kind, id).await?.filter(|d| d.user_id == person.user.id).ok_or(Error::NotFound)
}

async fn record_end(edge: &Edge, person: &Principal, one: &sessions::Session) {
    record(edge, person, EventAction::ModelDeleted, json!({"app": "authentik_core", "model_name": "authenticatedsession", "pk": one.uuid, "name": one.ip})).await;
}

async fn record(edge: &Edge, person: &Principal, action: EventAction, model: Json) {
    edge.core.event(&edge.client, Some(person), action, "authentik_events", json!({"model": model})).await;
}

async fn page(edge: &Edge, csrf: &str) -> Result<Response> {
    let core = &edge.core;
    let Some(person) = edge.session.principal() else { return Ok(to_sign_in(edge)) };
    let now = core.now();
    let (methods, sessions, consents) = (
        methods(core, person, now).await?,
        sessions(edge, person, now).await?,
        consents::list(core, person).await?,
    );
    let profile = Profile {
        name: person.user.name.clone(),
        username: person.user.username.clone(),
        email: person.user.email.clone(),
        change_url: details_url(core, &edge.client, PATH).unwrap_or_default(),
    };
    let set_up = set_up(core);
    let menu = AccountMenu::of(core, &edge.client, person, Some(csrf.to_owned()));
    let page_context = PageContext::of(core, &edge.client, &edge.cookies);
    let page = security_page(&SecurityPage {
        page: page_context.page(core),
        account: menu.account(PATH),
        url: PATH,
        home_url: "/if/user/",
        csrf,
        done: done(query::value(&edge.client.query, "done").as_deref().unwrap_or_default()),
        profile: &profile,
        methods: &methods,
        set_up: &set_up,
        sessions: &sessions,
        consents: &consents,
    });
    Ok(page_context.answer(StatusCode::OK, &[], page).into_response())
}

pub fn moment(at: Timestamp) -> String {
    json!(at).as_str().unwrap_or_default().to_owned()
}

async fn methods(core: &Core, person: &Principal, now: Timestamp) -> Result<Vec<Method>> {
    let mut out = Vec::new();
    for device in devices::of_user(&core.db, person.user.id, None).await?.into_iter().filter(|d| d.confirmed)
    {
        let detail = match device.kind {
            DeviceKind::Static => codes_left(core, &device, now).await?,
            _ => String::new(),
        };
        out.push(Method {
            class: device.kind.as_str().to_owned(),
            id: device.id,
            detail,
            maker: device.text("description").to_owned(),
            created: moment(device.created),
            used: device.last_used.map(moment).unwrap_or_default(),
            name: device.name,
        });
    }
    Ok(out)
}

/// How many recovery codes of a list are left, of how many where that is known.
pub async fn codes_left(core: &Core, device: &Device, now: Timestamp) -> Result<String> {
    let left = devices::count_codes(&core.db, device.id, now).await?;
    Ok(match device.data.get("codes").and_then(Json::as_i64) {
        Some(all) => format!("{left} of {all} left"),
        None => format!("{left} left"),
    })
}

async fn sessions(edge: &Edge, person: &Principal, now: Timestamp) -> Result<Vec<SessionRow>> {
    let own = edge.session.uuid();
    let rows = sessions::of_user(&edge.core.db, person.user.id).await?;
    let row = |s: sessions::Session| SessionRow {
        id: s.uuid.to_string(),
        user_agent: s.user_agent,
        place: place(&edge.core, &s.ip),
        ip: s.ip,
        since: moment(s.created),
        used: moment(s.last_used),
        current: Some(s.uuid) == own,
    };
    let mut rows: Vec<SessionRow> = rows.into_iter().filter(|s| !s.is_expired(now)).map(row).collect();
    rows.sort_by_key(|row| !row.current);
    Ok(rows)
}

/// Place of an address as people say it, where there is a database of places.
fn place(core: &Core, ip: &str) -> String {
    let place = ip.parse().ok().and_then(|ip| core.geoip.look_up(ip).ok()).and_then(|found| found.place);
    let parts = place.map(|p| [p.city, p.country]).unwrap_or_default();
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// Stages that people set up for themselves, each by its flow.
fn set_up(core: &Core) -> Vec<SetUp> {
    let config = core.config();
    let mut out: Vec<SetUp> = config
        .family(Base::Stage)
        .filter(|o| Uuid::parse_str(o.text("configure_flow")).is_ok_and(|pk| config.get(pk).is_some()))
        .map(|o| SetUp {
            model: o.def.name.to_owned(),
            title: o.text("friendly_name").to_owned(),
            url: format!("/flows/-/configure/{}/?next={PATH}", o.pk),
        })
        .collect();
    out.sort_by(|a, b| (&a.model, &a.title).cmp(&(&b.model, &b.title)));
    out
}
