//! A person's own sign-in methods, sessions and consents.

use maud::{Markup, html};

use crate::icons::{Icon, icon, icon_s};
use crate::portal::{Account, top_bar};
use crate::shell::{Page, Shell};
use crate::ui::{self, Field, Kind, hidden, monogram};
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
    /// Where a code goes, codes that are left: said below the name.
    pub detail: String,
    /// When it was set up, RFC 3339.
    pub created: String,
    /// When it was used last, RFC 3339; empty for never.
    pub used: String,
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
    /// When it was used last, RFC 3339.
    pub used: String,
    /// The session that asks.
    pub current: bool,
}

/// What a person agreed to share with an application.
#[derive(Debug, Clone, Default)]
pub struct ConsentRow {
    /// Its number.
    pub id: i64,
    /// The application's name.
    pub application: String,
    /// Scopes, separated by spaces.
    pub permissions: String,
    /// Until when, RFC 3339; empty until it is withdrawn.
    pub expires: String,
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
    /// What is set up.
    pub methods: &'a [Method],
    /// What can be set up.
    pub set_up: &'a [SetUp],
    /// Where the person is signed in, the last used first.
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
            div class="page-head" {
                div { h1 { "Security" } p { "How you sign in, where you are signed in, and what you share." } }
                @if let Some(url) = safe_href(security.home_url) { a class="btn" href=(url) { "My applications" } }
            }
            @if !security.done.is_empty() { (ui::notice_said(Kind::Ok, security.done, "")) }
            (methods(security))
            (sessions(security))
            (consents(security))
        }
    };
    Shell::portal(security.page, "Security", body).render()
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

fn methods(security: &SecurityPage) -> Markup {
    html! {
        section class="section" aria-labelledby="methods-h" {
            header { div {
                h2 id="methods-h" { "Sign-in methods" }
                p { "Keep at least two, so that one lost device does not lock you out." }
            } }
            @if security.methods.is_empty() {
                p class="panel panel__body muted" { "Nothing is set up beside your password." }
            } @else {
                ul class="panel list" { @for method in security.methods { li { (self::method(security, method)) } } }
            }
            @if !security.set_up.is_empty() {
                h3 class="label add-h" { "Add a method" }
                div class="row row--wrap" {
                    @for one in security.set_up {
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
    let name = if method.name.is_empty() { kind } else { &method.name };
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
                            span class="small muted line" { span class="num" { (session.ip) } " · used " (time(&session.used)) }
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
            header { div { h2 id="consents-h" { "Consents" } p { "What you agreed to share, and with whom." } } }
            @if security.consents.is_empty() {
                p class="panel panel__body muted" { "You share nothing that has to be remembered." }
            } @else {
                ul class="panel list" {
                    @for consent in security.consents {
                        li {
                            (monogram("mono mono--app", &consent.application, 2))
                            span class="grow" {
                                span class="strong" { bdi { (consent.application) } }
                                span class="small muted line" { (shared(&consent.permissions)) @if !consent.expires.is_empty() { " · until " (time(&consent.expires)) } }
                            }
                            (post(security, "withdraw", html! {
                                (hidden("id", &consent.id.to_string()))
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
    let words: Vec<String> = permissions.split_whitespace().map(|id| words::permission(id).map_or_else(|| id.to_owned(), lower)).collect();
    if words.is_empty() { "who you are here".to_owned() } else { words.join(", ") }
}

/// Begins in small letters, as words in a line do.
fn lower(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// A moment: the day in words, the exact one for machines and on hover.
fn time(moment: &str) -> Markup {
    html! { time datetime=(moment) title=(moment) { (words::day(moment)) } }
}

/// The administrator's words, unless they are the technical ones that stages come with.
fn title<'a>(own: &'a str, words: &'a str) -> &'a str {
    let technical = ["", "TOTP Device", "WebAuthn device", "Static tokens", "Email Authenticators", "Email device", "Change Password"];
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
        "passwordstage" => (Icon::Key, "Change password"),
        model => of_class(model.strip_prefix("authenticator").and_then(|rest| rest.strip_suffix("stage")).unwrap_or_default()),
    }
}
