//! Tokens: statements and events. A key is never among them.
use super::change::TokenChange;
use super::transaction::Transaction;
use super::{model_of, told};
use crate::event::EventAction;
use crate::event::diff;
use signet_base::{Json, Map, Result, json};
use signet_store::table::Record;
use signet_store::tokens::{self, Token};

/// What events tell of it: blueprints write the name of what manages it too.
fn fields(t: &Token) -> Map {
    let mut all = t.writable();
    all.insert("managed".to_owned(), json!(t.managed));
    all
}

/// How events name a token.
pub fn token_model(t: &Token) -> Json {
    model_of("token", json!(t.id.simple().to_string()), &t.identifier)
}

impl Transaction<'_> {
    pub(super) fn token(&mut self, change: TokenChange) -> Result<()> {
        let vault = &self.core.vault;
        match (&change.before, &change.after, &change.with.key) {
            (None, Some(token), Some(key)) => {
                if let Some(limit) = change.with.at_most {
                    self.when(tokens::room_batch(token.user_id, limit));
                }
                self.add(tokens::insert_batch(vault, token, key)?);
                let changed = diff::between(&Map::new(), &fields(token), &diff::SecretPaths::default());
                self.tell(EventAction::ModelCreated, told(&token_model(token), changed));
            }
            (Some(before), Some(_), Some(key)) if let Some(expires) = change.with.rotated => {
                self.add(tokens::rotate_batch(vault, before, key, expires)?);
                let context = Map::from_iter([("secret".to_owned(), token_model(before))]);
                self.tell(EventAction::SecretRotate, context);
            }
            (Some(before), Some(after), key) => {
                self.add(tokens::update_batch(before, after));
                let mut changed =
                    diff::between(&fields(before), &fields(after), &diff::SecretPaths::default());
                if let Some(key) = key {
                    self.add(tokens::set_key_batch(vault, after.id, key)?);
                    changed.insert("key".to_owned(), diff::masked());
                }
                self.tell(EventAction::ModelUpdated, told(&token_model(after), changed));
            }
            (Some(token), None, _) => {
                self.add(tokens::delete_batch(token.id));
                self.tell(EventAction::ModelDeleted, told(&token_model(token), Map::new()));
            }
            (None, ..) => {}
        }
        Ok(())
    }
}
