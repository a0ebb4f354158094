//! Roles and permissions in files: of users and groups, on all objects, and on the object of an entry.
use super::import;
use signet_base::Json;
use signet_core::Principal;
use signet_core::permission::{managed_role, role_of_user};
use signet_store::{groups, roles, users};
use signet_testkit::{App, DbKind, each_database};

const FILE: &str = r#"
version: 1
entries:
- model: authentik_rbac.role
  id: reader
  identifiers: {name: perm-reader}
  attrs:
    permissions: !Enumerate [!Context goauthentik.io/rbac/models, SEQ, !Format ["%s.view_%s", !Value 0, !Index 0]]
- model: authentik_rbac.role
  id: helpdesk
  identifiers: {name: perm-helpdesk}
- model: authentik_core.group
  id: group
  identifiers: {name: perm-group}
  attrs: {roles: [!KeyOf reader]}
- model: authentik_core.user
  id: kim
  identifiers: {username: perm-kim}
  attrs:
    name: Kim
    groups: [!KeyOf group]
    roles: [!KeyOf helpdesk]
    permissions: [authentik_core.add_group, authentik_providers_saml.view_samlprovider]
  permissions:
  - {permission: reset_user_password, role: !KeyOf helpdesk}
- model: authentik_flows.flow
  id: flow
  identifiers: {slug: perm-flow}
  attrs: {name: perm-flow, title: t, designation: authentication}
  permissions:
  - {permission: inspect_flow, user: !KeyOf kim}
  - {permission: authentik_flows.export_flow, role: !KeyOf helpdesk}
  - {permission: clear_flow_cache, user: !Find [authentik_core.user, [username, nobody-here]]}
- model: authentik_providers_oauth2.oauth2provider
  identifiers: {name: perm-provider}
  attrs:
    authorization_flow: !KeyOf flow
    invalidation_flow: !KeyOf flow
    redirect_uris: []
  permissions:
  - {permission: change_oauth2provider, user: !KeyOf kim, role: !KeyOf helpdesk}
"#;

async fn kim(app: &App) -> Principal {
    let kim = users::by_username(&app.core.db, "perm-kim").await.unwrap().unwrap();
    Principal::load(&app.core, kim.id).await.unwrap().unwrap()
}

