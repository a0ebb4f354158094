//! What applications may access of a user: stored consents and refresh tokens.
use crate::security::moment;
use signet_base::{Error, Result, Uuid};
use signet_core::directory::{Author, Transaction, row_model};
use signet_core::models;
use signet_core::{Core, Principal};
use signet_model::Snapshot;
use signet_pages::ConsentRow;
use signet_store::ListQuery;
use signet_store::consents::{self, Consent};
use signet_store::grants::{self, GrantToken, TokenKind};
use signet_store::table::Record;
use std::collections::BTreeMap;

/// Page size above any realistic number of rows.
const ALL: u64 = 1000;

/// One row per application, ordered by name.
pub async fn list(core: &Core, person: &Principal) -> Result<Vec<ConsentRow>> {
    let now = core.now();
    let config = core.config();
    let name = |pk: Uuid| config.get(pk).map(|o| o.name().to_owned());
    let mut rows: BTreeMap<Uuid, ConsentRow> = BTreeMap::new();
    let query = ListQuery { owner: Some(person.user.id), ..ListQuery::first(ALL) };
    for consent in
        signet_store::list::<Consent>(&core.db, &query).await?.0.into_iter().filter(|c| !c.is_expired(now))
    {
        let Some(application) = name(consent.application) else { continue };
        let expires = consent.expires.map(moment).unwrap_or_default();
        rows.insert(
            consent.application,
            ConsentRow {
                id: consent.id.to_string(),
                application,
                permissions: consent.permissions,
                since: moment(consent.created),
                expires,
                away: false,
            },
        );
    }
    for token in tokens(core, person).await? {
        let Some((pk, application)) =
            application_of(&config, token.provider).and_then(|pk| Some((pk, name(pk)?)))
        else {
            continue;
        };
        let row = rows.entry(pk).or_insert_with(|| ConsentRow {
            id: pk.to_string(),
            application,
            permissions: token.scope.clone(),
            since: moment(token.issued),
            ..ConsentRow::default()
        });
        row.away = true;
    }
    let mut rows: Vec<ConsentRow> = rows.into_values().collect();
    rows.sort_by_key(|row| row.application.to_lowercase());
    Ok(rows)
}

/// Revokes one application's access: its consent and its refresh tokens. `id` is the consent's id, or the
/// application's where there is no consent.
///
/// # Errors
/// `NotFound` when the user has no such row.
pub async fn withdraw(core: &Core, author: &Author, person: &Principal, id: &str) -> Result<()> {
    let consent = match id.parse::<i64>() {
        Ok(number) => Some(
            consents::by_id(&core.db, number)
                .await?
                .filter(|c| c.user_id == person.user.id)
                .ok_or(Error::NotFound)?,
        ),
        Err(_) => None,
    };
    let application = match &consent {
        Some(consent) => consent.application,
        None => Uuid::parse_str(id).map_err(|_| Error::NotFound)?,
    };
    let config = core.config();
    let held: Vec<GrantToken> = tokens(core, person)
        .await?
        .into_iter()
        .filter(|t| application_of(&config, t.provider) == Some(application))
        .collect();
    if consent.is_none() && held.is_empty() {
        return Err(Error::NotFound);
    }
    for token in held {
        grants::revoke_family(&core.db, token.holder()).await?;
    }
    let Some(consent) = consent else { return Ok(()) };
    let mut changes = Transaction::new(core, author);
    changes.delete_row(
        &row_model(Consent::TABLE, consent.id, &consent.permissions),
        consents::delete_batch(consent.id),
    );
    changes.commit().await.map(drop)
}

/// Refresh tokens that are valid.
async fn tokens(core: &Core, person: &Principal) -> Result<Vec<GrantToken>> {
    let query = ListQuery { owner: Some(person.user.id), ..ListQuery::first(ALL) };
    let now = Some(core.now());
    Ok(grants::list(&core.db, TokenKind::Refresh, &query, now).await?.0)
}

fn application_of(config: &Snapshot, provider: i64) -> Option<Uuid> {
    models::application_of(config, provider).map(|o| o.pk)
}
