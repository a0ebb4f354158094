//! Faults that were found in files from the field.
use super::import;
use signet_base::{Json, json};
use signet_blueprints::{Source, apply};
use signet_core::directory::Author;
use signet_store::{groups, users};
use signet_testkit::{App, DbKind, each_database};
use std::collections::HashMap;

/// The value of `x` in the attributes of a group that the file makes; `environment` as for the server's own
/// files.
async fn value(
    app: &App,
    name: &str,
    head: &str,
    value: &str,
    environment: Option<&HashMap<String, String>>,
) -> Result<Json, String> {
    let text = format!(
        "version: 1\n{head}entries:\n- model: authentik_core.group\n  identifiers: {{name: {name}}}\n  attrs: {{attributes: {{x: {value}}}}}\n"
    );
    apply(&app.core, &Source { environment, ..Source::new("test.yaml", &text) }, &Author::system())
        .await
        .map_err(|e| e.to_string())?;
    Ok(groups::by_name(&app.core.db, name).await.unwrap().unwrap().attributes["x"].clone())
}

#[tokio::test]
async fn field_09_inner_loops_count_from_inside() {
    let app = App::start(DbKind::Sqlite).await;
    let head = "context: {words: [[a, b], [c]], deep: [[[1, 2]], [[3]]], map: {k: [x], l: [y, z]}}\n";
    for (n, (text, means)) in [
        ("!Enumerate [!Context words, MAP, [!Index 0, !Enumerate [!Value 1, SEQ, !Format [\"%s-%s\", !Index 1, !Value 0]]]]", json!({"0": ["0-a", "0-b"], "1": ["1-c"]})),
        (
            "!Enumerate [!Context deep, SEQ, !Enumerate [!Value 1, SEQ, !Enumerate [!Value 1, SEQ, !Format ['%s%s%s%s', !Index 2, !Index 1, !Index 0, !Value 0]]]]",
            json!([[["0001", "0012"]], [["1003"]]]),
        ),
        ("!Enumerate [!Context map, SEQ, !Enumerate [!Value 1, SEQ, !Format ['%s:%s', !Index 1, !Value 0]]]", json!([["k:x"], ["l:y", "l:z"]])),
        ("!Enumerate [!Context words, MAP, [same, !Value 0]]", json!({"same": ["a", "b", "c"]})),
        ("!Enumerate [!Context words, MAP, {a: {b: !Value 0}}]", json!({"a": {"b": ["a", "b", "c"]}})),
        ("!Enumerate [[a, b], seq, !Value 0]", json!(["a", "b"])),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(value(&app, &format!("f09-{n}"), head, text, None).await.as_ref(), Ok(&means), "{text}");
    }
    for bad in [
        "!Value 0",
        "!Enumerate [!Value 0, SEQ, a]",
        "!Enumerate [[[a]], SEQ, !Enumerate [!Value 0, SEQ, !Value 0]]",
        "!Enumerate [[a], SEQ, !Value 1]",
        "!Enumerate [1, SEQ, a]",
        "!Enumerate [[a], SET, a]",
    ] {
        assert!(value(&app, "f09-bad", head, bad, None).await.is_err(), "{bad}");
    }
    app.stop().await;
}