#[tokio::test]
async fn core_rows_roles_and_permissions_of_a_file_are_given() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let report = import(&app, FILE).await.unwrap();
        assert_eq!((report.created, report.updated), (6, 0), "{report:?}");
        let notes = report.notes.join("\n");
        for said in ["authentik_providers_saml.view_samlprovider: left out", "permissions[2]: left out"] {
            assert!(notes.contains(said), "{said}\n{notes}");
        }
        assert_eq!(report.notes.len(), 2, "{notes}");
        let (kim, config) = (kim(&app).await, app.core.config());
        let (id, flow) = (kim.user.id, config.objects().find(|o| o.text("slug") == "perm-flow").unwrap());
        let provider = config.objects().find(|o| o.text("name") == "perm-provider").unwrap();
        let (flow, provider) = (flow.pk.to_string(), provider.num.unwrap().to_string());
        // By the role of the group, their own role, and alone.
        for (permission, key) in [
            ("authentik_core.view_application", None),
            ("authentik_stages_dummy.view_dummystage", None),
            ("authentik_core.add_group", None),
            ("authentik_core.reset_user_password", Some(&id.to_string())),
            ("authentik_flows.inspect_flow", Some(&flow)),
            ("authentik_flows.export_flow", Some(&flow)),
            ("authentik_providers_oauth2.change_oauth2provider", Some(&provider)),
        ] {
            match key {
                None => assert!(kim.grants.has(permission), "{permission}"),
                Some(key) => {
                    assert!(kim.grants.on(permission, key) && !kim.grants.has(permission), "{permission} {key}");
                    assert!(!kim.grants.on(permission, "987654"), "{permission}");
                }
            }
        }
        for permission in ["authentik_core.change_user", "authentik_flows.clear_flow_cache"] {
            assert!(!kim.grants.on(permission, &flow), "{permission}");
        }
        assert!(!kim.is_superuser);
        // The same file again changes nothing.
        let again = import(&app, FILE).await.unwrap();
        assert!(again.is_empty(), "{again:?}");
        // Shorter lists take away; other entries and lists stay.
        let shorter = "version: 1\nentries:\n\
            - {model: authentik_rbac.role, identifiers: {name: perm-reader}, attrs: {permissions: [authentik_core.view_application]}}\n\
            - {model: authentik_core.user, identifiers: {username: perm-kim}, attrs: {roles: [], permissions: []}}\n";
        let report = import(&app, shorter).await.unwrap();
        assert_eq!((report.updated, report.unchanged), (2, 0), "{report:?}");
        assert!(import(&app, shorter).await.unwrap().is_empty());
        let now = self::kim(&app).await;
        assert!(now.grants.has("authentik_core.view_application") && now.grants.on("authentik_flows.inspect_flow", &flow));
        assert!(!now.grants.has("authentik_core.view_user") && !now.grants.has("authentik_core.add_group"));
        assert!(!now.grants.on("authentik_flows.export_flow", &flow));
        // `created` leaves what is there, also its attribute; permissions on the object are given.
        let created = "version: 1\nentries:\n\
            - {model: authentik_rbac.role, id: r, state: created, identifiers: {name: perm-reader}, attrs: {permissions: [authentik_core.delete_user]}, permissions: [{permission: view_role, role: !KeyOf r}]}\n\
            - {model: authentik_flows.flow, state: created, identifiers: {slug: perm-flow}, permissions: [{permission: view_flow, role: !Find [authentik_rbac.role, [name, perm-reader]]}]}\n";
        let said = import(&app, created).await.unwrap_err();
        assert!(said.contains("permissions[0]: !KeyOf"), "{said}");
        let created = created.replace(", permissions: [{permission: view_role, role: !KeyOf r}]", "");
        assert_eq!(import(&app, &created).await.unwrap().updated, 1);
        let now = self::kim(&app).await;
        assert!(!now.grants.has("authentik_core.delete_user") && now.grants.on("authentik_flows.view_flow", &flow));
        // The role of a user alone goes with the user.
        assert!(managed_role(&app.core.config(), &role_of_user(id)).is_some());
        let gone = "version: 1\nentries:\n- {model: authentik_core.user, state: absent, identifiers: {username: perm-kim}}\n";
        assert_eq!(import(&app, gone).await.unwrap().deleted, 1);
        assert!(managed_role(&app.core.config(), &role_of_user(id)).is_none());
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn core_rows_wrong_permissions_of_a_file_are_named_and_nothing_is_written() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let entry = |permissions: &str, attrs: &str| {
            format!(
                "version: 1\nentries:\n\
                - {{model: authentik_core.group, id: g, identifiers: {{name: wrong-group}}, attrs: {{{attrs}}}, permissions: {permissions}}}\n"
            )
        };
        let nobody = "7b2f1a3c-0000-4000-8000-00000000000a";
        for (text, said) in [
            (entry("[{permission: be_root, user: 1}]", ""), "permissions[0].permission: "),
            (entry("[{permission: view_user, user: 1}]", ""), "no permission on authentik_core.group"),
            (entry(&format!("[{{permission: view_group, role: {nobody}}}]"), ""), "permissions[0].role: Invalid pk"),
            (entry("[{permission: view_group, user: 987654}]", ""), "permissions[0].user: Invalid pk"),
            (entry("[{permission: view_group, role: !KeyOf g}]", ""), "permissions[0]"),
            (entry("[view_group]", ""), "permissions[0]: expected a mapping"),
            (entry("{}", ""), "permissions: expected a list"),
            (entry("[]", &format!("roles: [{nobody}]")), "roles: Invalid pk"),
            (entry("[]", "roles: [7]"), "roles: Invalid pk"),
            (entry("[]", "roles: x"), "roles: Expected a list"),
            (
                "version: 1\nentries:\n- {model: authentik_core.group, identifiers: {name: wrong-group}}\n- {model: authentik_rbac.role, identifiers: {name: r}, attrs: {permissions: [authentik_core.be_root]}}\n".into(),
                "permissions: \\\"authentik_core.be_root\\\" is not a valid choice",
            ),
        ] {
            let wrong = import(&app, &text).await.unwrap_err();
            assert!(wrong.contains(said), "{said}\n{wrong}");
            assert!(groups::by_name(&app.core.db, "wrong-group").await.unwrap().is_none(), "{text}");
        }
        // Told by an event.
        let fine = "version: 1\nentries:\n- {model: authentik_rbac.role, identifiers: {name: r}, attrs: {permissions: [authentik_core.view_group]}}\n";
        import(&app, fine).await.unwrap();
        let role = app.core.config().objects().find(|o| o.text("name") == "r").unwrap().pk;
        assert_eq!(roles::permissions(&app.core.db, role).await.unwrap().len(), 1);
        let events = app.admin().await.get("/api/v3/events/events/?action=model_updated&context_model_name=role").await;
        // The shipped roles have theirs.
        let events = events.json();
        let of_r = |event: &&Json| event["context"]["model"]["name"] == "r";
        let told = &events["results"].as_array().unwrap().iter().find(of_r).unwrap()["context"];
        assert_eq!(told["diff"]["permissions"]["add"], Json::from(vec!["authentik_core.view_group"]), "{told}");
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn core_rows_a_file_whose_commit_fails_leaves_nothing() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let mut admin = app.admin().await;
        let db = &app.core.db;
        let text = "version: 1\nentries:\n\
            - {model: authentik_core.group, id: g, identifiers: {name: whole-group}}\n\
            - {model: authentik_core.user, id: u, identifiers: {username: whole-user}, attrs: {name: n, groups: [!KeyOf g]}}\n\
            - {model: authentik_core.application, id: a, identifiers: {slug: whole}, attrs: {name: whole}}\n\
            - {model: authentik_policies.policybinding, identifiers: {target: !KeyOf a, user: !KeyOf u, order: 0}}\n\
            - {model: authentik_core.token, identifiers: {identifier: whole-token}, attrs: {user: !KeyOf u, intent: app_password, expiring: false}}\n";
        // The last rows of the commit are refused.
        let (before, after) = match db.kind() {
            DbKind::Sqlite => (
                "CREATE TRIGGER refused BEFORE INSERT ON token BEGIN SELECT RAISE(ABORT, 'refused'); END",
                "DROP TRIGGER refused",
            ),
            DbKind::Postgres => (
                "ALTER TABLE token ADD CONSTRAINT refused CHECK (id = '') NOT VALID",
                "ALTER TABLE token DROP CONSTRAINT refused",
            ),
        };
        db.execute(before, vec![]).await.unwrap();
        import(&app, text).await.unwrap_err();
        assert!(users::by_username(db, "whole-user").await.unwrap().is_none());
        assert!(groups::by_name(db, "whole-group").await.unwrap().is_none());
        assert!(app.core.config().objects().all(|o| o.text("slug") != "whole"));
        // By model: those of the start alone fill a page.
        let events = "/api/v3/events/events/?action=model_created&page_size=100&context_model_name=";
        for model in ["user", "group", "application", "token"] {
            let told = admin.get(&format!("{events}{model}")).await.text();
            assert!(!told.contains("whole-"), "{told}");
        }
        db.execute(after, vec![]).await.unwrap();
        // The same file is written whole, with the number of its new user.
        let report = import(&app, text).await.unwrap();
        assert_eq!(report.created, 5, "{report:?}");
        let user = users::by_username(db, "whole-user").await.unwrap().unwrap();
        let binding = app.core.config().objects().find(|o| o.data.get("user") == Some(&Json::from(user.id))).cloned();
        assert!(binding.is_some() && import(&app, text).await.unwrap().is_empty());
        assert!(admin.get(&format!("{events}user")).await.text().contains("whole-user"));
        app.stop().await;
    })
    .await;
}

