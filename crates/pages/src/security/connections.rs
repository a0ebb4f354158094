//! Accounts at other places that a person signs in with.

use maud::{Markup, html};

use super::{SecurityPage, post, time};
use crate::ui::{hidden, monogram};
use crate::url::safe_href;

pub(super) fn connections(security: &SecurityPage) -> Markup {
    if security.connections.is_empty() {
        return html! {};
    }
    html! {
        section class="section" id="connections" aria-labelledby="connections-h" {
            header { div { h2 id="connections-h" { "Connected services" } p { "Accounts at other places that you sign in with here." } } }
            ul class="panel list" {
                @for connection in security.connections {
                    li {
                        (monogram("mono mono--app", &connection.name, 2))
                        span class="grow" {
                            span class="strong" { bdi { (connection.name) } }
                            span class="small muted line" {
                                @if connection.id.is_empty() { "Not connected" } @else { "Connected since " (time(&connection.since)) }
                            }
                        }
                        @if !connection.id.is_empty() {
                            (post(security, "disconnect", html! {
                                (hidden("id", &connection.id))
                                button class="btn" type="submit" { "Disconnect" span class="vh" { " " (connection.name) } }
                            }))
                        } @else if !connection.connect_url.is_empty() {
                            form method="post" action=[safe_href(&connection.connect_url)] {
                                (hidden("csrf", security.csrf))
                                button class="btn" type="submit" { "Connect" span class="vh" { " " (connection.name) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
