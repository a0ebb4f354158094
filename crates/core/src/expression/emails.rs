//! `ak_send_email`: sends through the installation's mail server, or an email stage's.
use super::objects::{CallResult, Shared};
use super::to_json;
use crate::mail::{self, Email, Sender};
use crate::{Core, Principal};
use signet_base::{Json, Map, Uuid};
use signet_expr::{CallError, Value};
use signet_model::{Base, Object};
use std::sync::Arc;

const MAX_RECIPIENTS: usize = 20;
const MAX_BODY: usize = 64 * 1024;

/// `ak_send_email(address, subject, body=None, stage=None, template=None, context=None, cc=None, bcc=None)`.
/// The email is sent asynchronously; the result says only that it was accepted.
pub fn send(
    shared: &Arc<Shared>,
    about: Option<&Principal>,
    dry_run: bool,
    args: &[Value],
    kwargs: &[(String, Value)],
) -> CallResult {
    const NAMES: [&str; 8] = ["address", "subject", "body", "stage", "template", "context", "cc", "bcc"];
    if args.len() > NAMES.len() || kwargs.iter().any(|(name, _)| !NAMES.contains(&name.as_str())) {
        return Err(CallError::Type(format!("ak_send_email() takes {}", NAMES.join(", "))));
    }
    let given = |index: usize| {
        args.get(index)
            .or_else(|| kwargs.iter().find(|(name, _)| name == NAMES[index]).map(|(_, value)| value))
            .filter(|value| !matches!(value, Value::None))
    };
    let text = |index: usize| match given(index) {
        None => Ok(None),
        Some(Value::Str(text)) => Ok(Some(text.to_string())),
        Some(_) => Err(CallError::Type(format!("{} is a text", NAMES[index]))),
    };
    let (to, cc, bcc) = (addresses(given(0))?, addresses(given(6))?, addresses(given(7))?);
    let count = to.len() + cc.len() + bcc.len();
    if to.is_empty() || count > MAX_RECIPIENTS {
        return Err(CallError::Value(format!("a letter has 1 to {MAX_RECIPIENTS} recipients")));
    }
    let subject = text(1)?
        .filter(|subject| !subject.contains(['\r', '\n']))
        .ok_or_else(|| CallError::Value("a letter needs a subject of one line".into()))?;
    let values = match given(5) {
        None => Map::new(),
        Some(context) => match to_json(context).map_err(CallError::Type)? {
            Json::Object(map) => map,
            _ => return Err(CallError::Type("context is a dictionary".into())),
        },
    };
    let (core, client) = (shared.core.clone(), shared.client.clone());
    let sender = match given(3) {
        None => core.settings.mail.sender.clone(),
        Some(stage) => sender_of(&core, stage)?,
    };
    match (text(2)?, text(4)?) {
        (Some(_), Some(_)) | (None, None) => {
            Err(CallError::Value("a letter has either a body or a template".into()))
        }
        (Some(body), None) if body.len() > MAX_BODY => Err(CallError::Value("the body is too long".into())),
        _ if dry_run => Ok(true.into()),
        (Some(text), None) => {
            let letter = signet_base::outbound::Mail {
                from: sender.from.clone(),
                to,
                cc,
                bcc,
                subject,
                text,
                html: String::new(),
            };
            let work = async move { core.ports.mail.send(&sender.server, &letter).await };
            mail::in_background(&shared.core, &shared.client, about.cloned(), "ak_send_email", work);
            Ok(true.into())
        }
        (None, Some(template)) => {
            let letter = Email { to, cc, bcc, subject, template, values };
            let work = async move { mail::send(&core, &client, &sender, &letter).await };
            mail::in_background(&shared.core, &shared.client, about.cloned(), "ak_send_email", work);
            Ok(true.into())
        }
    }
}

/// The mail server of an email stage, given as object or by name.
fn sender_of(core: &Core, stage: &Value) -> Result<Sender, CallError> {
    let config = core.config();
    let sender = |stage: &Arc<Object>| core.families.stage(&stage.def.full_name())?.sender(core, stage);
    let found = match stage {
        Value::Str(name) => {
            config.family(Base::Stage).filter(|stage| stage.name() == &**name).find_map(sender)
        }
        Value::Object(object) => {
            Uuid::parse_str(&object.identity()).ok().and_then(|pk| sender(config.get(pk)?))
        }
        _ => None,
    };
    found.ok_or_else(|| CallError::Value("stage is an email stage or its name".into()))
}

fn addresses(value: Option<&Value>) -> Result<Vec<String>, CallError> {
    let one = |value: &Value| match value.as_str() {
        Some(text) if !text.is_empty() && !text.contains(['\r', '\n', ',']) => Ok(text.to_owned()),
        _ => Err(CallError::Value("an address is the text name@host".into())),
    };
    match value {
        None => Ok(Vec::new()),
        Some(Value::List(all)) => all.iter().map(one).collect(),
        Some(value) => Ok(vec![one(value)?]),
    }
}
