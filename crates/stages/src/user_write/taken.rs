//! Addresses that belong to somebody else. Whoever asks for one learns nothing; its owner gets a letter.
use signet_base::{Result, Span, json};
use signet_core::event::EventAction;
use signet_core::flow::plan::Planned;
use signet_core::flow::{FlowRun, StageRef};
use signet_core::mail::{self, Email, Sender};
use signet_store::attempts;
use signet_store::users::{self, User};

/// One letter of this kind to one owner in this time, in seconds. They are counted apart from links, so that nobody uses up
/// the owner's own by them.
const PAUSE: i64 = 3600;

/// Whether an address that this account is about to get belongs to another account that is active.
pub async fn is_taken(flow: &FlowRun<'_>, user: &User, before: Option<&User>) -> Result<bool> {
    let changed =
        before.is_none_or(|before| users::canonical(&before.email) != users::canonical(&user.email));
    Ok(changed && users::is_address_of_another(&flow.core.db, &user.email, user.id).await?)
}

fn sender_of(flow: &FlowRun<'_>, planned: &Planned) -> Option<Sender> {
    let StageRef::Object(pk) = planned.stage else { return None };
    let config = flow.core.config();
    let stage = config.get(pk)?;
    flow.core.families.stage(&stage.def.full_name())?.sender(flow.core, stage)
}

/// Tells the owner, and administrators, beside the request: its time says nothing.
pub fn tell_owner(flow: &FlowRun<'_>, username: &str, address: String) {
    let sender = flow.plan.stages.iter().find_map(|planned| sender_of(flow, planned));
    let sender = sender.unwrap_or_else(|| flow.core.settings.mail.sender.clone());
    let (core, client) = (flow.core.clone(), flow.client.clone());
    let said = json!({"message": "The address of another account was entered. It was left out, and its owner is told.", "username": username, "flow": flow.flow.text("slug")});
    let person = flow.user().cloned();
    mail::in_background(flow.core, flow.client, None, "a letter about an address in use", async move {
        core.event(
            &client,
            person.as_ref(),
            EventAction::SuspiciousRequest,
            "authentik_stages_user_write",
            said,
        )
        .await;
        let name = core.vault.digest("attempt", &format!("address in use\n{}", users::canonical(&address)));
        if !attempts::take(&core.db, &name, 1, Span::from_secs(PAUSE), core.now()).await?.is_allowed() {
            return Ok(());
        }
        let letter = Email {
            to: vec![address],
            subject: "%(brand)s: your address was entered".into(),
            template: "email/address_in_use.html".into(),
            ..Email::default()
        };
        mail::send_with_patience(&core, &client, &sender, &letter).await
    });
}
