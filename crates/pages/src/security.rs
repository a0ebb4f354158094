//! A person's settings: details, sign-in methods, sessions, consents, tokens, theme.
mod access;
mod connections;
mod methods;
mod profile;
mod theme;
mod tokens;

use maud::{Markup, html};
use serde_json::Value;

use crate::form::FormContext;
use crate::icons::{Icon, icon};
use crate::portal::{Account, top_bar};
use crate::shell::{Page, Shell};
use crate::ui::{self, NoticeKind, hidden};
use crate::url::safe_href;
use crate::words;

pub use methods::device_name;

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
    /// Since when, RFC 3339.
    pub since: String,
    /// Until when, RFC 3339; empty until it is withdrawn.
    pub expires: String,
    /// It may come by itself, while the person is away.
    pub away: bool,
}

/// A place that a person can sign in with.
#[derive(Debug, Clone, Default)]
pub struct ConnectionRow {
    /// The source's name.
    pub name: String,
    /// Id of the connection; empty where there is none.
    pub id: String,
    /// Since when, RFC 3339.
    pub since: String,
    /// Where the form that connects it is posted to; empty where nothing can be connected.
    pub connect_url: String,
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

/// A token of the person's own.
#[derive(Debug, Clone, Default)]
pub struct TokenRow {
    /// Its id.
    pub id: String,
    /// Its name (`identifier`).
    pub name: String,
    /// What it is for, in the person's words.
    pub description: String,
    /// A password for one program, not a key of the API.
    pub app_password: bool,
    /// Until when, RFC 3339; empty for ever.
    pub expires: String,
    /// That time is over.
    pub expired: bool,
}

/// The form for a new token.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokenForm<'a> {
    /// How long a token works, in words.
    pub lasts: &'a str,
    /// Name typed into a refused form.
    pub name: &'a str,
    /// Whether the refused form was for an app password.
    pub app_password: bool,
    /// Why the form was refused; empty for a new one.
    pub error: &'a str,
}

/// The form in which the person changes their details: the challenge of a flow's `ak-stage-prompt`.
pub struct DetailsForm<'a> {
    /// The challenge.
    pub challenge: &'a Value,
    /// Where it is posted, and what was typed.
    pub form: FormContext<'a>,
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
    /// What the person signs in with, or can.
    pub connections: &'a [ConnectionRow],
    /// What the person shares.
    pub consents: &'a [ConsentRow],
    /// The form for the profile; without one the profile is shown, with a link to where it is changed.
    pub details: Option<DetailsForm<'a>>,
    /// The person's tokens.
    pub tokens: &'a [TokenRow],
    /// The form for a new one; none while somebody else acts as the person.
    pub token_form: Option<TokenForm<'a>>,
    /// Name and key of a token that was created just now.
    pub new_token: Option<(&'a str, &'a str)>,
}

/// Writes the page.
#[must_use]
pub fn security_page(security: &SecurityPage) -> Markup {
    let body = html! {
        (top_bar(&security.page, Some(&security.account), security.home_url))
        main class="portal" id="main" {
            div class="page-head" { div { h1 { "Settings" } p { "Who you are here, how and where you sign in, and what you share." } } }
            @if !security.done.is_empty() { (ui::notice_said(NoticeKind::Ok, security.done, "")) }
            div class="settings" {
                nav class="sidenav" aria-label="Settings" data-sections {
                    @for (id, words, drawing) in SECTIONS.iter().filter(|(id, ..)| *id != "connections" || !security.connections.is_empty()) { a href={ "#" (id) } { (icon(*drawing)) (words) } }
                }
                div class="settings__all" {
                    (profile::profile(security))
                    (methods::methods(security))
                    (access::sessions(security))
                    (connections::connections(security))
                    (access::consents(security))
                    (tokens::tokens(security))
                    (theme::theme(security))
                    @if security.details.is_some() { (profile::save_bar()) }
                }
            }
        }
    };
    Shell { times: true, ..Shell::portal(security.page, "Settings", body) }.render()
}

const SECTIONS: [(&str, &str, Icon); 7] = [
    ("profile", "Profile", Icon::User),
    ("methods", "Sign-in methods", Icon::Shield),
    ("sessions", "Sessions", Icon::Laptop),
    ("connections", "Connected services", Icon::Building),
    ("consents", "Applications", Icon::Apps),
    ("tokens", "Tokens", Icon::Code),
    ("theme", "Theme", Icon::Monitor),
];

/// A form of this page, for one act.
fn post(security: &SecurityPage, act: &str, inner: Markup) -> Markup {
    html! {
        form method="post" action=[safe_href(security.url)] {
            (hidden("csrf", security.csrf))
            (hidden("act", act))
            (inner)
        }
    }
}

/// A moment: day and time in words, which the script says as people near it say them ("today, 14:02").
fn time(moment: &str) -> Markup {
    html! { time datetime=(moment) title=(moment) data-when { (words::minute(moment)) } }
}
