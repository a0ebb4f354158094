//! One writer for configuration objects: whoever changes one, the event is in the same commit, names the author, and shows
//! what has changed and no secret.
use crate::redteam_epoch::blueprint;
use crate::site::{Browser, Site, each_site};
use crate::writer::{newest, told};
use http::{Method, StatusCode};
use signet_base::{Conflict, Error, Json, json};
use signet_core::directory::{self, Author, Transaction, UserChange};
use signet_core::models::Flow;
use signet_core::system::SystemSettings;
use signet_model::{Model, Secrets};
use signet_store::users::{self, User};
use signet_store::{Batch, Write};
use std::collections::BTreeSet;

const MASK: &str = "********************";

async fn sent(client: &Browser, method: Method, path: &str, body: Json, status: StatusCode) -> Json {
    let answer = client.json(method, &format!("/api/v3/{path}"), &body).await;
    assert_eq!(answer.status, status, "{path} {}", answer.body);
    serde_json::from_str(&answer.body).unwrap_or_default()
}
async fn count(site: &Site) -> i64 {
    site.core.db.flush().await.unwrap();
    let sql = "SELECT COUNT(*) FROM event WHERE action LIKE 'model%'";
    site.core.db.query_one(sql, Vec::new()).await.unwrap().unwrap().int(0).unwrap()
}
/// Whether any event shows this text.
async fn shows(site: &Site, text: &str) -> bool {
    let sql = "SELECT COUNT(*) FROM event WHERE context LIKE ?";
    let found = site.core.db.query_one(sql, vec![format!("%{text}%").into()]).await.unwrap().unwrap();
    found.int(0).unwrap() > 0
}
fn flow(slug: &str) -> Write {
    let data = json!({"name": slug, "slug": slug, "title": slug, "designation": "authentication", "background": "",
        "policy_engine_mode": "any", "compatibility_mode": false, "layout": "stacked", "denied_action": "message_continue",
        "authentication": "none"});
    let data = data.as_object().unwrap().clone();
    Write::Create { def: Flow::DEF, pk: None, data, secrets: Secrets::new() }
}

