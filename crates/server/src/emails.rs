//! Emails requested by expressions.
use signet_api::{Action, ApiResult, Call, Fault, Output, Permission, Reply, Run};
use signet_base::json;
use signet_core::Principal;
use signet_core::mail::{self, Email, Via, templates};
use signet_model::{FieldDef, FieldKind};

const SEND: &[FieldDef] = &[
    FieldDef::plain("user", FieldKind::Int).required(),
    FieldDef::plain("template", FieldKind::Text).required(),
];

pub(crate) fn actions() -> Vec<Action> {
    vec![
        Action::post(
            "stages/email/send",
            Permission::Named(&["authentik_core.change_user"]),
            "Writes to a person by a template.",
            Run::Plain(|call| Box::pin(send(call))),
        )
        .input(SEND)
        .output(Output::Nothing),
    ]
}

async fn send(call: &mut Call) -> ApiResult {
    let id = match call.body.get("user") {
        Some(value) => value.as_i64().or_else(|| value.as_str()?.trim().parse().ok()),
        None => return Err(Fault::invalid("user", "This field is required.")),
    };
    let Some(name) =
        call.body.get("template").and_then(|t| t.as_str()).map(str::trim).filter(|t| !t.is_empty())
    else {
        return Err(Fault::invalid("template", "This field is required."));
    };
    // `welcome` is the template file of this name, else the built-in one.
    let names = if name.ends_with(".html") {
        vec![name.to_owned()]
    } else {
        vec![format!("{name}.html"), format!("email/{name}.html")]
    };
    let known = templates::list(&call.core.settings.mail.template_dir);
    let template = names
        .iter()
        .find(|n| known.iter().any(|(k, _)| k == *n))
        .cloned()
        .ok_or_else(|| Fault::invalid("template", format!("Invalid template '{name}' specified.")))?;
    if let Err(why) = templates::check(&template) {
        return Err(Fault::invalid("template", why));
    }
    let id = id.ok_or_else(|| Fault::invalid("user", "A valid integer is required."))?;
    let person = Principal::load_any(&call.core, id).await?.ok_or_else(|| Fault::missing("User"))?;
    if person.user.email.is_empty() {
        return Err(Fault::invalid("user", "User does not have an email address set."));
    }
    let subject = known
        .iter()
        .find(|(k, _)| *k == template)
        .map_or_else(|| "A message for you".to_owned(), |(_, what)| what.clone());
    let subject =
        if subject.starts_with("Custom template") { "A message for you".to_owned() } else { subject };
    let values = json!({"user": mail::person(&person), "url": format!("{}/", signet_core::address::public(&call.core, &call.client)?)});
    let letter = Email {
        to: vec![person.user.email.clone()],
        subject,
        template,
        values: values.as_object().cloned().unwrap_or_default(),
        ..Email::default()
    };
    let user = Some(person.user.id);
    let batch = mail::queue(&call.core, &call.client, user, Via::Installation, &letter, None)?;
    call.core.db.batch(batch).await?;
    Ok(Reply::Empty)
}
