//! The policy engine: limits, caching, decision log, explanations.
use crate::site::{BERLIN, NEW_YORK, Site, map, site};
use signet_base::{Map, Timestamp, json};
use signet_core::directory;
use signet_core::explain::{self, ExplainRequest};
use signet_core::models::{Application, Flow, FlowStageBinding, PolicyBinding};
use signet_core::policy::{self, Question};
use signet_core::system::SystemSettings;
use signet_core::{Client, access};
use signet_model::Model;
use signet_policies::dummy::DummyPolicy;
use signet_policies::expression::ExpressionPolicy;
use signet_policies::network::NetworkPolicy;
use signet_policies::time_window::TimeWindowPolicy;
use signet_store::testdb::each_database;
use signet_store::{Author, Write, events, logins, users};
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_takes_too_long_denies_unless_its_binding_says_otherwise() {
    each_database(async |db| {
        let site = site(&db).await;
        let slow = site.policy::<DummyPolicy>(json!({"result": true, "wait_min": 30, "wait_max": 30})).await;
        for (failure_result, negate) in [(false, false), (false, true), (true, false), (true, true)] {
            let application = site.guarded(json!({"policy": slow.pk, "timeout": 1, "failure_result": failure_result, "negate": negate})).await;
            let (verdict, traces) = site.use_it(&application, &site.client(BERLIN)).await;
            assert_eq!(verdict.passing, failure_result, "negation does not turn a failure round");
            assert!(traces[0].error.as_ref().unwrap().contains("longer than 1 s"));
        }
        assert_eq!(site.events("policy_exception").await.len(), 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bindings_that_are_off_or_over_are_ignored() {
    each_database(async |db| {
        let site = site(&db).await;
        let no = site.policy::<ExpressionPolicy>(json!({"expression": "return False"})).await;
        let application = site.guarded(json!({"policy": no.pk, "enabled": false})).await;
        assert!(site.use_it(&application, &site.client(BERLIN)).await.0.passing);
        let ends = site.core.now().plus_secs(60);
        let binding = json!({"policy": no.pk, "target": application.pk, "order": 1});
        site.make_with(PolicyBinding::DEF, binding, &[("expires", json!(ends))]).await;
        assert!(!site.use_it(&application, &site.client(BERLIN)).await.0.passing);
        site.clock.advance_secs(60);
        let (verdict, traces) = site.use_it(&application, &site.client(BERLIN)).await;
        assert!(!verdict.passing && traces.is_empty(), "an access that ended is nobody's, not everybody's");
        let yes = site.policy::<ExpressionPolicy>(json!({"expression": "return True"})).await;
        site.make(PolicyBinding::DEF, json!({"policy": yes.pk, "target": application.pk, "order": 2})).await;
        assert!(
            site.use_it(&application, &site.client(BERLIN)).await.0.passing,
            "the one that is over does not count"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn applications_without_bindings_are_everybodys_unless_the_settings_close_them() {
    each_database(async |db| {
        let site = site(&db).await;
        let application = site.make(Application::DEF, json!({"name": "Wiki", "slug": "wiki"})).await;
        assert!(site.use_it(&application, &site.client(BERLIN)).await.0.passing);
        let closed = |system: &SystemSettings| {
            let mut system = system.clone();
            system.flags.insert("core_default_app_access".into(), json!(false));
            Ok(system)
        };
        site.core.set_system(&directory::Author::system(), closed).await.unwrap();
        assert!(!site.use_it(&application, &site.client(BERLIN)).await.0.passing);
        site.make(
            PolicyBinding::DEF,
            json!({"user": site.ada.user.id, "target": application.pk, "order": 0}),
        )
        .await;
        assert!(site.use_it(&application, &site.client(BERLIN)).await.0.passing);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_kept_until_anything_it_follows_from_changes() {
    each_database(async |db| {
        let site = site(&db).await;
        let core = &site.core;
        let policy = site
            .policy::<ExpressionPolicy>(
                json!({"expression": "return ak_is_group_member(request.user, name='staff')"}),
            )
            .await;
        let application = site.guarded(json!({"policy": policy.pk})).await;
        let client = site.client(BERLIN);
        let asked = async |client: &Client| {
            let (verdict, traces) = site.use_it(&application, client).await;
            (verdict.passing, traces[0].kept)
        };
        assert_eq!(asked(&client).await, (true, false));
        assert_eq!(asked(&client).await, (true, true));
        assert_eq!(core.answers.count(core.now()), 1);
        assert_eq!(asked(&site.client(NEW_YORK)).await, (true, false), "another address");
        let dry_run = Client { dry_run: Some(core.now()), ..client.clone() };
        assert_eq!(asked(&dry_run).await, (true, false), "an explanation asks anew");
        member(&site, false).await;
        assert_eq!(asked(&client).await, (false, false), "a membership");
        member(&site, true).await;
        assert_eq!(asked(&client).await, (true, true), "the same again");
        core.answers.clear();
        assert_eq!(asked(&client).await, (true, false), "cleared");
        site.clock.advance_secs(299);
        assert_eq!(asked(&client).await, (true, true));
        site.clock.advance_secs(1);
        assert_eq!(asked(&client).await, (true, false), "too old");
        let mut ada = site.reload().await.user.as_ref().clone();
        ada.name = "Ada L.".into();
        users::update(&core.db, &ada, None, None, core.now().plus_secs(1)).await.unwrap();
        assert_eq!(asked(&client).await, (true, false), "the account");
        let mut data = policy.data.clone();
        data.insert("expression".into(), json!("return False"));
        let write = Write::Update { pk: policy.pk, data, secrets: policy.secrets.clone(), version: None };
        core.objects.apply(vec![write], &Author::system()).await.unwrap();
        assert_eq!(asked(&client).await, (false, false), "the policy itself");
        // Results with a context are not cached.
        let context = map(json!({"oauth_scopes": ["openid"]}));
        for _ in 0..2 {
            let (_, traces) =
                access::explain_use(core, &client, &site.reload().await, &application, &context)
                    .await
                    .unwrap();
            assert!(!traces[0].kept);
        }
        // Nor are results that depend on the time.
        let moment =
            site.policy::<ExpressionPolicy>(json!({"expression": "return context.get('x', True)"})).await;
        let application = site.guarded(json!({"policy": moment.pk})).await;
        for _ in 0..2 {
            assert!(!site.use_it(&application, &client).await.1[0].kept);
        }
    })
    .await;
}

/// Adds Ada to the group "staff", or removes her.
async fn member(site: &Site, is: bool) {
    let (db, ada) = (&site.core.db, site.ada.user.id);
    if is {
        users::join_group(db, ada, site.staff).await
    } else {
        users::leave_group(db, ada, site.staff).await
    }
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_are_recorded_where_the_policy_asks_for_it() {
    each_database(async |db| {
        let site = site(&db).await;
        let quiet = site.policy::<NetworkPolicy>(json!({"networks": ["192.0.2.0/24"]})).await;
        let loud = site
            .policy::<NetworkPolicy>(json!({"networks": ["192.0.2.0/24"], "execution_logging": true}))
            .await;
        assert!(
            site.says(&quiet, BERLIN).await
                && site.says(&loud, BERLIN).await
                && !site.says(&loud, NEW_YORK).await
        );
        let events = site.events("policy_execution").await;
        assert_eq!(
            events.iter().map(|e| e.context["passing"].as_bool().unwrap()).collect::<Vec<_>>(),
            [false, true]
        );
        assert_eq!(events[0].context["policy"]["pk"], json!(loud.pk.simple().to_string()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_found_by_its_request_with_what_every_policy_said() {
    each_database(async |db| {
        let site = site(&db).await;
        let no = site
            .policy::<ExpressionPolicy>(json!({"expression": "ak_message('Not you.')\nreturn False"}))
            .await;
        let application = site.guarded(json!({"policy": no.pk})).await;
        let client = site.client(BERLIN);
        assert!(!site.use_it(&application, &client).await.0.passing);
        site.core.event_denied(&client, Some(&site.ada), application.name(), "Not you.").await;
        let found = logins::refusals(&db, &client.request_id).await.unwrap();
        let event = events::by_id(&db, found[0]).await.unwrap().unwrap();
        let decision = &event.context["decisions"][0];
        assert_eq!((&decision["name"], &decision["passing"]), (&json!(application.name()), &json!(false)));
        assert_eq!(
            (&decision["bindings"][0]["name"], &decision["bindings"][0]["messages"]),
            (&json!(no.name()), &json!(["Not you."]))
        );
        assert!(logins::refusals(&db, "another").await.unwrap().is_empty());
    })
    .await;
}

fn wanted(site: &Site, target: &Arc<signet_model::Object>, ip: [u8; 4], at: &str) -> ExplainRequest {
    let at = Timestamp::parse(at).unwrap();
    ExplainRequest {
        person: Some(site.ada.clone()),
        target: target.clone(),
        ip: ip.into(),
        device: String::new(),
        user_agent: String::new(),
        at,
        context: Map::new(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_is_explained_for_an_address_and_a_time() {
    each_database(async |db| {
        let site = site(&db).await;
        let network = site.policy::<NetworkPolicy>(json!({"networks": ["192.0.2.0/24"]})).await;
        let hours = site.policy::<TimeWindowPolicy>(json!({"start": "09:00", "end": "17:00"})).await;
        let broken = site.policy::<ExpressionPolicy>(json!({"expression": "return 1 / 0"})).await;
        let application = site
            .make(Application::DEF, json!({"name": "Wiki", "slug": "wiki", "policy_engine_mode": "all"}))
            .await;
        for (order, policy) in [&network, &hours].iter().enumerate() {
            site.make(
                PolicyBinding::DEF,
                json!({"policy": policy.pk, "target": application.pk, "order": order}),
            )
            .await;
        }
        let base = site.client(BERLIN);
        let explained = async |ip, at| {
            explain::explain(&site.core, &base, &wanted(&site, &application, ip, at)).await.unwrap()
        };
        let day = explained(BERLIN, "2026-11-24T12:00:00Z").await;
        assert!(
            day.passing
                && day.reason == "All 2 bindings pass."
                && day.decisions.len() == 1
                && day.decisions[0].traces.len() == 2
        );
        let night = explained(BERLIN, "2026-11-24T23:00:00Z").await;
        assert_eq!(
            (night.passing, night.reason),
            (false, format!("All bindings must pass, and these do not: {}.", hours.name()))
        );
        let away = explained(NEW_YORK, "2026-11-24T12:00:00Z").await;
        assert!(
            !away.passing
                && away.risk.unwrap()["reasons"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|r| r["name"] == "external_network")
        );
        site.make(PolicyBinding::DEF, json!({"policy": broken.pk, "target": application.pk, "order": 9}))
            .await;
        let failed = explained(BERLIN, "2026-11-24T12:00:00Z").await;
        assert!(!failed.passing && failed.reason.contains("failed:"), "{}", failed.reason);
        assert!(site.events("policy_exception").await.is_empty(), "asking leaves no trace in the log");
        // An anonymous user, and a deactivated one.
        let nobody =
            ExplainRequest { person: None, ..wanted(&site, &application, BERLIN, "2026-11-24T12:00:00Z") };
        assert!(!explain::explain(&site.core, &base, &nobody).await.unwrap().passing);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_is_explained_stage_by_stage() {
    each_database(async |db| {
        let site = site(&db).await;
        let flow = site.make(Flow::DEF, json!({"name": "f", "slug": "f", "title": "F", "designation": "authentication", "authentication": "require_superuser"})).await;
        let base = site.client(BERLIN);
        let refused = explain::explain(&site.core, &base, &wanted(&site, &flow, BERLIN, "2026-11-24T12:00:00Z")).await.unwrap();
        assert_eq!((refused.passing, refused.reason.as_str()), (false, "The flow is for superusers."));
        let flow = site.make(Flow::DEF, json!({"name": "g", "slug": "g", "title": "G", "designation": "authentication"})).await;
        let open = explain::explain(&site.core, &base, &wanted(&site, &flow, BERLIN, "2026-11-24T12:00:00Z")).await.unwrap();
        assert!(open.passing && open.stages.is_empty());
        assert!(FlowStageBinding::DEF.bindable);
        let network = site.policy::<NetworkPolicy>(json!({"networks": ["192.0.2.0/24"]})).await;
        site.make(PolicyBinding::DEF, json!({"policy": network.pk, "target": flow.pbm().unwrap(), "order": 0})).await;
        let away = explain::explain(&site.core, &base, &wanted(&site, &flow, NEW_YORK, "2026-11-24T12:00:00Z")).await.unwrap();
        assert!(!away.passing && away.messages == ["Your network is not an allowed one."]);
        // Explanations name groups the user is not a member of.
        let others = signet_store::groups::Group::new(&site.core.ports, "others");
        signet_store::groups::insert(&db, &others, &[], &[]).await.unwrap();
        site.make(PolicyBinding::DEF, json!({"group": others.id, "target": flow.pbm().unwrap(), "order": 1})).await;
        let away = explain::explain(&site.core, &base, &wanted(&site, &flow, NEW_YORK, "2026-11-24T12:00:00Z")).await.unwrap();
        assert_eq!(away.reason, format!("No binding passes: {}, others.", network.name()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_modes_and_negation_over_several_bindings() {
    each_database(async |db| {
        let site = site(&db).await;
        let (yes, no) = (
            site.policy::<ExpressionPolicy>(json!({"expression": "return True"})).await,
            site.policy::<ExpressionPolicy>(json!({"expression": "return False"})).await,
        );
        for (bindings, any, all) in [
            (vec![(&yes, false), (&no, false)], true, false),
            (vec![(&no, true), (&yes, false)], true, true),
            (vec![(&no, false), (&yes, true)], false, false),
        ] {
            let application =
                site.make(Application::DEF, json!({"name": "x", "slug": site.core.ports.hex(6)})).await;
            for (order, (policy, negate)) in bindings.iter().enumerate() {
                site.make(
                    PolicyBinding::DEF,
                    json!({"policy": policy.pk, "target": application.pk, "order": order, "negate": negate}),
                )
                .await;
            }
            let (client, context) = (site.client(BERLIN), Map::new());
            let question = Question {
                core: &site.core,
                client: &client,
                user: Some(&site.ada),
                context: &context,
                target: Some(&application),
            };
            for (mode, wanted) in
                [(signet_core::models::EngineMode::Any, any), (signet_core::models::EngineMode::All, all)]
            {
                assert_eq!(policy::judge(application.pk, mode, &question).await.unwrap().passing, wanted);
            }
        }
    })
    .await;
}
