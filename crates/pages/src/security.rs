//! A person's own sign-in methods, sessions and consents.

use maud::{Markup, html};

use crate::icons::{Icon, icon, icon_s};
use crate::portal::{Account, top_bar};
use crate::shell::{Page, Shell};
use crate::ui::{self, Field, NoticeKind, hidden, monogram};
use crate::url::safe_href;
use crate::words;

/// One way to confirm that a person set up.
#[derive(Debug, Clone, Default)]
pub struct Method {
    /// `totp`, `static`, `webauthn`, `sms`, `email` or `duo`.
    pub class: String,
    /// Its number among the devices.
    pub id: i64,
    /// What the person calls it.
    pub name: String,
    /// Who made it, where that is known ("iCloud Keychain"): its name until the person gives it one.
    pub maker: String,
    /// Where a code goes, codes that are left: said below the name.
    pub detail: String,
    /// When it was set up, RFC 3339.
    pub created: String,
    /// When it was used last, RFC 3339; empty for never.
    pub used: String,
}

/// What applications learn of a person.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// Name as shown.
    pub name: String,
    /// Username.
    pub username: String,
    /// E-mail address.
    pub email: String,
    /// Where it is changed; empty where nothing can be.
    pub change_url: String,
}

/// A place where a person is signed in.
#[derive(Debug, Clone, Default)]
pub struct SessionRow {
    /// Its public id.
    pub id: String,
    /// The browser's `User-Agent`.
    pub user_agent: String,
    /// Address of its last use.
    pub ip: String,
    /// Place of that address, where it is known.
    pub place: String,
    /// When the person signed in, RFC 3339.
    pub since: String,
    /// When it was used last, RFC 3339.
    pub used: String,
    /// The session that asks.
    pub current: bool,
}

/// What an application may have of a person: by an agreement, by a key that it keeps, or both.
#[derive(Debug, Clone, Default)]
pub struct ConsentRow {
    /// The application's id.
    pub id: String,
    /// The application's name.
    pub application: String,
    /// Scopes, separated by spaces.
    pub permissions: String,
    /// Until when, RFC 3339; empty until it is withdrawn.
    pub expires: String,
    /// It may come by itself, while the person is away.
    pub away: bool,
}

/// A way to set something up: the stage's model (`authenticatortotpstage`), its words, its address.
#[derive(Debug, Clone, Default)]
pub struct SetUp {
    /// Model of the stage.
    pub model: String,
    /// Words of the administrator; empty for ours.
    pub title: String,
    /// Where it starts.
    pub url: String,
}

/// The page.
pub struct SecurityPage<'a> {
    /// What every page needs.
    pub page: Page<'a>,
    /// Who is signed in.
    pub account: Account<'a>,
    /// Address that the forms post to.
    pub url: &'a str,
    /// Way back to the applications.
    pub home_url: &'a str,
    /// Token against forged posts.
    pub csrf: &'a str,
    /// What was just done, in words; empty for nothing.
    pub done: &'a str,
    /// Who the person is.
    pub profile: &'a Profile,
    /// What is set up.
    pub methods: &'a [Method],
    /// What can be set up.
    pub set_up: &'a [SetUp],
    /// Where the person is signed in, the own session first.
    pub sessions: &'a [SessionRow],
    /// What the person shares.
    pub consents: &'a [ConsentRow],
}

/// Writes the page.
#[must_use]
pub fn security_page(security: &SecurityPage) -> Markup {
    let body = html! {
        (top_bar(&security.page, Some(&security.account), security.home_url))
        main class="portal portal--narrow" id="main" {
            div class="page-head" { div { h1 { "Settings" } p { "Who you are here, how and where you sign in, and what you share." } } }
            @if !security.done.is_empty() { (ui::notice_said(NoticeKind::Ok, security.done, "")) }
            nav class="sections" aria-label="Sections" {
                @for (id, words) in [("profile", "Profile"), ("methods", "Sign-in methods"), ("sessions", "Sessions"), ("consents", "Applications")] {
                    a href={ "#" (id) "-h" } { (words) }
                }
            }
            (profile(security))
            (methods(security))
            (sessions(security))
            (consents(security))
        }
    };
    Shell { times: true, ..Shell::portal(security.page, "Settings", body) }.render()
}

fn post(security: &SecurityPage, act: &str, inner: Markup) -> Markup {
    html! {
        form method="post" action=[safe_href(security.url)] {
            (hidden("csrf", security.csrf))
            (hidden("act", act))
            (inner)
        }
    }
}

fn profile(security: &SecurityPage) -> Markup {
    let Profile { name, username, email, change_url } = security.profile;
    html! {
        section class="section" aria-labelledby="profile-h" {
            header {
                div { h2 id="profile-h" { "Profile" } p { "Shown to the applications that you open, where you agree." } }
                @if let Some(url) = safe_href(change_url) { a class="btn" href=(url) { "Change your details" } }
            }
            dl class="panel facts" {
                @for (words, value) in [("Name", name), ("Username", username), ("E-mail", email)] {
                    div { dt { (words) } dd { @if value.is_empty() { span class="muted" { "None" } } @else { bdi { (value) } } } }
                }
            }
        }
    }
}

