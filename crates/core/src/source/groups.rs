//! Groups that follow from a source. It changes what it owns: memberships that it gave, groups that it made or was
//! matched with. It never reaches a group that gives superuser, nor the memberships of a superuser.
use super::{Exchange, GroupMatchingMode, Remote, SourceSettings, properties};
use crate::directory::{GroupChange, Transaction, UserChange};
use crate::event::EventAction;
use crate::{Core, Principal};
use serde::{Deserialize, Serialize};
use signet_base::{Json, Map, Result, Uuid, json};
use signet_model::Object;
use signet_store::group_connections::{self, GroupConnection};
use signet_store::groups::{self, Group};
use signet_store::source_connections;

/// Most groups of one account that are looked at.
const MOST: usize = 500;

/// A group of the source, with what the mappings make of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RemoteGroup {
    pub identifier: String,
    pub name: String,
    pub attributes: Map,
}

/// The groups that the source names. What is no text is left out, and told by an event.
pub(super) async fn read(
    exchange: &Exchange<'_>,
    settings: &SourceSettings,
    remote: &Remote,
) -> Result<Option<Vec<RemoteGroup>>> {
    let Some(all) = &remote.groups else { return Ok(None) };
    let (mut out, mut odd) = (Vec::new(), 0);
    for group in all.iter().take(MOST) {
        let Some(identifier) = group.as_str().filter(|id| !id.is_empty()) else {
            odd += 1;
            continue;
        };
        let mut made =
            properties::of_group(exchange, &settings.group_property_mappings, remote, identifier).await?;
        let name = properties::text(&made, "name").unwrap_or(identifier).to_owned();
        let attributes = match made.remove("attributes") {
            Some(Json::Object(attributes)) => attributes,
            _ => Map::new(),
        };
        out.push(RemoteGroup { identifier: identifier.to_owned(), name, attributes });
    }
    if odd > 0 {
        tell(exchange.core, exchange.client, exchange.source, &format!("{odd} groups have no identifier"))
            .await;
    }
    Ok(Some(out))
}

async fn tell(core: &Core, client: &crate::Client, source: &Object, message: &str) {
    let context = json!({"message": message, "source": Core::model_event(source)});
    core.event(client, None, EventAction::ConfigurationError, "authentik_core", context).await;
}

/// Adds to the transaction what brings the account's groups in line. `None`: the source says nothing, nothing changes.
/// What was left out comes back, for the log.
pub(super) async fn settle(
    all: &mut Transaction<'_>,
    source: &Object,
    person: &Principal,
    wanted: Option<&[RemoteGroup]>,
) -> Result<Vec<String>> {
    let Some(wanted) = wanted else { return Ok(Vec::new()) };
    if person.is_superuser {
        return Ok(Vec::new());
    }
    let core = all.core();
    let (mut want, mut problems) = (Vec::new(), Vec::new());
    let mode = SourceSettings::of(source)?.group_matching_mode;
    for group in wanted {
        match resolve(all, source, mode, group).await? {
            Ok(id) => want.push(id),
            Err(why) => problems.push(format!("{}: {why}", group.name)),
        }
    }
    let have: Vec<Uuid> =
        groups::direct_groups(&core.db, person.user.id).await?.iter().map(|group| group.id).collect();
    let owned = source_connections::owned(&core.db, source.pk, person.user.id).await?;
    let shared = source_connections::owned_by_others(&core.db, source.pk, person.user.id).await?;
    let join: Vec<Uuid> = want.iter().copied().filter(|id| !have.contains(id)).collect();
    let lost: Vec<Uuid> = owned.into_iter().filter(|id| !want.contains(id)).collect();
    let leave: Vec<Uuid> =
        lost.iter().copied().filter(|id| have.contains(id) && !shared.contains(id)).collect();
    if !join.is_empty() || !leave.is_empty() {
        all.change(UserChange::of(&person.user).join(join.clone()).leave(leave)).await?;
    }
    // A membership that another source gave is this one's too.
    let own: Vec<Uuid> = want.iter().copied().filter(|id| join.contains(id) || shared.contains(id)).collect();
    all.also(source_connections::note_owned(source.pk, person.user.id, &own, &lost));
    Ok(problems)
}

/// The account leaves what the source gave it.
pub(super) async fn leave_all(all: &mut Transaction<'_>, source: &Object, person: &Principal) -> Result<()> {
    settle(all, source, person, Some(&[])).await.map(drop)
}

/// The group here, which may be a new one; or why there is none.
async fn resolve(
    all: &mut Transaction<'_>,
    source: &Object,
    mode: GroupMatchingMode,
    remote: &RemoteGroup,
) -> Result<std::result::Result<Uuid, &'static str>> {
    let core = all.core();
    let known = group_connections::group_by_identifier(&core.db, source.pk, &remote.identifier).await?;
    if let Some(connection) = known {
        return reach(core, connection.group_id).await;
    }
    let found = groups::by_name(&core.db, &remote.name).await?;
    let id = match (found, mode) {
        (Some(_), GroupMatchingMode::Identifier | GroupMatchingMode::NameDeny) => {
            return Ok(Err("a group with this name exists"));
        }
        (Some(group), GroupMatchingMode::NameLink) => {
            if let Err(why) = reach(core, group.id).await? {
                return Ok(Err(why));
            }
            if group_connections::of_group(&core.db, source.pk, group.id).await?.is_some() {
                return Ok(Err("the group here is connected with another group of the source"));
            }
            group.id
        }
        (None, _) => {
            let mut group = Group::new(&core.ports, remote.name.as_str());
            group.attributes.clone_from(&remote.attributes);
            let id = group.id;
            all.change(GroupChange::create(group)).await?;
            id
        }
    };
    let now = core.now();
    all.also(group_connections::insert_group(&GroupConnection {
        id: 0,
        group_id: id,
        source: source.pk,
        identifier: remote.identifier.clone(),
        created: now,
        updated: now,
    }));
    Ok(Ok(id))
}

/// Whether sources may put people into the group.
async fn reach(core: &Core, group: Uuid) -> Result<std::result::Result<Uuid, &'static str>> {
    let mut line: Vec<Uuid> = groups::ancestors(&core.db, &[group]).await?.into_iter().collect();
    line.push(group);
    let gives = groups::many(&core.db, &line).await?.iter().any(|group| group.is_superuser);
    Ok(if gives { Err("the group gives superuser rights, which no source does") } else { Ok(group) })
}
