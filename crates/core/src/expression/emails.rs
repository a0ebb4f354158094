//! `ak_send_email`: sends through the installation's mail server, or an email stage's.
use super::objects::{CallResult, Shared};
use super::to_json;
use crate::mail::{self, Email, Via};
use crate::{Core, Principal};
use signet_base::outbound::Mail;
use signet_base::{Json, Map, Uuid};
use signet_expr::{CallError, Value};
use signet_model::Base;
use std::sync::Arc;

const MAX_RECIPIENTS: usize = 20;
const MAX_BODY: usize = 64 * 1024;

/// `ak_send_email(address, subject, body=None, stage=None, template=None, context=None, cc=None, bcc=None)`.
/// The email is queued: with what the text writes, if it may write, else at once.
pub async fn send(
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
    let (core, client) = (&shared.core, &shared.client);
    let via = match given(3) {
        None => Via::Installation,
        Some(stage) => via_stage(core, stage)?,
    };
    let user = about.map(|person| person.user.id);
    let queued = match (text(2)?, text(4)?) {
        (Some(_), Some(_)) | (None, None) => {
            return Err(CallError::Value("a letter has either a body or a template".into()));
        }
        (Some(body), None) if body.len() > MAX_BODY => {
            return Err(CallError::Value("the body is too long".into()));
        }
        _ if dry_run => return Ok(true.into()),
        (Some(text), None) => {
            let mail = Mail { to, cc, bcc, subject, text, ..Mail::default() };
            mail::queue_text(core, client, user, via, mail)
        }
        (None, Some(template)) => {
            let email = Email { to, cc, bcc, subject, template, values };
            mail::queue(core, client, user, via, &email, None)
        }
    };
    let done = match queued {
        Ok(batch) if shared.journal.is_open() => return shared.journal.queue(batch).map(|()| true.into()),
        Ok(batch) => core.db.batch(batch).await.map(drop),
        Err(error) => Err(error),
    };
    done.map(|()| true.into()).map_err(|error| CallError::Failed(error.to_string()))
}

/// An email stage, given as object or by name.
fn via_stage(core: &Core, stage: &Value) -> Result<Via, CallError> {
    let config = core.config();
    let sends = |pk: Uuid| Some(Via::Stage(pk)).filter(|via| via.sender(core).is_ok());
    let found = match stage {
        Value::Str(name) => {
            let named = config.family(Base::Stage).filter(|stage| stage.name() == &**name);
            named.map(|stage| stage.pk).find_map(sends)
        }
        Value::Object(object) => Uuid::parse_str(&object.identity()).ok().and_then(sends),
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
