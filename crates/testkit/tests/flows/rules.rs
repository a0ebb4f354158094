//! What a flow and its bindings say: who may run it, when policies are asked, what follows a wrong answer.
use crate::site::{Browser, Site, each_site, map};
use signet_base::{Json, Uuid, json};
use signet_core::flow::{Executor, Reply, keys, plan};
use signet_core::models::Flow;
use signet_core::{Client, WebSession, setup};
use signet_store::{Author, Write, tokens, users};

async fn flow(site: &Site, slug: &str, more: Json) -> Uuid {
    let mut sent = json!({"name": slug, "slug": slug, "title": slug, "designation": "stage_configuration"});
    sent.as_object_mut().unwrap().extend(map(more));
    site.create("authentik_flows.flow", sent).await.pk
}
async fn bind(site: &Site, flow: Uuid, stage: Uuid, order: i64, more: Json) -> Uuid {
    let mut sent = json!({"target": flow, "stage": stage, "order": order});
    sent.as_object_mut().unwrap().extend(map(more));
    site.create("authentik_flows.flowstagebinding", sent).await.pbm().unwrap()
}
async fn dummy(site: &Site, name: &str) -> Uuid {
    site.create("authentik_stages_dummy.dummystage", json!({"name": name})).await.pk
}
async fn prompt(site: &Site, name: &str, field: &str, validation: &[Uuid]) -> Uuid {
    let field = site
        .create(
            "authentik_stages_prompt.prompt",
            json!({"name": name, "field_key": field, "label": field, "type": "text"}),
        )
        .await
        .pk;
    site.create(
        "authentik_stages_prompt.promptstage",
        json!({"name": name, "fields": [field], "validation_policies": validation}),
    )
    .await
    .pk
}
async fn shown(browser: &Browser, slug: &str) -> String {
    browser.challenge(slug).await.component()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_is_for_those_whom_its_level_names() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        site.user("alice", &[]).await;
        site.user("root", &[site.admins().await]).await;
        let machine = site.user("machine", &[]).await;
        let mut account = users::by_id(&site.core.db, machine).await.unwrap().unwrap();
        account.user_type = "internal_service_account".into();
        users::update(&site.core.db, &account, None, None, site.core.now()).await.unwrap();
        let ask = dummy(&site, "ask").await;
        for level in [
            "none",
            "require_authenticated",
            "require_unauthenticated",
            "require_superuser",
            "require_redirect",
            "require_outpost",
            "require_token",
        ] {
            let pk = flow(&site, &level.replace('_', "-"), json!({"authentication": level})).await;
            bind(&site, pk, ask, 0, json!({})).await;
        }
        let fits = |component: &str| component == "ak-stage-dummy";
        let (stranger, alice, root) =
            (site.browser(), site.browser().signed_in("alice").await, site.browser().signed_in("root").await);
        for (level, expected) in [
            ("none", [true, true, true]),
            ("require-authenticated", [false, true, true]),
            ("require-unauthenticated", [true, false, false]),
            ("require-superuser", [false, false, true]),
            ("require-redirect", [false, false, false]),
            ("require-outpost", [false, false, false]),
            ("require-token", [false, false, false]),
        ] {
            let seen = [shown(&stranger, level).await, shown(&alice, level).await, shown(&root, level).await];
            assert_eq!(seen.each_ref().map(|c| fits(c)), expected, "{level}: {seen:?}");
        }
        // An outpost says who it is by the key of its account; no other key and no other account will do.
        let key = |user: i64, intent: &'static str| {
            let site = &site;
            async move {
                let key = site.core.ports.alphanumeric(60);
                let token = tokens::Token::new(
                    site.core.ports.uuid(),
                    format!("key-{}", site.core.ports.hex(6)),
                    intent,
                    user,
                    site.core.now(),
                );
                tokens::insert(&site.core.db, &site.core.vault, &token, &key.as_str().into()).await.unwrap();
                key
            }
        };
        let (good, app, other) =
            (key(machine, "api").await, key(machine, "app_password").await, key(1, "api").await);
        for (key, expected) in [
            (good.as_str(), true),
            (app.as_str(), false),
            (other.as_str(), false),
            ("nonsense", false),
            ("", false),
        ] {
            let outpost = site.browser().header("x-authentik-outpost-token", key);
            assert_eq!(fits(&shown(&outpost, "require-outpost").await), expected, "{key}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_are_asked_while_planning_or_right_before_the_stage() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        let (first, second) = (prompt(&site, "first", "wants", &[]).await, dummy(&site, "second").await);
        let last = dummy(&site, "last").await;
        let wants = "return context.get('prompt_data', {}).get('wants') == 'yes'";
        for (slug, when) in [
            ("on-plan", json!({"evaluate_on_plan": true, "re_evaluate_policies": false})),
            ("before", json!({"evaluate_on_plan": false, "re_evaluate_policies": true})),
        ] {
            let pk = flow(&site, slug, json!({})).await;
            bind(&site, pk, first, 0, json!({})).await;
            let pbm = bind(&site, pk, second, 1, when).await;
            site.bind(pbm, wants).await;
            bind(&site, pk, last, 2, json!({})).await;
        }
        // Nobody had said anything when the plan was made; right before the stage they have.
        for (slug, said, name) in
            [("on-plan", "yes", "last"), ("before", "yes", "second"), ("before", "no", "last")]
        {
            let browser = site.browser();
            assert_eq!(shown(&browser, slug).await, "ak-stage-prompt");
            let next = browser.step(slug, &json!({"component": "ak-stage-prompt", "wants": said})).await;
            assert_eq!(next.json()["name"], name, "{slug} {said}: {}", next.body);
        }
        // A flow of which nothing is left is not for this person.
        let pk = flow(&site, "nothing-left", json!({})).await;
        let pbm = bind(&site, pk, second, 0, json!({"evaluate_on_plan": true})).await;
        site.bind(pbm, "return False").await;
        assert_eq!(shown(&site.browser(), "nothing-left").await, "ak-stage-access-denied");
        // What a policy of a stage sets is known to the next one.
        let pk = flow(&site, "sets", json!({})).await;
        let pbm = bind(&site, pk, second, 0, json!({"evaluate_on_plan": true})).await;
        site.bind(pbm, "context['flow_plan'].context['seen'] = 'yes'\nreturn True").await;
        let pbm = bind(&site, pk, last, 1, json!({"evaluate_on_plan": true})).await;
        site.bind(pbm, "return context.get('seen') == 'yes'").await;
        let browser = site.browser();
        assert_eq!(browser.challenge("sets").await.json()["name"], "second");
        assert_eq!(
            browser.step("sets", &json!({"component": "ak-stage-dummy"})).await.json()["name"],
            "last"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_answer_repeats_the_stage_or_begins_the_run_again() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        let right = site
            .create("authentik_policies_expression.expressionpolicy", json!({"name": "right", "expression": "return context['prompt_data'].get('second') == 'right'"}))
            .await
            .pk;
        let (first, second) = (prompt(&site, "first", "first", &[]).await, prompt(&site, "second", "second", &[right]).await);
        let kept = dummy(&site, "kept").await;
        for action in ["retry", "restart", "restart_with_context"] {
            let slug = action.replace('_', "-");
            let pk = flow(&site, &slug, json!({})).await;
            // Only shown where the run began with something.
            let pbm = bind(&site, pk, kept, 0, json!({})).await;
            site.bind(pbm, "return bool(context.get('prompt_data'))").await;
            bind(&site, pk, first, 1, json!({})).await;
            bind(&site, pk, second, 2, json!({"invalid_response_action": action})).await;
            let browser = site.browser();
            assert_eq!(browser.challenge(&slug).await.json()["fields"][0]["field_key"], "first", "{slug}");
            browser.step(&slug, &json!({"component": "ak-stage-prompt", "first": "x"})).await;
            let after = browser.step(&slug, &json!({"component": "ak-stage-prompt", "second": "wrong"})).await.json();
            match action {
                "retry" => assert!(after["fields"][0]["field_key"] == "second" && after["response_errors"].is_object(), "{after}"),
                "restart" => assert!(after["fields"][0]["field_key"] == "first" && after["response_errors"].is_null(), "{after}"),
                _ => assert_eq!(after["name"], "kept", "{after}"),
            }
        }
    })
    .await;
}

