//! Importing and exporting over a whole server.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a failure in a test is a failed test")]
#[path = "blueprints/field.rs"]
mod field;
#[path = "blueprints/instances.rs"]
mod instances;
#[path = "blueprints/permissions.rs"]
mod permissions;
#[path = "blueprints/shapes.rs"]
mod shapes;
#[path = "blueprints/shipped.rs"]
mod shipped;

use signet_base::{Error, Json};
use signet_blueprints::{DEFAULTS, Source, apply, apply_all, export_flow, validate};
use signet_core::directory::Author;
use signet_store::{groups, tokens, users};
use signet_testkit::{App, DbKind, each_database};
use std::collections::HashMap;
use std::time::Instant;

async fn import(app: &App, text: &str) -> Result<signet_blueprints::Report, String> {
    apply(&app.core, &Source::new("test.yaml", text), &Author::system()).await.map_err(|e| match e {
        Error::Invalid(fields) => fields.to_json().to_string(),
        other => other.to_string(),
    })
}

#[tokio::test]
async fn the_defaults_again_write_nothing() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let counter = app.core.config().counter;
        let sources: Vec<Source<'_>> = DEFAULTS.iter().map(|(file, text)| Source::new(file, text)).collect();
        let started = Instant::now();
        let report = apply_all(&app.core, &sources, &Author::system()).await.unwrap();
        println!("all defaults again: {:?}", started.elapsed());
        assert!(report.is_empty() && report.unchanged > 50 && report.notes.is_empty(), "{report:?}");
        // The RSA pair may have been written meanwhile, nothing else.
        assert!(app.core.config().counter <= counter + 1);
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn every_tag_in_one_file() {
    let app = App::start(DbKind::Sqlite).await;
    let text = r#"
version: 1
metadata: {name: Tags}
context: {prefix: t, deep: {a: {b: 7}}, list: [x, y]}
entries:
  first:
  - model: authentik_flows.flow
    id: flow
    identifiers: {slug: !Format ["%s-flow", !Context prefix]}
    attrs:
      name: !If [!Condition [AND, true, !Context [missing, true]], yes-name, no-name]
      title: !AtIndex [!ParseJSON '["zero", "one"]', 1]
      designation: authentication
  - model: authentik_stages_deny.denystage
    conditions: [!Condition [EQ, !Context deep.a.b, 8]]
    identifiers: {name: never}
  second:
  - model: authentik_stages_identification.identificationstage
    id: ident
    identifiers: {name: t-ident}
    attrs:
      user_fields: !Enumerate [[email, username], SEQ, !Value 0]
  - model: authentik_flows.flowstagebinding
    id: binding
    identifiers: {target: !Find [authentik_flows.flow, [slug, t-flow]], stage: !KeyOf ident, order: 5}
  - model: authentik_policies_expression.expressionpolicy
    id: policy
    identifiers: {name: t-policy}
    attrs: {expression: return True}
  - model: authentik_policies.policybinding
    identifiers: {target: !KeyOf binding, policy: !KeyOf policy, order: 0}
  - model: authentik_core.group
    id: group
    identifiers: {name: t-group}
    attrs:
      attributes: !Enumerate [!Context list, MAP, [!Value 0, !Index 0]]
  - model: authentik_core.user
    id: user
    identifiers: {username: t-user}
    attrs: {name: T, groups: [!KeyOf group], password: Correct-Horse-9}
  - model: authentik_core.token
    identifiers: {identifier: t-token}
    attrs: {user: !KeyOf user, intent: api, expiring: false, key: the-key-of-the-file}
"#;
    let report = import(&app, text).await.unwrap();
    assert_eq!((report.created, report.skipped), (8, 1), "{report:?}");
    let again = import(&app, text).await.unwrap();
    assert!(again.is_empty(), "{again:?}");
    let world = app.core.config();
    let (flow, _) = world.find::<signet_core::models::Flow>("slug", "t-flow").unwrap();
    assert_eq!((flow.text("name"), flow.text("title")), ("yes-name", "one"));
    let group = groups::by_name(&app.core.db, "t-group").await.unwrap().unwrap();
    assert_eq!(Json::Object(group.attributes), signet_testkit::json!({"x": 0, "y": 1}));
    app.login("t-user", "Correct-Horse-9").await;
    assert_eq!(
        app.browser().bearer("the-key-of-the-file").get("/api/v3/core/users/me/").await.json()["user"]["username"],
        "t-user"
    );
    assert!(tokens::by_identifier(&app.core.db, "t-token").await.unwrap().is_some());
    app.stop().await;
}

