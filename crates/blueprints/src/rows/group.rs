//! Entries about groups.
use super::values::{internal, keys, same, set, wrong};
use super::{GROUP, GroupDraft, Order, Row, RowState, RowWritePlan, Rows, WriteOutcome, Wrong, mark};
use signet_base::{Json, Uuid, json};
use signet_core::Core;
use signet_store::groups::{self, Group};
use signet_store::table::Record;
use signet_store::{roles, users};

/// Beside the columns.
pub(super) const FIELDS: &[&str] = &["pk", "group_uuid", "parents", "users", "roles"];

impl Rows {
    pub(super) async fn group(
        &mut self,
        core: &Core,
        order: &Order<'_>,
    ) -> Result<(WriteOutcome, Json), Wrong> {
        let known = match self.identified(core, GROUP, order.identifiers).await? {
            Some(Row::Group(group)) => {
                let draft = GroupDraft {
                    before: Some(group.clone()),
                    group,
                    parents: None,
                    members: None,
                    roles: None,
                    state: RowState::Same,
                };
                Some(self.groups.take_up(draft))
            }
            _ => None,
        };
        let at = match order.state.of(known)? {
            RowWritePlan::Leave(at) => {
                return Ok((
                    WriteOutcome::Nothing,
                    at.map_or(Json::Null, |at| json!(self.groups[at].group.id)),
                ));
            }
            RowWritePlan::Delete(at) => {
                self.groups.change(at, |draft| draft.state = RowState::Gone);
                return Ok((WriteOutcome::Deleted, json!(self.groups[at].group.id)));
            }
            RowWritePlan::Update(at) => at,
            RowWritePlan::Create => {
                let name = order.fields.get("name").and_then(Json::as_str).unwrap_or_default();
                if name.is_empty() {
                    return wrong("name", "This field is required.");
                }
                let mut group = Group::new(&core.ports, name);
                if let Some(pk) =
                    order.fields.get("pk").and_then(Json::as_str).and_then(|s| Uuid::parse_str(s).ok())
                {
                    group.id = pk;
                }
                self.groups.push(GroupDraft {
                    before: None,
                    group,
                    parents: None,
                    members: None,
                    roles: None,
                    state: RowState::New,
                })
            }
        };
        let before = self.groups[at].group.shown();
        let mut group = self.groups[at].group.clone();
        let (mut parents, mut members, mut own_roles) = (None, None, None);
        for (field, value) in order.fields {
            match field.as_str() {
                "pk" | "group_uuid" => {}
                "parents" => parents = Some(self.group_keys(core, field, value).await?),
                "roles" => own_roles = Some(keys(field, value)?),
                "users" => {
                    let Json::Array(list) = value else { return wrong(field, "Expected a list of items.") };
                    let mut ids = Vec::with_capacity(list.len());
                    for item in list {
                        let Some(id) = item.as_i64() else {
                            return wrong(field, format!("{item} is not the key of a user."));
                        };
                        if id < 0 || users::by_id(&core.db, id).await.map_err(internal)?.is_none() {
                            return wrong(field, "Name users that exist, or give new users their groups.");
                        }
                        ids.push(id);
                    }
                    members = Some(ids);
                }
                _ => set(&mut group, field, value)?,
            }
        }
        if self.groups[at].state != RowState::New {
            if let Some(wanted) = &parents {
                let of = groups::parents_of_many(&core.db, &[group.id]).await.map_err(internal)?;
                let have: Vec<Uuid> =
                    of.get(&group.id).map(|l| l.iter().map(|g| g.id).collect()).unwrap_or_default();
                if same(&have, wanted) {
                    parents = None;
                } else {
                    let above = groups::ancestors(&core.db, wanted).await.map_err(internal)?;
                    if wanted.contains(&group.id) || above.contains(&group.id) {
                        return wrong("parents", "A group cannot be above itself.");
                    }
                }
            }
            if let Some(wanted) = &members {
                let of = groups::member_ids_of_many(&core.db, &[group.id]).await.map_err(internal)?;
                if same(of.get(&group.id).map_or(&[][..], Vec::as_slice), wanted) {
                    members = None;
                }
            }
            if let Some(wanted) = &own_roles {
                let of = roles::of_many_groups(&core.db, &[group.id]).await.map_err(internal)?;
                if same(of.get(&group.id).map_or(&[][..], Vec::as_slice), wanted) {
                    own_roles = None;
                }
            }
        }
        let changed =
            group.shown() != before || parents.is_some() || members.is_some() || own_roles.is_some();
        let key = json!(group.id);
        let outcome = self.groups.change(at, |draft| {
            draft.group = group;
            draft.parents = parents.or(draft.parents.take());
            draft.members = members.or(draft.members.take());
            draft.roles = own_roles.or(draft.roles.take());
            mark(&mut draft.state, changed)
        });
        Ok((outcome, key))
    }
}