/// Ways that can be set up, the safest first. Codes for emergencies stand beside another way and are made
/// anew at their own row.
fn offered<'a>(security: &'a SecurityPage) -> Vec<&'a SetUp> {
    let order = |model: &str| ORDER.iter().position(|one| *one == model).unwrap_or(ORDER.len());
    let beside = security.methods.iter().any(|method| method.class != "static");
    let codes = security.methods.iter().any(|method| method.class == "static");
    let fits = |one: &&SetUp| one.model != PASSWORD && (one.model != CODES || (beside && !codes));
    let mut all: Vec<&SetUp> = security.set_up.iter().filter(fits).collect();
    all.sort_by_key(|one| order(&one.model));
    all
}

const PASSWORD: &str = "passwordstage";
const CODES: &str = "authenticatorstaticstage";
const ORDER: [&str; 6] = [
    "authenticatorwebauthnstage",
    "authenticatortotpstage",
    CODES,
    "authenticatoremailstage",
    "authenticatorsmsstage",
    "authenticatorduostage",
];

/// The password, with the way to change it.
fn password(security: &SecurityPage) -> Option<Markup> {
    let url = security.set_up.iter().find(|one| one.model == PASSWORD).and_then(|one| safe_href(&one.url))?;
    Some(html! {
        li {
            span class="tile-i" { (icon(Icon::Key)) }
            span class="grow" { span class="strong" { "Password" } }
            a class="btn" href=(url) { "Change password" }
        }
    })
}

fn methods(security: &SecurityPage) -> Markup {
    let offered = offered(security);
    let only_codes =
        !security.methods.is_empty() && security.methods.iter().all(|method| method.class == "static");
    html! {
        section class="section" aria-labelledby="methods-h" {
            header { div {
                h2 id="methods-h" { "Sign-in methods" }
                p { "Keep at least two, so that one lost device does not lock you out." }
            } }
            @if only_codes {
                (ui::notice(NoticeKind::Warn, "Your recovery codes are your only second step.", "Each sign-in uses one up. When none is left, you cannot get in. Add a passkey or an authenticator app."))
            }
            @let password = password(security);
            @if security.methods.is_empty() && password.is_none() {
                p class="panel panel__body muted" { "Nothing is set up yet." }
            } @else {
                ul class="panel list" { @for method in security.methods { li { (self::method(security, method)) } } @if let Some(row) = password { (row) } }
            }
            @if !offered.is_empty() {
                h3 class="label add-h" { "Add a method" }
                div class="row row--wrap" {
                    @for one in offered {
                        @let (drawing, words) = of_model(&one.model);
                        @if let Some(url) = safe_href(&one.url) {
                            a class="btn" href=(url) { (icon_s(drawing)) bdi { (title(&one.title, words)) } }
                        }
                    }
                }
            }
        }
    }
}

fn method(security: &SecurityPage, method: &Method) -> Markup {
    let (drawing, kind) = of_class(&method.class);
    let name = title(&method.name, if method.maker.is_empty() { kind } else { &method.maker });
    let id = format!("{}-{}", method.class, method.id);
    html! {
        span class="tile-i" { (icon(drawing)) }
        span class="grow" {
            span class="strong" { bdi { (name) } }
            span class="small muted line" {
                @if name != kind { (kind) " · " }
                @if !method.detail.is_empty() { bdi { (method.detail) } " · " }
                "added " (time(&method.created))
                @if method.used.is_empty() { " · never used" } @else { " · used " (time(&method.used)) }
            }
        }
        @if method.class == "static" && security.set_up.iter().any(|one| one.model == CODES) {
            details class="change" {
                summary class="btn btn--s" { "Make new codes" }
                div class="change__body stack" {
                    (post(security, "new_codes", html! {
                        div class="stack-2" {
                            p class="help" { "The codes that you have now stop working at once." }
                            button class="btn" type="submit" { "Make new codes" }
                        }
                    }))
                }
            }
        }
        details class="change" {
            summary class="btn btn--s" { "Change" span class="vh" { " " (name) } }
            div class="change__body stack" {
                (post(security, "rename", html! {
                    (hidden("kind", &method.class)) (hidden("id", &method.id.to_string()))
                    div class="stack-2" {
                        (ui::field(&Field { name: &format!("name-{id}"), label: "Name", value: name, autocomplete: "off", ..Field::default() }))
                        button class="btn" type="submit" { "Save name" }
                    }
                }))
                (post(security, "remove", html! {
                    (hidden("kind", &method.class)) (hidden("id", &method.id.to_string()))
                    div class="stack-2" {
                        p class="help" { "You can’t sign in with it any more once it is removed." }
                        button class="btn btn--warn-quiet" type="submit" { (icon_s(Icon::Trash)) "Remove" span class="vh" { " " (name) } }
                    }
                }))
            }
        }
    }
}