#[tokio::test]
async fn one_mistake_undoes_the_whole_file_and_is_named() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let counter = || app.core.db.query_one("SELECT count(*) FROM object", vec![]);
        let before = counter().await.unwrap().unwrap().int(0).unwrap();
        let head = "version: 1\nentries:\n- {model: authentik_stages_deny.denystage, identifiers: {name: kept}}\n- {model: authentik_core.group, identifiers: {name: kept}}\n- ";
        for (entry, said) in [
            ("{model: authentik_flows.flow, identifiers: {slug: a b}, attrs: {name: x, title: x, designation: authentication}}", "authentik_flows.flow: slug: "),
            ("{model: authentik_flows.flow, identifiers: {slug: ok}, attrs: {name: x, title: x}}", "designation: This field is required."),
            ("{model: nothing.here, identifiers: {name: x}}", "nothing.here: model: "),
            ("{model: authentik_stages_deny.denystage, identifiers: {name: !KeyOf nobody}}", "name: !KeyOf: no earlier entry"),
            ("{model: authentik_stages_deny.denystage, identifiers: {name: !Env HOME}}", "!Env: only files of the server"),
            ("{model: authentik_stages_deny.denystage, identifiers: {name: !File /etc/hostname}}", "!File: only files of the server"),
            ("{model: authentik_stages_deny.denystage}", "identifiers: expected at least one"),
            ("{model: authentik_stages_deny.denystage, state: must_created, identifiers: {name: kept}}", "state: the object exists already"),
            ("{model: authentik_core.user, identifiers: {username: u}, attrs: {email: nonsense}}", "email: Enter a valid email address."),
            ("{model: authentik_core.user, identifiers: {username: u}, attrs: {groups: [7]}}", "groups: "),
            ("{model: authentik_policies_expression.expressionpolicy, identifiers: {name: p}, attrs: {expression: 'return ('}}", "expression: "),
        ] {
            let wrong = import(&app, &format!("{head}{entry}\n")).await.unwrap_err();
            assert!(wrong.contains(said) && wrong.contains("test.yaml:5: entries[2]"), "{entry}\n{wrong}");
        }
        assert!(groups::by_name(&app.core.db, "kept").await.unwrap().is_none());
        // The RSA pair may have come in between.
        assert!(counter().await.unwrap().unwrap().int(0).unwrap() <= before + 1);
        let report = validate(&app.core, &Source::new("test.yaml", &format!("{head}{{model: authentik_core.group, identifiers: {{name: b}}}}\n"))).await.unwrap();
        assert_eq!(report.created, 3);
        assert!(groups::by_name(&app.core.db, "kept").await.unwrap().is_none());
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn variables_and_files_are_read_for_the_servers_own_files() {
    let app = App::start(DbKind::Sqlite).await;
    let environment = HashMap::from([("STAGE".to_owned(), "from-env".to_owned())]);
    let text = "version: 1\nentries:\n- {model: authentik_stages_deny.denystage, identifiers: {name: !Env STAGE}, attrs: {deny_message: !File [/not/there, default]}}\n";
    let source = Source { environment: Some(&environment), ..Source::new("own.yaml", text) };
    assert_eq!(apply(&app.core, &source, &Author::system()).await.unwrap().created, 1);
    app.stop().await;
}

#[tokio::test]
async fn states_create_update_leave_and_remove() {
    let app = App::start(DbKind::Sqlite).await;
    let text = |state: &str, message: &str| {
        format!(
            "version: 1\nentries:\n- {{model: authentik_stages_deny.denystage, state: {state}, identifiers: {{name: s}}, attrs: {{deny_message: {message}}}}}\n"
        )
    };
    let message =
        || app.core.config().objects().find(|o| o.name() == "s").map(|o| o.text("deny_message").to_owned());
    assert_eq!(import(&app, &text("created", "a")).await.unwrap().created, 1);
    assert!(import(&app, &text("created", "b")).await.unwrap().is_empty());
    assert_eq!(message().as_deref(), Some("a"));
    assert_eq!(import(&app, &text("present", "c")).await.unwrap().updated, 1);
    assert_eq!(message().as_deref(), Some("c"));
    assert_eq!(import(&app, &text("absent", "c")).await.unwrap().deleted, 1);
    assert_eq!(message(), None);
    assert!(import(&app, &text("absent", "c")).await.unwrap().is_empty());
    let user = |state: &str| {
        format!(
            "version: 1\nentries:\n- {{model: authentik_core.user, state: {state}, identifiers: {{username: s}}, attrs: {{name: S}}}}\n"
        )
    };
    assert_eq!(import(&app, &user("must_created")).await.unwrap().created, 1);
    assert_eq!(import(&app, &user("absent")).await.unwrap().deleted, 1);
    assert!(users::by_username(&app.core.db, "s").await.unwrap().is_none());
    app.stop().await;
}

