//! Sign-in methods: what is set up, and what can be.

use maud::{Markup, html};

use super::{Method, SecurityPage, SetUp, post, time};
use crate::icons::{Icon, icon, icon_s};
use crate::ui::{self, Field, NoticeKind, hidden};
use crate::url::safe_href;

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

pub(super) fn methods(security: &SecurityPage) -> Markup {
    let offered = offered(security);
    let only_codes =
        !security.methods.is_empty() && security.methods.iter().all(|method| method.class == "static");
    html! {
        section class="section" id="methods" aria-labelledby="methods-h" {
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
