//! API actions of email stages: templates, and letters that expressions ask for.
use signet_base::{Error, FieldErrors, Json, json};
use signet_core::Principal;
use signet_core::mail::{self, Email, Via, templates};
use signet_model::{FieldDef, FieldKind};
use signet_rest::{Action, ApiResult, Call, Fault, Output, Permission, Reply, run};

const SEND: &[FieldDef] = &[
    FieldDef::plain("user", FieldKind::Int).required(),
    FieldDef::plain("template", FieldKind::Text).required(),
];

pub fn actions() -> Vec<Action> {
    vec![
        Action::get(
            "stages/email/templates",
            Permission::Named(&["authentik_stages_email.view_emailstage"]),
            "Templates of letters.",
            run!(list),
        )
        .output(Output::Plain("TypeCreate")),
        Action::post(
            "stages/email/send",
            Permission::Named(&["authentik_core.change_user"]),
            "Writes to a person by a template.",
            run!(send),
        )
        .input(SEND)
        .output(Output::Nothing),
    ]
}

async fn list(call: &mut Call) -> ApiResult {
    let all = templates::list(&call.core.settings.mail.template_dir).into_iter().map(|(name, description)| {
        // The list shows template errors.
        let description = match templates::check(&name) {
            Ok(()) => description,
            Err(why) => format!("{description}. {why}"),
        };
        json!({"name": name, "description": description, "component": "", "model_name": "", "icon_url": null, "requires_enterprise": false, "deprecated": false})
    });
    Ok(Reply::ok(all.collect::<Vec<Json>>()))
}

/// The template of a name: `welcome` is the file of this name, else the built-in one.
fn template_of(call: &Call) -> Result<String, String> {
    let sent = call.body.get("template").and_then(Json::as_str).map(str::trim).filter(|t| !t.is_empty());
    let name = sent.ok_or_else(|| "This field is required.".to_owned())?;
    let names = match name.ends_with(".html") {
        true => vec![name.to_owned()],
        false => vec![format!("{name}.html"), format!("email/{name}.html")],
    };
    let known = templates::list(&call.core.settings.mail.template_dir);
    let found = names.into_iter().find(|n| known.iter().any(|(k, _)| k == n));
    let template = found.ok_or_else(|| format!("Invalid template '{name}' specified."))?;
    templates::check(&template).map(|()| template)
}

/// The number of the person.
fn user_of(call: &Call) -> Result<i64, &'static str> {
    let value = call.body.get("user").ok_or("This field is required.")?;
    let id = value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
    id.ok_or("A valid integer is required.")
}

async fn send(call: &mut Call) -> ApiResult {
    let (id, template) = match (user_of(call), template_of(call)) {
        (Ok(id), Ok(template)) => (id, template),
        (id, template) => {
            let mut errors = FieldErrors::new();
            id.err().into_iter().for_each(|why| errors.add("user", why));
            template.err().into_iter().for_each(|why| errors.add("template", why));
            return Err(Error::Invalid(errors).into());
        }
    };
    let known = templates::list(&call.core.settings.mail.template_dir);
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
