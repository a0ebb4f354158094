//! Who are you: a name, and other ways in.

use maud::{Markup, html};
use serde_json::Value;

use crate::authenticator_webauthn::page as passkey;
use crate::captcha::page as captcha;
use crate::password::page::proof_of_work;
use signet_pages::challenge::flow_title;
use signet_pages::form::{FormContext, Purpose, address, field_error, flag, list, stray_errors, text};
use signet_pages::icons::{Icon, icon};
use signet_pages::ui::{self, Field, Input};
use signet_pages::{Heading, StagePage};

pub(super) fn page(challenge: &Value, form: &FormContext) -> StagePage {
    StagePage::new(heading(challenge, form), body(challenge, form))
        .without_person()
        .policy(challenge.get("captcha_stage").map(captcha::policy).unwrap_or_default())
}

/// The flow's own title, and where the person is on the way to.
fn heading(challenge: &Value, form: &FormContext) -> Heading {
    if form.purpose == Purpose::Recover {
        return Heading::new(flow_title(challenge, "Reset your password"))
            .sentence(html! { "We send you a link by e-mail. Open it to get back in." });
    }
    let application =
        Some(text(challenge, "application_pre")).filter(|name| !name.is_empty()).or(form.application);
    Heading::new(flow_title(challenge, "Sign in")).continue_to(application)
}

/// Body of `ak-stage-identification`: posts `uid_field` and, where asked for, `password`.
fn body(challenge: &Value, form: &FormContext) -> Markup {
    let fields: Vec<&str> = list(challenge, "user_fields").iter().filter_map(Value::as_str).collect();
    let with_password = flag(challenge, "password_fields");
    let known: &[&str] = if with_password { &["uid_field", "password"] } else { &["uid_field"] };
    let passwordless = address(challenge, "passwordless_url");
    let sources = sources(challenge);
    let mut links = Vec::new();
    if let Some(url) = address(challenge, "recovery_url") {
        links.push((url, "Can’t sign in?"));
    }
    if let Some(url) = address(challenge, "enroll_url") {
        links.push((url, "Create an account"));
    }
    if form.purpose == Purpose::Recover {
        links = form.back_url.map(|url| (url, "Back to sign-in")).into_iter().collect();
    }
    let passkeys = challenge.get("passkey_challenge").filter(|value| value.is_object());
    let other_ways = passwordless.is_some() || !sources.is_empty();
    html! {
        @if !fields.is_empty() {
            (form.form(challenge, html! {
                (ui::errors(&stray_errors(challenge, known)))
                (proof_of_work(challenge))
                @if let Some(options) = passkeys {
                    // Passkeys appear among the browser's suggestions for the name; the button asks for one
                    // outright.
                    div data-passkey="conditional" data-options=(options) data-field="passkey" { (ui::hidden("passkey", "")) (ui::hidden_notice("failed", passkey::FAILED, passkey::WHY)) }
                }
                (name_field(challenge, form, &fields))
                @if with_password { (password_field(challenge)) }
                @if flag(challenge, "enable_remember_me") {
                    // Kept by the script in this browser; it is not sent.
                    label class="check check--l by-script" { input type="checkbox" data-remember; span { "Remember my username" } }
                }
                @if let Some(stage) = challenge.get("captcha_stage").filter(|stage| stage.is_object()) { (captcha::widget(stage, form, "captcha_token", false)) }
                (ui::button_primary(if form.purpose == Purpose::Recover { "Send the link" } else { primary_words(challenge, with_password) }, "Checking"))
            }))
            @if other_ways { (ui::divider("or")) }
            @if passkeys.is_some() && passwordless.is_none() {
                div class="stack" data-passkey-ask hidden {
                    @if !other_ways { (ui::divider("or")) }
                    button class="btn btn--l btn--block" type="button" { (icon(Icon::Passkey)) "Use a passkey" }
                }
            }
        } @else {
            (ui::errors(&signet_pages::form::field_errors(challenge, "non_field_errors")))
        }
        @if other_ways {
            div class="stack-2" {
                @if let Some(url) = passwordless {
                    a class="btn btn--l btn--block" href=(url) { (icon(Icon::Passkey)) "Use a passkey" }
                }
                @for source in sources.iter().filter(|source| source.promoted) { (source.button()) }
                @if sources.iter().any(|source| !source.promoted) {
                    div class="socials" { @for source in sources.iter().filter(|source| !source.promoted) { (source.button()) } }
                }
            }
        }
        (ui::other_ways("Other ways in", &links))
    }
}

fn name_field(challenge: &Value, form: &FormContext, fields: &[&str]) -> Markup {
    let passkeys = challenge.get("passkey_challenge").is_some_and(|value| !value.is_null());
    let typed = form.value("uid_field").unwrap_or_else(|| text(challenge, "pending_user_identifier"));
    ui::field(&Field {
        name: "uid_field",
        label: &label(fields),
        kind: Input::Username,
        value: typed,
        autocomplete: if passkeys { "username webauthn" } else { "username" },
        error: field_error(challenge, "uid_field"),
        autofocus: true,
        ..Field::default()
    })
}

fn password_field(challenge: &Value) -> Markup {
    ui::password_field(
        &Field {
            name: "password",
            label: "Password",
            autocomplete: "current-password",
            error: field_error(challenge, "password"),
            ..Field::default()
        },
        flag(challenge, "allow_show_password"),
        None,
    )
}

/// "E-mail or username": the words for what may be typed.
fn label(fields: &[&str]) -> String {
    let mut words: Vec<&str> = Vec::new();
    for (field, word) in [("email", "e-mail"), ("username", "username"), ("upn", "sign-in name")] {
        if fields.contains(&field) {
            words.push(word);
        }
    }
    let joined = match words.as_slice() {
        [] => "name".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    };
    let mut letters = joined.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The button says what follows: signing in only when the password is on the same page.
fn primary_words(challenge: &Value, with_password: bool) -> &str {
    match text(challenge, "primary_action") {
        "" | "Log in" if with_password => "Sign in",
        "" | "Log in" => "Continue",
        words => words,
    }
}

struct Source<'a> {
    name: &'a str,
    icon: Option<&'a str>,
    promoted: bool,
    to: &'a str,
}

impl Source<'_> {
    fn button(&self) -> Markup {
        ui::source_button(self.to, self.name, self.icon, self.promoted)
    }
}

/// The sources that a link can open. Others need a script of their own and are drawn by their slice.
fn sources(challenge: &Value) -> Vec<Source<'_>> {
    list(challenge, "sources")
        .iter()
        .filter_map(|source| {
            let next =
                source.get("challenge").filter(|next| text(next, "component") == "xak-flow-redirect")?;
            Some(Source {
                name: text(source, "name"),
                icon: address(source, "icon_url").filter(|url| !url.is_empty()),
                promoted: flag(source, "promoted"),
                to: address(next, "to")?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn labels_name_what_may_be_typed() {
        assert_eq!(label(&["email", "username"]), "E-mail or username");
        assert_eq!(label(&["username"]), "Username");
        assert_eq!(label(&["upn", "email", "username"]), "E-mail, username or sign-in name");
        assert_eq!(label(&["other"]), "Name");
    }
}