fn sessions(security: &SecurityPage) -> Markup {
    let others = security.sessions.iter().any(|session| !session.current);
    html! {
        section class="section" aria-labelledby="sessions-h" {
            header {
                div { h2 id="sessions-h" { "Sessions" } p { "Places where you are signed in. Sign out whatever you do not recognise." } }
                @if others {
                    (post(security, "sign_out_others", html! { button class="btn btn--warn-quiet" type="submit" { "Sign out everywhere else" } }))
                }
            }
            ul class="panel list" {
                @for session in security.sessions {
                    @let (drawing, name) = words::browser(&session.user_agent);
                    li {
                        span class="tile-i" { (icon(drawing)) }
                        span class="grow" {
                            span class="strong" { (name) @if session.current { " " span class="badge badge--ok" { "This session" } } }
                            span class="small muted line" {
                                @if !session.place.is_empty() { bdi { (session.place) } " · " }
                                span class="num" { (session.ip) }
                                @if !session.since.is_empty() { " · since " (time(&session.since)) }
                                @if !session.current { " · used " (time(&session.used)) }
                            }
                        }
                        @if !session.current {
                            (post(security, "sign_out", html! {
                                (hidden("id", &session.id))
                                button class="btn" type="submit" { "Sign out" span class="vh" { " " (name) " at " (session.ip) } }
                            }))
                        }
                    }
                }
            }
        }
    }
}

fn consents(security: &SecurityPage) -> Markup {
    html! {
        section class="section" aria-labelledby="consents-h" {
            header { div { h2 id="consents-h" { "Applications" } p { "What you share, and with whom." } } }
            @if security.consents.is_empty() {
                p class="panel panel__body muted" { "No application has access." }
            } @else {
                ul class="panel list" {
                    @for consent in security.consents {
                        li {
                            (monogram("mono mono--app", &consent.application, 2))
                            span class="grow" {
                                span class="strong" { bdi { (consent.application) } }
                                span class="small muted line" { (shared(&consent.permissions)) @if consent.away { " · also while you are away" } @if !consent.expires.is_empty() { " · until " (time(&consent.expires)) } }
                            }
                            (post(security, "withdraw", html! {
                                (hidden("id", &consent.id))
                                button class="btn" type="submit" { "Withdraw" span class="vh" { " what " (consent.application) " gets" } }
                            }))
                        }
                    }
                }
            }
        }
    }
}

/// Permissions in words, those without words by their name.
fn shared(permissions: &str) -> String {
    let words: Vec<String> = permissions
        .split_whitespace()
        .map(|id| words::permission(id).map_or_else(|| id.to_owned(), lower))
        .collect();
    if words.is_empty() { "who you are here".to_owned() } else { words.join(", ") }
}

/// Begins in small letters, as words in a line do.
fn lower(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// A moment: day and time in words, which the script says as people near it say them ("today, 14:02").
fn time(moment: &str) -> Markup {
    html! { time datetime=(moment) title=(moment) data-when { (words::minute(moment)) } }
}

/// What a person calls a device, else who made it; nothing where neither says more than its kind.
#[must_use]
pub fn device_name<'a>(own: &'a str, maker: &'a str) -> Option<&'a str> {
    Some(title(own, maker)).filter(|name| !name.is_empty())
}

/// The administrator's words, unless they are the technical ones that stages come with.
fn title<'a>(own: &'a str, words: &'a str) -> &'a str {
    let technical = [
        "",
        "TOTP Device",
        "TOTP Authenticator",
        "WebAuthn device",
        "WebAuthn Device",
        "Passkey",
        "Static tokens",
        "Static Token",
        "Static Device",
        "Email Authenticators",
        "Email device",
        "Email Device",
        "SMS Device",
        "Duo Device",
        "Change Password",
    ];
    if technical.contains(&own) { words } else { own }
}

fn of_class(class: &str) -> (Icon, &'static str) {
    match class {
        "webauthn" => (Icon::Passkey, "Passkey"),
        "totp" => (Icon::Phone, "Authenticator app"),
        "static" => (Icon::Codes, "Recovery codes"),
        "sms" => (Icon::Message, "Text message"),
        "email" => (Icon::Mail, "Codes by e-mail"),
        "duo" => (Icon::Shield, "Duo"),
        _ => (Icon::Key, "Method"),
    }
}

fn of_model(model: &str) -> (Icon, &'static str) {
    match model {
        PASSWORD => (Icon::Key, "Change password"),
        model => of_class(
            model
                .strip_prefix("authenticator")
                .and_then(|rest| rest.strip_suffix("stage"))
                .unwrap_or_default(),
        ),
    }
}
