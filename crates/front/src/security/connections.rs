//! Sources that the person signs in with, or can.
use super::moment;
use signet_base::{Error, Result};
use signet_core::directory::Author;
use signet_core::source::{self, SourceSettings};
use signet_core::{Core, Principal};
use signet_model::Base;
use signet_pages::ConnectionRow;
use signet_store::source_connections;

/// Enabled sources, and connections of others, by name.
pub async fn list(core: &Core, person: &Principal) -> Result<Vec<ConnectionRow>> {
    let config = core.config();
    let own = source_connections::of_user(&core.db, person.user.id).await?;
    let mut out = Vec::new();
    for source in config.family(Base::Source) {
        let Some(kind) = core.families.source(source.def) else { continue };
        let settings = SourceSettings::of(source)?;
        let known = own.iter().find(|connection| connection.source == source.pk);
        if known.is_none() && !settings.enabled {
            continue;
        }
        // Nobody connects an account for somebody else.
        let can = settings.enabled && person.impersonator.is_none();
        out.push(ConnectionRow {
            id: known.map(|connection| connection.id.to_string()).unwrap_or_default(),
            since: known.map(|connection| moment(connection.created)).unwrap_or_default(),
            connect_url: if can { kind.connect_url(&settings.slug) } else { String::new() },
            name: settings.name,
        });
    }
    out.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(out)
}

/// Ends a connection of the person's own.
pub async fn disconnect(core: &Core, author: &Author, person: &Principal, id: &str) -> Result<()> {
    let id: i64 = id.parse().map_err(|_| Error::NotFound)?;
    let found = source_connections::user_by_id(&core.db, id).await?;
    let found = found.filter(|connection| connection.user_id == person.user.id).ok_or(Error::NotFound)?;
    source::unlink(core, author, &found).await
}
