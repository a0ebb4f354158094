//! `/rbac/`: the permissions that there are, which roles and users have them, and whose roles are. Roles and initial
//! permissions themselves are configuration objects.
mod assigned;
pub(crate) mod catalogue;
mod held;
pub(crate) mod roles;
mod target;

use http::Method;
use signet_base::{Json, json};
use signet_core::Core;
use signet_core::permission::catalogue::PermissionDef;
use signet_model::{FieldDef, FieldKind, Verb};
use signet_rest::{Action, Output, Permission, run};
use signet_store::roles::RolePermission;

const ROLE: &str = "authentik_rbac.role";
const USER: &str = "authentik_core.user";
const ASSIGN: &str = "authentik_rbac.assign_role_permissions";
const UNASSIGN: &str = "authentik_rbac.unassign_role_permissions";

const fn text(name: &'static str) -> FieldDef {
    FieldDef::shown(name, FieldKind::Text)
}
const ID: FieldDef = FieldDef::shown("id", FieldKind::Int);
const ROLE_MODEL_PERMISSION: &[FieldDef] =
    &[ID, text("codename"), text("model"), text("app_label"), text("name")];
const ROLE_OBJECT_PERMISSION: &[FieldDef] =
    &[ID, text("codename"), text("model"), text("app_label"), text("object_pk"), text("name")];

/// Components of the document.
pub(crate) const COMPONENTS: &[(&str, &[FieldDef])] = &[
    ("Permission", catalogue::PERMISSION),
    ("PermissionAssign", assigned::ASSIGNMENT),
    ("PermissionAssignResult", &[text("id")]),
    ("RoleAssignedObjectPermission", assigned::OF_ROLE),
    ("UserAssignedObjectPermission", assigned::OF_USER),
    ("ExtraRoleObjectPermission", held::FIELDS),
];

pub(crate) fn register(rows: &mut Vec<Action>) {
    use Permission::{Model, Named, SignedIn};
    use Verb::{Change, View};
    let mut add = |action: Action| rows.push(action);
    add(Action::get(
        "rbac/permissions",
        SignedIn,
        "Lists the permissions that there are.",
        run!(catalogue::list),
    )
    .gives("Permission"));
    add(Action::get("rbac/permissions/{id}", SignedIn, "One permission.", run!(catalogue::retrieve))
        .gives("Permission"));
    for (of, model, component, list, assign, unassign) in [
        (
            "roles/{uuid}",
            ROLE,
            "RoleAssignedObjectPermission",
            run!(assigned::by_roles),
            run!(assigned::assign_to_role),
            run!(assigned::unassign_from_role),
        ),
        // Of 2024's clients: a user's own permissions are held by a role of that user.
        (
            "users/{id}",
            USER,
            "UserAssignedObjectPermission",
            run!(assigned::by_users),
            run!(assigned::assign_to_user),
            run!(assigned::unassign_from_user),
        ),
    ] {
        let path = format!("rbac/permissions/assigned_by_{of}");
        let all = path.rsplit_once('/').map_or("", |(all, _)| all);
        add(Action::get(all, Model(View), "Lists who has permissions on a model or an object.", list)
            .about(model)
            .output(Output::Page(component)));
        add(Action::post(
            format!("{path}/assign"),
            Named(&[ASSIGN]),
            "Gives permissions on one object, or on all.",
            assign,
        )
        .about(model)
        .takes("PermissionAssign")
        .output(Output::Plain("PermissionAssignResult")));
        add(Action::new(
            Method::PATCH,
            format!("{path}/unassign"),
            Named(&[UNASSIGN]),
            "Takes permissions away.",
            unassign,
        )
        .about(model)
        .takes("PermissionAssign")
        .output(Output::Nothing));
    }
    add(Action::get(
        "rbac/permissions/roles",
        Model(View),
        "Permissions of roles on single objects.",
        run!(held::of_roles),
    )
    .about(ROLE)
    .output(Output::Page("ExtraRoleObjectPermission")));
    add(Action::get(
        "rbac/permissions/users",
        Model(View),
        "Permissions of a user on single objects.",
        run!(held::of_user),
    )
    .about(USER)
    .output(Output::Page("ExtraRoleObjectPermission")));
    for (word, doc, run) in [
        ("add_user", "Gives a user the role.", run!(roles::add_user)),
        ("remove_user", "Takes the role away from a user.", run!(roles::remove_user)),
    ] {
        add(Action::post(format!("rbac/roles/{{uuid}}/{word}"), Model(Change), doc, run)
            .about(ROLE)
            .input(roles::MEMBER)
            .output(Output::Nothing));
    }
    add(Action::get(
        "rbac/roles/{uuid}/used_by",
        Model(View),
        "Lists what refers to the role, with its holders.",
        run!(roles::used_by),
    )
    .about(ROLE)
    .output(Output::Plain("UsedBy")));
}

/// A permission on all objects of its model.
fn on_all(core: &Core, row: &RolePermission) -> Option<Json> {
    let def = core.permissions.find(&row.permission)?;
    Some(json!({
        "id": row.id, "codename": def.codename, "model": def.model_name(), "app_label": def.app(), "name": def.label,
    }))
}
/// A permission on one object.
fn on_object(core: &Core, row: &RolePermission) -> Option<Json> {
    let def: &PermissionDef = core.permissions.find(&row.permission)?;
    Some(json!({
        "id": row.id, "codename": def.codename, "model": def.model_name(), "app_label": def.app(), "object_pk": row.object,
        "name": def.label,
    }))
}