#[tokio::test]
async fn an_application_may_name_a_provider_of_the_same_file() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let text = r"
version: 1
entries:
- model: authentik_providers_oauth2.oauth2provider
  id: provider
  identifiers: {name: p}
  attrs:
    authorization_flow: !Find [authentik_flows.flow, [slug, default-provider-authorization-implicit-consent]]
    invalidation_flow: !Find [authentik_flows.flow, [slug, default-provider-invalidation-flow]]
    redirect_uris: [{matching_mode: strict, url: 'https://app.test/cb'}]
- model: authentik_core.application
  identifiers: {slug: app}
  attrs: {name: App, provider: !KeyOf provider}
";
        assert_eq!(import(&app, text).await.unwrap().created, 2);
        let again = import(&app, text).await.unwrap();
        assert!(again.is_empty(), "{again:?}");
        let shown = app.admin().await.get("/api/v3/core/applications/app/").await.json();
        assert_eq!(shown["provider_obj"]["name"], "p", "{shown}");
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_exported_flow_comes_back_unchanged_in_another_installation() {
    let (one, two) = (App::start(DbKind::Sqlite).await, App::start(DbKind::Sqlite).await);
    for slug in ["default-authentication-flow", "default-user-settings-flow", "default-password-change"] {
        let text = export_flow(&one.core, slug).await.unwrap();
        // Into the installation it came from: nothing to do.
        let same = import(&one, &text).await.unwrap();
        assert!(same.is_empty(), "{slug}: {same:?}");
    }
    let made = "version: 1\nentries:\n- {model: authentik_flows.flow, id: f, identifiers: {slug: mine}, attrs: {name: M, title: 'T: \"x\"', designation: enrollment}}\n\
        - {model: authentik_stages_prompt.prompt, id: p, identifiers: {name: mine-p}, attrs: {field_key: k, label: L, type: text, initial_value: \"a\\nb\\n\"}}\n\
        - {model: authentik_policies_expression.expressionpolicy, id: e, identifiers: {name: mine-e}, attrs: {expression: \"x = 1\\nreturn True\\n\"}}\n\
        - {model: authentik_stages_prompt.promptstage, id: s, identifiers: {name: mine-s}, attrs: {fields: [!KeyOf p], validation_policies: [!KeyOf e]}}\n\
        - {model: authentik_flows.flowstagebinding, id: b, identifiers: {target: !KeyOf f, stage: !KeyOf s, order: 1}}\n\
        - {model: authentik_policies.policybinding, identifiers: {target: !KeyOf b, policy: !KeyOf e, order: 2}}\n\
        - {model: authentik_policies.policybinding, identifiers: {target: !KeyOf f, group: !Find [authentik_core.group, [name, authentik Admins]], order: 3}}\n";
    import(&one, made).await.unwrap();
    let text = export_flow(&one.core, "mine").await.unwrap();
    let there = import(&two, &text).await.unwrap();
    assert_eq!(there.created, 7, "{text}");
    assert_eq!(export_flow(&two.core, "mine").await.unwrap(), text);
    assert!(import(&two, &text).await.unwrap().is_empty());
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn a_hundred_objects_are_quick() {
    let app = App::start(DbKind::Sqlite).await;
    let mut text = String::from("version: 1\nentries:\n");
    for n in 0..100 {
        text.push_str(&format!(
            "- {{model: authentik_stages_deny.denystage, identifiers: {{name: many-{n}}}}}\n"
        ));
    }
    let started = Instant::now();
    assert_eq!(import(&app, &text).await.unwrap().created, 100);
    let took = started.elapsed();
    println!("100 objects: {took:?}");
    if !cfg!(debug_assertions) {
        assert!(took.as_millis() <= 150, "{took:?}");
    }
    app.stop().await;
}
