//! The second step: choose a way, then confirm.

use maud::{Markup, html};
use serde_json::Value;

use crate::authenticator_webauthn::page::{Ceremony, ceremony};
use signet_pages::challenge::flow_title;
use signet_pages::form::{CHOSEN, FormContext, field_error, list, scalar, stray_errors, text};
use signet_pages::icons::{Icon, icon, icon_flip};
use signet_pages::ui::{self, Field};
use signet_pages::words;
use signet_pages::{Heading, StagePage};

/// One way to confirm: an entry of `device_challenges`.
struct Way<'a> {
    class: &'a str,
    uid: String,
    options: &'a Value,
    last_used: &'a str,
}

impl<'a> Way<'a> {
    fn read(value: &'a Value) -> Option<Self> {
        let class = text(value, "device_class");
        let uid = value.get("device_uid").map(scalar).unwrap_or_default();
        let options = value.get("challenge").unwrap_or(&Value::Null);
        (!class.is_empty()).then(|| Self { class, uid, options, last_used: text(value, "last_used") })
    }

    fn key(&self) -> String {
        format!("{}:{}", self.class, self.uid)
    }

    /// What the form sends to choose it.
    fn selection(&self) -> String {
        serde_json::json!({"device_class": self.class, "device_uid": self.uid}).to_string()
    }

    fn words(&self) -> (Icon, &'static str, &'static str) {
        match self.class {
            "webauthn" => (Icon::Passkey, "Passkey", "Fingerprint, face, screen lock or security key"),
            "totp" => (Icon::Phone, "Authenticator app", "A code that changes every 30 seconds"),
            "sms" => (Icon::Message, "Text message", "A code to your phone"),
            "email" => (Icon::Mail, "E-mail", "A code to your mailbox"),
            "static" => (Icon::Codes, "Recovery code", "One of the codes you stored"),
            "duo" => (Icon::Shield, "Duo", "A request on your phone"),
            _ => (Icon::Key, "Another way", ""),
        }
    }

    /// Where a code goes, masked, when the challenge says so.
    fn target(&self) -> Option<&'a str> {
        ["phone_number", "email"]
            .into_iter()
            .map(|key| text(self.options, key))
            .find(|value| !value.is_empty())
    }

    /// A code has to be sent before it can be typed.
    fn sends(&self) -> bool {
        matches!(self.class, "sms" | "email")
    }
}

/// What the page is about.
enum View<'a> {
    /// One way; `asked` when the person chose it, so that a code is on its way.
    Way { way: Way<'a>, asked: bool, others: bool },
    /// The list of ways.
    Ways(Vec<Way<'a>>),
    /// Nothing set up yet: the list of what can be.
    SetUp(&'a [Value]),
}

fn view<'a>(challenge: &'a Value, form: &FormContext) -> View<'a> {
    let mut ways: Vec<Way> = list(challenge, "device_challenges").iter().filter_map(Way::read).collect();
    let stages = list(challenge, "configuration_stages");
    if ways.is_empty() {
        return View::SetUp(stages);
    }
    let others = ways.len() > 1;
    let chosen = form.value(CHOSEN);
    let at = match chosen {
        Some("") => None,
        Some(key) => ways.iter().position(|way| way.key() == key),
        None => None,
    };
    if let Some(at) = at {
        return View::Way { way: ways.swap_remove(at), asked: true, others };
    }
    // The way of last time comes first (timestamps of one form compare as text), unless the list was asked
    // for.
    let last = if others {
        ways.iter()
            .enumerate()
            .filter(|(_, way)| !way.last_used.is_empty())
            .max_by_key(|(_, way)| way.last_used)
            .map(|(at, _)| at)
    } else {
        Some(0)
    };
    match last {
        Some(at) if !others || chosen.is_none() => {
            View::Way { way: ways.swap_remove(at), asked: false, others }
        }
        _ => {
            // The one that worked last time on top; the others keep their order.
            ways.sort_by(|a, b| b.last_used.cmp(a.last_used));
            View::Ways(ways)
        }
    }
}

pub(super) fn page(challenge: &Value, form: &FormContext) -> StagePage {
    StagePage::new(heading(challenge, form), body(challenge, form))
}