/// What is no permission to view, and a reader of the administration needs.
const READS_ALSO: [&str; 6] = [
    "authentik_rbac.access_admin_interface",
    "authentik_rbac.view_system_info",
    "authentik_rbac.view_system_settings",
    "authentik_rbac.view_media_files",
    "authentik_flows.view_flow_cache",
    "authentik_policies.view_policy_cache",
];

#[tokio::test]
async fn rbac_the_shipped_read_only_role_views_everything_and_changes_nothing() {
    let app = App::start(DbKind::Sqlite).await;
    let views =
        app.core.permissions.all().iter().filter(|p| p.codename == format!("view_{}", p.model_name()));
    let mut wanted: Vec<String> = views.map(|p| p.name()).chain(READS_ALSO.map(str::to_owned)).collect();
    let config = app.core.config();
    let role = config.find::<signet_core::models::Role>("name", "authentik Read-only").unwrap().0.pk;
    let mut have: Vec<String> =
        roles::permissions(&app.core.db, role).await.unwrap().into_iter().map(|p| p.permission).collect();
    wanted.sort();
    have.sort();
    let missing: Vec<&String> = wanted.iter().filter(|name| !have.contains(name)).collect();
    let more: Vec<&String> = have.iter().filter(|name| !wanted.contains(name)).collect();
    assert!(
        missing.is_empty() && more.is_empty(),
        "blueprints/default/rbac-role-read-only.yaml: {missing:#?} {more:#?}"
    );
    let group = groups::by_name(&app.core.db, "authentik Read-only").await.unwrap().unwrap();
    assert!(roles::of_many_groups(&app.core.db, &[group.id]).await.unwrap()[&group.id].contains(&role));
}
