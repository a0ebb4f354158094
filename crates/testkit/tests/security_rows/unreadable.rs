//! Sessions whose stored state cannot be read: finding 29 of the attack.
use crate::site::each_site;
use signet_base::{Json, Map, Span, json};
use signet_core::session::has_ended;
use signet_core::{Client, Principal, WebSession, directory, login};
use signet_store::epoch::KeptSession;
use signet_store::sessions;

#[tokio::test(flavor = "multi_thread")]
async fn redteam_29_a_session_that_does_not_decode_ends() {
    each_site(|site| async move {
        let alice = site.user("alice", &[]).await;
        for broken in ["{\"binding\": 5}", "[]", "not json"] {
            let browser = site.browser().signed_in("alice").await;
            assert!(browser.is_signed_in().await);
            site.core
                .db
                .execute("UPDATE session SET data = ? WHERE user_id = ?", vec![broken.into(), alice.into()])
                .await
                .unwrap();
            assert!(!browser.is_signed_in().await, "{broken}");
            assert!(sessions::of_user(&site.core.db, alice).await.unwrap().is_empty(), "{broken}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redteam_29_a_state_that_cannot_be_read_ends_the_session_where_two_requests_are_merged() {
    each_site(|site| async move {
        let (core, client) = (&site.core, Client::internal());
        let alice = site.user("alice", &[]).await;
        for signs_in in [false, true] {
            for broken in [None, Some("{\"binding\": 5}"), Some("[]"), Some("not json")] {
                let browser = site.browser().signed_in("alice").await;
                let key = browser.cookie("authentik_session").await.unwrap();
                let cookies = format!("authentik_session={key}");
                let mut own = WebSession::load(core, &client, &cookies).await.unwrap();
                assert!(own.principal().is_some());
                // Another request of the same session is first.
                let mut other = WebSession::load(core, &client, &cookies).await.unwrap();
                other.state.asked.insert("other".into(), json!(1));
                other.touch();
                other.save(core, &client).await.unwrap();
                if let Some(broken) = broken {
                    let sql = "UPDATE session SET data = ? WHERE user_id = ?";
                    core.db.execute(sql, vec![broken.into(), alice.into()]).await.unwrap();
                }
                own.state.asked.insert("own".into(), json!(2));
                own.touch();
                if signs_in {
                    let person = Principal::load(core, alice).await.unwrap().unwrap();
                    login::sign_in(core, &client, &mut own, person, "password", Map::new(), Span::ZERO)
                        .await
                        .unwrap();
                }
                let saved = own.save(core, &client).await;
                let case = format!("{broken:?} {signs_in} {saved:?}");
                assert_eq!(saved.as_ref().err().is_some_and(has_ended), broken.is_some(), "{case}");
                if broken.is_some() {
                    assert!(!browser.is_signed_in().await, "{case}");
                    assert!(sessions::of_user(&core.db, alice).await.unwrap().is_empty(), "{case}");
                } else {
                    assert_eq!(
                        Json::Object(own.state.asked.clone()),
                        json!({"other": 1, "own": 2}),
                        "{case}"
                    );
                    // The former key went with the sign-in.
                    assert_eq!(browser.is_signed_in().await, !signs_in, "{case}");
                    directory::end_all(
                        core,
                        &signet_core::directory::Author::system(),
                        alice,
                        &KeptSession::default(),
                    )
                    .await
                    .unwrap();
                }
            }
        }
    })
    .await;
}
