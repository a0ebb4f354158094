//! Row resources: users, groups, tokens, sessions, consents, grants, events.
pub(crate) mod connections;
pub(crate) mod consents;
pub(crate) mod declared;
pub(crate) mod devices;
pub(crate) mod events;
pub(crate) mod grants;
pub(crate) mod groups;
pub(crate) mod invitations;
mod service_account;
pub(crate) mod sessions;
pub(crate) mod tokens;
mod user_actions;
pub(crate) mod user_agent;
pub(crate) mod users;

use http::Method;
use signet_base::{Json, json};
use signet_model::{FieldDef, FieldKind, OnDelete, Verb};
use signet_rest::list::Paging;
use signet_rest::{Action, Output, Permission, run};
use signet_rest::{ApiResult, Call, Reply};
use signet_store::TABLES;
use std::sync::LazyLock;

pub(crate) const USER: FieldKind =
    FieldKind::Ref { target: "authentik_core.user", on_delete: OnDelete::Cascade };
pub(crate) const GROUP: FieldKind =
    FieldKind::Ref { target: "authentik_core.group", on_delete: OnDelete::Cascade };
pub(crate) const UUIDS: FieldKind = FieldKind::List(&FieldKind::Uuid);

/// A text that may be empty.
pub(crate) const fn blank(field: FieldDef) -> FieldDef {
    FieldDef { blank: true, ..field }
}
/// With a help text.
pub(crate) const fn told(field: FieldDef, doc: &'static str) -> FieldDef {
    FieldDef { doc, ..field }
}
/// Read-only, with another label in the OPTIONS response.
pub(crate) const fn labelled(field: FieldDef, label: &'static str) -> FieldDef {
    FieldDef { widget: label, read_only: true, ..field }
}

/// Members of a row component.
pub(crate) fn fields(component: &str) -> Option<&'static [FieldDef]> {
    components().find(|(name, _)| *name == component).map(|(_, fields)| fields)
}
/// All row components: handwritten ones, then those of declared tables with a path.
pub(crate) fn components() -> impl Iterator<Item = (&'static str, &'static [FieldDef])> {
    static DECLARED: LazyLock<Vec<(&str, Vec<FieldDef>)>> = LazyLock::new(|| {
        let served = TABLES.iter().filter(|def| !def.path.is_empty());
        served.map(|def| (def.component, declared::fields(def, &[], &[]))).collect()
    });
    let users = std::iter::once(("User", users::fields()));
    let others = COMPONENTS.iter().chain(crate::rbac::COMPONENTS).copied();
    users.chain(others).chain(DECLARED.iter().map(|(name, fields)| (*name, fields.as_slice())))
}
/// Handwritten components.
const COMPONENTS: &[(&str, &[FieldDef])] = &[
    ("Group", groups::FIELDS),
    ("Token", tokens::FIELDS),
    ("AuthenticatedSession", sessions::FIELDS),
    ("UserConsent", consents::FIELDS),
    ("TokenModel", grants::TOKEN_FIELDS),
    ("ExpiringBaseGrantModel", grants::CODE_FIELDS),
    ("Event", events::FIELDS),
    ("Device", devices::ANY),
    ("StaticDevice", devices::STATIC),
    ("TOTPDevice", devices::TOTP),
    ("WebAuthnDevice", devices::WEBAUTHN),
    ("DuoDevice", devices::DUO),
    ("SMSDevice", devices::SMS),
    ("EmailDevice", devices::EMAIL),
    ("Invitation", invitations::FIELDS),
    ("UserSourceConnection", connections::USER_FIELDS),
    ("UserOAuthSourceConnection", connections::OAUTH_FIELDS),
    ("GroupSourceConnection", connections::GROUP_FIELDS),
    ("GroupOAuthSourceConnection", connections::GROUP_FIELDS),
];

/// A row in an event.
pub(crate) fn model(name: &str, pk: impl ToString, label: &str) -> Json {
    json!({"model": {"app": "authentik_core", "model_name": name, "pk": pk.to_string(), "name": label}})
}

