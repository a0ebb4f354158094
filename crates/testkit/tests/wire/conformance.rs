//! Rules that hold for every built model.
use signet_base::{Json, json};
use signet_model::FieldKind;
use signet_testkit::{App, Browser, DbKind};

/// Every built model with its members: name, type, what may be left out, default.
const MODELS: &str = include_str!("models.txt");
/// Members that the models have there and not yet here.
const NOT_HERE: [&str; 3] = ["Brand.branding_map_tiles", "Brand.flow_user_switch", "Brand.flow_request"];
/// Members that are written there and only read here, each with its reason.
const ONLY_READ: [(&str, &str); 4] = [
    ("Event.client_ip", "the log is not written by hand"),
    ("Event.expires", "the log is not written by hand"),
    ("Token.managed", "marks what the server itself made"),
    ("User.last_login", "the time of a sign-in that happened"),
];
/// Defaults that differ: on purpose (docs/differences.md), and where the API there fills in another one too.
const OTHER_DEFAULT: [&str; 2] = ["OAuth2Provider.grant_types", "Token.intent"];

/// One line of the table.
struct Member {
    /// `Component.member`
    place: String,
    component: String,
    name: String,
    kind: String,
    optional: bool,
    read_only: bool,
    write_only: bool,
    default: Option<Json>,
}

fn members() -> Vec<Member> {
    let mut component = String::new();
    let mut out = Vec::new();
    for line in MODELS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let Some(line) = line.strip_prefix("  ") else {
            component = line.to_owned();
            continue;
        };
        let (name, rest) = line.split_once(": ").unwrap();
        let (flags, default) =
            rest.split_once(" = ").map_or((rest, None), |(f, d)| (f, Some(serde_json::from_str(d).unwrap())));
        let kind = flags.trim_end_matches(" ro").trim_end_matches(" wo");
        out.push(Member {
            place: format!("{component}.{name}"),
            component: component.clone(),
            name: name.to_owned(),
            kind: kind.trim_end_matches('?').to_owned(),
            optional: kind.ends_with('?'),
            read_only: flags.ends_with(" ro"),
            write_only: flags.ends_with(" wo"),
            default,
        });
    }
    out
}

/// The schema's words for a type of the table.
fn is_of(schema: &Json, kind: &str) -> bool {
    let is = |word: &str| schema["type"] == word;
    // A reference to a component stands for an object or for one of its words.
    let refers = schema.get("$ref").is_some() || schema.get("allOf").is_some();
    match kind {
        "text" | "uuid" | "time" => is("string"),
        "word" => is("string") || refers,
        "boolean" | "integer" | "number" => is(kind),
        "json" => is("object") || schema.get("type").is_none(),
        "object" => is("object") || refers || schema.get("type").is_none(),
        list => match list.strip_prefix("list of ") {
            Some(inner) => is("array") && is_of(&schema["items"], inner),
            None => false,
        },
    }
}

