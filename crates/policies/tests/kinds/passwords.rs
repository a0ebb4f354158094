//! Policies about passwords.
use crate::site::{BERLIN, Site, site};
use signet_base::{Json, Secret, json};
use signet_core::hash;
use signet_core::policy::Verdict;
use signet_model::Object;
use signet_policies::common_password::CommonPasswordPolicy;
use signet_policies::password::PasswordPolicy;
use signet_policies::password_expiry::PasswordExpiryPolicy;
use signet_policies::unique_password::UniquePasswordPolicy;
use signet_store::testdb::each_database;
use signet_store::{password_history, users};
use std::sync::Arc;

/// SHA-1 of "password".
const DIGEST: &str = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8";

async fn judge(site: &Site, policy: &Arc<Object>, password: &str) -> signet_base::Result<Verdict> {
    site.ask(policy, &site.client(BERLIN), json!({"prompt_data": {"password": password}})).await
}
async fn passes(site: &Site, policy: &Arc<Object>, password: &str) -> bool {
    judge(site, policy, password).await.unwrap().passing
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_password_is_found_in_the_form_or_in_the_context() {
    each_database(async |db| {
        let site = site(&db).await;
        let policy = site
            .policy::<PasswordPolicy>(
                json!({"length_min": 4, "error_message": "Longer!", "password_field": "pw"}),
            )
            .await;
        let client = site.client(BERLIN);
        let outcome = async |context: Json| site.ask(&policy, &client, context).await.unwrap();
        assert!(outcome(json!({"prompt_data": {"pw": "long enough"}})).await.passing);
        assert!(outcome(json!({"pw": "long enough"})).await.passing);
        assert!(
            !outcome(json!({"prompt_data": {"pw": "abc"}, "pw": "long enough"})).await.passing,
            "the form counts first"
        );
        assert_eq!(outcome(json!({"pw": "abc"})).await.messages, ["Longer!"]);
        for missing in [
            json!({}),
            json!({"prompt_data": {}}),
            json!({"prompt_data": "x"}),
            json!({"pw": 12345}),
            json!({"pw": null}),
            json!({"pw": ""}),
            json!({"password": "long enough"}),
        ] {
            let verdict = outcome(missing.clone()).await;
            assert_eq!(
                (verdict.passing, verdict.messages),
                (false, vec!["Password not set in context".to_owned()]),
                "{missing}"
            );
        }
        assert!(!outcome(json!({"pw": "x".repeat(10_000)})).await.passing);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn breaches_are_asked_for_by_five_letters_and_silence_refuses() {
    each_database(async |db| {
        let site = site(&db).await;
        let policy = site.policy::<PasswordPolicy>(json!({"check_static_rules": false, "check_have_i_been_pwned": true, "hibp_allowed_count": 2})).await;
        site.http.answer(200, &format!("0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n{}:3\r\n", &DIGEST[5..]));
        assert_eq!(judge(&site, &policy, "password").await.unwrap().messages, ["Password exists on 3 online lists."]);
        let asked = site.http.requests();
        assert_eq!(asked[0].url, "https://api.pwnedpasswords.com/range/5BAA6");
        assert!(!format!("{asked:?}").contains(&DIGEST[5..]), "the service learns the beginning only");
        site.http.answer(200, &format!("{}:2\r\n", &DIGEST[5..]));
        assert!(passes(&site, &policy, "password").await, "as often as is allowed");
        site.http.answer(200, "");
        assert!(passes(&site, &policy, "password").await);
        for status in [503, 429, 302] {
            site.http.answer(status, &DIGEST[5..]);
            assert!(judge(&site, &policy, "password").await.is_err(), "{status}");
        }
        assert!(judge(&site, &policy, "password").await.is_err(), "nobody answers");
        assert!(site.events("policy_exception").await.len() >= 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_breached_passwords_replaces_the_service() {
    each_database(async |db| {
        let others = (0..50_u32).map(|n| format!("{:040X}:5", u128::from(n) << 100));
        let mut lines: Vec<String> = others.chain([format!("{DIGEST}:9")]).collect();
        lines.sort();
        let site = Site::new(&db, false, &lines).await;
        let policy = site
            .policy::<PasswordPolicy>(json!({"check_static_rules": false, "check_have_i_been_pwned": true}))
            .await;
        assert_eq!(
            judge(&site, &policy, "password").await.unwrap().messages,
            ["Password exists on 9 online lists."]
        );
        assert!(passes(&site, &policy, "another one").await);
        assert!(site.http.requests().is_empty(), "nobody outside is asked");
        std::fs::remove_file(&site.core.settings.breached_passwords).unwrap();
        assert!(judge(&site, &policy, "another one").await.is_err(), "a file that is gone lets nothing pass");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn easily_guessed_and_well_known_passwords_are_refused_with_advice() {
    each_database(async |db| {
        let site = site(&db).await;
        let strong =
            site.policy::<PasswordPolicy>(json!({"check_zxcvbn": true, "zxcvbn_score_threshold": 2})).await;
        for weak in ["password", "ada@example.test", "abcdefgh", "aaaaaaaaaaaa"] {
            let verdict = judge(&site, &strong, weak).await.unwrap();
            assert!(!verdict.passing && !verdict.messages.is_empty(), "{weak}");
        }
        assert!(passes(&site, &strong, "quarrelsome otters paint 7 lighthouses").await);
        let never =
            site.policy::<PasswordPolicy>(json!({"check_zxcvbn": true, "zxcvbn_score_threshold": 4})).await;
        assert!(!passes(&site, &never, "quarrelsome otters paint 7 lighthouses").await);
        let common = site.policy::<CommonPasswordPolicy>(json!({})).await;
        for known in ["Password123", "qwerty!", "Summer2026"] {
            assert!(!passes(&site, &common, known).await, "{known}");
        }
        assert!(passes(&site, &common, "quarrelsome otters").await);
        let enrolled = json!({"prompt_data": {"password": "wilhelmina1", "username": "wilhelmina"}});
        assert!(!site.ask_about(&common, &site.client(BERLIN), enrolled, None).await.unwrap().passing);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn former_passwords_are_refused_up_to_their_number() {
    each_database(async |db| {
        let site = site(&db).await;
        let policy = site.policy::<UniquePasswordPolicy>(json!({"num_historical_passwords": 3})).await;
        let core = &site.core;
        for word in ["the second one", "the third one", "the fourth one"] {
            let hash = core.hasher.hash(Secret::new(word)).await.unwrap();
            users::set_password(&core.db, site.ada.user.id, &hash, core.now()).await.unwrap();
        }
        let ada = site.reload().await;
        let outcome = async |word: &str| {
            site.ask_about(
                &policy,
                &site.client(BERLIN),
                json!({"prompt_data": {"password": word}}),
                Some(&ada),
            )
            .await
            .unwrap()
            .passing
        };
        assert!(
            !outcome("the fourth one").await
                && !outcome("the third one").await
                && !outcome("the second one").await
        );
        assert!(outcome("the first one").await && outcome("something else").await);
        // No account yet, so no former passwords.
        assert!(
            site.ask_about(
                &policy,
                &site.client(BERLIN),
                json!({"prompt_data": {"password": "the fourth one"}}),
                None
            )
            .await
            .unwrap()
            .passing
        );
        assert_eq!(password_history::latest(&core.db, ada.user.id, 10).await.unwrap().len(), 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_password_is_refused_or_taken_away() {
    each_database(async |db| {
        let site = site(&db).await;
        let (gentle, strict) = (
            site.policy::<PasswordExpiryPolicy>(json!({"days": 90, "deny_only": true})).await,
            site.policy::<PasswordExpiryPolicy>(json!({"days": 90})).await,
        );
        let client = site.client(BERLIN);
        let outcome = async |policy: &Arc<Object>, client: &signet_core::Client| {
            let ada = site.reload().await;
            site.ask_about(policy, client, json!({}), Some(&ada)).await.unwrap()
        };
        assert!(outcome(&strict, &client).await.passing);
        site.clock.advance_secs(90 * 86_400 - 1);
        assert!(outcome(&strict, &client).await.passing);
        site.clock.advance_secs(1 + 2 * 86_400);
        assert_eq!(outcome(&gentle, &client).await.messages, ["Password has expired."]);
        assert!(hash::is_usable(&site.reload().await.user.password));
        let asked = signet_core::Client { dry_run: Some(site.core.now()), ..site.client(BERLIN) };
        assert!(!outcome(&strict, &asked).await.passing);
        assert!(hash::is_usable(&site.reload().await.user.password), "an explanation changes nothing");
        assert_eq!(
            outcome(&strict, &client).await.messages,
            ["Password expired 2 days ago. Please update your password."]
        );
        let gone = site.reload().await;
        assert!(!hash::is_usable(&gone.user.password));
        assert!(
            !outcome(&strict, &client).await.passing && !outcome(&gentle, &client).await.passing,
            "it stays refused"
        );
        let hash = site.core.hasher.hash("a new one".into()).await.unwrap();
        users::set_password(&site.core.db, gone.user.id, &hash, site.core.now()).await.unwrap();
        assert!(outcome(&strict, &client).await.passing);
        assert!(
            !site.ask_about(&strict, &client, json!({}), None).await.unwrap().passing,
            "nobody is not somebody with a good password"
        );
    })
    .await;
}
