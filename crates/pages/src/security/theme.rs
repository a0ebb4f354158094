//! Light and dark. The choice is kept by the browser, so that the sign-in pages have it too.

use maud::{Markup, html};

use super::{SecurityPage, post};
use crate::brand::Theme;
use crate::icons::{Icon, icon_s};

pub(super) fn theme(security: &SecurityPage) -> Markup {
    let all = [
        (Theme::Automatic, "automatic", Icon::Monitor, "Automatic"),
        (Theme::Light, "light", Icon::Sun, "Light"),
        (Theme::Dark, "dark", Icon::Moon, "Dark"),
    ];
    html! {
        section class="section" id="theme" aria-labelledby="theme-h2" {
            header { div { h2 id="theme-h2" { "Theme" } p { "In this browser only." } } }
            div class="panel panel__body" {
                (post(security, "theme", html! {
                    div class="seg" role="group" aria-labelledby="theme-h2" {
                        @for (theme, word, drawing, label) in all {
                            button type="submit" name="theme" value=(word) data-theme-choice=(word) aria-pressed=(if security.page.theme == theme { "true" } else { "false" }) {
                                (icon_s(drawing)) (label)
                            }
                        }
                    }
                }))
            }
        }
    }
}