#[tokio::test]
async fn wire_w23_every_member_has_the_type_of_the_original() {
    let app = App::start(DbKind::Sqlite).await;
    let document = app.admin().await.get("/api/v3/schema/?format=json").await.json();
    let schemas = &document["components"]["schemas"];
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for m in members().iter().filter(|m| !NOT_HERE.contains(&m.place.as_str())) {
        let of = |component: String| schemas[component]["properties"].get(&m.name).cloned();
        let request = &schemas[format!("{}Request", m.component)];
        let place =
            if m.write_only { request["properties"].get(&m.name).cloned() } else { of(m.component.clone()) };
        let Some(schema) = place else {
            wrong.push(format!("{}: missing", m.place));
            continue;
        };
        seen += 1;
        if !is_of(&schema, &m.kind) {
            wrong.push(format!("{}: {schema}, expected {}", m.place, m.kind));
        }
        if request.is_null() {
            continue;
        }
        let only_read = m.read_only || ONLY_READ.iter().any(|(place, _)| *place == m.place);
        if request["properties"].get(&m.name).is_none() != only_read {
            wrong.push(format!("{}: read only here: {}", m.place, !only_read));
        }
        let required = request["required"].as_array().is_some_and(|all| all.contains(&json!(m.name)));
        if !only_read && required == m.optional {
            wrong.push(format!("{}: required here: {required}", m.place));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 500, "{seen}");
    app.stop().await;
}

#[tokio::test]
async fn wire_w1_defaults_are_those_of_the_original() {
    let app = App::start(DbKind::Sqlite).await;
    let mut admin = app.admin().await;
    // Rows are asked for by making one with what must be given.
    let mut made = std::collections::BTreeMap::new();
    for (component, path, body) in [
        ("User", "core/users", json!({"username": "w1", "name": "W1"})),
        ("Group", "core/groups", json!({"name": "w1"})),
        ("Token", "core/tokens", json!({"identifier": "w1"})),
        ("Invitation", "stages/invitation/invitations", json!({"name": "w1"})),
    ] {
        let answer = admin.post(&format!("/api/v3/{path}/"), body).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        made.insert(component, answer.json());
    }
    made.insert("Settings", admin.get("/api/v3/admin/settings/").await.json());
    let (mut wrong, mut seen) = (Vec::new(), 0);
    let listed = |m: &&Member| {
        !m.read_only && !NOT_HERE.contains(&m.place.as_str()) && !OTHER_DEFAULT.contains(&m.place.as_str())
    };
    for m in members().iter().filter(listed) {
        let def = app.core.registry.all().iter().find(|def| def.class == m.component && !def.rows);
        let default = match (def, made.get(m.component.as_str())) {
            (_, Some(row)) => row[&m.name].clone(),
            (Some(def), None) => {
                let Some(field) = def.field(&m.name) else {
                    wrong.push(format!("{}: there is no such field", m.place));
                    continue;
                };
                match (field.default, field.kind) {
                    (Some(make), _) => make(&app.core.ports),
                    (None, _) if field.nullable => Json::Null,
                    (None, FieldKind::Bool) => json!(false),
                    (None, FieldKind::Int) => json!(0),
                    (None, FieldKind::List(_)) => json!([]),
                    (None, FieldKind::Object) => json!({}),
                    (None, _) => json!(""),
                }
            }
            (None, None) => continue,
        };
        let Some(wanted) = &m.default else { continue };
        seen += 1;
        let same = default == *wanted || (default.is_number() && default.as_f64() == wanted.as_f64());
        if !same {
            wrong.push(format!("{}: {default}, expected {wanted}", m.place));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 150, "{seen}");
    let consent =
        admin.get("/api/v3/stages/consent/?name=default-provider-authorization-consent").await.json();
    assert_eq!(consent["results"][0]["mode"], "expiring");
    // What no file says is what the recorded server has: a new account of a write stage can sign in.
    let write = admin.get("/api/v3/stages/user_write/?name=default-source-enrollment-write").await.json();
    assert_eq!(write["results"][0]["create_users_as_inactive"], false);
    app.stop().await;
}

/// What a client writes it reads back, and writing it again changes nothing.
#[tokio::test]
async fn wire_w23_written_read_and_written_again() {
    let app = App::start(DbKind::Sqlite).await;
    let mut admin = app.admin().await;
    let mut seen = 0;
    let paths: Vec<(&str, &str)> = app
        .core
        .registry
        .all()
        .iter()
        .filter(|d| !d.rows && !d.path.is_empty())
        .map(|d| (d.path, d.key))
        .collect();
    for (path, key) in paths {
        let list = admin.get(&format!("/api/v3/{path}/?page_size=100")).await;
        assert_eq!(list.status, 200, "{path}: {}", list.text());
        for shown in list.json()["results"].as_array().unwrap() {
            let address = format!(
                "/api/v3/{path}/{}/",
                shown[key].as_str().map_or_else(|| shown[key].to_string(), str::to_owned)
            );
            let before = admin.get(&address).await.json();
            // Secrets are not shown; those that are required are written as they are, by leaving them out.
            let written = admin.patch(&address, before.clone()).await;
            assert_eq!(written.status, 200, "{address}: {}", written.text());
            let after = admin.get(&address).await.json();
            for (field, value) in before.as_object().unwrap() {
                if !["last_updated"].contains(&field.as_str()) {
                    assert_eq!(&after[field], value, "{address}: {field}");
                }
            }
            seen += 1;
        }
    }
    assert!(seen > 60, "{seen}");
    // Keys come with a line end out of files; the original keeps them without.
    let made = admin
        .post(
            "/api/v3/crypto/certificatekeypairs/generate/",
            json!({"common_name": "w23", "validity_days": 10}),
        )
        .await
        .json();
    let pk = made["pk"].as_str().unwrap();
    let certificate =
        admin.get(&format!("/api/v3/crypto/certificatekeypairs/{pk}/view_certificate/")).await.json()["data"]
            .as_str()
            .unwrap()
            .trim()
            .to_owned();
    let private =
        admin.get(&format!("/api/v3/crypto/certificatekeypairs/{pk}/view_private_key/")).await.json()["data"]
            .as_str()
            .unwrap()
            .trim()
            .to_owned();
    let body = json!({"name": "w23-b", "certificate_data": format!("{certificate}\n"), "key_data": format!("{private}\n")});
    let made = admin.post("/api/v3/crypto/certificatekeypairs/", body).await.json();
    let pk = made["pk"].as_str().unwrap();
    for (what, data) in [("certificate", certificate), ("private_key", private)] {
        assert_eq!(
            admin.get(&format!("/api/v3/crypto/certificatekeypairs/{pk}/view_{what}/")).await.json()["data"],
            json!(data),
            "{what}"
        );
    }
    app.stop().await;
}

/// Lists and the filters that the original's document names for each.
const FILTERS: &str = include_str!("filters.txt");
/// Filters that narrow nothing there either: they choose what is shown.
const SHOWN: [&str; 9] = [
    "include_children",
    "include_inherited_roles",
    "include_parents",
    "include_users",
    "include_groups",
    "include_roles",
    "only_with_launch_url",
    "superuser_full_list",
    "for_user",
];
/// Filters by something that is not built yet, or that would tell a secret letter by letter.
const NOT_FILTERED: [&str; 8] = [
    "core/brands flow_request",
    "core/brands flow_user_switch",
    "core/groups attributes",
    "core/users attributes",
    "stages/authenticator/email password",
    "stages/authenticator/sms auth",
    "stages/authenticator/sms auth_password",
    "policies/event_matcher created",
];

/// One row of each list, where a new installation has none.
async fn fill(app: &App, admin: &mut Browser) {
    let ada = app.user("ada", "Correct-Horse-9").await;
    for (path, body) in [
        ("policies/dummy", json!({"name": "w7"})),
        ("policies/event_matcher", json!({"name": "w7-e", "action": "login"})),
        ("policies/geoip", json!({"name": "w7-g", "countries": ["DE"]})),
        ("policies/password_expiry", json!({"name": "w7-x", "days": 1})),
        ("policies/reputation", json!({"name": "w7-r", "check_ip": true})),
        ("policies/unique_password", json!({"name": "w7-u"})),
        ("propertymappings/notification", json!({"name": "w7-n", "expression": "return {}"})),
        (
            "stages/authenticator/duo",
            json!({"name": "w7-d", "client_id": "c", "client_secret": "s", "api_hostname": "a.test"}),
        ),
        (
            "stages/authenticator/sms",
            json!({"name": "w7-s", "provider": "twilio", "from_number": "+1", "account_sid": "a", "auth": "b"}),
        ),
        ("stages/captcha", json!({"name": "w7-c", "public_key": "p", "private_key": "k"})),
        ("stages/deny", json!({"name": "w7-deny"})),
        ("stages/dummy", json!({"name": "w7-dummy"})),
        ("stages/email", json!({"name": "w7-mail", "use_global_settings": true})),
        ("stages/invitation/stages", json!({"name": "w7-i"})),
        ("stages/invitation/invitations", json!({"name": "w7"})),
        (
            "stages/redirect",
            json!({"name": "w7-redirect", "mode": "static", "target_static": "https://a.test"}),
        ),
        ("stages/user_delete", json!({"name": "w7-delete"})),
        ("core/tokens", json!({"identifier": "w7"})),
    ] {
        let answer = admin.post(&format!("/api/v3/{path}/"), body).await;
        assert_eq!(answer.status, 201, "{path}: {}", answer.text());
    }
    let flow = |slug: &str| format!("/api/v3/flows/instances/{slug}/");
    let authorization = admin.get(&flow("default-provider-authorization-implicit-consent")).await.json();
    let invalidation = admin.get(&flow("default-provider-invalidation-flow")).await.json();
    let provider = json!({"name": "w7", "authorization_flow": authorization["pk"], "invalidation_flow": invalidation["pk"], "redirect_uris": []});
    let provider = admin.post("/api/v3/providers/oauth2/", provider).await.json();
    let application = json!({"name": "w7", "slug": "w7", "provider": provider["pk"]});
    assert_eq!(admin.post("/api/v3/core/applications/", application).await.status, 201);
    assert_eq!(app.login("ada", "Correct-Horse-9").await.get("/if/user/").await.status, 200);
    let mut own = app.with_token(ada.id).await;
    assert_eq!(own.get("/api/v3/core/users/me/").await.status, 200);
}

/// A filter that the document names is one that the list knows, for every list of objects and rows.
#[tokio::test]
async fn wire_w7_filters_that_the_document_names_narrow() {
    let app = App::start(DbKind::Sqlite).await;
    let mut admin = app.admin().await;
    fill(&app, &mut admin).await;
    let values = [
        "7b2f1a3c-0000-4000-8000-00000000000a",
        "1999-01-01T00:00:00Z",
        "987654321",
        "zz-unlikely",
        "true",
        "false",
    ];
    let (mut ignored, mut seen) = (Vec::new(), 0);
    for line in FILTERS.lines().filter(|line| !line.starts_with('#')) {
        let (path, filters) = line.split_once(": ").unwrap();
        let all = count(&mut admin, path, "page_size=1").await.expect(path);
        // Nothing can be narrowed where nothing is.
        for filter in filters.split(' ').filter(|f| all > 0 && !SHOWN.contains(f)) {
            let place = format!("{path} {filter}");
            if NOT_FILTERED.contains(&place.as_str()) {
                continue;
            }
            seen += 1;
            let mut narrows = false;
            for value in values {
                narrows |= count(&mut admin, path, &format!("page_size=1&{filter}={value}"))
                    .await
                    .is_none_or(|n| n < all);
            }
            if !narrows {
                ignored.push(place);
            }
        }
    }
    assert!(ignored.is_empty(), "{}", ignored.join("\n"));
    assert!(seen > 230, "{seen}");
    app.stop().await;
}

/// How many a list gives; none where it refuses the query.
async fn count(admin: &mut Browser, path: &str, query: &str) -> Option<u64> {
    let answer = admin.get(&format!("/api/v3/{path}/?{query}")).await;
    assert!(answer.status == 200 || answer.status == 400, "{path}?{query}: {}", answer.text());
    let body = answer.json();
    match body.as_array() {
        _ if answer.status == 400 => None,
        Some(list) => Some(list.len() as u64),
        None => body["pagination"]["count"].as_u64(),
    }
}
