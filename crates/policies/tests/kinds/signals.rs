//! Reputation, device trust, risk.
use crate::site::{BERLIN, NEW_YORK, NOWHERE, Site, site};
use signet_base::{Json, Span, json};
use signet_core::policy::Question;
use signet_core::{Client, device, reputation, risk};
use signet_policies::device_trust::DeviceTrustPolicy;
use signet_policies::reputation::ReputationPolicy;
use signet_policies::risk::RiskPolicy;
use signet_store::testdb::each_database;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reputation_is_judged_by_address_name_or_both() {
    each_database(async |db| {
        let site = site(&db).await;
        for _ in 0..3 {
            reputation::signal(&site.core, &site.client(BERLIN), "Ada ", -1).await;
        }
        let policy = async |sent: Json| site.policy::<ReputationPolicy>(sent).await;
        let both = policy(json!({"threshold": -3, "check_ip": true})).await;
        let ip = policy(json!({"threshold": -3, "check_ip": true, "check_username": false})).await;
        let name = policy(json!({"threshold": -3, "check_ip": false, "check_username": true})).await;
        assert!(site.says(&both, BERLIN).await && site.says(&both, NEW_YORK).await, "the name is enough");
        assert!(site.says(&ip, BERLIN).await && !site.says(&ip, NEW_YORK).await);
        assert!(site.says(&name, NEW_YORK).await);
        // A typed username has a reputation, whether or not it exists.
        let typed = async |name: &str| {
            let context = json!({"pending_user": {"id": null, "username": name}});
            site.ask_about(&both, &site.client(NEW_YORK), context, None).await.unwrap().passing
        };
        assert!(typed("ADA").await && !typed("nobody").await);
        reputation::signal(&site.core, &site.client(BERLIN), "ada", 1).await;
        assert!(!site.says(&both, BERLIN).await);
        // Dry runs do not count.
        let dry_run = Client { dry_run: Some(site.core.now()), ..site.client(BERLIN) };
        reputation::signal(&site.core, &dry_run, "ada", -5).await;
        assert!(!site.says(&both, BERLIN).await);
        for _ in 0..20 {
            reputation::signal(&site.core, &site.client(BERLIN), "ada", -1).await;
        }
        assert_eq!(
            reputation::score(&site.core, &site.client(BERLIN), Some("ada"), true).await.unwrap(),
            -5,
            "the limit of the settings"
        );
        site.clock.advance_secs(86_400);
        assert!(!site.says(&both, BERLIN).await, "scores are forgotten");
    })
    .await;
}

async fn assess(site: &Site, client: &Client) -> Vec<&'static str> {
    let context = signet_base::Map::new();
    let question =
        Question { core: &site.core, client, user: Some(&site.ada), context: &context, target: None };
    risk::assess(&question).await.unwrap().reasons.iter().map(|r| r.name).collect()
}

/// The browser after a sign-in that registered it.
async fn known(site: &Site, ip: [u8; 4]) -> Client {
    let client = site.client(ip);
    let (write, cookie) = device::remember(&site.core, &client, &site.ada.user, false, Span::DAY);
    site.core.db.batch(write).await.unwrap();
    let cookie = cookie.unwrap();
    let value = cookie.split(';').next().unwrap().split_once('=').unwrap().1.to_owned();
    Client { device: value, ..client }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn risk_has_reasons_and_is_worked_out_once_a_request() {
    each_database(async |db| {
        let site = site(&db).await;
        assert_eq!(assess(&site, &site.client(BERLIN)).await, ["new_device"]);
        let client = known(&site, BERLIN).await;
        site.core.db.batch(risk::sign_in_batch(&site.core, &client, &site.ada)).await.unwrap();
        assert!(assess(&site, &client).await.is_empty());
        let abroad =
            Client { ip: NEW_YORK.into(), decision_log: std::sync::Arc::default(), ..client.clone() };
        assert_eq!(assess(&site, &abroad).await, ["external_network", "new_country", "impossible_travel"]);
        assert_eq!(assess(&site, &site.client(NOWHERE)).await, ["external_network", "new_device"]);
        reputation::signal(&site.core, &client, "ada", -2).await;
        assert!(assess(&site, &client).await.is_empty(), "once a request");
        let next = Client { decision_log: std::sync::Arc::default(), ..client };
        assert_eq!(assess(&site, &next).await, ["reputation"]);
        let policy = site.policy::<RiskPolicy>(json!({"threshold": 50})).await;
        assert!(!site.ask(&policy, &next, json!({})).await.unwrap().passing);
        assert!(site.ask(&policy, &abroad, json!({})).await.unwrap().passing);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_is_trusted_for_its_person_only_and_for_a_while() {
    each_database(async |db| {
        let site = site(&db).await;
        let policy = site.policy::<DeviceTrustPolicy>(json!({})).await;
        let old = site.policy::<DeviceTrustPolicy>(json!({"minimum_age": "hours=1"})).await;
        let client = known(&site, BERLIN).await;
        let said = async |policy, client: &Client| site.ask(policy, client, json!({})).await.unwrap().passing;
        assert!(said(&policy, &client).await && !said(&old, &client).await);
        assert!(!said(&policy, &site.client(BERLIN)).await);
        for junk in ["x", "", "' OR 1=1", &"a".repeat(40), &"f".repeat(400)] {
            assert!(!said(&policy, &Client { device: junk.into(), ..site.client(BERLIN) }).await, "{junk}");
        }
        assert!(!site.ask_about(&policy, &client, json!({}), None).await.unwrap().passing);
        site.clock.advance_secs(3600);
        assert!(said(&old, &client).await);
        site.clock.advance_secs(86_400);
        assert!(!said(&policy, &client).await, "forgotten");
    })
    .await;
}
