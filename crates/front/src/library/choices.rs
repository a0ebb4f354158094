//! What a person has chosen for the library: `settings.library` of the account's attributes, beside the settings that
//! authentik keeps there.
use crate::edge::Edge;
use signet_base::{Conflict, Error, Json, Map, Result, Uuid, json};
use signet_core::directory::{Author, UserChange};
use signet_core::models::Application;
use signet_core::{Principal, directory};
use signet_model::Snapshot;
use signet_pages::View;
use signet_store::users::{self, User};

/// Attempts, if the account is changed by somebody else at the same moment.
const ATTEMPTS: usize = 3;

#[derive(Debug, Default, PartialEq)]
pub struct Choices {
    pub view: View,
    /// Primary keys of applications, in the order in which they were marked.
    pub favourites: Vec<Uuid>,
}

pub enum Change<'a> {
    View(View),
    /// The primary key of an application, and whether it is a favourite.
    Favourite(&'a str, bool),
}

impl Choices {
    pub fn of(user: &User) -> Self {
        let stored = user.attributes.get("settings").and_then(|settings| settings.get("library"));
        let word = |name: &str| stored.and_then(|library| library.get(name));
        let keys = word("favourites").and_then(Json::as_array).into_iter().flatten();
        Self {
            view: word("view").and_then(Json::as_str).and_then(View::parse).unwrap_or_default(),
            favourites: keys.filter_map(|pk| Uuid::parse_str(pk.as_str()?).ok()).collect(),
        }
    }
    fn change(&mut self, config: &Snapshot, change: &Change<'_>) -> Result<()> {
        match change {
            Change::View(view) => self.view = *view,
            Change::Favourite(pk, on) => {
                let pk = Uuid::parse_str(pk).map_err(|_| Error::NotFound)?;
                let exists = |pk: Uuid| config.get(pk).is_some_and(|o| o.get::<Application>().is_some());
                if *on && !exists(pk) {
                    return Err(Error::NotFound);
                }
                // Applications that are gone are forgotten, so the list stays short.
                self.favourites.retain(|other| *other != pk && exists(*other));
                if *on {
                    self.favourites.push(pk);
                }
            }
        }
        Ok(())
    }
    /// Into the attributes, beside everything else there.
    fn write(&self, attributes: &mut Map) -> Result<()> {
        let settings = attributes.entry("settings").or_insert_with(|| json!({}));
        let settings = settings.as_object_mut().ok_or_else(|| {
            Error::denied("Your account’s settings are in a form that this page does not know. An administrator can correct them.")
        })?;
        let library = json!({"view": self.view.word(), "favourites": self.favourites});
        settings.insert("library".to_owned(), library);
        Ok(())
    }
}

/// Stores a change; one that changes nothing writes nothing.
pub async fn keep(edge: &Edge, person: &Principal, change: Change<'_>) -> Result<()> {
    let core = &edge.core;
    let author = Author::request(&edge.client, Some(person), "authentik_core");
    for _ in 0..ATTEMPTS {
        let before = users::by_id(&core.db, person.user.id).await?.ok_or(Error::NotFound)?;
        let mut choices = Choices::of(&before);
        choices.change(&core.config(), &change)?;
        if choices == Choices::of(&before) {
            return Ok(());
        }
        let mut after = before.clone();
        choices.write(&mut after.attributes)?;
        match directory::commit(core, &author, UserChange::update(&before, after)).await {
            Err(Error::Conflict(Conflict::Stale)) => {}
            other => return other.map(drop),
        }
    }
    Err(Error::denied("Your account is being changed elsewhere. Try again."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_and_the_rest_stays() {
        let mut attributes: Map = json!({"settings": {"locale": "de", "library": {"view": 7, "favourites": ["x", null]}}, "room": 1}).as_object().cloned().unwrap();
        let mut user = User { attributes: attributes.clone(), ..empty() };
        assert_eq!(Choices::of(&user), Choices::default());
        let chosen = Choices { view: View::List, favourites: vec![Uuid::from_u128(7)] };
        chosen.write(&mut attributes).unwrap();
        user.attributes = attributes;
        assert_eq!(Choices::of(&user), chosen);
        assert_eq!(
            (&user.attributes["settings"]["locale"], &user.attributes["room"]),
            (&json!("de"), &json!(1))
        );
        let mut odd: Map = json!({"settings": "dark"}).as_object().cloned().unwrap();
        assert!(chosen.write(&mut odd).is_err() && odd["settings"] == "dark");
    }

    fn empty() -> User {
        User::new(&signet_base::Ports::frozen(signet_base::Timestamp::from_secs(0), 1).0, "ada")
    }
}
