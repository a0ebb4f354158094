//! What others plug into the sign-in: backends that judge passwords, sources, a captcha on the page of the
//! name.

use crate::site::Site;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use signet_base::{Json, Map, Result, json};
use signet_core::flow::Challenge;
use signet_core::password::{Accepted, Attempt, PasswordBackend};
use signet_core::source::{Begun, Exchange, LoginButton, Remote, SourceKind};
use signet_core::{Client, Core, Principal};
use signet_model::{Model, ModelDef, Object};
use signet_stages::captcha::CaptchaStage;
use signet_stages::identification::IdentificationStage;
use signet_stages::password::PasswordStage;
use signet_stages::user_login::UserLoginStage;
use signet_store::users;
use std::sync::Arc;

/// A directory in which everybody's password is the name read backwards; it names another person to whoever
/// says "other".
struct Directory;
#[async_trait]
impl PasswordBackend for Directory {
    fn name(&self) -> &'static str {
        "authentik.sources.ldap.auth.LDAPBackend"
    }
    async fn judge(&self, core: &Arc<Core>, attempt: &Attempt<'_>) -> Result<Option<Accepted>> {
        let backwards: String = attempt.username.chars().rev().collect();
        let name = match attempt.password.reveal() {
            "other" => "bob",
            password if password == backwards => attempt.username,
            _ => return Ok(None),
        };
        let Some(user) = users::by_username(&core.db, name).await? else { return Ok(None) };
        Ok(Some(Accepted {
            person: Principal::of(core, user).await?,
            backend: self.name(),
            method: "ldap",
            args: Map::new(),
        }))
    }
}

fn name(text: &str) -> Json {
    json!({"component": "ak-stage-identification", "uid_field": text})
}
fn secret(text: &str) -> Json {
    json!({"component": "ak-stage-password", "password": text})
}
async fn with_backends(site: &Site, backends: Json) {
    let who = site.make(IdentificationStage::DEF, json!({"name": "who", "user_fields": ["username"]})).await;
    let password = site.make(PasswordStage::DEF, json!({"name": "password", "backends": backends})).await;
    let login = site.make(UserLoginStage::DEF, json!({"name": "login"})).await;
    site.flow("login", "authentication", &[who, password, login]).await;
}

#[tokio::test]
async fn a_directory_judges_passwords_and_vouches_for_nobody_else() {
    let site = Site::with(&[], |families| {
        families.with_passwords([Arc::new(Directory) as Arc<dyn PasswordBackend>])
    })
    .await;
    with_backends(
        &site,
        json!(["authentik.core.auth.InbuiltBackend", "authentik.sources.ldap.auth.LDAPBackend"]),
    )
    .await;
    site.person("ada", "pw").await;
    site.person("bob", "pw").await;
    let gone = site.person("eve", "pw").await;
    let mut user = site.user(gone).await;
    user.is_active = false;
    users::update(&site.core.db, &user, None, None, site.core.now()).await.unwrap();
    for (who, password, signed_in) in [
        ("ada", "pw", true),
        ("bob", "bob", true),
        ("ada", "other", false),
        ("ada", "bob", false),
        ("nobody", "ydobon", false),
        ("eve", "eve", false),
    ] {
        let mut browser = site.browser();
        browser.get("login").await;
        browser.post("login", name(who)).await;
        let seen = browser.post("login", secret(password)).await;
        assert_eq!(seen.is_done(), signed_in, "{who} {password}: {seen:?}");
        assert_eq!(browser.who().await.is_some(), signed_in, "{who} {password}");
        if password == "bob" && signed_in {
            assert_eq!(browser.session().await.authentication().unwrap().method, "ldap");
        }
    }
}

