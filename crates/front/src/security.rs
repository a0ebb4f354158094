//! `/if/user/security/`: who a person is, their sign-in methods, sessions, what they share, tokens, theme. Works
//! without script.
mod connections;
mod details;
mod tokens;

use crate::consents;
use crate::edge::{Edge, read_answer, redirect, unreadable};
use crate::form_context::{codes_left, done};
use crate::library::to_sign_in;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use signet_base::{Error, Json, Map, Result, Timestamp, Uuid, json, query};
use signet_core::directory::{Author, DeviceChange, TokenChange, Transaction};
use signet_core::page::{AccountMenu, PageContext, details_url};
use signet_core::{Core, Principal, directory};
use signet_model::Base;
use signet_pages::{
    Method, PagePolicy, Profile, SecurityPage, SessionRow, SetUp, THEME_COOKIE, Theme, security_page,
};
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
    match page(&mut edge, &csrf).await {
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
        Err((status, text)) => return unreadable(&edge, status, text),
    };
    if !edge.session.csrf_fits(&edge.core, text(&sent, "csrf")) {
        return redirect(StatusCode::SEE_OTHER, PATH);
    }
    // The form of the flow in which people change their details has no `act`.
    if !sent.contains_key("act") && sent.contains_key("component") {
        return details::post(edge, sent).await;
    }
    if text(&sent, "act") == "theme" {
        return keep_theme(&edge, text(&sent, "theme"));
    }
    match change(&mut edge, &person, &sent).await {
        Ok(to) => edge.send(redirect(StatusCode::SEE_OTHER, &to)).await,
        Err(e) => edge.fail(&e),
    }
}

/// The page with the success message of an act.
fn after(done: &str) -> String {
    format!("{PATH}?done={done}")
}

/// Seconds for which browsers keep the theme.
const THEME_LIFE: i64 = 31_536_000;

/// The cookie that scripts set as well, so it is set as they do: for this host alone.
fn keep_theme(edge: &Edge, word: &str) -> Response {
    if Theme::parse(word).is_none() {
        return edge.fail(&Error::NotFound);
    }
    let secure = if edge.client.secure { "; Secure" } else { "" };
    let cookie = format!("{THEME_COOKIE}={word}; Path=/; Max-Age={THEME_LIFE}; SameSite=Lax{secure}");
    let mut response = redirect(StatusCode::SEE_OTHER, &format!("{PATH}#theme"));
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

fn text<'a>(sent: &'a Map, name: &str) -> &'a str {
    sent.get(name).and_then(Json::as_str).unwrap_or_default()
}

/// Where the person goes after the change.
async fn change(edge: &mut Edge, person: &Principal, sent: &Map) -> Result<String> {
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
            Ok(after("renamed"))
        }
        "remove" => {
            let device = own_device(core, person, sent).await?;
            directory::commit(core, &author, DeviceChange::delete(&device)).await?;
            Ok(after("removed"))
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
            // New codes are made on the page that shows them.
            let made = set_up(core).into_iter().find(|one| one.model == "authenticatorstaticstage");
            Ok(made.map_or_else(|| PATH.to_owned(), |one| one.url))
        }
        "sign_out" => {
            let id = Uuid::parse_str(text(sent, "id")).map_err(|_| Error::NotFound)?;
            let session = sessions::by_uuid(&core.db, id)
                .await?
                .filter(|s| s.user_id == Some(person.user.id))
                .ok_or(Error::NotFound)?;
            let mut changes = Transaction::new(core, &author);
            changes.end_session(&session).await?;
            changes.commit().await?;
            Ok(after("signed_out"))
        }
        "sign_out_others" => {
            let spared = directory::spared(core, &edge.client, Some(&edge.session), person.user.id);
            let epoch = directory::end_all(core, &author, person.user.id, &spared).await?;
            if spared.session.is_some() {
                edge.session.goes_on_at(epoch);
            }
            Ok(after("signed_out"))
        }
        "disconnect" => {
            connections::disconnect(core, &author, person, text(sent, "id")).await?;
            Ok(after("disconnected"))
        }
        "withdraw" => {
            consents::withdraw(core, &author, person, text(sent, "id")).await?;
            Ok(after("withdrawn"))
        }
        "new_token" => tokens::create(edge, person, sent).await,
        "delete_token" => {
            let token = tokens::own(core, person, text(sent, "id")).await?;
            directory::commit(core, &author, TokenChange::delete(&token)).await?;
            Ok(after("token_deleted"))
        }
        _ => Err(Error::NotFound),
    }
}

async fn own_device(core: &Core, person: &Principal, sent: &Map) -> Result<Device> {
    let kind = DeviceKind::parse(text(sent, "kind")).ok_or(Error::NotFound)?;
    let id: i64 = text(sent, "id").parse().map_err(|_| Error::NotFound)?;
    devices::get(&core.db, kind, id).await?.filter(|d| d.user_id == person.user.id).ok_or(Error::NotFound)
}

async fn page(edge: &mut Edge, csrf: &str) -> Result<Response> {
    let core = &edge.core.clone();
    let Some(person) = edge.session.principal().cloned() else { return Ok(to_sign_in(edge)) };
    let person = &person;
    let now = core.now();
    let details = details::show(edge).await;
    let new_token = tokens::new_one(edge, person).await?;
    let (methods, sessions, consents, tokens) = (
        methods(core, person, now).await?,
        sessions(edge, person, now).await?,
        consents::list(core, person).await?,
        tokens::list(core, person).await?,
    );
    let profile = Profile {
        name: person.user.name.clone(),
        username: person.user.username.clone(),
        email: person.user.email.clone(),
        change_url: details_url(core, &edge.client, PATH).unwrap_or_default(),
    };
    let set_up = set_up(core);
    let menu = AccountMenu::of(person, Some(csrf.to_owned()));
    let page_context = PageContext::of(core, &edge.client, &edge.cookies);
    let refused = tokens::Refused::of(&edge.client.query);
    let lasts = tokens::lasts(core, person);
    let connections = connections::list(core, person).await?;
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
        connections: &connections,
        consents: &consents,
        details: details.as_ref().map(|details| details.form(edge, &page_context.help, csrf)),
        tokens: &tokens,
        token_form: person.impersonator.is_none().then(|| refused.form(&lasts)),
        new_token: new_token.as_ref().map(|(name, key)| (name.as_str(), key.reveal())),
    });
    Ok(page_context.answer(StatusCode::OK, &PagePolicy::default(), page).into_response())
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
