//! Policies about the client's address, location and time.
use crate::site::{BERLIN, NEW_YORK, NOWHERE, POTSDAM, Site, site};
use signet_base::json;
use signet_core::risk;
use signet_policies::geoip::GeoIPPolicy;
use signet_policies::network::NetworkPolicy;
use signet_policies::time_window::TimeWindowPolicy;
use signet_store::testdb::each_database;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn countries_and_networks_are_joined_by_or() {
    each_database(async |db| {
        let site = site(&db).await;
        let german = site.policy::<GeoIPPolicy>(json!({"countries": ["DE", "AT"]})).await;
        assert!(
            site.says(&german, BERLIN).await
                && !site.says(&german, NEW_YORK).await
                && !site.says(&german, NOWHERE).await
        );
        let either = site.policy::<GeoIPPolicy>(json!({"countries": ["AT"], "asns": [64497]})).await;
        assert!(!site.says(&either, BERLIN).await && site.says(&either, NEW_YORK).await);
        let said = site.ask(&either, &site.client(BERLIN), json!({})).await.unwrap();
        assert_eq!(
            said.messages,
            [
                "Client IP is not part of an allowed autonomous system.",
                "Client IP is not in an allowed country."
            ]
        );
        site.core
            .event(
                &site.client(BERLIN),
                None,
                signet_core::event::EventAction::Custom("seen".into()),
                "tests",
                json!({}),
            )
            .await
            .unwrap();
        let event = site.events("custom_seen").await.remove(0);
        assert_eq!(
            (&event.context["geo"]["city"], &event.context["asn"]["as_org"]),
            (&json!("Berlin"), &json!("Example Net")),
            "events tell the place"
        );
        let nothing = site.policy::<GeoIPPolicy>(json!({"countries": []})).await;
        assert!(site.says(&nothing, NOWHERE).await, "nothing is demanded");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn earlier_sign_ins_bound_distance_and_speed() {
    each_database(async |db| {
        let site = site(&db).await;
        let near = site.policy::<GeoIPPolicy>(json!({"countries": [], "check_history_distance": true})).await;
        let travel =
            site.policy::<GeoIPPolicy>(json!({"countries": [], "check_impossible_travel": true})).await;
        assert!(site.says(&near, NEW_YORK).await, "there is no history yet");
        site.core.db.batch(risk::sign_in_batch(&site.core, &site.client(BERLIN), &site.ada)).await.unwrap();
        assert!(
            site.says(&near, POTSDAM).await
                && !site.says(&near, NEW_YORK).await
                && !site.says(&near, NOWHERE).await
        );
        assert!(site.says(&travel, POTSDAM).await && !site.says(&travel, NEW_YORK).await);
        site.clock.advance_secs(8 * 3600);
        assert!(site.says(&travel, NEW_YORK).await && !site.says(&near, NEW_YORK).await);
        assert!(
            site.ask_about(&near, &site.client(NEW_YORK), json!({}), None).await.unwrap().passing,
            "a stranger has no history"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_database_the_policy_fails_and_says_why() {
    each_database(async |db| {
        let site = Site::new(&db, false, &[]).await;
        for sent in [
            json!({"countries": ["DE"]}),
            json!({"countries": [], "asns": [1]}),
            json!({"countries": [], "check_impossible_travel": true}),
        ] {
            let policy = site.policy::<GeoIPPolicy>(sent).await;
            let why = site.ask(&policy, &site.client(BERLIN), json!({})).await.unwrap_err().to_string();
            assert!(why.contains("there is no database of"), "{why}");
            // With `negate` it must not allow access.
            let application = site.guarded(json!({"policy": policy.pk, "negate": true})).await;
            let (verdict, traces) = site.use_it(&application, &site.client(BERLIN)).await;
            assert!(!verdict.passing && traces[0].error.is_some());
        }
        let events = site.events("policy_exception").await;
        assert!(
            events.iter().all(|e| e.app == "authentik.policies.geoip"
                && e.context["message"].as_str().unwrap().contains("no database"))
                && events.len() >= 6
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_database_is_read_and_a_broken_one_is_not() {
    let db = signet_store::testdb::sqlite().await;
    let site = site(&db).await;
    let path = &site.core.settings.geoip_city;
    let german = site.policy::<GeoIPPolicy>(json!({"countries": ["DE"]})).await;
    assert!(site.says(&german, BERLIN).await);
    let whole = std::fs::read(path).unwrap();
    for length in [0, 1, 10, whole.len() / 2, whole.len() - 1] {
        std::fs::write(path, &whole[..length]).unwrap();
        site.core.geoip.refresh();
        // Loaded databases stay in use; a damaged file must not cause a panic.
        let _ = site.ask(&german, &site.client(BERLIN), json!({})).await;
    }
    std::fs::remove_file(path).unwrap();
    site.core.geoip.refresh();
    std::fs::write(path, &whole).unwrap();
    site.core.geoip.refresh();
    assert!(site.says(&german, BERLIN).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn networks_and_times_of_day() {
    each_database(async |db| {
        let site = site(&db).await;
        let office =
            site.policy::<NetworkPolicy>(json!({"networks": ["192.0.2.0/25", "2001:db8::/32"]})).await;
        assert!(site.says(&office, BERLIN).await && !site.says(&office, POTSDAM).await);
        // The clock is at Tuesday, 10:00 UTC.
        let open = site
            .policy::<TimeWindowPolicy>(json!({"days": ["tuesday"], "start": "09:00", "end": "11:00"}))
            .await;
        let tokyo = site
            .policy::<TimeWindowPolicy>(json!({"start": "09:00", "end": "11:00", "timezone": "Asia/Tokyo"}))
            .await;
        let over = site.policy::<TimeWindowPolicy>(json!({"valid_until": "2026-11-24T10:00:00Z"})).await;
        assert!(
            site.says(&open, BERLIN).await
                && !site.says(&tokyo, BERLIN).await
                && !site.says(&over, BERLIN).await
        );
        site.clock.advance_secs(3600);
        assert!(!site.says(&open, BERLIN).await);
    })
    .await;
}
