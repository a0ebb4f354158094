//! `/if/user/security/` over HTTP: everybody sees and changes what is theirs, and nothing else.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]
use http::{Method, StatusCode};
use signet_base::Uuid;
use signet_store::devices::{self, Device, DeviceKind};
use signet_store::{consents, sessions};
use signet_testkit::{App, Browser, each_database};

const PATH: &str = "/if/user/security/";

/// The form token of the page.
async fn token(browser: &mut Browser) -> String {
    let page = browser.get(PATH).await.text();
    let start = page.find("name=\"csrf\" value=\"").expect("a form") + "name=\"csrf\" value=\"".len();
    page[start..].split('"').next().unwrap().to_owned()
}

async fn device(app: &App, user: i64, name: &str) -> i64 {
    devices::insert(&app.core.db, &Device::new(&app.core.ports, DeviceKind::Totp, user, name)).await.unwrap()
}

#[tokio::test]
async fn strangers_sign_in_first_and_foreign_forms_change_nothing() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let answer = app.browser().get(PATH).await;
        assert_eq!(answer.status, StatusCode::FOUND);
        assert!(answer.location().starts_with("/flows/-/default/authentication/?next="));
        let ada = app.user("ada", "Engine-1843").await;
        // The device comes after the sign-in, which would ask for it.
        let mut browser = app.login("ada", "Engine-1843").await;
        let id = device(&app, ada.id, "phone").await;
        assert!(browser.get(PATH).await.text().contains("phone"));
        let wanted = [("act", "remove"), ("kind", "totp"), ("id", &id.to_string())];
        for csrf in [&[][..], &[("csrf", "")], &[("csrf", "guess")]] {
            let pairs: Vec<(&str, &str)> = wanted.iter().chain(csrf).copied().collect();
            let answer = browser.form(PATH, &pairs).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER);
        }
        assert!(devices::get(&app.core.db, DeviceKind::Totp, id).await.unwrap().is_some());
        // Nonsense is refused and named, never a fault of ours.
        let csrf = token(&mut browser).await;
        for (act, id) in [
            ("", ""),
            ("fly", "1"),
            ("remove", "x"),
            ("rename", "99999999999999999999"),
            ("sign_out", "1"),
            ("withdraw", "-"),
        ] {
            let status = browser
                .form(PATH, &[("csrf", &csrf), ("act", act), ("kind", "totp"), ("id", id)])
                .await
                .status;
            assert!(status.is_client_error(), "{act} {id}: {status}");
        }
        let status =
            browser.send(Method::POST, PATH, &[("content-type", "application/json")], "{").await.status;
        assert!(status.is_client_error());
        let long = "x".repeat(65);
        let name = format!("name-totp-{id}");
        for wrong in ["", "  ", long.as_str(), "a\u{0}b"] {
            let status = browser
                .form(
                    PATH,
                    &[
                        ("csrf", &csrf),
                        ("act", "rename"),
                        ("kind", "totp"),
                        ("id", &id.to_string()),
                        (&name, wrong),
                    ],
                )
                .await
                .status;
            assert!(status.is_client_error(), "{wrong:?}: {status}");
        }
        app.stop().await;
    })
    .await;
}

#[tokio::test]
async fn everybody_changes_what_is_theirs_and_nothing_else() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let db = &app.core.db;
        let (ada, eve) = (app.user("ada", "Engine-1843").await, app.user("eve", "Engine-1843").await);
        let consent = |user_id: i64| consents::Consent {
            id: 0,
            user_id,
            application: Uuid::from_u128(user_id as u128),
            permissions: "openid".into(),
            expires: None,
            created: app.core.now(),
        };
        let (own_consent, foreign_consent) = (
            consents::put(db, &consent(ada.id)).await.unwrap(),
            consents::put(db, &consent(eve.id)).await.unwrap(),
        );
        let mut browser = app.login("ada", "Engine-1843").await;
        let mut second = app.login("ada", "Engine-1843").await;
        let mut other = app.login("eve", "Engine-1843").await;
        // The devices come after the sign-ins, which would ask for them.
        let (own, foreign) =
            (device(&app, ada.id, "ada’s phone").await, device(&app, eve.id, "eve’s phone").await);
        let page = browser.get(PATH).await.text();
        assert!(page.contains("ada’s phone") && !page.contains("eve’s phone"));
        let csrf = token(&mut browser).await;
        let foreign_session = sessions::of_user(db, eve.id).await.unwrap()[0].uuid.to_string();
        // What belongs to somebody else is not there.
        for (act, id) in [
            ("remove", foreign.to_string()),
            ("rename", foreign.to_string()),
            ("sign_out", foreign_session),
            ("withdraw", foreign_consent.to_string()),
        ] {
            let status = browser
                .form(
                    PATH,
                    &[
                        ("csrf", &csrf),
                        ("act", act),
                        ("kind", "totp"),
                        ("id", &id),
                        (&format!("name-totp-{id}"), "mine"),
                    ],
                )
                .await
                .status;
            assert_eq!(status, StatusCode::NOT_FOUND, "{act}");
        }
        assert_eq!(devices::get(db, DeviceKind::Totp, foreign).await.unwrap().unwrap().name, "eve’s phone");
        assert!(consents::by_id(db, foreign_consent).await.unwrap().is_some());
        assert_eq!(other.get(PATH).await.status, StatusCode::OK);
        // A device of one kind is not found as another.
        assert_eq!(
            browser
                .form(PATH, &[("csrf", &csrf), ("act", "remove"), ("kind", "sms"), ("id", &own.to_string())])
                .await
                .status,
            StatusCode::NOT_FOUND
        );
        // What is theirs can be changed.
        let name = format!("name-totp-{own}");
        let answer = browser
            .form(
                PATH,
                &[
                    ("csrf", &csrf),
                    ("act", "rename"),
                    ("kind", "totp"),
                    ("id", &own.to_string()),
                    (&name, "<b>blue</b>"),
                ],
            )
            .await;
        assert_eq!(
            (answer.status, answer.location()),
            (StatusCode::SEE_OTHER, "/if/user/security/?done=renamed")
        );
        assert!(browser.get(PATH).await.text().contains("&lt;b&gt;blue&lt;/b&gt;"));
        browser
            .form(PATH, &[("csrf", &csrf), ("act", "remove"), ("kind", "totp"), ("id", &own.to_string())])
            .await;
        assert!(devices::get(db, DeviceKind::Totp, own).await.unwrap().is_none());
        browser.form(PATH, &[("csrf", &csrf), ("act", "withdraw"), ("id", &own_consent.to_string())]).await;
        assert!(consents::by_id(db, own_consent).await.unwrap().is_none());
        // The other sessions end at once, the own one and those of other people stay.
        browser.form(PATH, &[("csrf", &csrf), ("act", "sign_out_others")]).await;
        assert_eq!(second.get(PATH).await.status, StatusCode::FOUND);
        assert_eq!(
            (browser.get(PATH).await.status, other.get(PATH).await.status),
            (StatusCode::OK, StatusCode::OK)
        );
        app.stop().await;
    })
    .await;
}
