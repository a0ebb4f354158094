//! What people type between two steps is in no row in the clear.
use crate::site::each_site;
use signet_base::json;
use signet_core::setup;

#[tokio::test(flavor = "multi_thread")]
async fn typed_passwords_are_sealed_in_the_session() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        let field = |name: &'static str, kind: &'static str| json!({"name": name, "field_key": name, "label": name, "type": kind});
        let mut fields = Vec::new();
        for (name, kind) in [("username", "username"), ("password", "password"), ("pin", "password")] {
            fields.push(site.create("authentik_stages_prompt.prompt", field(name, kind)).await.pk);
        }
        site.create("authentik_stages_prompt.promptstage", json!({"name": "who", "fields": fields})).await;
        site.create("authentik_stages_dummy.dummystage", json!({"name": "wait"})).await;
        site.create("authentik_stages_user_write.userwritestage", json!({"name": "make", "user_creation_mode": "always_create"})).await;
        site.flow_of("enrol", &[("who", None), ("wait", None), ("make", None)]).await;
        let browser = site.browser();
        browser.challenge("enrol").await;
        let typed = "typed between two steps 5";
        let next = browser.step("enrol", &json!({"component": "ak-stage-prompt", "username": "newcomer", "password": typed, "pin": typed})).await;
        assert_eq!(next.component(), "ak-stage-dummy", "{}", next.body);
        // Steps of a flow are written without waiting.
        let mut all: Vec<String> = Vec::new();
        for _ in 0..100 {
            let rows = site.core.db.query("SELECT data FROM session", vec![]).await.unwrap();
            all = rows.iter().map(|r| r.json(0).unwrap().to_string()).collect();
            if !all.is_empty() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert!(all.iter().any(|row| row.contains("v1:")) && !all.iter().any(|row| row.contains(typed) || row.contains("newcomer")), "{all:?}");
        // The run knows it all the same.
        assert_eq!(browser.step("enrol", &json!({"component": "ak-stage-dummy"})).await.component(), "xak-flow-redirect");
        assert_eq!(site.browser().log_in("newcomer", typed).await.component(), "xak-flow-redirect");
    })
    .await;
}
