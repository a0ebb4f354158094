//! Consent and its end.
use crate::app::App;
use crate::flows::finished;
use crate::site::each_site;
use http::{Method, StatusCode};
use signet_base::json;

#[tokio::test(flavor = "multi_thread")]
async fn row_23_a_consent_that_has_run_out_is_asked_for_again() {
    each_site(|site| async move {
        finished(&site).await;
        site.user("alice", &[]).await;
        let stage =
            site.find("authentik_stages_consent.consentstage", "default-provider-authorization-consent").pk;
        let set = site
            .admin()
            .await
            .json(
                Method::PATCH,
                &format!("/api/v3/stages/consent/{stage}/"),
                &json!({"mode": "expiring", "consent_expire_in": "hours=1"}),
            )
            .await;
        assert_eq!(set.status, StatusCode::OK, "{}", set.body);
        const FLOW: &str = "default-provider-authorization-explicit-consent";
        let app = App::new(&site, "app", json!({"authorization_flow": site.flow(FLOW)})).await;
        let browser = site.browser().signed_in("alice").await;
        for (wait, asks) in [(0, true), (0, false), (3599, false), (1, true), (0, false)] {
            site.clock.advance_secs(wait);
            let mut at = app.address(&[]);
            let mut answer = browser.get(&at).await;
            while answer.location().starts_with('/') {
                at = answer.location().to_owned();
                answer = browser.get(&at).await;
            }
            assert_eq!(answer.location().contains("code="), !asks, "{wait}: {at} {}", answer.location());
            if asks {
                let value = |name: &str| {
                    answer
                        .body
                        .split_once(&format!("name=\"{name}\" value=\""))
                        .unwrap_or_else(|| panic!("{}", answer.body))
                        .1
                        .split('"')
                        .next()
                        .unwrap()
                        .to_owned()
                };
                let sent = [
                    ("csrf", value("csrf")),
                    ("component", "ak-stage-consent".to_owned()),
                    ("token", value("token")),
                ];
                let sent: Vec<(&str, &str)> =
                    sent.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let mut answer = browser.form(&at, &sent).await;
                while answer.location().starts_with('/') {
                    answer = browser.get(answer.location()).await;
                }
                let way = format!("{} {}", answer.location(), answer.body);
                assert!(way.contains("https://app.example/cb?code="), "{way}");
            }
        }
    })
    .await;
}
