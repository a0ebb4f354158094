//! Prompts, writing accounts, consent and the first run, over a core and a database.

use crate::site::{Browser, FixedPolicy, Seen, Site};
use signet_base::{Json, Uuid, json};
use signet_core::models::Application;
use signet_core::{Client, Principal};
use signet_model::Model;
use signet_stages::consent::ConsentStage;
use signet_stages::deny::DenyStage;
use signet_stages::dummy::DummyStage;
use signet_stages::identification::IdentificationStage;
use signet_stages::password::PasswordStage;
use signet_stages::prompt::{Prompt, PromptStage, preview};
use signet_stages::user_login::UserLoginStage;
use signet_stages::user_write::UserWriteStage;
use signet_store::groups::{self, Group};
use signet_store::users;

const INBUILT: &str = "authentik.core.auth.InbuiltBackend";

async fn prompt(site: &Site, key: &str, kind: &str, extra: Json) -> Uuid {
    let mut sent = json!({"name": format!("p-{key}-{kind}-{}", site.core.ports.hex(3)), "field_key": key, "label": key, "type": kind, "required": true});
    sent.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    site.make(Prompt::DEF, sent).await
}
async fn form(site: &Site, name: &str, fields: &[Uuid], policies: &[Uuid]) -> Uuid {
    site.make(PromptStage::DEF, json!({"name": name, "fields": fields, "validation_policies": policies}))
        .await
}
async fn write(site: &Site, name: &str, extra: Json) -> Uuid {
    let mut sent = json!({"name": name});
    sent.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    site.make(UserWriteStage::DEF, sent).await
}
fn filled(values: Json) -> Json {
    let mut sent = values;
    sent["component"] = json!("ak-stage-prompt");
    sent
}
/// A flow `login` by name and password on one page.
async fn login_flow(site: &Site) {
    let password = site.make(PasswordStage::DEF, json!({"name": "password", "backends": [INBUILT]})).await;
    let who = site
        .make(
            IdentificationStage::DEF,
            json!({"name": "who", "user_fields": ["username"], "password_stage": password}),
        )
        .await;
    let login = site.make(UserLoginStage::DEF, json!({"name": "login"})).await;
    site.flow("login", "authentication", &[who, login]).await;
}
async fn signed_in<'a>(site: &'a Site, who: &str, password: &str) -> Browser<'a> {
    let mut browser = site.browser();
    browser.get("login").await;
    browser
        .post(
            "login",
            json!({"component": "ak-stage-identification", "uid_field": who, "password": password}),
        )
        .await;
    assert_eq!(browser.who().await.as_deref(), Some(who));
    browser
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settings_form_shows_and_writes_ones_own_account_only() {
    let site = Site::new().await;
    login_flow(&site).await;
    let expression =
        |text: &str| json!({"initial_value": text, "initial_value_expression": true, "order": 1});
    let fields = [
        prompt(&site, "username", "username", expression("return user.username")).await,
        prompt(&site, "name", "text", expression("return request.user.name")).await,
        prompt(&site, "email", "email", expression("return user.email")).await,
        prompt(
            &site,
            "attributes.settings.locale",
            "ak-locale",
            expression("return user.attributes.get('settings', {}).get('locale', '')"),
        )
        .await,
    ];
    let stage = form(&site, "settings", &fields, &[]).await;
    let save = write(&site, "save", json!({"user_creation_mode": "create_when_required"})).await;
    site.flow("settings", "stage_configuration", &[stage, save]).await;
    let ada = site.person("ada", "pw").await;
    let grace = site.person("grace", "pw").await;
    let mut browser = signed_in(&site, "ada", "pw").await;
    let seen = browser.get("settings").await;
    let shown: std::collections::BTreeMap<&str, &str> = seen.json()["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["field_key"].as_str().unwrap(), f["initial_value"].as_str().unwrap()))
        .collect();
    let expected = [
        ("attributes.settings.locale", ""),
        ("email", "ada@example.test"),
        ("name", "ada the person"),
        ("username", "ada"),
    ];
    assert_eq!(shown, expected.into_iter().collect());
    let wrong = browser
        .post(
            "settings",
            filled(
                json!({"username": "", "name": "N", "email": "not-mail", "attributes.settings.locale": "en"}),
            ),
        )
        .await;
    assert_eq!(
        (wrong.error("username"), wrong.error("email")),
        ("This field may not be blank.", "Enter a valid email address.")
    );
    let taken = browser.post("settings", filled(json!({"username": "GRACE", "name": "N", "email": "a@b.test", "attributes.settings.locale": "en"}))).await;
    assert_eq!(taken.error("username"), "Username is already taken.");
    assert_eq!(browser.post("settings", json!({})).await.error("name"), "This field is required.");
    let before = site.people().await;
    let sent = json!({"username": "Ada", "name": "New Name", "email": "new@example.test", "attributes.settings.locale": "de", "id": grace, "pk": grace, "is_superuser": true, "password": "x"});
    assert!(browser.post("settings", filled(sent)).await.is_done());
    let user = site.user(ada).await;
    assert_eq!(
        (
            user.username.as_str(),
            user.name.as_str(),
            user.email.as_str(),
            &user.attributes["settings"]["locale"]
        ),
        ("Ada", "New Name", "new@example.test", &json!("de"))
    );
    assert_eq!((site.people().await, site.user(grace).await.name.as_str()), (before, "grace the person"));
    assert_eq!(browser.who().await.as_deref(), Some("Ada"), "the session goes on");
}

#[tokio::test]
async fn nobody_writes_an_account_by_its_name() {
    let site = Site::new().await;
    let who = site.make(IdentificationStage::DEF, json!({"name": "who2", "user_fields": ["username"]})).await;
    let stage = form(
        &site,
        "f",
        &[
            prompt(&site, "password", "password", json!({})).await,
            prompt(&site, "email", "email", json!({"required": false})).await,
        ],
        &[],
    )
    .await;
    let admin = site.person("admin", "pw").await;
    login_flow(&site).await;
    site.person("ada", "pw").await;
    for mode in ["never_create", "create_when_required"] {
        let save = write(&site, mode, json!({"user_creation_mode": mode})).await;
        site.flow(mode, "recovery", &[who, stage, save]).await;
        for signed in [false, true] {
            for name in ["admin", "nobody"] {
                let mut browser = if signed { signed_in(&site, "ada", "pw").await } else { site.browser() };
                browser.get(mode).await;
                browser.post(mode, json!({"component": "ak-stage-identification", "uid_field": name})).await;
                assert!(
                    browser
                        .post(mode, filled(json!({"password": "stolen", "email": "evil@example.test"})))
                        .await
                        .is_denied(),
                    "{mode} {name} {signed}"
                );
            }
        }
    }
    let user = site.user(admin).await;
    assert_eq!((user.email.as_str(), site.people().await), ("admin@example.test", 2));
    assert!(site.core.hasher.verify(Some(&user.password), &"pw".into()).await.unwrap());
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions_and_is_forgotten() {
    let site = Site::new().await;
    login_flow(&site).await;
    let fields = [
        prompt(&site, "password", "password", json!({"order": 1})).await,
        prompt(&site, "password_repeat", "password", json!({"order": 2})).await,
    ];
    let save = write(&site, "save", json!({"user_creation_mode": "never_create"})).await;
    let wait = site.make(DummyStage::DEF, json!({"name": "wait"})).await;
    site.flow("change", "stage_configuration", &[form(&site, "new", &fields, &[]).await, save, wait]).await;
    site.person("ada", "old").await;
    let (mut here, there) = (signed_in(&site, "ada", "old").await, signed_in(&site, "ada", "old").await);
    let seen = here.post("change", filled(json!({"password": "new-1", "password_repeat": "new-2"}))).await;
    assert_eq!(seen.error("non_field_errors"), "Passwords don't match.");
    assert_eq!(
        here.post("change", filled(json!({"password": "new-1", "password_repeat": "new-1"})))
            .await
            .component(),
        "ak-stage-dummy"
    );
    let kept = serde_json::to_string(&here.session().await.state).unwrap();
    assert!(!kept.contains("new-1"), "{kept}");
    assert!(here.who().await.is_some() && there.who().await.is_none());
    signed_in(&site, "ada", "new-1").await;
    // A stranger gets nowhere.
    assert!(
        site.browser()
            .post("change", filled(json!({"password": "x", "password_repeat": "x"})))
            .await
            .is_denied()
    );
}

#[tokio::test]
async fn an_enrolment_makes_one_account_and_signs_it_in() {
    let site = Site::new().await;
    let group = Group::new(&site.core.ports, "members");
    groups::insert(&site.core.db, &group, &[], &[]).await.unwrap();
    let fields = [
        prompt(&site, "username", "username", json!({})).await,
        prompt(&site, "password", "password", json!({})).await,
        prompt(&site, "attributes.plan", "dropdown", json!({"placeholder": "return ['free', {'value': 'pro', 'label': 'Pro'}]", "placeholder_expression": true})).await,
        prompt(&site, "attributes.from", "hidden", json!({"initial_value": "web"})).await,
        prompt(&site, "attributes.news", "checkbox", json!({})).await,
    ];
    let save = write(&site, "save", json!({"create_users_as_inactive": false, "create_users_group": group.id, "user_path_template": "people/web", "user_type": "internal"})).await;
    let login = site.make(UserLoginStage::DEF, json!({"name": "login"})).await;
    site.flow("enrol", "enrollment", &[form(&site, "f", &fields, &[]).await, save, login]).await;
    let mut browser = site.browser();
    let seen = browser.get("enrol").await;
    let plan = seen.json()["fields"]
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["field_key"] == "attributes.plan")
        .unwrap()
        .clone();
    assert_eq!(
        (&plan["choices"], &plan["initial_value"], &plan["placeholder"]),
        (
            &json!([{"value": "free", "label": "free"}, {"value": "pro", "label": "Pro"}]),
            &json!("free"),
            &json!("")
        )
    );
    let sent = |plan: &str| {
        filled(
            json!({"username": "new", "password": "pw", "attributes.plan": plan, "attributes.from": "mine", "attributes.news": "on"}),
        )
    };
    assert_eq!(
        browser.post("enrol", sent("gold")).await.error("attributes.plan"),
        "\"gold\" is not a valid choice."
    );
    assert!(browser.post("enrol", sent("pro")).await.is_done());
    assert_eq!(browser.who().await.as_deref(), Some("new"));
    let user = users::by_username(&site.core.db, "new").await.unwrap().unwrap();
    assert_eq!(
        (user.path.as_str(), user.user_type.as_str(), Json::Object(user.attributes.clone())),
        ("people/web", "internal", json!({"plan": "pro", "from": "web", "news": true}))
    );
    assert!(groups::direct_groups(&site.core.db, user.id).await.unwrap().iter().any(|g| g.id == group.id));
    // An inactive account is made and not signed in.
    let quiet = write(&site, "quiet", json!({"create_users_as_inactive": true})).await;
    let stage = form(&site, "g", &fields[..2], &[]).await;
    site.flow("quiet", "enrollment", &[stage, quiet, login]).await;
    let mut browser = site.browser();
    browser.get("quiet").await;
    let seen = browser.post("quiet", filled(json!({"username": "later", "password": "pw"}))).await;
    assert!(seen.is_denied(), "{seen:?}");
    assert!(
        !users::by_username(&site.core.db, "later").await.unwrap().unwrap().is_active
            && browser.who().await.is_none()
    );
    // Without anything typed there is nothing to write.
    site.flow("blank", "enrollment", &[save]).await;
    let seen = site.browser().get("blank").await;
    assert!(seen.is_denied() && seen.json()["error_message"] == "No Pending data.");
}

#[tokio::test]
async fn all_validation_policies_must_pass_and_a_failing_one_refuses() {
    let site = Site::new().await;
    let field = prompt(&site, "note", "text", json!({})).await;
    let yes =
        site.make(FixedPolicy::DEF, json!({"name": "yes", "sets": {"deny_message": "From a policy."}})).await;
    let no =
        site.make(FixedPolicy::DEF, json!({"name": "no", "answer": "fail", "message": "Too plain."})).await;
    let broken = site.make(FixedPolicy::DEF, json!({"name": "broken", "answer": "error"})).await;
    let end = site.make(DenyStage::DEF, json!({"name": "end", "deny_message": "From the stage."})).await;
    for (slug, policies) in [("good", vec![yes]), ("bad", vec![yes, no]), ("broken", vec![broken, yes])] {
        let stage = form(&site, slug, &[field], &policies).await;
        site.flow(slug, "stage_configuration", &[stage, end]).await;
    }
    let sent = filled(json!({"note": "x"}));
    assert_eq!(site.browser().post("bad", sent.clone()).await.error("non_field_errors"), "Too plain.");
    assert_eq!(
        site.browser().post("broken", sent.clone()).await.error("non_field_errors"),
        "The input was not accepted."
    );
    let seen = site.browser().post("good", sent).await;
    assert!(seen.is_denied() && seen.json()["error_message"] == "From a policy.");
}

#[tokio::test]
async fn a_form_that_demands_nothing_is_not_passed_by_an_answer_for_another() {
    let site = Site::new().await;
    let box_ = prompt(&site, "agree", "checkbox", json!({})).await;
    site.flow("f", "stage_configuration", &[form(&site, "s", &[box_], &[]).await]).await;
    let mut browser = site.browser();
    for sent in
        [json!({}), json!({"component": "ak-stage-password"}), json!({"component": "bogus", "agree": true})]
    {
        assert!(!browser.post("f", sent.clone()).await.is_done(), "{sent}");
    }
    assert!(browser.post("f", filled(json!({}))).await.is_done());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expressions_of_prompts_are_previewed_and_their_failure_refuses() {
    let site = Site::new().await;
    let ada = site.person("ada", "").await;
    let author = Principal::load(&site.core, ada).await.unwrap().unwrap();
    let base = json!({"name": "p", "field_key": "k", "label": "L", "type": "text", "required": true, "order": 0, "sub_text": "", "initial_value": "", "initial_value_expression": false, "placeholder": "", "placeholder_expression": true});
    let of = |text: &str| {
        let mut sent = base.clone();
        sent["placeholder"] = json!(text);
        serde_json::from_value::<Prompt>(sent).unwrap()
    };
    let client = Client::internal();
    let seen = preview(&site.core, &client, &author, &of("return user.username + '!'")).await.unwrap();
    let field = json!({"choices": null, "field_key": "k", "initial_value": "", "label": "L", "order": 0, "placeholder": "ada!", "required": true, "sub_text": "", "type": "text"});
    assert_eq!(seen, json!({"component": "ak-stage-prompt", "fields": [field]}));
    let shown = preview(&site.core, &client, &author, &of("return user")).await.unwrap();
    assert_eq!(shown["fields"][0]["placeholder"], "ada");
    for wrong in ["return (", "return missing", "return stage.name", "return request"] {
        let error = preview(&site.core, &client, &author, &of(wrong)).await.unwrap_err();
        assert!(
            matches!(&error, signet_base::Error::Invalid(fields) if fields.contains("non_field_errors")),
            "{wrong}: {error}"
        );
    }
    let broken = prompt(
        &site,
        "k",
        "text",
        json!({"initial_value": "return 1 / 0", "initial_value_expression": true}),
    )
    .await;
    site.flow("broken", "stage_configuration", &[form(&site, "s", &[broken], &[]).await]).await;
    assert!(site.browser().get("broken").await.is_denied());
    assert!(site.browser().post("broken", filled(json!({"k": "x"}))).await.is_denied());
}

#[tokio::test]
async fn consent_is_asked_remembered_and_asked_again() {
    let site = Site::new().await;
    login_flow(&site).await;
    site.person("ada", "pw").await;
    let application = site.make(Application::DEF, json!({"name": "App", "slug": "app"})).await;
    for mode in ["always_require", "permanent", "expiring"] {
        let stage = site
            .make(ConsentStage::DEF, json!({"name": mode, "mode": mode, "consent_expire_in": "minutes=5"}))
            .await;
        let wait = site.make(DummyStage::DEF, json!({"name": format!("wait-{mode}")})).await;
        site.flow(mode, "authorization", &[wait, stage]).await;
    }
    let mut browser = signed_in(&site, "ada", "pw").await;
    let context = |ids: &[&str]| {
        let permissions: Vec<Json> = ids.iter().map(|i| json!({"id": i, "name": i})).collect();
        json!({"application": application, "consent_header": "Hello", "consent_permissions": permissions})
            .as_object()
            .cloned()
    };
    async fn begin(browser: &mut Browser<'_>, mode: &str, seed: Option<signet_base::Map>) -> Seen {
        browser.seed = seed;
        browser.get(mode).await;
        browser.post(mode, json!({"component": "ak-stage-dummy"})).await
    }
    let agree = |seen: &Seen| json!({"component": "ak-stage-consent", "token": seen.json()["token"]});

    let seen = begin(&mut browser, "always_require", context(&["openid"])).await;
    assert_eq!(
        (seen.component(), &seen.json()["header_text"], &seen.json()["permissions"]),
        ("ak-stage-consent", &json!("Hello"), &json!([{"id": "openid", "name": "openid"}]))
    );
    // Nothing but the token that was issued last goes on; each wrong try gets a new one.
    let old = agree(&seen);
    for wrong in [
        json!({}),
        json!({"component": "ak-stage-consent"}),
        json!({"component": "ak-stage-consent", "token": ""}),
        json!({"component": "ak-stage-consent", "token": "x"}),
        old,
    ] {
        if wrong.get("token").is_some_and(|t| t.as_str().unwrap().len() > 1) {
            browser.get("always_require").await;
        }
        assert_eq!(browser.post("always_require", wrong).await.component(), "ak-stage-consent");
    }
    let seen = browser.get("always_require").await;
    assert!(browser.post("always_require", agree(&seen)).await.is_done());
    assert_eq!(
        begin(&mut browser, "always_require", context(&["openid"])).await.component(),
        "ak-stage-consent"
    );

    let seen = begin(&mut browser, "permanent", context(&["openid"])).await;
    assert!(browser.post("permanent", agree(&seen)).await.is_done());
    assert!(begin(&mut browser, "permanent", context(&["openid"])).await.is_done(), "remembered");
    browser.query = "prompt=consent".into();
    assert_eq!(begin(&mut browser, "permanent", context(&["openid"])).await.component(), "ak-stage-consent");
    browser.query.clear();
    begin(&mut browser, "always_require", None).await;
    let seen = begin(&mut browser, "permanent", context(&["openid", "email"])).await;
    assert_eq!(
        (&seen.json()["permissions"], &seen.json()["additional_permissions"]),
        (&json!([{"id": "openid", "name": "openid"}]), &json!([{"id": "email", "name": "email"}]))
    );
    assert!(browser.post("permanent", agree(&seen)).await.is_done());
    assert!(begin(&mut browser, "permanent", context(&["email", "openid"])).await.is_done());

    let seen = begin(&mut browser, "expiring", context(&["groups"])).await;
    assert!(browser.post("expiring", agree(&seen)).await.is_done());
    assert!(begin(&mut browser, "expiring", context(&["groups"])).await.is_done());
    site.clock.advance_secs(300);
    assert_eq!(
        begin(&mut browser, "expiring", context(&["groups"])).await.component(),
        "ak-stage-consent",
        "the agreement is over to the second"
    );
}

#[tokio::test]
async fn the_first_run_sets_the_first_administrators_password_once() {
    let site = Site::new().await;
    let admin = site.person("akadmin", "").await;
    let mut group = Group::new(&site.core.ports, "authentik Admins");
    group.is_superuser = true;
    groups::insert(&site.core.db, &group, &[], &[admin]).await.unwrap();
    let fields = [
        prompt(&site, "email", "email", json!({})).await,
        prompt(&site, "password", "password", json!({})).await,
    ];
    let save = write(&site, "save", json!({"user_creation_mode": "never_create"})).await;
    let login = site.make(UserLoginStage::DEF, json!({"name": "first"})).await;
    site.flow("initial-setup", "stage_configuration", &[form(&site, "f", &fields, &[]).await, save, login])
        .await;
    let (mut first, mut second) = (site.browser(), site.browser());
    assert_eq!(first.get("initial-setup").await.component(), "ak-stage-prompt");
    assert_eq!(second.get("initial-setup").await.component(), "ak-stage-prompt");
    let sent = |password: &str| {
        filled(json!({"email": "root@example.test", "password": password, "username": "evil"}))
    };
    assert!(first.post("initial-setup", sent("first-pw")).await.is_done());
    assert_eq!(first.who().await.as_deref(), Some("akadmin"));
    assert!(second.post("initial-setup", sent("second-pw")).await.is_denied());
    assert!(site.browser().get("initial-setup").await.is_denied());
    let user = site.user(admin).await;
    assert_eq!((user.username.as_str(), user.email.as_str()), ("akadmin", "root@example.test"));
    assert!(site.core.hasher.verify(Some(&user.password), &"first-pw".into()).await.unwrap());
    // Whatever is deleted later.
    users::delete(&site.core.db, admin).await.unwrap();
    assert!(site.browser().get("initial-setup").await.is_denied());
}

#[tokio::test]
async fn a_dummy_stage_told_to_fail_ends_with_an_error() {
    let site = Site::new().await;
    let stage = site.make(DummyStage::DEF, json!({"name": "d", "throw_error": true})).await;
    site.flow("d", "authentication", &[stage]).await;
    assert!(matches!(site.browser().get("d").await, Seen::Failed(_)));
}
