//! What an administrator forbids by the API is forbidden when the call has been answered.
use crate::app::{App, text};
use crate::flows::finished;
use crate::site::each_site;
use http::{Method, StatusCode};
use signet_base::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const ROUNDS: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_is_bound_counts_for_the_next_refresh_of_a_token() {
    each_site(|site| async move {
        finished(&site).await;
        site.user("alice", &[]).await;
        let browser = site.browser().signed_in("alice").await;
        let admin = site.admin().await;
        let created = async |path: &str, sent| {
            let made = admin.json(Method::POST, &format!("/api/v3/{path}/"), &sent).await;
            assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
            made.json()["pk"].clone()
        };
        // Others write configuration all the time, and everybody compares the counter.
        let over = Arc::new(AtomicBool::new(false));
        let noise: Vec<_> = (0..2)
            .map(|n| {
                let (site, over) = (site.clone(), over.clone());
                tokio::spawn(async move {
                    let mut count = 0;
                    while !over.load(Ordering::Relaxed) {
                        count += 1;
                        let name = format!("noise {n} {count}");
                        site.create("authentik_policies_dummy.dummypolicy", json!({"name": name})).await;
                        site.core.objects.refresh_if_stale().await.unwrap();
                    }
                })
            })
            .collect();
        for round in 0..ROUNDS {
            let name = format!("app{round}");
            let app = App::new(&site, &name, json!({})).await;
            let first = app.tokens(&browser).await;
            let open = app.refresh(text(&first, "refresh_token")).await;
            assert_eq!(open.status, StatusCode::OK, "{}", open.body);
            let sent = json!({"name": name, "expression": "return False"});
            let policy = created("policies/expression", sent).await;
            let sent = json!({"target": app.application.pk, "policy": policy, "order": 0});
            created("policies/bindings", sent).await;
            let denied = app.refresh(text(&open.json(), "refresh_token")).await;
            assert_eq!(denied.status, StatusCode::BAD_REQUEST, "round {round}: {}", denied.body);
        }
        over.store(true, Ordering::Relaxed);
        for task in noise {
            task.await.unwrap();
        }
    })
    .await;
}
