//! One writer for the directory: whoever changes an account, a group, a membership, a token or a second factor, its event
//! is in the same commit, names the author, shows what has changed and no secret; nobody takes the last administrator away.
use crate::redteam_epoch::blueprint;
use crate::site::{Site, each_site};
use http::{Method, StatusCode};
use signet_base::{Error, Json, Map, Span, json};
use signet_core::directory::{self, Author, GroupChange, TokenChange, Transaction, UserChange};
use signet_core::{Client, Principal, WebSession, login};
use signet_store::epoch::{self, KeptSession};
use signet_store::events::{self, Event};
use signet_store::groups::{self, Group};
use signet_store::tokens::Token;
use signet_store::users::{self, User};

/// The events of an action about a model, in the order in which they were written, newest first.
pub async fn told(site: &Site, action: &str, model: &str) -> Vec<Event> {
    let sql = "SELECT id FROM event WHERE action = ? AND model_name = ? ORDER BY number DESC";
    let rows = site.core.db.query(sql, vec![action.into(), model.into()]).await.unwrap();
    let mut found = Vec::new();
    for row in rows {
        found.push(events::by_id(&site.core.db, row.uuid(0).unwrap()).await.unwrap().unwrap());
    }
    found
}
pub async fn newest(site: &Site, action: &str, model: &str) -> Json {
    let event =
        told(site, action, model).await.into_iter().next().unwrap_or_else(|| panic!("{action} {model}"));
    json!({"user": event.user, "app": event.app, "context": event.context})
}

