//! Links of recovery and enrolment emails, and what must not work with them.

use crate::site::{Seen, Site};
use signet_base::outbound::Mail;
use signet_base::{Json, Uuid, json};
use signet_model::Model;
use signet_stages::email::EmailStage;
use signet_stages::identification::IdentificationStage;
use signet_stages::prompt::{Prompt, PromptStage};
use signet_stages::redirect::RedirectStage;
use signet_stages::user_login::UserLoginStage;
use signet_stages::user_write::UserWriteStage;
use signet_store::users;
use std::time::Duration;

async fn password_form(site: &Site, name: &str) -> Uuid {
    let field = |key: &'static str, kind: &'static str| json!({"name": format!("{name}-{key}"), "field_key": key, "label": key, "type": kind, "required": true});
    let one = site.make(Prompt::DEF, field("password", "password")).await;
    let two = site.make(Prompt::DEF, field("password_repeat", "password")).await;
    site.make(PromptStage::DEF, json!({"name": name, "fields": [one, two]})).await
}

/// who → mail → new password → write → sign in
async fn recovery(site: &Site, slug: &str, extra: Json) -> Uuid {
    let mut settings =
        json!({"name": format!("{slug}-mail"), "use_global_settings": true, "subject": "Reset"});
    settings.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let who = site.make(IdentificationStage::DEF, json!({"name": format!("{slug}-who"), "user_fields": ["username", "email"], "show_matched_user": false})).await;
    let mail = site.make(EmailStage::DEF, settings).await;
    let form = password_form(site, &format!("{slug}-form")).await;
    let write = site
        .make(
            UserWriteStage::DEF,
            json!({"name": format!("{slug}-write"), "user_creation_mode": "never_create"}),
        )
        .await;
    let login = site.make(UserLoginStage::DEF, json!({"name": format!("{slug}-login")})).await;
    site.flow(slug, "recovery", &[who, mail, form, write, login]).await
}

