//! Why somebody holds a permission, or does not.
use super::stored_key;
use crate::Core;
use crate::models::Role;
use signet_base::{Error, Json, Result, Uuid, json};
use signet_model::Verb;
use signet_store::groups::{self, Group};
use signet_store::roles;
use signet_store::users::User;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Write;

/// How a role or superuser status comes to a person: the names of the groups from their own up; empty for what the account
/// has itself.
type Path = Vec<String>;

/// A role that grants the permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub role: String,
    pub path: Path,
    /// The object that it is held on; none: all.
    pub object: Option<String>,
}

/// The answer.
#[derive(Debug, Clone, Default)]
pub struct PermissionExplanation {
    pub user: String,
    pub active: bool,
    /// `authentik_core.view_user`
    pub permission: String,
    pub object: Option<String>,
    /// Groups that make the person a superuser.
    pub superuser: Vec<Path>,
    pub grants: Vec<Grant>,
    /// All roles of the person.
    pub roles: Vec<(String, Path)>,
    /// Roles that the person does not have and that would grant it.
    pub elsewhere: Vec<String>,
    /// On how many other objects the person holds it.
    pub other_objects: usize,
    /// Whether the person may view the object. Who may not is told that there is none, whatever else they hold.
    pub sees: bool,
}

impl PermissionExplanation {
    pub fn holds(&self) -> bool {
        self.active && (!self.superuser.is_empty() || !self.grants.is_empty())
    }
    pub fn to_json(&self) -> Json {
        let path = |path: &Path| json!(path);
        let grant = |g: &Grant| json!({"role": g.role, "groups": path(&g.path), "object_pk": g.object});
        json!({
            "user": self.user, "is_active": self.active, "permission": self.permission, "object_pk": self.object,
            "holds": self.holds(), "may_view": self.sees,
            "superuser_groups": self.superuser.iter().map(path).collect::<Vec<_>>(),
            "grants": self.grants.iter().map(grant).collect::<Vec<_>>(),
            "roles": self.roles.iter().map(|(role, groups)| json!({"role": role, "groups": path(groups)})).collect::<Vec<_>>(),
            "roles_that_grant_it": self.elsewhere, "other_objects": self.other_objects,
        })
    }
    /// As text for the terminal.
    pub fn to_text(&self) -> String {
        let by = |path: &Path| match path.as_slice() {
            [] => "own role".to_owned(),
            [one] => format!("by group {one}"),
            [first, rest @ ..] => format!("by group {first}, below {}", rest.join(", below ")),
        };
        let on = self.object.as_ref().map_or("all objects".to_owned(), |key| format!("object {key}"));
        let verdict = if self.holds() { "holds" } else { "does not hold" };
        let mut out = format!("{} {verdict} {} on {on}.\n", self.user, self.permission);
        if !self.active {
            out.push_str("  - the account is not active\n");
        }
        for path in &self.superuser {
            let _ = writeln!(out, "  + superuser, {}", by(path));
        }
        for grant in &self.grants {
            let on = grant.object.as_ref().map_or("all objects".to_owned(), |key| format!("object {key}"));
            let _ = writeln!(out, "  + role {} on {on}, {}", grant.role, by(&grant.path));
        }
        if !self.sees {
            out.push_str(
                "  - the object is hidden: its model's view permission is missing, so calls answer 404\n",
            );
        }
        if self.superuser.is_empty() && self.grants.is_empty() {
            if self.roles.is_empty() {
                out.push_str("  - no roles, neither own nor by groups\n");
            }
            for (role, path) in &self.roles {
                let _ = writeln!(out, "  - role {role} does not grant it, {}", by(path));
            }
            if self.other_objects > 0 {
                let _ = writeln!(out, "  - it is held on {} other objects only", self.other_objects);
            }
            match self.elsewhere.as_slice() {
                [] => out.push_str("No role grants it: a superuser can, or who assigns it to a role.\n"),
                list => drop(writeln!(out, "Roles that grant it: {}", list.join(", "))),
            }
        }
        out
    }
}

