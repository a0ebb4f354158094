//! Tokens of the person, on the settings page.
use super::{PATH, after, moment, text};
use crate::edge::Edge;
use signet_base::{Conflict, Error, Map, Result, Secret, Uuid, json, query};
use signet_core::directory::{self, Author, TokenChange, token_model};
use signet_core::event::EventAction;
use signet_core::mail::templates;
use signet_core::{Core, Principal, token};
use signet_pages::{TokenForm, TokenRow};
use signet_store::ListQuery;
use signet_store::tokens::{self, Token};

const APP_PASSWORD: &str = "app_password";
/// Maximum length of a name.
const LONGEST_NAME: usize = 255;
/// Page size above any realistic number of rows.
const ALL: u64 = 1000;

/// The tokens for programs, ordered by name.
pub async fn list(core: &Core, person: &Principal) -> Result<Vec<TokenRow>> {
    let own = ListQuery { owner: Some(person.user.id), ..ListQuery::first(ALL) };
    let now = core.now();
    let row = |token: Token| TokenRow {
        id: token.id.to_string(),
        app_password: token.intent == APP_PASSWORD,
        expired: token.is_expired(now),
        expires: token.expires.filter(|_| token.expiring).map(moment).unwrap_or_default(),
        name: token.identifier,
        description: token.description,
    };
    let all = signet_store::list::<Token>(&core.db, &own).await?.0;
    let mut rows: Vec<TokenRow> = all.into_iter().filter(is_for_programs).map(row).collect();
    rows.sort_by_key(|row| row.name.to_lowercase());
    Ok(rows)
}

fn is_for_programs(token: &Token) -> bool {
    ["api", APP_PASSWORD].contains(&token.intent.as_str())
}

/// A token of the person's own.
pub async fn own(core: &Core, person: &Principal, id: &str) -> Result<Token> {
    let id = Uuid::parse_str(id).map_err(|_| Error::NotFound)?;
    let found = tokens::by_id(&core.db, id).await?;
    found.filter(|t| t.user_id == person.user.id && is_for_programs(t)).ok_or(Error::NotFound)
}

/// How long a new token works, in words; empty for ever.
pub fn lasts(core: &Core, person: &Principal) -> String {
    let span = token::default_duration(core).ok().filter(|_| token::must_expire(person));
    span.map(|span| templates::duration(span.secs())).unwrap_or_default()
}

/// Creates a token, by the rules of the API for people who do not manage tokens. Its key is shown by the next page.
pub async fn create(edge: &mut Edge, person: &Principal, sent: &Map) -> Result<String> {
    let core = &edge.core.clone();
    if person.impersonator.is_some() {
        return Err(Error::denied(
            "You are looking at this page as somebody else. Only they make tokens for themselves.",
        ));
    }
    let name = text(sent, "token_name").trim();
    let intent = if text(sent, "token_intent") == APP_PASSWORD { APP_PASSWORD } else { "api" };
    let refused = |why: &str| {
        let pairs = [("refused", why), ("name", name), ("kind", intent)];
        Ok(format!("{PATH}?{}", query::build(pairs)))
    };
    let is_slug = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if name.is_empty() || name.len() > LONGEST_NAME || !is_slug {
        return refused("name");
    }
    if token::is_reserved(name) {
        return refused("reserved");
    }
    if tokens::by_identifier(&core.db, name).await?.is_some() {
        return refused("taken");
    }
    let mut new = Token::new(core.ports.uuid(), name, intent, person.user.id, core.now());
    new.expiring = token::must_expire(person);
    new.expires = if new.expiring { Some(token::default_expiry(core)?) } else { None };
    let author = Author::request(&edge.client, Some(person), "authentik_core");
    let id = new.id;
    let change = TokenChange::create(new, token::new_key(core)).at_most(Some(token::MOST));
    match directory::commit(core, &author, change).await {
        Ok(_) => {}
        Err(Error::Conflict(Conflict::TooManyTokens)) => return refused("many"),
        Err(Error::Conflict(Conflict::Unique(index))) if index == "token.identifier" => {
            return refused("taken");
        }
        Err(error) => return Err(error),
    }
    edge.session.state.new_token = Some(id);
    edge.session.touch();
    Ok(format!("{}#tokens", after("token")))
}

/// Name and key of the token that the last form created. The second call finds none.
pub async fn new_one(edge: &mut Edge, person: &Principal) -> Result<Option<(String, Secret)>> {
    let Some(id) = edge.session.state.new_token.take() else { return Ok(None) };
    edge.session.touch();
    let core = &edge.core;
    let Ok(token) = own(core, person, &id.to_string()).await else { return Ok(None) };
    let key = token.key(&core.vault)?;
    let viewed = json!({"secret": token_model(&token)});
    core.event(&edge.client, Some(person), EventAction::SecretView, "authentik_core", viewed).await;
    Ok(Some((token.identifier, key)))
}

/// Why a form was refused, as the address of the page says it.
pub struct Refused {
    why: String,
    name: String,
    app_password: bool,
}

impl Refused {
    pub fn of(text: &str) -> Self {
        let value = |name: &str| query::value(text, name).unwrap_or_default();
        let name = value("name").chars().take(LONGEST_NAME).collect();
        Self { why: value("refused"), name, app_password: value("kind") == APP_PASSWORD }
    }
    pub fn form<'a>(&'a self, lasts: &'a str) -> TokenForm<'a> {
        let error = match self.why.as_str() {
            "name" => "Write a name of letters, digits, “-” and “_”.",
            "reserved" => "Names that begin with “service-account-” are kept. Write another one.",
            "many" => "You have as many tokens as one person may have. Delete those that you do not need.",
            "taken" => "There is a token of this name. Write another one.",
            _ => "",
        };
        let name = if error.is_empty() { "" } else { self.name.as_str() };
        TokenForm { lasts, name, app_password: self.app_password && !error.is_empty(), error }
    }
}
