//! Keys for programs: tokens of the API and app passwords.

use maud::{Markup, html};

use super::{SecurityPage, TokenForm, TokenRow, post, time};
use crate::icons::{Icon, icon, icon_s};
use crate::ui::{self, Field, hidden};

pub(super) fn tokens(security: &SecurityPage) -> Markup {
    // One field of the page has the focus: a refused one of the profile comes first.
    let focus =
        security.details.as_ref().is_none_or(|details| details.challenge.get("response_errors").is_none());
    html! {
        section class="section" id="tokens" aria-labelledby="tokens-h" {
            header {
                div { h2 id="tokens-h" { "Tokens" } p { "For scripts and programs that cannot show a sign-in page." } }
                @if let Some(form) = &security.token_form {
                    details class="change" open[!form.error.is_empty()] {
                        summary class="btn" { (icon_s(Icon::Plus)) "New token" }
                        div class="panel panel__body change__body" { (post(security, "new_token", new(form, focus))) }
                    }
                }
            }
            @if security.tokens.is_empty() {
                p class="panel panel__body muted" { "You have no tokens." }
            } @else {
                div class="panel" {
                    @if let Some((name, key)) = security.new_token { (fresh(name, key)) }
                    ul class="list" { @for token in security.tokens { li { (row(security, token)) } } }
                }
            }
        }
    }
}

/// The only time that the page shows a key.
fn fresh(name: &str, key: &str) -> Markup {
    html! {
        div class="notice notice--ok fresh" role="status" {
            (icon(Icon::Ok))
            div class="grow stack-2" {
                p { b { "Copy your new token now." } " This page does not show it again." }
                div class="input-wrap is-readonly" {
                    input class="input input--mono" type="text" dir="ltr" readonly value=(key) aria-label={ "Key of " (name) } autocomplete="off" spellcheck="false";
                    button class="btn btn--s" type="button" data-copy=(key) hidden { (icon_s(Icon::Copy)) span data-label { "Copy" } }
                }
            }
        }
    }
}

fn new(form: &TokenForm, focus: bool) -> Markup {
    let error = Some(form.error).filter(|error| !error.is_empty());
    let kinds = [
        ("api", "API token", "For scripts that call this server.", !form.app_password),
        (
            "app_password",
            "App password",
            "For programs that ask for your username and a password.",
            form.app_password,
        ),
    ];
    html! {
        div class="stack" {
            (ui::field(&Field {
                name: "token_name",
                label: "Name",
                value: form.name,
                help: Some("Letters, digits, “-” and “_”, like backup-nas."),
                error,
                autofocus: focus && error.is_some(),
                ..Field::default()
            }))
            fieldset class="field choices" {
                legend class="label" { "Kind" }
                @for (value, words, detail, checked) in kinds {
                    label class="check check--l" {
                        input type="radio" name="token_intent" value=(value) checked[checked] required;
                        span { (words) span class="small muted line" { (detail) } }
                    }
                }
            }
            @if !form.lasts.is_empty() { p class="help" { "It works for " (form.lasts) "." } }
            div { button class="btn" type="submit" { "Create token" } }
        }
    }
}

fn row(security: &SecurityPage, token: &TokenRow) -> Markup {
    let (drawing, kind) =
        if token.app_password { (Icon::Mail, "App password") } else { (Icon::Code, "API token") };
    html! {
        span class="tile-i" { (icon(drawing)) }
        span class="grow" {
            span class="strong" { bdi { (token.name) } @if token.expired { " " span class="badge badge--warn" { "Expired" } } }
            span class="small muted line" {
                (kind)
                @if !token.description.is_empty() { " · " bdi { (token.description) } }
                @if token.expires.is_empty() { " · does not expire" } @else { " · until " (time(&token.expires)) }
            }
        }
        details class="change" {
            summary class="btn btn--s" { "Delete" span class="vh" { " " (token.name) } }
            div class="change__body stack" {
                (post(security, "delete_token", html! {
                    (hidden("id", &token.id))
                    div class="stack-2" {
                        p class="help" { "Programs that use it are refused at once." }
                        button class="btn btn--warn-quiet" type="submit" { (icon_s(Icon::Trash)) "Delete" span class="vh" { " " (token.name) } }
                    }
                }))
            }
        }
    }
}