/// A group with the way to it from the person.
struct Reached {
    group: Group,
    path: Path,
}

/// The groups of a person with their ancestors, each by a shortest way.
async fn reached(core: &Core, user: i64) -> Result<Vec<Reached>> {
    let direct = groups::direct_groups(&core.db, user).await?;
    let mut seen: HashSet<Uuid> = direct.iter().map(|group| group.id).collect();
    let first = |group: Group| Reached { path: vec![group.name.clone()], group };
    let mut waiting: VecDeque<Reached> = direct.into_iter().map(first).collect();
    let mut out = Vec::new();
    while let Some(next) = waiting.pop_front() {
        let mut parents = groups::parents_of_many(&core.db, &[next.group.id]).await?;
        for parent in parents.remove(&next.group.id).unwrap_or_default() {
            if seen.insert(parent.id) {
                let path = next.path.iter().cloned().chain([parent.name.clone()]).collect();
                waiting.push_back(Reached { group: parent, path });
            }
        }
        out.push(next);
    }
    Ok(out)
}

/// Explains a permission of somebody: on one object (by the key that the wire shows), or on all. Refuses what is no
/// permission.
pub async fn explain(
    core: &Core,
    user: &User,
    permission: &str,
    object: Option<&str>,
) -> Result<PermissionExplanation> {
    let def = core
        .permissions
        .find(permission)
        .ok_or_else(|| Error::invalid("permission", format!("{permission:?} is no permission.")))?;
    let object = object.map(|key| stored_key(core, &def.model, key));
    let above = reached(core, user.id).await?;
    let ids: Vec<Uuid> = above.iter().map(|reached| reached.group.id).collect();
    let own = roles::of_users(&core.db, &[user.id]).await?.remove(&user.id).unwrap_or_default();
    let mut held: Vec<(Uuid, Path)> = own.into_iter().map(|role| (role, Path::new())).collect();
    let of_groups = roles::of_many_groups(&core.db, &ids).await?;
    for reached in &above {
        let roles = of_groups.get(&reached.group.id).into_iter().flatten();
        held.extend(roles.map(|role| (*role, reached.path.clone())));
    }
    let config = core.config();
    let name = |role: Uuid| config.get(role).map_or_else(|| role.to_string(), |o| o.name().to_owned());
    let mut out = PermissionExplanation {
        user: user.username.clone(),
        active: user.is_active,
        permission: permission.to_owned(),
        superuser: above.iter().filter(|r| r.group.is_superuser).map(|r| r.path.clone()).collect(),
        object: object.clone(),
        ..PermissionExplanation::default()
    };
    let view = Verb::View.on(&def.model);
    let mut known: HashMap<Uuid, Vec<roles::RolePermission>> = HashMap::new();
    let fits = |row: &roles::RolePermission| row.object.is_empty() || Some(&row.object) == object.as_ref();
    out.sees = object.is_none() || !out.superuser.is_empty();
    for (role, path) in held {
        out.roles.push((name(role), path.clone()));
        let rows = match known.entry(role) {
            Entry::Occupied(rows) => rows.into_mut(),
            Entry::Vacant(new) => new.insert(roles::permissions(&core.db, role).await?),
        };
        for row in rows.iter() {
            out.sees |= row.permission == view && fits(row);
            if row.permission != permission {
                continue;
            }
            if fits(row) {
                let object = (!row.object.is_empty()).then(|| row.object.clone());
                out.grants.push(Grant { role: name(role), path: path.clone(), object });
            } else {
                out.other_objects += 1;
            }
        }
    }
    for (role, _) in config.all::<Role>().filter(|(role, _)| !known.contains_key(&role.pk)) {
        let rows = roles::permissions(&core.db, role.pk).await?;
        if rows.iter().any(|row| row.permission == permission && fits(row)) {
            out.elsewhere.push(role.name().to_owned());
        }
    }
    Ok(out)
}