#[tokio::test(flavor = "multi_thread")]
async fn core_objects_changes_by_the_api_leave_a_diff_and_their_author() {
    each_site(|site| async move {
        let admin = site.admin().await;
        let body = json!({"name": "Door", "slug": "door", "title": "Come in", "designation": "authentication"});
        let made = sent(&admin, Method::POST, "flows/instances/", body.clone(), StatusCode::CREATED).await;
        let pk = made["pk"].as_str().unwrap().replace('-', "");
        let event = newest(&site, "model_created", "flow").await;
        let model = json!({"app": "authentik_flows", "model_name": "flow", "pk": pk, "name": "Door"});
        assert_eq!(event["context"]["model"], model);
        assert_eq!(event["context"]["diff"]["slug"], json!({"previous_value": null, "new_value": "door"}));
        assert_eq!((&event["user"]["username"], &event["app"]), (&json!("akadmin"), &json!("authentik.events.middleware")));
        assert_eq!(event["context"]["http_request"]["method"], "POST");
        sent(&admin, Method::PATCH, "flows/instances/door/", json!({"title": "Hello"}), StatusCode::OK).await;
        let event = newest(&site, "model_updated", "flow").await;
        assert_eq!(event["context"]["diff"], json!({"title": {"previous_value": "Come in", "new_value": "Hello"}}));

        // A deletion tells of all that goes with it, and of what loses its reference.
        let stage = sent(&admin, Method::POST, "stages/deny/", json!({"name": "no"}), StatusCode::CREATED).await;
        let binding = json!({"target": made["pk"], "stage": stage["pk"], "order": 7});
        sent(&admin, Method::POST, "flows/bindings/", binding, StatusCode::CREATED).await;
        let named = newest(&site, "model_created", "flowstagebinding").await;
        assert_eq!(named["context"]["model"]["name"], "Flow Stage Binding #7");
        let provider = json!({"name": "Loom", "authorization_flow": made["pk"], "invalidation_flow": made["pk"], "redirect_uris": []});
        let provider = sent(&admin, Method::POST, "providers/oauth2/", provider, StatusCode::CREATED).await;
        assert_eq!(newest(&site, "model_created", "oauth2provider").await["context"]["model"]["pk"], provider["pk"]);
        let application = json!({"name": "Loom", "slug": "loom", "provider": provider["pk"]});
        sent(&admin, Method::POST, "core/applications/", application, StatusCode::CREATED).await;
        for path in [format!("stages/deny/{}/", stage["pk"].as_str().unwrap()), format!("providers/oauth2/{}/", provider["pk"])] {
            sent(&admin, Method::DELETE, &path, json!({}), StatusCode::NO_CONTENT).await;
        }
        for gone in ["denystage", "flowstagebinding", "oauth2provider"] {
            assert_eq!(told(&site, "model_deleted", gone).await.len(), 1, "{gone}");
        }
        let event = newest(&site, "model_updated", "application").await;
        assert_eq!(event["context"]["diff"], json!({"provider": {"previous_value": provider["pk"], "new_value": null}}));

        // What is refused has not happened.
        let before = count(&site).await;
        sent(&admin, Method::POST, "flows/instances/", body, StatusCode::BAD_REQUEST).await;
        assert_eq!(count(&site).await, before);
        let bindings = json!({"name": "x", "slug": "x", "policy_bindings": [{"group": site.admins().await}]});
        sent(&admin, Method::POST, "core/applications/", bindings, StatusCode::CREATED).await;
        assert_eq!(count(&site).await, before + 2, "an application and its binding are one commit");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn core_objects_no_secret_is_in_an_event() {
    each_site(|site| async move {
        let admin = site.admin().await;
        let flow = site.flow("default-provider-authorization-implicit-consent");
        // Every kind with a secret, with all of its secrets.
        let kinds = [
            ("providers/oauth2", json!({"name": "p", "authorization_flow": flow, "invalidation_flow": flow, "redirect_uris": []}), vec!["client_secret"]),
            ("stages/email", json!({"name": "e"}), vec!["password"]),
            ("stages/captcha", json!({"name": "c", "public_key": "shown"}), vec!["private_key"]),
            ("stages/authenticator/email", json!({"name": "ae"}), vec!["password"]),
            ("stages/authenticator/duo", json!({"name": "d", "client_id": "shown", "api_hostname": "api.example.test"}), vec!["client_secret", "admin_secret_key"]),
            ("stages/authenticator/sms", json!({"name": "s", "provider": "twilio", "from_number": "1", "account_sid": "AC1"}), vec!["auth", "auth_password"]),
            ("sources/oauth", json!({"name": "o", "slug": "o", "provider_type": "openidconnect", "consumer_key": "shown", "oidc_well_known_url": "https://id.example.test/.well-known/openid-configuration"}), vec!["consumer_secret"]),
        ];
        let mut tried = BTreeSet::from(["authentik_crypto.certificatekeypair.key_data".to_owned()]);
        for (path, mut body, secrets) in kinds {
            let def = site.core.registry.by_path(path).unwrap();
            for secret in &secrets {
                body[*secret] = json!(format!("hunter2-{secret}-{}", "x".repeat(40)));
                tried.insert(format!("{}.{secret}", def.full_name()));
            }
            let made = sent(&admin, Method::POST, &format!("{path}/"), body, StatusCode::CREATED).await;
            let event = newest(&site, "model_created", def.name).await;
            for secret in &secrets {
                assert_eq!(event["context"]["diff"][*secret], json!({"previous_value": "", "new_value": MASK}), "{path} {secret}");
                let key = if def.key == "slug" { &made["slug"] } else { &made["pk"] };
                let pk = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
                let new = json!({*secret: "hunter2-new".repeat(4)});
                sent(&admin, Method::PATCH, &format!("{path}/{pk}/"), new, StatusCode::OK).await;
                let event = newest(&site, "model_updated", def.name).await;
                assert_eq!(event["context"]["diff"], json!({*secret: {"previous_value": MASK, "new_value": MASK}}), "{path} {secret}");
            }
        }
        let generate = json!({"common_name": "pair", "validity_days": 1, "alg": "ecdsa"});
        sent(&admin, Method::POST, "crypto/certificatekeypairs/generate/", generate, StatusCode::OK).await;
        let event = newest(&site, "model_created", "certificatekeypair").await;
        assert_eq!(event["context"]["diff"]["key_data"]["new_value"], MASK);
        let all = site.core.registry.all().iter().filter(|def| !def.rows);
        let all = all.flat_map(|def| def.fields.iter().filter(|f| f.secret).map(move |f| format!("{}.{}", def.full_name(), f.name)));
        assert_eq!(tried, all.collect(), "a new secret is tried here as well");

        // Secrets that are no fields of their own.
        let brand = site.create("authentik_brands.brand", json!({"domain": "brand.test"})).await.pk;
        let attributes = json!({"attributes": {"api_key": "hunter2", "proxy": "http://ada:hunter2@example.test/", "shown": 1}});
        sent(&admin, Method::PATCH, &format!("core/brands/{brand}/"), attributes, StatusCode::OK).await;
        let shown = newest(&site, "model_updated", "brand").await["context"]["diff"]["attributes"]["new_value"].clone();
        assert_eq!(shown, json!({"api_key": MASK, "proxy": format!("http://{MASK}@example.test/"), "shown": 1}));
        let prompt = json!({"name": "pin", "field_key": "pin", "label": "PIN", "type": "password", "initial_value": "hunter2"});
        sent(&admin, Method::POST, "stages/prompt/prompts/", prompt, StatusCode::CREATED).await;
        assert_eq!(newest(&site, "model_created", "prompt").await["context"]["diff"]["initial_value"]["new_value"], MASK);
        for secret in ["hunter2", "PRIVATE KEY"] {
            assert!(!shows(&site, secret).await, "{secret}");
        }
        assert!(shows(&site, "api.example.test").await, "the search finds what is there");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn core_objects_every_author_leaves_events() {
    each_site(|site| async move {
        // The objects of a new installation, its key pairs included.
        let sql = "SELECT DISTINCT model_pk FROM event WHERE action = 'model_created'";
        let rows = site.core.db.query(sql, Vec::new()).await.unwrap();
        let told_of: BTreeSet<String> = rows.iter().map(|row| row.string(0).unwrap()).collect();
        for object in site.core.config().objects().filter(|o| o.pk != SystemSettings::PK) {
            let pk = object.num.map_or_else(|| object.pk.simple().to_string(), |n| n.to_string());
            assert!(told_of.contains(&pk), "{} {}", object.def.full_name(), object.name());
        }
        assert!(newest(&site, "model_created", "flow").await["context"]["blueprint"].is_string());
        assert_eq!(newest(&site, "model_created", "certificatekeypair").await["app"], "signet.system");

        let text = "version: 1\nmetadata: {name: x}\nentries:\n\
            - {model: authentik_policies_expression.expressionpolicy, identifiers: {name: open}, attrs: {expression: return True}}\n\
            - {model: authentik_core.application, identifiers: {slug: loom}, attrs: {name: Loom}}\n";
        blueprint(&site, text).await.unwrap();
        let event = newest(&site, "model_created", "application").await;
        assert_eq!((&event["context"]["blueprint"], &event["context"]["diff"]["name"]["new_value"]), (&json!("test.yaml"), &json!("Loom")));
        let before = count(&site).await;
        blueprint(&site, text).await.unwrap();
        assert_eq!(count(&site).await, before, "what stays as it is has no event");
        blueprint(&site, &text.replace("return True", "return False")).await.unwrap();
        let event = newest(&site, "model_updated", "expressionpolicy").await;
        assert_eq!(event["context"]["diff"], json!({"expression": {"previous_value": "return True", "new_value": "return False"}}));
        assert_eq!(count(&site).await, before + 1);

        // Settings hold before they are stored.
        let admin = site.admin().await;
        for (old, new) in [("days=365", "days=30"), ("days=30", "days=31")] {
            sent(&admin, Method::PATCH, "admin/settings/", json!({"event_retention": new}), StatusCode::OK).await;
            let event = newest(&site, "model_updated", "tenant").await;
            assert_eq!(event["context"]["diff"], json!({"event_retention": {"previous_value": old, "new_value": new}}), "{event}");
            assert_eq!((&event["user"]["username"], &event["context"]["model"]["name"]), (&json!("akadmin"), &json!("System settings")));
        }
        directory::write(&site.core, &Author::command("test"), [flow("by-command")]).await.unwrap();
        let event = newest(&site, "model_created", "flow").await;
        assert_eq!((&event["context"]["command"], &event["app"]), (&json!("test"), &json!("signet.command")));
        // A user's bindings go with the user.
        let ada = site.user("ada", &[]).await;
        let target = site.find("authentik_core.application", "loom").pk;
        site.create("authentik_policies.policybinding", json!({"target": target, "user": ada, "order": 3})).await;
        sent(&admin, Method::DELETE, &format!("core/users/{ada}/"), json!({}), StatusCode::NO_CONTENT).await;
        assert_eq!(newest(&site, "model_deleted", "policybinding").await["context"]["model"]["name"], "Policy Binding #3");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn core_objects_a_failed_commit_leaves_neither_object_nor_event() {
    each_site(|site| async move {
        let (core, author) = (&site.core, Author::command("test"));
        directory::write(core, &author, [flow("there")]).await.unwrap();
        let (events, objects) = (count(&site).await, core.config().objects().count());
        let unchanged = async |what: &str| {
            core.objects.load().await.unwrap();
            assert_eq!((count(&site).await, core.config().objects().count()), (events, objects), "{what}");
            assert!(users::by_username(&core.db, "zoe").await.unwrap().is_none(), "{what}");
        };
        // A name that is taken, by another object or in the same commit.
        for writes in [vec![flow("new"), flow("there")], vec![flow("two"), flow("two")]] {
            let refused = directory::write(core, &author, writes).await;
            assert!(matches!(&refused, Err(Error::Conflict(Conflict::Unique(index))) if index.starts_with("object_unique.")));
            unchanged("a name that is taken").await;
        }
        // A version that is past.
        let (pk, data) = (site.flow("there"), core.config().get(site.flow("there")).unwrap().data.clone());
        let stale = Write::Update { pk, version: Some(9), data, secrets: Secrets::new() };
        let refused = directory::write(core, &author, [flow("new"), stale]).await;
        assert!(matches!(refused, Err(Error::Conflict(Conflict::Stale))));
        unchanged("a version that is past").await;
        // Rows and objects of one commit: a condition that does not hold, and an account whose name is taken.
        for (condition, name) in [("nobody", "zoe"), ("akadmin", "akadmin")] {
            let mut all = Transaction::new(core, &author);
            let statement = "UPDATE users SET name = name WHERE username = ?";
            all.when(Batch::new().add(statement, vec![condition.into()]).expect_rows(1, Conflict::NoRow));
            all.change(UserChange::create(User::new(&core.ports, "zoe"))).await.unwrap();
            if name != "zoe" {
                all.change(UserChange::create(User::new(&core.ports, name))).await.unwrap();
            }
            all.write([flow("new")]);
            assert!(all.commit().await.is_err(), "{condition}");
            unchanged(condition).await;
        }
        // Events that cannot be written.
        core.db.execute("ALTER TABLE event RENAME TO event_away", Vec::new()).await.unwrap();
        let refused = directory::write(core, &author, [flow("new")]).await;
        core.db.execute("ALTER TABLE event_away RENAME TO event", Vec::new()).await.unwrap();
        assert!(refused.is_err());
        unchanged("no events").await;
        // The twin; and many objects are one commit.
        let counter = core.config().counter;
        let many: Vec<Write> = (0..300).map(|n| flow(&format!("many-{n}"))).collect();
        directory::write(core, &author, many).await.unwrap();
        assert_eq!((count(&site).await, core.config().counter), (events + 300, counter + 1));
    })
    .await;
}