/// The next letter; none within a moment.
pub async fn letter(site: &Site) -> Option<Mail> {
    for _ in 0..100 {
        let mut all = site.mail.take();
        assert!(all.len() < 2, "{all:?}");
        if let Some(mail) = all.pop() {
            return Some(mail);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    None
}
/// The query of the link in a letter.
fn link(mail: &Mail) -> String {
    let at = mail.text.find("https://").unwrap_or_else(|| panic!("{}", mail.text));
    let url = mail.text[at..].split_whitespace().next().unwrap();
    assert!(mail.html.contains("flow_token="));
    url.split_once('?').unwrap().1.to_owned()
}
async fn ask(site: &Site, slug: &str, name: &str) -> Seen {
    let mut browser = site.browser();
    browser.get(slug).await;
    let seen = browser.post(slug, json!({"uid_field": name})).await;
    assert_eq!(seen.component(), "ak-stage-email", "{seen:?}");
    seen
}
async fn ask_link(site: &Site, slug: &str, name: &str) -> String {
    ask(site, slug, name).await;
    link(&letter(site).await.unwrap())
}
/// The picture is drawn from what was typed.
fn without_picture(challenge: &Json) -> String {
    let mut challenge = challenge.clone();
    assert!(challenge.as_object_mut().unwrap().remove("pending_user_avatar").is_some());
    challenge.to_string()
}
const NEW: &str = "a brand new password 7";
fn new_password() -> Json {
    json!({"component": "ak-stage-prompt", "password": NEW, "password_repeat": NEW})
}
fn yes(seen: &Seen) -> Json {
    assert_eq!(seen.component(), "ak-stage-consent", "{seen:?}");
    json!({"component": "ak-stage-consent", "token": seen.json()["token"]})
}

#[tokio::test]
async fn a_link_in_another_browser_sets_a_new_password_once() {
    let site = Site::new().await;
    recovery(&site, "recover", json!({})).await;
    let ada = site.person("ada", "old").await;
    ask(&site, "recover", "ada").await;
    let mail = letter(&site).await.unwrap();
    assert_eq!(
        (mail.to.as_slice(), mail.subject.as_str(), mail.from.as_str()),
        (["ada@example.test".to_owned()].as_slice(), "Reset", "signet@localhost")
    );
    let query = link(&mail);
    // Programs that look at links open them, also twice, and post nothing or nonsense.
    for _ in 0..3 {
        let mut scanner = site.browser();
        scanner.query = query.clone();
        assert_eq!(scanner.get("recover").await.component(), "ak-stage-consent");
        assert_eq!(scanner.post("recover", json!({})).await.component(), "ak-stage-consent");
        assert_eq!(
            scanner
                .post("recover", json!({"component": "ak-stage-consent", "token": "x"}))
                .await
                .error("token"),
            "This field is required."
        );
        assert_eq!(scanner.post("recover", new_password()).await.component(), "ak-stage-consent");
        assert!(scanner.who().await.is_none());
    }
    let mut browser = site.browser();
    browser.query = query.clone();
    let question = browser.get("recover").await;
    let form = browser.post("recover", yes(&question)).await;
    assert_eq!(form.component(), "ak-stage-prompt", "{form:?}");
    // Reloading the link's address goes on with the run.
    assert_eq!(browser.get("recover").await.component(), "ak-stage-prompt");
    assert!(browser.post("recover", new_password()).await.is_done());
    assert_eq!(browser.who().await.as_deref(), Some("ada"));
    assert!(site.core.hasher.verify(Some(&site.user(ada).await.password), &NEW.into()).await.unwrap());
    // The same link again, here and elsewhere.
    assert!(browser.get("recover").await.is_denied());
    let mut other = site.browser();
    other.query = query;
    assert!(other.get("recover").await.is_denied());
    assert!(other.who().await.is_none());
}

#[tokio::test]
async fn nobody_learns_who_has_an_account() {
    let site = Site::new().await;
    recovery(&site, "recover", json!({"recovery_max_attempts": 3})).await;
    site.person("ada", "old").await;
    let gone = site.person("gone", "old").await;
    let mut user = site.user(gone).await;
    user.is_active = false;
    users::update(&site.core.db, &user, None, None, site.core.now()).await.unwrap();
    let mut seen = Vec::new();
    for name in ["ada", "nobody", "gone"] {
        let mut browser = site.browser();
        browser.get("recover").await;
        let mut steps = vec![browser.post("recover", json!({"uid_field": name})).await];
        for _ in 0..3 {
            steps.push(browser.post("recover", json!({"component": "ak-stage-email"})).await);
        }
        // A new run does not bring new mails.
        let mut again = site.browser();
        again.get("recover").await;
        steps.push(again.post("recover", json!({"uid_field": name})).await);
        seen.push(steps.iter().map(|s| without_picture(s.json()).replace(name, "X")).collect::<Vec<_>>());
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    assert!(
        seen[0][1].contains("\"code\":\"email-sent\"") && seen[0][2].contains("email-sent"),
        "{:?}",
        seen[0]
    );
    assert!(
        seen[0][3].contains("Too many mails were asked for") && seen[0][3].contains("ak-stage-email"),
        "{:?}",
        seen[0]
    );
    assert!(seen[0][4].contains("ak-stage-access-denied"), "{:?}", seen[0]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mails = site.mail.take();
    assert!(mails.len() == 3 && mails.iter().all(|m| m.to == ["ada@example.test"]), "{mails:?}");
    // After the windows (of the stage, and of the recipient) mails are sent again; another name of the
    // account shares its limit.
    site.clock.advance_secs(3601);
    for name in ["ada", "ADA@example.test", "ada", "ada@example.test"] {
        ask(&site, "recover", name).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(site.mail.take().len(), 3);
}

#[tokio::test]
async fn a_post_to_the_wrong_stage_sends_nothing() {
    let site = Site::new().await;
    recovery(&site, "recover", json!({})).await;
    site.person("ada", "old").await;
    let mut browser = site.browser();
    browser.get("recover").await;
    browser.post("recover", json!({"uid_field": "ada"})).await;
    letter(&site).await.unwrap();
    for sent in
        [json!({}), json!({"component": "ak-stage-prompt"}), new_password(), json!({"flow_token": "x"})]
    {
        assert_eq!(browser.post("recover", sent).await.component(), "ak-stage-email");
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(site.mail.take().is_empty());
}

#[tokio::test]
async fn links_end_with_their_time_at_the_moment_of_use() {
    let site = Site::new().await;
    recovery(&site, "recover", json!({"token_expiry": "minutes=30"})).await;
    site.person("ada", "old").await;
    let query = ask_link(&site, "recover", "ada").await;
    site.clock.advance_secs(1799);
    let mut browser = site.browser();
    browser.query = query.clone();
    let question = browser.get("recover").await;
    let answer = yes(&question);
    site.clock.advance_secs(1);
    assert!(browser.post("recover", answer).await.is_denied());
    let mut late = site.browser();
    late.query = query;
    assert!(late.get("recover").await.is_denied());
    assert!(late.who().await.is_none());
}

#[tokio::test]
async fn a_link_is_for_its_flow_and_its_person() {
    let site = Site::new().await;
    recovery(&site, "recover", json!({})).await;
    recovery(&site, "other", json!({})).await;
    site.person("ada", "old").await;
    site.person("bob", "bobs").await;
    let query = ask_link(&site, "recover", "ada").await;
    let mut wrong_flow = site.browser();
    wrong_flow.query = query.clone();
    assert!(wrong_flow.get("other").await.is_denied());
    for bad in ["flow_token=", "flow_token=x", &format!("flow_token={}", "A".repeat(5000)), "flow_token=%00"]
    {
        let mut browser = site.browser();
        browser.query = bad.to_owned();
        let seen = browser.get("recover").await;
        assert!(
            if bad == "flow_token=" {
                seen.component() == "ak-stage-identification"
            } else {
                seen.is_denied()
            },
            "{bad}: {seen:?}"
        );
    }
    // Bob is signed in, by his own link.
    let bobs = ask_link(&site, "recover", "bob").await;
    let mut bob = site.browser();
    bob.query = bobs;
    let question = bob.get("recover").await;
    bob.post("recover", yes(&question)).await;
    assert!(bob.post("recover", new_password()).await.is_done());
    bob.query = query.clone();
    assert!(bob.get("recover").await.is_denied());
    assert_eq!(bob.who().await.as_deref(), Some("bob"));
    // It was not used up by that.
    let mut ada = site.browser();
    ada.query = query;
    assert_eq!(ada.get("recover").await.component(), "ak-stage-consent");
}

#[tokio::test]
async fn an_own_link_cannot_be_turned_to_somebody_else() {
    let site = Site::new().await;
    recovery(&site, "recover", json!({})).await;
    site.person("mallory", "old").await;
    let victim = site.person("victim", "old").await;
    let query = ask_link(&site, "recover", "mallory").await;
    // The same browser has a run about the victim, and opens the link for another account.
    let mut browser = site.browser();
    browser.get("recover").await;
    browser.post("recover", json!({"uid_field": "victim"})).await;
    letter(&site).await.unwrap();
    browser.query = query;
    let question = browser.get("recover").await;
    assert_eq!(question.json()["pending_user"], "mallory");
    let form = browser.post("recover", yes(&question)).await;
    assert_eq!(form.component(), "ak-stage-prompt");
    let mut sent = new_password();
    sent["uid_field"] = json!("victim");
    sent["username"] = json!("victim");
    assert!(browser.post("recover", sent).await.is_done());
    assert_eq!(browser.who().await.as_deref(), Some("mallory"));
    assert!(!site.core.hasher.verify(Some(&site.user(victim).await.password), &NEW.into()).await.unwrap());
}

#[tokio::test]
async fn what_changed_at_the_account_ends_its_links() {
    let site = Site::new().await;
    recovery(&site, "recover", json!({"activate_user_on_success": true, "recovery_max_attempts": 100})).await;
    let ada = site.person("ada", "old").await;
    for change in ["inactive", "password", "email"] {
        let query = ask_link(&site, "recover", "ada").await;
        let mut early = site.browser();
        early.query = query.clone();
        let question = early.get("recover").await;
        site.clock.advance_secs(1);
        let mut user = site.user(ada).await;
        match change {
            "inactive" => user.is_active = false,
            "email" => user.email = "new@example.test".into(),
            _ => users::set_password(&site.core.db, ada, "!x", site.core.now()).await.unwrap(),
        }
        if change != "password" {
            users::update(&site.core.db, &user, None, None, site.core.now()).await.unwrap();
        }
        // Neither a question that is open already nor a new look at the link leads on.
        assert!(early.post("recover", yes(&question)).await.is_denied(), "{change}");
        let mut late = site.browser();
        late.query = query;
        let seen = late.get("recover").await;
        let seen = if change == "email" && !seen.is_denied() {
            late.post("recover", yes(&seen)).await
        } else {
            seen
        };
        assert!(seen.is_denied(), "{change}: {seen:?}");
        assert_eq!(
            site.user(ada).await.is_active,
            change != "inactive",
            "a link activates nobody whom somebody deactivated"
        );
        let mut user = site.user(ada).await;
        (user.is_active, user.email) = (true, "ada@example.test".into());
        users::update(&site.core.db, &user, None, None, site.core.now()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_open_one_link_one_goes_on() {
    let site = Site::new().await;
    recovery(&site, "recover", json!({})).await;
    site.person("ada", "old").await;
    let query = ask_link(&site, "recover", "ada").await;
    let mut browsers = Vec::new();
    for _ in 0..10 {
        let mut browser = site.browser();
        browser.query = query.clone();
        let question = browser.get("recover").await;
        let answer = yes(&question);
        browsers.push((browser, answer));
    }
    let mut went_on = 0;
    let mut all = Vec::new();
    for (browser, answer) in &mut browsers {
        all.push(browser.post("recover", answer.clone()));
    }
    for seen in crate::site::together(all).await {
        went_on += usize::from(!seen.is_denied() && seen.component() == "ak-stage-prompt");
    }
    assert_eq!(went_on, 1);
}

#[tokio::test]
async fn a_link_leads_on_into_another_flow() {
    let site = Site::new().await;
    let next = recovery(&site, "next", json!({})).await;
    let who = site.make(IdentificationStage::DEF, json!({"name": "who", "user_fields": ["username"]})).await;
    let mail = site.make(EmailStage::DEF, json!({"name": "mail", "use_global_settings": true})).await;
    let into = site
        .make(
            RedirectStage::DEF,
            json!({"name": "into", "mode": "flow", "target_flow": next, "keep_context": false}),
        )
        .await;
    site.flow("first", "authentication", &[who, mail, into]).await;
    site.person("ada", "old").await;
    let query = ask_link(&site, "first", "ada").await;
    let mut browser = site.browser();
    browser.query = format!("a=b&{query}");
    let question = browser.get("first").await;
    // The key of the link stays behind: it is for its own flow.
    assert!(
        matches!(browser.post("first", yes(&question)).await, Seen::Done(to) if to == "/if/flow/next/?a=b")
    );
    browser.query = "a=b".into();
    assert_eq!(
        browser.get("next").await.component(),
        "ak-stage-identification",
        "without the context nobody is known there"
    );
}

#[tokio::test]
async fn an_enrolment_is_active_once_its_address_is_confirmed() {
    let site = Site::new().await;
    let field = |key: &'static str, kind: &'static str| json!({"name": key, "field_key": key, "label": key, "type": kind, "required": true});
    let mut fields = Vec::new();
    for (key, kind) in [("username", "username"), ("email", "email"), ("password", "password")] {
        fields.push(site.make(Prompt::DEF, field(key, kind)).await);
    }
    let form = site.make(PromptStage::DEF, json!({"name": "form", "fields": fields})).await;
    let write = site
        .make(
            UserWriteStage::DEF,
            json!({"name": "write", "user_creation_mode": "always_create", "create_users_as_inactive": true}),
        )
        .await;
    let mail =
        site.make(EmailStage::DEF, json!({"name": "mail", "use_global_settings": true, "template": "email/account_confirmation.html", "activate_user_on_success": true})).await;
    let login = site.make(UserLoginStage::DEF, json!({"name": "login"})).await;
    site.flow("enrol", "enrollment", &[form, write, mail, login]).await;
    let mut browser = site.browser();
    browser.query = "next=%2Fif%2Fuser%2F%3Fa%3Db".into();
    browser.get("enrol").await;
    let sent = json!({"component": "ak-stage-prompt", "username": "new", "email": "new@example.test", "password": "pw"});
    assert_eq!(browser.post("enrol", sent).await.component(), "ak-stage-email");
    let new = users::by_username(&site.core.db, "new").await.unwrap().unwrap();
    assert!(!new.is_active);
    let mail = letter(&site).await.unwrap();
    assert!(mail.to == ["new@example.test"] && mail.text.contains("Confirm that this address is yours"));
    let query = link(&mail);
    assert!(query.contains("next="), "{query}");
    let mut other = site.browser();
    other.query = query;
    let question = other.get("enrol").await;
    let seen = other.post("enrol", yes(&question)).await;
    assert!(matches!(&seen, Seen::Done(to) if to == "/if/user/?a=b"), "{seen:?}");
    assert!(site.user(new.id).await.is_active);
    assert_eq!(other.who().await.as_deref(), Some("new"));
    // The first browser still waits; it does not get in by waiting.
    assert_eq!(
        browser.post("enrol", json!({"component": "ak-stage-email"})).await.component(),
        "ak-stage-email"
    );
    assert!(browser.who().await.is_none());
}

#[tokio::test]
async fn a_letter_leaves_an_event_whether_it_leaves_or_not() {
    let site = Site::new().await;
    recovery(&site, "recover", json!({})).await;
    site.person("ada", "old").await;
    ask_link(&site, "recover", "ada").await;
    let core = &site.core;
    site.mail.refuse(true);
    ask(&site, "recover", "ada").await;
    for (action, tries) in [("email_sent", 1), ("system_task_exception", 6)] {
        let mut found = Vec::new();
        for _ in 0..tries * 300 {
            let query = signet_store::ListQuery::default().equal("action", action);
            found = signet_store::events::list(&core.db, &query, None).await.unwrap().0;
            if !found.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            site.clock.advance_secs(10);
        }
        assert_eq!(found.len(), 1, "{action}");
    }
    assert!(letter(&site).await.is_none());
}
