//! What an administrator does next: tasks with the command that does each.

use maud::{Markup, html};

use crate::icons::{Icon, icon_s};
use crate::portal::{Account, top_bar};
use crate::shell::{Page, Shell};
use crate::ui;

/// One task.
#[derive(Debug, Clone, Default)]
pub struct FirstStep {
    /// What it is about.
    pub title: &'static str,
    /// What for, and how.
    pub text: String,
    /// What to type, ready to be copied.
    pub command: String,
    /// Whether it holds already.
    pub done: bool,
}

/// The page.
pub struct FirstStepsPage<'a> {
    /// What every page needs.
    pub page: Page<'a>,
    /// Who is signed in.
    pub account: Account<'a>,
    /// In the order in which they are best done.
    pub steps: &'a [FirstStep],
    /// Way back to the applications.
    pub home_url: &'a str,
    /// Where all operations of the API are listed.
    pub api_url: &'a str,
}

/// Writes the page.
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
            // Reached by Tab, so that a long line can be scrolled by keys.
            pre class="answer" tabindex="0" aria-label={ "Command: " (step.title) } { (step.command) }
            div class="row" {
                button class="btn" type="button" data-copy=(step.command) hidden { (icon_s(Icon::Copy)) span data-label { "Copy" } }
            }
        }
    }
}