fn heading(challenge: &Value, form: &FormContext) -> Heading {
    let (title, sentence) = match view(challenge, form) {
        View::Ways(_) => ("Verify it’s you", html! { "Choose how to confirm this sign-in." }),
        View::SetUp(_) => (
            "Protect your account",
            html! { "A second step is needed here. Choose what you want to set up." },
        ),
        View::Way { way, asked, .. } => match way.class {
            "webauthn" => (
                "Use your passkey",
                html! { "Confirm with your fingerprint, face, screen lock or security key." },
            ),
            "totp" => (
                "Enter your one‑time code",
                html! { "Open your authenticator app and type the code it shows." },
            ),
            "static" => (
                "Enter a recovery code",
                html! { "Each of the codes you stored works once." (set_up_here(form, "static")) },
            ),
            "duo" => ("Approve on your phone", html! { "Duo asks on your phone whether it is you." }),
            "sms" if asked => {
                ("Enter the code we sent", html! { "It is on its way to " (target(&way, "your phone")) "." })
            }
            "sms" => ("Get a code by text message", html! { "It goes to " (target(&way, "your phone")) "." }),
            "email" if asked => (
                "Enter the code we sent",
                html! { "It is on its way to " (target(&way, "your mailbox")) "." },
            ),
            "email" => ("Get a code by e-mail", html! { "It goes to " (target(&way, "your mailbox")) "." }),
            _ => (flow_title(challenge, "Verify it’s you"), html! { "Type the code." }),
        },
    };
    Heading::new(title).sentence(sentence)
}

/// The names of the devices, or how many codes are left, as a sentence of its own.
fn set_up_here(form: &FormContext, class: &str) -> Markup {
    html! { @if let Some(said) = form.device(class) { " " b { bdi { (said) } } "." } }
}

fn target(way: &Way, fallback: &str) -> Markup {
    html! { @if let Some(target) = way.target() { b { bdi { (target) } } } @else { (fallback) } }
}

/// Body of `ak-stage-authenticator-validate`: posts `selected_challenge`, then `code`, `webauthn` or `duo`;
/// or `selected_stage`.
fn body(challenge: &Value, form: &FormContext) -> Markup {
    match view(challenge, form) {
        View::Ways(ways) => form.form(
            challenge,
            html! {
                (ui::errors(&stray_errors(challenge, &[])))
                div class="choice" {
                    @for way in &ways {
                        @let (drawing, title, detail) = way.words();
                        @let badge = (!way.last_used.is_empty() && ways.first().is_some_and(|first| first.key() == way.key())).then_some("Last used");
                        (row("selected_challenge", &way.selection(), drawing, title, form.device(way.class).or_else(|| way.target()).unwrap_or(detail), badge))
                    }
                }
                p class="help" { "None of these work? Ask " (form.help_desk()) " to let you in." }
            },
        ),
        View::SetUp(stages) => set_up(challenge, form, stages),
        View::Way { way, asked, others } => html! {
            (confirm(challenge, form, &way, asked, others))
            @if others { (another_way(challenge, form)) }
            @else { p class="help" { "Lost it? Ask " (form.help_desk()) " to let you in." } }
        },
    }
}

fn row(name: &str, value: &str, drawing: Icon, title: &str, detail: &str, badge: Option<&str>) -> Markup {
    html! {
        button type="submit" name=(name) value=(value) {
            span class="tile-i" { (icon(drawing)) }
            span class="grow" { span class="t" { bdi { (title) } } @if !detail.is_empty() { span class="d" { bdi { (detail) } } } }
            @if let Some(badge) = badge { span class="badge" { (badge) } }
            (icon_flip(Icon::Right))
        }
    }
}

fn set_up(challenge: &Value, form: &FormContext, stages: &[Value]) -> Markup {
    form.form(
        challenge,
        html! {
            (ui::errors(&stray_errors(challenge, &[])))
            @if stages.is_empty() {
                (ui::notice(ui::NoticeKind::Warn, "There is nothing to choose.", html! { "No way to confirm is set up for your account. Ask " (form.help_desk()) "." }))
            } @else {
                div class="choice" {
                    @for stage in stages {
                        @let model = text(stage, "meta_model_name");
                        @let name = text(stage, "name");
                        @let (drawing, title, detail) = kind_of(model);
                        (row("selected_stage", &stage.get("pk").map(scalar).unwrap_or_default(), drawing, if title.is_empty() { name } else { title }, detail, None))
                    }
                }
            }
        },
    )
}