/// Another place to sign in at.
#[derive(Debug, Clone, Model, Serialize, Deserialize)]
#[model(app = "test", path = "sources/elsewhere", base = Source, label = "Elsewhere", component = "x")]
struct ElsewhereSource {
    #[field(unique)]
    name: String,
    #[field(default = true)]
    enabled: bool,
}
struct Elsewhere;
#[async_trait]
impl SourceKind for Elsewhere {
    fn def(&self) -> &'static ModelDef {
        ElsewhereSource::DEF
    }
    fn login_button(&self, _: &Core, _: &Client, source: &Arc<Object>, query: &str) -> Option<LoginButton> {
        let me = source.get::<ElsewhereSource>()?;
        let to = format!("/source/{}/?{query}", me.name);
        me.enabled.then(|| LoginButton {
            name: me.name.clone(),
            icon_url: None,
            promoted: false,
            challenge: Challenge::new("xak-flow-redirect").with("to", to),
        })
    }
    fn connect_url(&self, slug: &str) -> String {
        slug.to_owned()
    }
    async fn begin(&self, _: &Exchange<'_>, _: &str) -> Result<Begun> {
        Err(signet_base::Error::NotFound)
    }
    async fn finish(&self, _: &Exchange<'_>, _: &Json, _: &[(String, String)]) -> Result<Remote> {
        Err(signet_base::Error::NotFound)
    }
}

#[tokio::test]
async fn sources_that_are_switched_on_are_offered_by_name() {
    let site = Site::with(&[ElsewhereSource::DEF], |families| {
        families.with_sources([Arc::new(Elsewhere) as Arc<dyn SourceKind>])
    })
    .await;
    let mut sources = Vec::new();
    for (source, enabled) in [("two", true), ("off", false), ("one", true)] {
        sources.push(site.make(ElsewhereSource::DEF, json!({"name": source, "enabled": enabled})).await);
    }
    let who = site
        .make(IdentificationStage::DEF, json!({"name": "who", "user_fields": [], "sources": sources}))
        .await;
    site.flow("login", "authentication", &[who]).await;
    let mut browser = site.browser();
    let shown = browser.get("login").await;
    let offered = &shown.json()["sources"];
    assert_eq!(
        (offered.as_array().unwrap().len(), &offered[0]["name"], &offered[1]["name"]),
        (2, &json!("one"), &json!("two"))
    );
    assert_eq!(offered[0]["challenge"], json!({"component": "xak-flow-redirect", "to": "/source/one/?"}));
    // Without a field for names, a typed one is nothing.
    assert_eq!(
        browser.post("login", name("ada")).await.error("non_field_errors"),
        "No identification data provided."
    );
}

#[tokio::test]
async fn a_captcha_on_the_page_comes_before_the_password_is_looked_at() {
    let site = Site::new().await;
    let captcha = site
        .make(CaptchaStage::DEF, json!({"name": "captcha", "public_key": "public", "private_key": "private"}))
        .await;
    let password = site.make(PasswordStage::DEF, json!({"name": "password", "backends": ["authentik.core.auth.InbuiltBackend"], "failed_attempts_before_cancel": 1})).await;
    let who = site.make(IdentificationStage::DEF, json!({"name": "who", "user_fields": ["username"], "password_stage": password, "captcha_stage": captcha})).await;
    let login = site.make(UserLoginStage::DEF, json!({"name": "login"})).await;
    site.flow("login", "authentication", &[who, login]).await;
    site.person("ada", "pw").await;
    let mut browser = site.browser();
    let shown = browser.get("login").await;
    let inner = &shown.json()["captcha_stage"];
    assert_eq!((&inner["component"], &inner["site_key"]), (&json!("ak-stage-captcha"), &json!("public")));
    assert!(!shown.json().to_string().contains("private"));
    let answer = |token: Option<&str>, text: &str| {
        let mut sent = name("ada");
        sent["password"] = json!(text);
        if let Some(token) = token {
            sent["captcha_token"] = json!(token);
        }
        sent
    };
    // Without a proof nothing is asked elsewhere, and no attempt is lost.
    assert_eq!(
        browser.post("login", answer(None, "wrong")).await.error("captcha_token"),
        "This field is required."
    );
    assert!(site.http.requests().is_empty());
    site.http.answer(200, r#"{"success": false}"#);
    assert!(
        browser
            .post("login", answer(Some("t"), "wrong"))
            .await
            .error("captcha_token")
            .contains("Invalid captcha")
    );
    // Nobody answers: refused.
    assert!(
        browser
            .post("login", answer(Some("t"), "pw"))
            .await
            .error("captcha_token")
            .contains("Invalid captcha")
    );
    assert!(browser.who().await.is_none() && site.core.metrics.failed_logins.get() == 0);
    site.http.answer(200, r#"{"success": true}"#);
    assert!(browser.post("login", answer(Some("t"), "pw")).await.is_done());
    assert_eq!(browser.who().await.as_deref(), Some("ada"));
}
