//! Who changes something, and by what.
use crate::event::EventAction;
use crate::{Client, Core, Principal};
use signet_base::{Json, Map};
use signet_store::events::Event;

/// Whom the events of a change name.
#[derive(Debug, Clone)]
pub enum Actor {
    /// The program itself, or a stranger.
    Nobody,
    /// With the administrator who acts as them, if any.
    Person(Principal),
    /// Whose account the change makes: an enrolment.
    NewAccount,
}

/// The author of a change, for its events and for the history of objects.
#[derive(Debug, Clone)]
pub struct Author {
    pub client: Client,
    pub actor: Actor,
    /// The part of the program that writes: `authentik.api`.
    pub app: &'static str,
    /// What wrote, as members of the event's context: `token`, `command`, `blueprint`, `expression`.
    pub means: Map,
}

impl Author {
    /// A request, in the name of whoever sent it.
    pub fn request(client: &Client, person: Option<&Principal>, app: &'static str) -> Self {
        let actor = person.map_or(Actor::Nobody, |person| Actor::Person(person.clone()));
        Self { client: client.clone(), actor, app, means: Map::new() }
    }
    /// A command of the operator.
    pub fn command(name: &str) -> Self {
        let client = Client { request_id: format!("command {name}"), ..Client::internal() };
        Self { client, ..Self::program("signet.command") }.by("command", name)
    }
    /// The program itself: start-up, housekeeping, default objects.
    pub fn system() -> Self {
        Self::program("signet.system")
    }
    fn program(app: &'static str) -> Self {
        let client = Client { request_id: "system".to_owned(), ..Client::internal() };
        Self { client, actor: Actor::Nobody, app, means: Map::new() }
    }
    /// Names what wrote.
    #[must_use]
    pub fn by(mut self, member: &str, what: impl Into<Json>) -> Self {
        self.means.insert(member.to_owned(), what.into());
        self
    }
    pub fn person(&self) -> Option<&Principal> {
        match &self.actor {
            Actor::Person(person) => Some(person),
            Actor::Nobody | Actor::NewAccount => None,
        }
    }
    /// The emitter of an event, as the contract names it: changes of rows and objects by a request are told by one part
    /// of the program, whoever makes them.
    fn app_of(&self, action: &EventAction) -> &'static str {
        let changes = [EventAction::ModelCreated, EventAction::ModelUpdated, EventAction::ModelDeleted]
            .contains(action);
        if changes && !self.client.method.is_empty() { "authentik.events.middleware" } else { self.app }
    }
    /// An event of what this author does, for the commit of it.
    pub(super) fn event(&self, core: &Core, action: EventAction, mut context: Map) -> Event {
        context.extend(self.means.clone());
        core.event_row(&self.client, self.person(), &action, self.app_of(&action), context)
    }
    /// For the history of objects.
    pub fn of_version(&self) -> signet_store::Author {
        signet_store::Author {
            user: self.person().map(Principal::session_owner),
            request_id: self.client.request_id.clone(),
        }
    }
}