/// A run that the server began for a purpose of its own keeps its last step when it begins again.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_what_the_server_put_in() {
    each_site(|site| async move {
        let deny = site
            .create(
                "authentik_policies_expression.expressionpolicy",
                json!({"name": "never", "expression": "return False"}),
            )
            .await
            .pk;
        let ask = prompt(&site, "ask", "ask", &[deny]).await;
        let pk = flow(&site, "served", json!({})).await;
        bind(&site, pk, ask, 0, json!({"invalid_response_action": "restart"})).await;
        let core = &site.core;
        let client = Client::internal();
        let object = Executor::flow(core, "served").unwrap();
        let mut context = signet_core::flow::Context::default();
        context.set(&keys::CONSENT_HEADER, "from the server".to_owned());
        let mut made =
            plan::plan(core, &client, &object, None, context, false).await.unwrap().map_err(|_| ()).unwrap();
        made.append("authentik_stages_dummy.dummystage", Json::Null);
        let mut session = WebSession::anonymous();
        let mut run = Executor { core, client: &client, session: &mut session, query: "" };
        run.start(made);
        for _ in 0..3 {
            let sent = map(json!({"component": "ak-stage-prompt", "ask": "x"}));
            assert!(matches!(run.post(&object, &sent).await.unwrap(), Reply::Again));
            let plan = run.session.state.plan.as_ref().unwrap();
            assert_eq!((plan.stages.len(), plan.total), (2, 2));
            assert_eq!(plan.context.get(&keys::CONSENT_HEADER).as_deref(), Some("from the server"));
            assert!(plan.context.get(&keys::PROMPT_DATA).is_none());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn titles_name_the_person_where_they_can() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        site.user("alice", &[]).await;
        let ask = dummy(&site, "ask").await;
        let pk = flow(&site, "titled", json!({"title": "Hello %(user)s, 100%"})).await;
        bind(&site, pk, ask, 0, json!({})).await;
        assert_eq!(
            site.browser().challenge("titled").await.json()["flow_info"]["title"],
            "Hello %(user)s, 100%"
        );
        let alice = site.browser().signed_in("alice").await;
        assert_eq!(alice.challenge("titled").await.json()["flow_info"]["title"], "Hello alice, 100%");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_that_fails_is_told_by_a_number_and_to_administrators() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        let bad = site
            .create("authentik_stages_dummy.dummystage", json!({"name": "bad", "throw_error": true}))
            .await
            .pk;
        let pk = flow(&site, "fails", json!({})).await;
        bind(&site, pk, bad, 0, json!({})).await;
        let answer = site.browser().challenge("fails").await;
        let seen = answer.json();
        assert_eq!((&seen["component"], seen.get("error")), (&json!("ak-stage-flow-error"), None), "{seen}");
        let id = answer.headers.get("x-authentik-id").unwrap().to_str().unwrap();
        assert_eq!(seen["request_id"], id);
        let admin = site.admin().await;
        let events = admin.get("/api/v3/events/events/?action=system_exception").await.json();
        assert_eq!(events["results"][0]["context"]["request_id"], id, "{events}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_outlives_changes_and_a_removed_stage_denies() {
    each_site(|site| async move {
        setup::finish(&site.core).await.unwrap();
        let (one, two, three) =
            (dummy(&site, "one").await, dummy(&site, "two").await, dummy(&site, "three").await);
        let pk = flow(&site, "changing", json!({})).await;
        for (order, stage) in [one, two, three].into_iter().enumerate() {
            bind(&site, pk, stage, i64::try_from(order).unwrap(), json!({})).await;
        }
        let answer = json!({"component": "ak-stage-dummy"});
        let (early, looking) = (site.browser(), site.browser());
        assert_eq!(early.challenge("changing").await.json()["name"], "one");
        assert_eq!(early.step("changing", &answer).await.json()["name"], "two");
        assert_eq!(looking.challenge("changing").await.json()["name"], "one");
        site.core.objects.apply(vec![Write::Delete { pk: three }], &Author::system()).await.unwrap();
        let end = early.step("changing", &answer).await;
        assert_eq!(end.component(), "ak-stage-access-denied", "{}", end.body);
        // Plans are made from memory: the change counts at once, and there is no cache to clear. A run that
        // was only looked at is planned when its first answer comes.
        assert_eq!(looking.step("changing", &answer).await.json()["name"], "two");
        assert_eq!(looking.step("changing", &answer).await.component(), "xak-flow-redirect");
        assert!(site.core.config().find::<Flow>("slug", "changing").is_some());
    })
    .await;
}
