//! Entries about tokens.
use super::values::{internal, set, text, wrong};
use super::{Order, Row, RowState, RowWritePlan, Rows, TOKEN, TokenDraft, WriteOutcome, Wrong, mark};
use signet_base::{Json, Secret, Timestamp, json};
use signet_core::Core;
use signet_store::table::Record;
use signet_store::tokens::Token;
use signet_store::users;

/// Beside the columns.
pub(super) const FIELDS: &[&str] = &["pk", "token_uuid", "managed", "key"];

impl Rows {
    pub(super) async fn token(
        &mut self,
        core: &Core,
        order: &Order<'_>,
    ) -> Result<(WriteOutcome, Json), Wrong> {
        let known = match self.identified(core, TOKEN, order.identifiers).await? {
            Some(Row::Token(token)) => {
                let before = Some(token.clone());
                Some(self.tokens.take_up(TokenDraft { before, token, key: None, state: RowState::Same }))
            }
            _ => None,
        };
        let at = match order.state.of(known)? {
            RowWritePlan::Leave(at) => {
                return Ok((
                    WriteOutcome::Nothing,
                    at.map_or(Json::Null, |at| json!(self.tokens[at].token.id)),
                ));
            }
            RowWritePlan::Delete(at) => {
                self.tokens.change(at, |draft| draft.state = RowState::Gone);
                return Ok((WriteOutcome::Deleted, json!(self.tokens[at].token.id)));
            }
            RowWritePlan::Update(at) => at,
            RowWritePlan::Create => {
                let name = order.fields.get("identifier").and_then(Json::as_str).unwrap_or_default();
                let user = order.fields.get("user").and_then(Json::as_i64).unwrap_or_default();
                if name.is_empty() {
                    return wrong("identifier", "This field is required.");
                }
                let token = Token::new(core.ports.uuid(), name, "api", user, core.now());
                let key = Secret::new(core.ports.alphanumeric(60));
                self.tokens.push(TokenDraft { before: None, token, key: Some(key), state: RowState::New })
            }
        };
        let mut token = self.tokens[at].token.clone();
        let before = token.shown();
        let mut key = None;
        for (field, value) in order.fields {
            match field.as_str() {
                "pk" | "token_uuid" => {}
                "user" => {
                    token.user_id = value.as_i64().unwrap_or_default();
                }
                "managed" => {
                    token.managed = if value.is_null() { None } else { Some(text(field, value, false)?) }
                }
                "expires" if value.is_null() => token.expires = None,
                "expires" => match value.as_str().map(Timestamp::parse) {
                    Some(Ok(at)) => token.expires = Some(at),
                    _ => return wrong(field, "Expected a time as in 2026-01-31T12:00:00Z."),
                },
                "key" => {
                    let given = Secret::new(text(field, value, false)?);
                    let same = self.tokens[at].state != RowState::New
                        && token.key(&core.vault).is_ok_and(|have| have.matches(given.reveal()));
                    if !same {
                        key = Some(given);
                    }
                }
                _ => set(&mut token, field, value)?,
            }
        }
        if !self.has_user(token.user_id)
            && users::by_id(&core.db, token.user_id).await.map_err(internal)?.is_none()
        {
            return wrong("user", "Name a user that exists.");
        }
        if token.expiring && token.expires.is_none() {
            return wrong("expires", "A token that expires needs a time.");
        }
        let changed = token.shown() != before || key.is_some();
        let pk = json!(token.id);
        let outcome = self.tokens.change(at, |draft| {
            draft.token = token;
            draft.key = key.or(draft.key.take());
            mark(&mut draft.state, changed)
        });
        Ok((outcome, pk))
    }
}