#[tokio::test(flavor = "multi_thread")]
async fn core_writer_changes_by_the_api_leave_a_masked_diff_and_their_author() {
    each_site(|site| async move {
        let admin = site.admin().await;
        let made = admin
            .json(Method::POST, "/api/v3/core/users/", &json!({"username": "ada", "name": "Ada", "attributes": {"api_key": "hunter2", "team": "looms"}}))
            .await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        let (pk, one) = (made.json()["pk"].clone(), format!("/api/v3/core/users/{}/", made.json()["pk"]));
        let event = newest(&site, "model_created", "user").await;
        assert_eq!(event["context"]["model"], json!({"app": "authentik_core", "model_name": "user", "pk": pk, "name": "ada"}));
        assert_eq!((&event["user"]["username"], &event["app"]), (&json!("akadmin"), &json!("authentik.events.middleware")));
        assert_eq!(event["context"]["diff"]["attributes"]["new_value"]["team"], "looms");

        let changed = admin
            .json(Method::PATCH, &one, &json!({"email": "ada@example.test", "attributes": {"api_key": "hunter3", "team": "looms"}}))
            .await;
        assert_eq!(changed.status, StatusCode::OK, "{}", changed.body);
        let event = newest(&site, "model_updated", "user").await;
        let diff = &event["context"]["diff"];
        assert_eq!(diff["email"], json!({"previous_value": "", "new_value": "ada@example.test"}));
        assert_eq!(diff["attributes"]["new_value"], json!({"api_key": "********************"}), "only what has changed, masked");
        assert!(diff.get("username").is_none() && !event["context"]["http_request"]["request_id"].as_str().unwrap().is_empty());

        let team = admin.json(Method::POST, "/api/v3/core/groups/", &json!({"name": "team"})).await.json();
        let group = format!("/api/v3/core/groups/{}/", team["pk"].as_str().unwrap());
        assert_eq!(newest(&site, "model_created", "group").await["context"]["model"]["name"], "team");
        for (path, told) in [("add_user", json!({"add": [pk], "remove": []})), ("remove_user", json!({"add": [], "remove": [pk]}))] {
            assert_eq!(admin.json(Method::POST, &format!("{group}{path}/"), &json!({"pk": pk})).await.status, StatusCode::NO_CONTENT);
            assert_eq!(newest(&site, "model_updated", "group").await["context"]["diff"], json!({"users": told}));
        }
        let set = admin.json(Method::POST, &format!("{one}set_password/"), &json!({"password": "hunter2 hunter2"})).await;
        assert_eq!(set.status, StatusCode::NO_CONTENT, "{}", set.body);
        assert_eq!(told(&site, "password_set", "user").await.len(), 1);
        let token = admin.json(Method::POST, "/api/v3/core/tokens/", &json!({"identifier": "ci"})).await;
        assert_eq!(token.status, StatusCode::CREATED, "{}", token.body);
        let keyed = admin.json(Method::POST, "/api/v3/core/tokens/ci/set_key/", &json!({"key": "hunter2hunter2"})).await;
        assert_eq!(keyed.status, StatusCode::NO_CONTENT, "{}", keyed.body);
        assert_eq!(newest(&site, "model_updated", "token").await["context"]["diff"]["key"]["new_value"], "********************");
        for (path, name) in [(one.as_str(), "user"), (group.as_str(), "group"), ("/api/v3/core/tokens/ci/", "token")] {
            assert_eq!(admin.json(Method::DELETE, path, &json!({})).await.status, StatusCode::NO_CONTENT);
            assert_eq!(told(&site, "model_deleted", name).await.len(), 1, "{name}");
        }
        // What is refused has not happened.
        let before = told(&site, "model_created", "user").await.len();
        let taken = admin.json(Method::POST, "/api/v3/core/users/", &json!({"username": "akadmin", "name": "x"})).await;
        assert_eq!(taken.status, StatusCode::BAD_REQUEST);
        assert_eq!(told(&site, "model_created", "user").await.len(), before);
        let all = events::list(&site.core.db, &signet_store::ListQuery::first(1000), None).await.unwrap().0;
        let text = format!("{:?}", all.iter().map(|e| &e.context).collect::<Vec<_>>());
        assert!(!text.contains("hunter") && !text.contains("$argon2"), "{text}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn core_writer_blueprints_flows_and_commands_leave_events_too() {
    each_site(|site| async move {
        let text = "version: 1\nmetadata: {name: team}\nentries:\n\
            - {model: authentik_core.group, id: g, identifiers: {name: weavers}}\n\
            - {model: authentik_core.user, id: u, identifiers: {username: bea}, attrs: {name: Bea, groups: [!KeyOf g], password: hunter2 hunter2}}\n\
            - {model: authentik_core.token, identifiers: {identifier: bea-app}, attrs: {user: !KeyOf u, intent: app_password, key: hunter2hunter2, expiring: false}}\n";
        blueprint(&site, text).await.unwrap();
        let bea = users::by_username(&site.core.db, "bea").await.unwrap().unwrap();
        let event = newest(&site, "model_created", "user").await;
        assert_eq!((&event["context"]["model"]["pk"], &event["context"]["blueprint"]), (&json!(bea.id), &json!("test.yaml")));
        assert!(event["context"]["diff"]["groups"]["add"].is_array(), "{event}");
        assert_eq!(newest(&site, "model_created", "group").await["context"]["blueprint"], "test.yaml");
        assert_eq!(newest(&site, "model_created", "token").await["context"]["model"]["name"], "bea-app");
        assert_eq!(told(&site, "password_set", "user").await.len(), 1);
        let count = told(&site, "model_updated", "user").await.len();
        blueprint(&site, text).await.unwrap();
        assert_eq!(told(&site, "model_updated", "user").await.len(), count, "what stays as it is has no event");

        // A flow: whoever enrols is the author of their account.
        site.create("authentik_stages_user_write.userwritestage", json!({"name": "write", "user_creation_mode": "always_create"})).await;
        site.flow_of("join", &[("write", Some("context['flow_plan'].context['prompt_data'] = {'username': 'carl', 'name': 'Carl', 'password': 'hunter2 hunter2'}\nreturn True"))]).await;
        let browser = site.browser();
        let asked = browser.challenge("join").await;
        browser.step("join", &json!({"component": "ak-stage-consent", "token": asked.json()["token"]})).await;
        let carl = users::by_username(&site.core.db, "carl").await.unwrap().expect("carl");
        for (action, what) in [("model_created", "made"), ("user_write", "written"), ("password_set", "password")] {
            let event = newest(&site, action, "user").await;
            assert_eq!((&event["user"]["pk"], &event["context"]["model"]["pk"]), (&json!(carl.id), &json!(carl.id)), "{what}");
            assert_eq!(event["context"]["flow"]["name"].as_str().map(str::is_empty), Some(false), "{event}");
        }
        assert_eq!(newest(&site, "user_write", "user").await["context"]["created"], true);

        // Several rows of one author are one commit.
        let author = Author::command("test");
        let mut all = Transaction::new(&site.core, &author);
        let group = Group::new(&site.core.ports, "crew");
        let mut user = User::new(&site.core.ports, "dora");
        user.id = directory::number::<User>(&site.core).await.unwrap();
        let token = Token::new(site.core.ports.uuid(), "dora-key", "api", user.id, site.core.now());
        all.change(GroupChange::create(group.clone())).await.unwrap();
        all.change(UserChange::create(user.clone()).join([group.id])).await.unwrap();
        all.change(TokenChange::create(token, "hunter2".into())).await.unwrap();
        let id = all.commit().await.unwrap().number().unwrap();
        assert_eq!(groups::direct_groups(&site.core.db, id).await.unwrap()[0].name, "crew");
        let event = newest(&site, "model_created", "user").await;
        assert_eq!((&event["context"]["command"], &event["app"], &event["context"]["model"]["pk"]), (&json!("test"), &json!("signet.command"), &json!(id)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn core_writer_no_change_takes_the_last_administrator_away() {
    each_site(|site| async move {
        let admins = site.admins().await;
        let akadmin = users::by_username(&site.core.db, "akadmin").await.unwrap().unwrap();
        let inner = Group { is_superuser: false, ..Group::new(&site.core.ports, "inner") };
        let author = Author::command("test");
        // akadmin is an administrator by a parent of the group they are in.
        let parents = GroupChange::create(inner.clone()).parents(Some(vec![admins])).members(Some(vec![akadmin.id]));
        directory::commit(&site.core, &author, parents).await.unwrap();
        let top = groups::by_id(&site.core.db, admins).await.unwrap().unwrap();
        directory::commit(&site.core, &author, GroupChange::of(&top).leave([akadmin.id])).await.unwrap();
        // A program is no administrator who can let anybody in, and neither is an account that is not active.
        let robot = User { user_type: "service_account".into(), ..User::new(&site.core.ports, "robot") };
        let asleep = User { is_active: false, ..User::new(&site.core.ports, "asleep") };
        for user in [robot, asleep] {
            directory::commit(&site.core, &author, UserChange::create(user).join([admins])).await.unwrap();
        }
        let events = told(&site, "model_updated", "group").await.len() + told(&site, "model_deleted", "group").await.len();
        let admin = site.admin().await;
        let (user, outer, middle) = (format!("users/{}/", akadmin.id), format!("groups/{admins}/"), format!("groups/{}/", inner.id));
        for (method, path, body, field) in [
            (Method::PATCH, user.clone(), json!({"type": "service_account"}), "type"),
            (Method::PATCH, user.clone(), json!({"groups": []}), "groups"),
            (Method::PATCH, middle.clone(), json!({"parents": []}), "parents"),
            (Method::PATCH, middle.clone(), json!({"users": []}), "users"),
            (Method::POST, format!("{middle}remove_user/"), json!({"pk": akadmin.id}), "pk"),
            (Method::DELETE, middle.clone(), json!({}), "non_field_errors"),
            (Method::PATCH, outer.clone(), json!({"is_superuser": false}), "is_superuser"),
            (Method::DELETE, outer.clone(), json!({}), "non_field_errors"),
        ] {
            let refused = admin.json(method.clone(), &format!("/api/v3/core/{path}"), &body).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{method} {path} {body} {}", refused.body);
            assert!(refused.json()[field][0].as_str().is_some_and(|t| t.contains("last active administrator")), "{field} {}", refused.body);
        }
        for state in [
            "model: authentik_core.group\n  identifiers: {name: inner}\n  state: absent",
            "model: authentik_core.group\n  identifiers: {name: inner}\n  attrs: {users: []}",
            "model: authentik_core.group\n  identifiers: {name: authentik Admins}\n  attrs: {is_superuser: false}",
            "model: authentik_core.user\n  identifiers: {username: akadmin}\n  attrs: {groups: []}",
        ] {
            let said = blueprint(&site, &format!("version: 1\nmetadata: {{name: x}}\nentries:\n- {state}\n")).await.unwrap_err();
            assert!(said.contains("last active administrator"), "{state} {said}");
        }
        assert_eq!(told(&site, "model_updated", "group").await.len() + told(&site, "model_deleted", "group").await.len(), events);
        // With a second one each of it is theirs to do.
        site.user("second", &[admins]).await;
        let gone = admin.json(Method::PATCH, &format!("/api/v3/core/{middle}"), &json!({"users": []})).await;
        assert_eq!(gone.status, StatusCode::OK, "{}", gone.body);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn core_writer_of_two_administrators_who_deactivate_each_other_one_is_refused() {
    each_site(|site| async move {
        let admins = site.admins().await;
        let author = Author::command("test");
        let (a, b) = (site.user("a", &[admins]).await, site.user("b", &[admins]).await);
        let find = async |id: i64| users::by_id(&site.core.db, id).await.unwrap().unwrap();
        let akadmin = users::by_username(&site.core.db, "akadmin").await.unwrap().unwrap();
        let off = |user: &User| UserChange::update(user, User { is_active: false, ..user.clone() });
        directory::commit(&site.core, &author, off(&akadmin)).await.unwrap();
        for round in 0..20 {
            let (one, other) = (find(a).await, find(b).await);
            let (first, second) = tokio::join!(
                directory::commit(&site.core, &author, off(&other)),
                directory::commit(&site.core, &author, off(&one))
            );
            let refused = [first, second].into_iter().filter_map(Result::err).collect::<Vec<Error>>();
            assert_eq!(refused.len(), 1, "round {round}");
            assert!(directory::is_last_administrator(&refused[0]), "{:?}", refused[0]);
            assert!(groups::count_superusers(&site.core.db).await.unwrap() >= 1, "round {round}");
            for user in [find(a).await, find(b).await] {
                if !user.is_active {
                    let on = UserChange::update(&user, User { is_active: true, ..user.clone() });
                    directory::commit(&site.core, &author, on).await.unwrap();
                }
            }
        }
        // The same where one is deactivated and the other leaves, on what others have read before.
        let group = groups::by_id(&site.core.db, admins).await.unwrap().unwrap();
        let one = find(a).await;
        let (first, second) = tokio::join!(
            directory::commit(&site.core, &author, off(&one)),
            directory::commit(&site.core, &author, GroupChange::of(&group).leave([b]))
        );
        assert_eq!(u8::from(first.is_err()) + u8::from(second.is_err()), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scale_a1_a_sign_in_that_loses_against_a_new_password_leaves_no_event() {
    each_site(|site| async move {
        let (core, client) = (&site.core, Client::internal());
        let ada = site.user("ada", &[]).await;
        let count = async || {
            let sql = "SELECT (SELECT count(*) FROM event WHERE action = 'login' AND username = 'ada'), (SELECT count(*) FROM login WHERE user_id = ?)";
            let row = core.db.query(sql, vec![ada.into()]).await.unwrap().remove(0);
            (row.int(0).unwrap(), row.int(1).unwrap())
        };
        for (ends, expected) in [(true, (0, 0)), (false, (1, 1))] {
            let mut session = WebSession::anonymous();
            let person = Principal::load(core, ada).await.unwrap().unwrap();
            login::sign_in(core, &client, &mut session, person, "password", Map::new(), Span::ZERO).await.unwrap();
            if ends {
                directory::end_all(core, &Author::system(), ada, &KeptSession::default()).await.unwrap();
            }
            let saved = session.save(core, &client).await;
            assert_eq!(saved.as_ref().err().is_some_and(epoch::has_changed), ends);
            assert_eq!(count().await, expected, "event and session are one commit");
        }
    })
    .await;
}
