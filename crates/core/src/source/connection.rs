//! Connections of accounts with a source: their events, and their end.
use super::{Arrived, SourceSettings, groups};
use crate::directory::{Author, Transaction, UserChange, model_of};
use crate::event::EventAction;
use crate::{Core, Principal};
use signet_base::{Conflict, Error, Json, Result, json};
use signet_model::Object;
use signet_store::source_connections::{self, UserConnection};
use signet_store::table::Record;
use signet_store::users::{User, canonical};

/// What events tell of a connection.
pub(crate) fn context(source: &Object, user: &User) -> Json {
    json!({"source": Core::model_event(source), "user": model_of("user", json!(user.id), &user.username)})
}
/// Connects the account with what has arrived, or refreshes their connection; with the proven address and the groups. What
/// was left out of the groups is told by an event.
///
/// # Errors
/// As the commit, one that [`is_taken`] where the source's account is connected with another one.
pub(super) async fn settle(
    all: &mut Transaction<'_>,
    source: &Object,
    person: &Principal,
    arrived: &Arrived,
) -> Result<()> {
    let (core, user) = (all.core(), &person.user);
    let now = core.now();
    let known = source_connections::user_by_identifier(&core.db, source.pk, &arrived.identifier).await?;
    match known {
        Some(known) if known.user_id == user.id => {
            all.also(source_connections::refresh(&known, &arrived.tokens, arrived.expires, now));
        }
        Some(_) => return Err(Error::Conflict(Conflict::Unique(UserConnection::TABLE.table.to_owned()))),
        None => {
            all.also(source_connections::insert_user(&UserConnection {
                id: 0,
                user_id: user.id,
                source: source.pk,
                identifier: arrived.identifier.clone(),
                tokens: arrived.tokens.clone(),
                expires: arrived.expires,
                created: now,
                updated: now,
            }));
            event_of_link(all, source, user);
        }
    }
    let proven = arrived.proven_email.as_deref();
    if proven.is_some_and(|email| canonical(email) == canonical(&user.email))
        && user.email_verified_at.is_none()
    {
        all.change(UserChange::of(user).email_verified("source")).await?;
    }
    for problem in groups::settle(all, source, person, arrived.groups.as_deref()).await? {
        let message = format!("A group was left out: {problem}");
        let context = json!({"message": message, "source": Core::model_event(source)});
        all.event(EventAction::ConfigurationError, context);
    }
    Ok(())
}
/// Whether the source's account is connected with another one, or the account with another one there.
pub(super) fn is_taken(error: &Error) -> bool {
    let name = UserConnection::TABLE.table;
    matches!(error, Error::Conflict(Conflict::Unique(index)) if index.starts_with(name))
}
/// Whether another arrival was first to make the same group: the commit is made again, on what it left.
pub(super) fn is_overtaken(error: &Error) -> bool {
    matches!(error, Error::Conflict(Conflict::Unique(_))) && !is_taken(error)
}

/// The event of a new connection, for the commit of it.
pub fn event_of_link(all: &mut Transaction<'_>, source: &Object, user: &User) {
    all.event(EventAction::SourceLinked, context(source, user));
}

/// Ends a connection: the source signs this account in no more. Memberships that the source gave end with it.
pub async fn unlink(core: &Core, author: &Author, connection: &UserConnection) -> Result<()> {
    let config = core.config();
    let mut all = Transaction::new(core, author);
    all.also(source_connections::delete_user(connection.id));
    let person = Principal::load_any(core, connection.user_id).await?;
    if let (Some(source), Some(person)) = (config.get(connection.source), &person) {
        groups::leave_all(&mut all, source, person).await?;
        let name = SourceSettings::of(source).map(|s| s.name).unwrap_or_default();
        let label = format!("{name}: {}", person.user.username);
        let model = model_of("usersourceconnection", json!(connection.id), &label);
        all.event(EventAction::ModelDeleted, json!({"model": model}));
    }
    match all.commit().await {
        Err(Error::Conflict(_)) => Err(Error::NotFound),
        done => done.map(drop),
    }
}
