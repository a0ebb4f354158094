//! A protocol's answer on its way through the browser, and the answers that were given.
use super::AuthorizationRequest;
use crate::flow::Challenge;
use crate::flow::plan::LastPage;
use crate::{Core, WebSession};
use serde::{Deserialize, Serialize};
use signet_base::{Json, Map, Result, Span, Timestamp, json};

/// How long an answer can be read again, in seconds.
pub(crate) const READABLE: i64 = 300;
/// Answers that a session keeps, and the size of one at most in bytes.
const MOST: usize = 8;
const LARGEST: usize = 16 * 1024;

/// What the browser carries to the application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Redirect(String),
    /// A form that submits itself.
    Form {
        url: String,
        fields: Vec<(String, String)>,
    },
}

impl Answer {
    /// As the last challenge of a flow.
    pub fn challenge(self, application: &str) -> Challenge {
        match self {
            Answer::Redirect(to) => Challenge::new("xak-flow-redirect").with("to", to),
            Answer::Form { url, fields } => {
                let attrs: Map = fields.into_iter().map(|(name, value)| (name, json!(value))).collect();
                Challenge::new("ak-stage-autosubmit")
                    .with("title", format!("Redirecting to {application}…"))
                    .with("url", url)
                    .with("attrs", attrs)
            }
        }
    }
    /// The answer in a challenge of [`Answer::challenge`].
    pub fn of_challenge(shown: &Map) -> Option<Self> {
        let text = |name: &str| shown.get(name).and_then(Json::as_str).map(str::to_owned);
        match text("component")?.as_str() {
            "xak-flow-redirect" => text("to").map(Answer::Redirect),
            "ak-stage-autosubmit" => {
                let fields = shown.get("attrs")?.as_object()?.iter();
                let fields = fields.map(|(n, v)| (n.clone(), v.as_str().unwrap_or_default().to_owned()));
                Some(Answer::Form { url: text("url")?, fields: fields.collect() })
            }
            _ => None,
        }
    }
}

/// An answer to a request that has an identifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenAnswer {
    pub provider: i64,
    pub request: String,
    /// To whom.
    pub user: i64,
    pub answer: Answer,
    pub at: Timestamp,
}

impl GivenAnswer {
    pub fn is_for_same(&self, other: &Self) -> bool {
        (self.provider, &self.request, self.user) == (other.provider, &other.request, other.user)
    }
}

fn is_readable(at: Timestamp, now: Timestamp) -> bool {
    now < at.plus(Span::from_secs(READABLE))
}

/// The answer that this request has got in this session, if it can be sent again.
pub async fn given(
    core: &Core,
    session: &WebSession,
    request: &dyn AuthorizationRequest,
) -> Result<Option<Answer>> {
    let (Some(id), Some(person)) = (request.id(), session.principal()) else { return Ok(None) };
    let (provider, now) = (request.provider().num, core.now());
    let found = session.state.answers.iter().find(|given| {
        Some(given.provider) == provider && given.request == id && given.user == person.user.id
    });
    let Some(found) = found.filter(|given| is_readable(given.at, now)) else { return Ok(None) };
    Ok(may_repeat(core, found.provider, &found.answer).await?.then(|| found.answer.clone()))
}

/// Keeps the answer of a request with an identifier.
pub(super) fn keep(
    core: &Core,
    session: &mut WebSession,
    request: &dyn AuthorizationRequest,
    answer: &Answer,
) {
    let person = session.principal().map(|person| person.user.id);
    let (Some(id), Some(user), Some(provider)) = (request.id(), person, request.provider().num) else {
        return;
    };
    let now = core.now();
    let given = GivenAnswer { provider, request: id, user, answer: answer.clone(), at: now };
    if serde_json::to_string(&given).map_or(LARGEST, |text| text.len()) >= LARGEST {
        return;
    }
    let answers = &mut session.state.answers;
    answers.retain(|known| is_readable(known.at, now) && !known.is_for_same(&given));
    let over = (answers.len() + 1).saturating_sub(MOST);
    answers.drain(..over);
    answers.push(given);
    session.touch();
}

async fn may_repeat(core: &Core, provider: i64, answer: &Answer) -> Result<bool> {
    let config = core.config();
    match config.by_num(provider).and_then(|object| core.families.provider(object.def)) {
        Some(kind) => kind.may_repeat(core, answer).await,
        None => Ok(false),
    }
}

/// Whether the last page of a run may be shown again: a protocol's answer may hold what was used meanwhile.
pub(crate) async fn may_show_again(core: &Core, last: &LastPage) -> Result<bool> {
    match (last.provider, Answer::of_challenge(&last.shown)) {
        (Some(provider), Some(answer)) => may_repeat(core, provider, &answer).await,
        _ => Ok(true),
    }
}