#[tokio::test]
async fn field_11_what_is_not_there_is_null() {
    let app = App::start(DbKind::Sqlite).await;
    let environment =
        HashMap::from([("EMPTY".to_owned(), String::new()), ("FULL".to_owned(), "v".to_owned())]);
    let file = std::env::temp_dir().join(format!("signet-f11-{}", std::process::id()));
    std::fs::write(&file, "text\n").unwrap();
    let file_text = format!("!File {}", file.display());
    let head = "context: {a: 1, off: null, own: !Context a, lazy: !Find [authentik_core.group, [name, authentik Admins]], round: !Context round}\n";
    for (n, (text, means)) in [
        ("!Context nope", Json::Null),
        ("!Context [nope, d]", json!("d")),
        ("!Context [nope, !Context [a, 2]]", json!(1)),
        ("!Condition [AND, !Context nope]", json!(false)),
        ("!If [!Context nope, a, b]", json!("b")),
        ("!If [!Context nope]", json!(false)),
        ("!Context own", json!(1)),
        ("!Context off", Json::Null),
        ("!Context a.b", Json::Null),
        ("!File /nonexistent", Json::Null),
        ("!File [/nonexistent, d]", json!("d")),
        (&file_text, json!("text")),
        ("!Env NOPE", Json::Null),
        ("!Env [NOPE, d]", json!("d")),
        ("!Env [EMPTY, d]", json!("d")),
        ("!Env FULL", json!("v")),
        ("!AtIndex [[a, b], -1]", json!("b")),
        ("!AtIndex [[a, b], 7, d]", json!("d")),
        ("!AtIndex [!Context nope, x, d]", json!("d")),
        (
            "!AtIndex [!FindObject [authentik_flows.flow, [slug, default-authentication-flow]], designation]",
            json!("authentication"),
        ),
        ("!ParseJSON '{\"a\": [1]}'", json!({"a": [1]})),
        ("!Format ['%03d %s', 7, !Context nope]", json!("007 None")),
        ("[yes, off, 012, 2026-01-31, 1_0]", json!([true, false, 10, "2026-01-31", 10])),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(
            value(&app, &format!("f11-{n}"), head, text, Some(&environment)).await.as_ref(),
            Ok(&means),
            "{text}"
        );
    }
    assert!(value(&app, "f11-lazy", head, "!Context lazy", None).await.unwrap().is_string());
    for bad in [
        "!Context round",
        "!Env HOME",
        "!File /etc/hostname",
        "!AtIndex [[a], 7]",
        "!ParseJSON '{'",
        "!Format ['%s']",
        "!Nope x",
    ] {
        assert!(value(&app, "f11-bad", head, bad, None).await.is_err(), "{bad}");
    }
    // What an entry made can be asked for by way of the context.
    let text = "version: 1\ncontext: {made: !KeyOf first}\nentries:\n- {model: authentik_core.group, id: first, identifiers: {name: f11-first}}\n- {model: authentik_core.group, identifiers: {name: f11-second}, attrs: {parents: [!Context made]}}\n";
    assert_eq!(import(&app, text).await.unwrap().created, 2);
    std::fs::remove_file(file).unwrap();
    app.stop().await;
}

