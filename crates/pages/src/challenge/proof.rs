//! A proof of work beside a password: the script computes it while the password is typed.

use maud::{Markup, html};
use serde_json::Value;

use crate::form::text;
use crate::ui;

/// Posts `proof_of_work` where the challenge asks for one. Without a script it stays empty: now and then such a password
/// is judged too.
pub(super) fn proof_of_work(challenge: &Value) -> Markup {
    let Some(work) = challenge.get("proof_of_work").filter(|work| work.is_object()) else {
        return Markup::default();
    };
    html! {
        input type="hidden" name="proof_of_work" value="" data-challenge=(text(work, "challenge")) data-bits=(work["bits"]);
        p class="help" data-part="proof" role="status" hidden { "One moment: your browser computes something first." }
        noscript {
            (ui::notice(
                ui::NoticeKind::Warn,
                "There were many wrong passwords.",
                "They came from your network or were for this name. Without JavaScript, one password is checked every 30 seconds.",
            ))
        }
    }
}