/// The model of a row's permissions, by path prefix.
const MODELS: &[(&str, &str)] = &[
    ("core/users", "authentik_core.user"),
    ("core/groups", "authentik_core.group"),
    ("core/tokens", "authentik_core.token"),
    ("core/authenticated_sessions", "authentik_core.authenticatedsession"),
    ("core/user_consent", "authentik_core.userconsent"),
    ("oauth2/access_tokens", "authentik_providers_oauth2.accesstoken"),
    ("oauth2/refresh_tokens", "authentik_providers_oauth2.refreshtoken"),
    ("oauth2/authorization_codes", "authentik_providers_oauth2.authorizationcode"),
    ("events/events", "authentik_events.event"),
    ("events/notifications", "authentik_events.notification"),
    ("stages/invitation/invitations", "authentik_stages_invitation.invitation"),
];
const RESET: &[&str] = &["authentik_core.reset_user_password"];

pub(crate) fn register(rows: &mut Vec<Action>) {
    use Permission::{Anyone, Model, Named, Own, SignedIn};
    use Verb::{Add, Change, Delete, View};
    let mut add = |action: Action| {
        let model = MODELS.iter().find(|(path, _)| action.path.starts_with(path)).map(|(_, model)| *model);
        rows.push(if let Some(model) = model { action.about(model) } else { action });
    };
    let put = |path: &str, doc: &str, f| Action::new(Method::PUT, path, Model(Change), doc, f);
    let patch = |path: &str, doc: &str, f| Action::new(Method::PATCH, path, Model(Change), doc, f);
    let delete = |path: &str, permission, doc: &str, f| {
        Action::new(Method::DELETE, path, permission, doc, f).output(Output::Nothing)
    };
    let used = |path: &str, permission, f| {
        Action::get(path, permission, "Lists what refers to the object.", f).output(Output::Plain("UsedBy"))
    };

    add(Action::get("core/users", Model(View), "Lists users.", run!(users::list)).gives("User"));
    add(Action::post("core/users", Model(Add), "Adds a user.", run!(users::create))
        .takes("User")
        .gives("User"));
    add(Action::get("core/users/{id}", Model(View), "One user.", run!(users::retrieve)).gives("User"));
    add(put("core/users/{id}", "Replaces a user's data.", run!(users::update)).takes("User").gives("User"));
    add(patch("core/users/{id}", "Changes some of a user's data.", run!(users::partial_update))
        .takes("User")
        .gives("User"));
    add(delete(
        "core/users/{id}",
        Model(Delete),
        "Deletes a user with sessions, tokens and consents.",
        run!(users::destroy),
    ));
    add(used("core/users/{id}/used_by", Model(View), run!(users::used_by)));
    add(Action::get("core/users/me", SignedIn, "Returns the user who asks.", run!(user_actions::me))
        .output(Output::Members("SessionUser", user_actions::ME)));
    add(Action::get(
        "core/users/paths",
        Named(&["authentik_core.view_user"]),
        "The paths in use.",
        run!(user_actions::paths),
    )
    .output(Output::Members("UserPath", user_actions::PATHS)));
    add(Action::post(
        "core/users/{id}/set_password",
        Named(RESET),
        "Sets a password.",
        run!(user_actions::set_password),
    )
    .input(user_actions::PASSWORD)
    .output(Output::Nothing));
    add(Action::post(
        "core/users/{id}/set_password_hash",
        Named(RESET),
        "Sets a password by its hash.",
        run!(user_actions::set_password_hash),
    )
    .input(user_actions::PASSWORD)
    .output(Output::Nothing));
    add(Action::post(
        "core/users/{id}/recovery",
        Named(RESET),
        "Makes a link by which the person gets in again, once.",
        run!(user_actions::recovery),
    )
    .input(user_actions::RECOVERY)
    .output(Output::One("Link")));
    add(Action::post(
        "core/users/{id}/recovery_email",
        Named(RESET),
        "Sends the person a mail with a link by which they get in again.",
        run!(user_actions::recovery_email),
    )
    .input(user_actions::RECOVERY_EMAIL)
    .output(Output::Nothing));
    add(Action::post(
        "core/users/{id}/impersonate",
        Named(&["authentik_core.impersonate"]),
        "Acts as another user.",
        run!(user_actions::impersonate),
    )
    .input(user_actions::IMPERSONATE)
    .output(Output::Nothing));
    add(Action::get(
        "core/users/impersonate_end",
        Anyone,
        "Stops acting as another user.",
        run!(user_actions::impersonate_end),
    )
    .output(Output::Nothing));
    add(Action::post(
        "core/users/service_account",
        Named(&["authentik_core.add_user", "authentik_core.add_token"]),
        "Adds a service account with its app password.",
        run!(service_account::create),
    )
    .input(service_account::FIELDS)
    .output(Output::Members("UserServiceAccountResponse", service_account::ANSWER)));

    add(Action::get("core/groups", Model(View), "Lists groups.", run!(groups::list)).gives("Group"));
    add(Action::post("core/groups", Model(Add), "Adds a group.", run!(groups::create))
        .takes("Group")
        .gives("Group"));
    add(Action::get("core/groups/{group_uuid}", Model(View), "One group.", run!(groups::retrieve))
        .gives("Group"));
    add(put("core/groups/{group_uuid}", "Replaces a group's data.", run!(groups::update))
        .takes("Group")
        .gives("Group"));
    add(patch("core/groups/{group_uuid}", "Changes some of a group's data.", run!(groups::partial_update))
        .takes("Group")
        .gives("Group"));
    add(delete("core/groups/{group_uuid}", Model(Delete), "Deletes a group.", run!(groups::destroy)));
    add(used("core/groups/{group_uuid}/used_by", Model(View), run!(groups::used_by)));
    add(Action::post(
        "core/groups/{group_uuid}/add_user",
        Named(&["authentik_core.add_user_to_group"]),
        "Adds a member.",
        run!(groups::add_user),
    )
    .input(groups::MEMBER)
    .output(Output::Nothing));
    add(Action::post(
        "core/groups/{group_uuid}/remove_user",
        Named(&["authentik_core.remove_user_from_group"]),
        "Takes a member out.",
        run!(groups::remove_user),
    )
    .input(groups::MEMBER)
    .output(Output::Nothing));

    add(Action::get("core/tokens", Own(View), "Lists tokens.", run!(tokens::list)).gives("Token"));
    add(Action::post("core/tokens", Own(Add), "Adds a token.", run!(tokens::create))
        .takes("Token")
        .gives("Token"));
    add(Action::get("core/tokens/{identifier}", Own(View), "One token.", run!(tokens::retrieve))
        .gives("Token"));
    add(Action::new(
        Method::PUT,
        "core/tokens/{identifier}",
        Own(Change),
        "Replaces a token's data.",
        run!(tokens::update),
    )
    .takes("Token")
    .gives("Token"));
    add(Action::new(
        Method::PATCH,
        "core/tokens/{identifier}",
        Own(Change),
        "Changes some of a token's data.",
        run!(tokens::partial_update),
    )
    .takes("Token")
    .gives("Token"));
    add(delete("core/tokens/{identifier}", Own(Delete), "Deletes a token.", run!(tokens::destroy)));
    add(used("core/tokens/{identifier}/used_by", Own(View), run!(tokens::used_by)));
    add(Action::get(
        "core/tokens/{identifier}/view_key",
        Own(View),
        "Shows the key; the log remembers.",
        run!(tokens::view_key),
    )
    .output(Output::Members("TokenView", tokens::KEY)));
    add(Action::post(
        "core/tokens/{identifier}/set_key",
        Named(&["authentik_core.set_token_key"]),
        "Sets the key.",
        run!(tokens::set_key),
    )
    .input(tokens::KEY)
    .output(Output::Nothing));

    add(Action::get("core/authenticated_sessions", Own(View), "Lists sessions.", run!(sessions::list))
        .gives("AuthenticatedSession"));
    add(delete(
        "core/authenticated_sessions/bulk_delete",
        Named(&["authentik_core.delete_authenticatedsession"]),
        "Ends all sessions of users.",
        run!(sessions::bulk_delete),
    ));
    add(Action::get(
        "core/authenticated_sessions/{uuid}",
        Own(View),
        "One session.",
        run!(sessions::retrieve),
    )
    .gives("AuthenticatedSession"));
    add(delete(
        "core/authenticated_sessions/{uuid}",
        Own(Delete),
        "Ends a session.",
        run!(sessions::destroy),
    ));
    add(used("core/authenticated_sessions/{uuid}/used_by", Own(View), run!(sessions::used_by)));

    add(Action::get("core/user_consent", Own(View), "Lists consents.", run!(consents::list))
        .gives("UserConsent"));
    add(Action::get("core/user_consent/{id}", Own(View), "One consent.", run!(consents::retrieve))
        .gives("UserConsent"));
    add(delete("core/user_consent/{id}", Own(Delete), "Withdraws a consent.", run!(consents::destroy)));
    add(used("core/user_consent/{id}/used_by", Own(View), run!(consents::used_by)));

    for (path, list, one, gone, uses, component) in [
        (
            "oauth2/access_tokens",
            run!(grants::access_tokens),
            run!(grants::access_token),
            run!(grants::delete_access_token),
            run!(grants::access_token_used_by),
            "TokenModel",
        ),
        (
            "oauth2/refresh_tokens",
            run!(grants::refresh_tokens),
            run!(grants::refresh_token),
            run!(grants::delete_refresh_token),
            run!(grants::refresh_token_used_by),
            "TokenModel",
        ),
        (
            "oauth2/authorization_codes",
            run!(grants::codes),
            run!(grants::code),
            run!(grants::delete_code),
            run!(grants::code_used_by),
            "ExpiringBaseGrantModel",
        ),
    ] {
        add(Action::get(path, Own(View), "Lists what was granted.", list).gives(component));
        add(Action::get(format!("{path}/{{id}}"), Own(View), "One grant.", one).gives(component));
        add(delete(&format!("{path}/{{id}}"), Own(Delete), "Revokes a grant.", gone));
        add(used(&format!("{path}/{{id}}/used_by"), Own(View), uses));
    }

    add(Action::get("events/events", Model(View), "Lists events.", run!(events::list)).gives("Event"));
    add(Action::post("events/events", Model(Add), "Adds an event of one's own.", run!(events::create))
        .takes("Event")
        .gives("Event"));
    add(Action::get("events/events/actions", SignedIn, "Kinds of events.", run!(events::actions))
        .output(Output::Plain("TypeCreate")));
    add(Action::get("events/events/{event_uuid}", Model(View), "One event.", run!(events::retrieve))
        .gives("Event"));

    let invitation = "stages/invitation/invitations/{invite_uuid}";
    add(Action::get(
        "stages/invitation/invitations",
        Model(View),
        "Lists invitations.",
        run!(invitations::list),
    )
    .gives("Invitation"));
    add(Action::post(
        "stages/invitation/invitations",
        Model(Add),
        "Adds an invitation.",
        run!(invitations::create),
    )
    .takes("Invitation")
    .gives("Invitation"));
    add(Action::get(invitation, Model(View), "One invitation.", run!(invitations::retrieve))
        .gives("Invitation"));
    add(put(invitation, "Replaces an invitation.", run!(invitations::update))
        .takes("Invitation")
        .gives("Invitation"));
    add(patch(invitation, "Changes some of an invitation.", run!(invitations::partial_update))
        .takes("Invitation")
        .gives("Invitation"));
    add(delete(invitation, Model(Delete), "Withdraws an invitation.", run!(invitations::destroy)));
    add(used(&format!("{invitation}/used_by"), Model(View), run!(invitations::used_by)));
    add(Action::post(
        format!("{invitation}/send_email"),
        Model(Change),
        "Sends the invitation's link.",
        run!(invitations::send_email),
    )
    .input(invitations::LETTER)
    .output(Output::Nothing));

    // Resources without rows as long as their feature does not exist: notifications, outposts.
    add(Action::get("events/notifications", Own(View), "The caller's notifications.", run!(empty_page))
        .output(Output::Page("Notification")));
    // Health checks request this without a credential; the response discloses nothing.
    add(Action::get("outposts", Permission::Anyone, "Lists outposts.", run!(outposts))
        .output(Output::Page("Outpost")));
    devices::register(rows);
    connections::register(rows);
    declared::register(rows);
}

async fn outposts(call: &mut Call) -> ApiResult {
    if call.may("authentik_outposts.view_outpost") {
        empty_page(call).await
    } else {
        Ok(Reply::ok(json!({"status": "reachable"})))
    }
}

async fn empty_page(call: &mut Call) -> ApiResult {
    Paging::read(call)?.envelope(Vec::new(), 0, json!({}))
}
