//! The page of an administrator's next tasks, each with a command.

use maud::{Markup, html};

use crate::icons::{Icon, icon_s};
use crate::portal::{Account, top_bar};
use crate::shell::{Page, Shell};
use crate::ui;

/// One task.
#[derive(Debug, Clone, Default)]
pub struct FirstStep {
    /// Title.
    pub title: &'static str,
    /// Purpose and instructions.
    pub text: String,
    /// The command to copy.
    pub command: String,
    /// Whether the task is done.
    pub done: bool,
}

/// Input of the page.
pub struct FirstStepsPage<'a> {
    /// Page data.
    pub page: Page<'a>,
    /// The signed-in user.
    pub account: Account<'a>,
    /// The tasks in recommended order.
    pub steps: &'a [FirstStep],
    /// URL of the library.
    pub home_url: &'a str,
    /// URL of the API browser.
    pub api_url: &'a str,
}

/// Renders the page.
#[must_use]
pub fn first_steps_page(first: &FirstStepsPage) -> Markup {
    let done = first.steps.iter().filter(|step| step.done).count();
    let body = html! {
        (top_bar(&first.page, Some(&first.account), first.home_url))
        main class="portal portal--narrow" id="main" {
            div class="page-head" {
                div {
                    h1 { "First steps" }
                    p { (done) " of " (first.steps.len()) " done. Type the commands where the server runs; with Docker, put " code { "docker compose exec -T server" } " in front." }
                }
            }
            ol class="stack" { @for step in first.steps { li class="panel" { (one(step)) } } }
            p class="muted" {
                "There is no console yet: everything else is set by the API, by blueprints and by the command line. "
                (ui::link(first.api_url, "Open the API browser"))
            }
        }
    };
    Shell::portal(first.page, "First steps", body).render()
}

fn one(step: &FirstStep) -> Markup {
    html! {
        div class="panel__head" {
            h2 class="grow" { (step.title) }
            @if step.done { span class="badge badge--ok" { (icon_s(Icon::Check)) "Done" } }
        }
        div class="panel__body stack-2" {
            p { (step.text) }
            // Focusable, so that a long line can be scrolled with the keyboard.
            pre class="answer" tabindex="0" aria-label={ "Command: " (step.title) } { (step.command) }
            div class="row" {
                button class="btn" type="button" data-copy=(step.command) hidden { (icon_s(Icon::Copy)) span data-label { "Copy" } }
            }
        }
    }
}