#[tokio::test]
async fn field_12_find_knows_fields_and_look_ups() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        import(
            &app,
            "version: 1\nentries:\n- {model: authentik_core.group, id: top, identifiers: {name: Top Team}, attrs: {attributes: {team: {size: 7}}}}\n\
             - {model: authentik_core.group, id: low, identifiers: {name: low}, attrs: {parents: [!KeyOf top]}}\n\
             - {model: authentik_core.user, id: ada, identifiers: {username: ada}, attrs: {name: Ada L., email: ada@corp.test, groups: [low]}}\n\
             - {model: authentik_core.token, identifiers: {identifier: t1}, attrs: {user: !KeyOf ada, intent: api, expiring: false}}\n\
             - {model: authentik_policies.policybinding, identifiers: {target: !Find [authentik_flows.flow, [slug, default-password-change]], group: !KeyOf top, order: 77}}\n",
        )
        .await
        .unwrap();
        for (n, what) in [
            "[authentik_flows.Flow, [slug, default-authentication-flow]]",
            "[authentik_flows.flow, [slug__startswith, default-auth]]",
            "[authentik_flows.flow, [slug__in, [nope, default-authentication-flow]], [designation, authentication]]",
            "[authentik_flows.flow, [flow_uuid__isnull, false]]",
            "[authentik_flows.flowstagebinding, [target__slug, default-authentication-flow], [stage__name__icontains, PASSWORD]]",
            "[authentik_flows.stage, [name, default-authentication-login]]",
            "[authentik_flows.flow, [flowstagebinding__stage__name, default-authentication-login]]",
            "[authentik_stages_prompt.promptstage, [fields__field_key, username]]",
            "[authentik_flows.flowstagebinding, [order__gte, '100']]",
            "[authentik_policies.policybindingmodel, [policy_engine_mode, any]]",
            "[authentik_policies.policybinding, [group__name, Top Team]]",
            "[authentik_core.group, [name__iexact, AUTHENTIK ADMINS]]",
            "[authentik_core.group, [is_superuser, true]]",
            "[authentik_core.group, [attributes__team__size, 7]]",
            "[authentik_core.group, [parents__name, Top Team]]",
            "[authentik_core.group, [users__username, ada]]",
            "[authentik_core.group, [name__regex, '^Top']]",
            "[authentik_core.user, [username__startswith, ad]]",
            "[authentik_core.user, [email__iendswith, '@CORP.test'], [groups__name, low]]",
            "[authentik_core.user, [username__iexact, ADA]]",
            "[authentik_core.user, [is_active, yes], [name__contains, L.]]",
            "[authentik_core.user, [groups__parents__name, Top Team]]",
            "[authentik_core.token, [user__username, ada]]",
            "[authentik_core.token, [identifier__in, [t1]], [expiring, off]]",
        ]
        .iter()
        .enumerate()
        {
            let found = value(&app, &format!("f12-{n}"), "", &format!("!Find {what}"), None).await.unwrap_or_else(|e| panic!("{what}: {e}"));
            assert!(found.is_string() || found.is_i64(), "{what}: {found}");
        }
        for (n, what) in [
            "[authentik_flows.flow, [slug__startswith, nope]]",
            "[authentik_core.user, [email__endswith, '@CORP.test']]",
            "[authentik_core.user, [groups__name, Top Team]]",
            "[authentik_core.group, [name, top team]]",
            "[authentik_providers_saml.samlprovider, [name, x]]",
            "[authentik_core.token, [user__username, akadmin], [identifier, t1]]",
        ]
        .iter()
        .enumerate()
        {
            assert_eq!(value(&app, &format!("f12-no-{n}"), "", &format!("!Find {what}"), None).await.unwrap(), Json::Null, "{what}");
        }
        for what in ["[authentik_flows.nope, [a, b]]", "[authentik_flows.flow, [nope, b]]", "[authentik_flows.flow, [slug__nope, b]]", "[authentik_core.user, [password, x]]", "[authentik_core.group, [nope, x]]"] {
            assert!(value(&app, "f12-bad", "", &format!("!Find {what}"), None).await.is_err(), "{what}");
        }
        // Identifiers are look-ups too, and stay out of the data.
        let text = "version: 1\nentries:\n- {model: authentik_core.user, identifiers: {username__iexact: ADA}, attrs: {name: Countess}}\n- {model: authentik_flows.flow, identifiers: {slug__iexact: DEFAULT-password-change}, attrs: {title: Changed}}\n";
        let report = import(&app, text).await.unwrap();
        assert_eq!((report.updated, report.created, report.notes.len()), (2, 0, 0), "{report:?}");
        assert_eq!(users::by_username(&app.core.db, "ada").await.unwrap().unwrap().name, "Countess");
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn field_13_files_of_2024_are_taken_as_the_api_takes_them() {
    let app = App::start(DbKind::Sqlite).await;
    let text = "version: 1
entries:
- model: authentik_providers_oauth2.oauth2provider
  identifiers: {name: f13}
  attrs:
    authorization_flow: !Find [authentik_flows.flow, [slug, default-provider-authorization-explicit-consent]]
    redirect_uris: |
      https://app.example/callback

      https://app.example/other
    jwks_sources: []
- {model: authentik_core.group, id: g, identifiers: {name: f13-g}}
- {model: authentik_core.group, identifiers: {name: f13-h}, attrs: {parent: !KeyOf g}}
- {model: authentik_core.user, identifiers: {username: f13}, attrs: {first_name: Ada, last_name: Lovelace, groups: ['', f13-h, authentik Admins]}}
";
    let report = import(&app, text).await.unwrap();
    assert_eq!((report.created, report.notes.len()), (4, 0), "{report:?}");
    let shown =
        app.admin().await.get("/api/v3/providers/oauth2/?name=f13").await.json()["results"][0].clone();
    let uris: Vec<&str> =
        shown["redirect_uris"].as_array().unwrap().iter().map(|u| u["url"].as_str().unwrap()).collect();
    assert_eq!(uris, ["https://app.example/callback", "https://app.example/other"]);
    assert!(shown["invalidation_flow"].is_string());
    let ada = users::by_username(&app.core.db, "f13").await.unwrap().unwrap();
    let names: Vec<String> =
        groups::effective_groups(&app.core.db, ada.id).await.unwrap().into_iter().map(|g| g.name).collect();
    assert_eq!(
        (ada.name.as_str(), names),
        ("Ada Lovelace", vec!["authentik Admins".to_owned(), "f13-g".into(), "f13-h".into()])
    );
    assert!(import(&app, text).await.unwrap().is_empty());
    let wrong = import(&app, "version: 1\nentries:\n- {model: authentik_core.user, identifiers: {username: f13}, attrs: {groups: [nobody]}}\n").await.unwrap_err();
    assert!(wrong.contains("nobody"), "{wrong}");
    app.stop().await;
}

#[tokio::test]
async fn field_14_entries_share_parts_and_have_members_of_their_own() {
    let app = App::start(DbKind::Sqlite).await;
    let text = "version: 1
x-common: &c {a: 1}
owner: team blue
entries:
- &base
  model: authentik_core.group
  identifiers: {name: f14-a}
  attrs: {attributes: {<<: *c, b: 2}}
- <<: *base
  identifiers: {name: f14-b}
  comment: the second one
";
    let report = import(&app, text).await.unwrap();
    assert_eq!(report.created, 2);
    assert_eq!(
        report.notes,
        [
            "test.yaml: owner: left out, a blueprint has no such member",
            "test.yaml: entries[1]: comment: left out, an entry has no such member"
        ]
    );
    for name in ["f14-a", "f14-b"] {
        let group = groups::by_name(&app.core.db, name).await.unwrap().unwrap();
        assert_eq!(Json::Object(group.attributes), json!({"a": 1, "b": 2}));
    }
    app.stop().await;
}