/// Words for a stage that sets something up, by its model.
fn kind_of(model: &str) -> (Icon, &'static str, &'static str) {
    let model = model.rsplit('.').next().unwrap_or_default();
    match model {
        "authenticatorwebauthnstage" => {
            (Icon::Passkey, "Passkey", "Fingerprint, face, screen lock or security key")
        }
        "authenticatortotpstage" => (Icon::Phone, "Authenticator app", "Codes on your phone"),
        "authenticatorsmsstage" => (Icon::Message, "Text message", "Codes to your phone number"),
        "authenticatoremailstage" => (Icon::Mail, "E-mail", "Codes to your mailbox"),
        "authenticatorstaticstage" => (Icon::Codes, "Recovery codes", "To store for an emergency"),
        "authenticatorduostage" => (Icon::Shield, "Duo", "Requests on your phone"),
        _ => (Icon::Key, "", ""),
    }
}

fn confirm(challenge: &Value, form: &FormContext, way: &Way, asked: bool, others: bool) -> Markup {
    let key = way.key();
    let known = ["code", "webauthn"];
    if way.class == "webauthn" {
        return ceremony(
            challenge,
            form,
            &Ceremony {
                kind: "get",
                options: way.options,
                field: "webauthn",
                button: "Use your passkey",
                elsewhere: others,
                keep: Some((CHOSEN, &key)),
            },
        );
    }
    if way.class == "duo" {
        return form.form(
            challenge,
            html! {
                (ui::hidden(CHOSEN, &key))
                (ui::hidden("duo", &way.uid))
                (ui::errors(&stray_errors(challenge, &["code"])))
                p class="muted small" { "Keep this page open. It goes on when you approve." }
                (ui::button_primary("Send the request", "Waiting for your phone"))
            },
        );
    }
    if way.sends() && !asked {
        return form.form(
            challenge,
            html! {
                (ui::errors(&stray_errors(challenge, &["code"])))
                button class="btn btn--primary btn--l btn--block" type="submit" name="selected_challenge" value=(way.selection()) data-busy="Sending" {
                    span data-label { "Send the code" }
                }
            },
        );
    }
    // One sentence of the API stands for a wrong code of every class.
    let error = field_error(challenge, "code").map(|error| match way.class {
        "static" if error == words::WRONG_APP_CODE => words::WRONG_RECOVERY_CODE,
        "sms" | "email" if error == words::WRONG_APP_CODE => words::WRONG_SENT_CODE,
        _ => error,
    });
    html! {
        (form.form(challenge, html! {
            (ui::hidden(CHOSEN, &key))
            (ui::errors(&stray_errors(challenge, &known)))
            @if way.class == "static" {
                (ui::text_code_field(&Field { name: "code", label: "Recovery code", error, autofocus: true, ..Field::default() }))
            } @else {
                @let help = (way.class == "totp").then_some("A new code appears every 30 seconds.");
                @let digits = if way.options.get("digits").map(scalar).as_deref() == Some("8") { 8 } else { 6 };
                (ui::code_field(&Field { name: "code", label: "One‑time code", error, help, autofocus: true, ..Field::default() }, digits))
            }
            (ui::button_primary("Verify", "Verifying"))
        }))
        @if way.sends() {
            (form.form(challenge, ui::button_again("btn btn--quiet btn--block", "Send a new code", Some(("selected_challenge", &way.selection())), form.resend_wait)))
        }
    }
}

/// Back to the list: an empty choice.
fn another_way(challenge: &Value, form: &FormContext) -> Markup {
    html! {
        nav class="card__links" aria-label="Other ways to verify" {
            (form.form(challenge, html! { button class="link" type="submit" name="selected_challenge" value="" { "Try another way" } }))
        }
    }
}
