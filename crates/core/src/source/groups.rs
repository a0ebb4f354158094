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
use signet_store::{Batch, source_connections};
use std::collections::{HashMap, HashSet};

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
    let left = all.len().saturating_sub(MOST);
    for (count, why) in [(odd, "have no identifier"), (left, "are too many: 500 are looked at")] {
        if count > 0 {
            tell(exchange.core, exchange.client, exchange.source, &format!("{count} groups {why}")).await;
        }
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
    let (want, problems) = resolve(all, source, wanted).await?;
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

const TAKEN: &str = "a group with this name exists";
const CONNECTED: &str = "the group here is connected with another group of the source";
const SUPERUSER: &str = "the group gives superuser rights, which no source does";

/// The groups here, of which some may be new; and why there is none for the others.
async fn resolve(
    all: &mut Transaction<'_>,
    source: &Object,
    wanted: &[RemoteGroup],
) -> Result<(Vec<Uuid>, Vec<String>)> {
    let (core, mode) = (all.core(), SourceSettings::of(source)?.group_matching_mode);
    let identifiers: Vec<&str> = wanted.iter().map(|group| group.identifier.as_str()).collect();
    let known = group_connections::by_identifiers(&core.db, source.pk, &identifiers).await?;
    let known: HashMap<String, Uuid> = known.into_iter().map(|c| (c.identifier, c.group_id)).collect();
    let news = wanted.iter().filter(|group| !known.contains_key(&group.identifier));
    let names: Vec<&str> = news.map(|group| group.name.as_str()).collect();
    let mut by_name: HashMap<String, Uuid> =
        groups::by_names(&core.db, &names).await?.into_iter().map(|group| (group.name, group.id)).collect();
    let there: Vec<Uuid> = known.values().chain(by_name.values()).copied().collect();
    let superuser = groups::superuser_groups(&core.db, &there).await?;
    let connected = group_connections::of_groups(&core.db, source.pk, &there).await?;
    let mut connected: HashSet<Uuid> = connected.into_iter().map(|c| c.group_id).collect();

    let (mut want, mut problems, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    for group in wanted.iter().filter(|group| seen.insert(&group.identifier)) {
        let fits = match (known.get(&group.identifier), by_name.get(&group.name), mode) {
            (Some(id), ..) => Ok((*id, false)),
            (None, Some(_), GroupMatchingMode::Identifier | GroupMatchingMode::NameDeny) => Err(TAKEN),
            (None, Some(id), GroupMatchingMode::NameLink) if connected.contains(id) => Err(CONNECTED),
            (None, Some(id), GroupMatchingMode::NameLink) => Ok((*id, true)),
            (None, None, _) => {
                let mut new = Group::new(&core.ports, group.name.as_str());
                new.attributes.clone_from(&group.attributes);
                let id = new.id;
                all.change(GroupChange::create(new)).await?;
                Ok((id, true))
            }
        };
        match fits {
            Ok((id, _)) if superuser.contains(&id) => problems.push(format!("{}: {SUPERUSER}", group.name)),
            Ok((id, is_new)) => {
                if is_new {
                    all.also(connection(core, source, id, &group.identifier));
                    by_name.insert(group.name.clone(), id);
                    connected.insert(id);
                }
                want.push(id);
            }
            Err(why) => problems.push(format!("{}: {why}", group.name)),
        }
    }
    Ok((want, problems))
}

fn connection(core: &Core, source: &Object, group_id: Uuid, identifier: &str) -> Batch {
    let now = core.now();
    let identifier = identifier.to_owned();
    let (id, source) = (0, source.pk);
    group_connections::insert_group(&GroupConnection {
        id,
        group_id,
        source,
        identifier,
        created: now,
        updated: now,
    })
}
