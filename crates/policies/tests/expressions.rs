//! Expression policies with core and database: inputs, functions, and that errors deny.
#![allow(clippy::unwrap_used)]
mod site;
use signet_base::Timestamp;
use signet_base::{Json, Map, json};
use signet_core::Client;
use signet_core::expression;
use signet_core::models::{Application, Brand, EngineMode, Flow, PolicyBinding};
use signet_core::policy::{self, Question};
use signet_model::{Model, check};
use signet_policies::dummy::DummyPolicy;
use signet_policies::expression::ExpressionPolicy;
use signet_store::devices::{self, Device, DeviceKind};
use site::{AllRows, Site, map};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_sees_the_person_the_request_and_the_directory() {
    let site = Site::new().await;
    site.make(Brand::DEF, json!({"domain": "example.test", "attributes": {"team": "brand", "site": "x"}}))
        .await;
    let application = site.make(Application::DEF, json!({"name": "Wiki", "slug": "wiki"})).await;
    let texts = [
        "return request.user.username == 'ada' and user == request.user and request.user.email == 'ada@example.test'",
        "return user.attributes['settings']['locale'] == 'de' and user.locale() == 'de'",
        "return [g.name for g in user.groups.all()] == ['staff'] and user.ak_groups.filter(name='staff').exists()",
        "return user.groups.filter(name__startswith='x').count() == 0 and user.groups.exclude(name='x').first().name == 'staff'",
        "return list(user.groups.values_list('name', flat=True)) == ['staff'] and user.groups.values_list('name', flat=True) != ['staff']",
        "return sorted(g.name for g in user.all_groups()) == ['everyone', 'staff']",
        "a = user.group_attributes(request.http_request)\nreturn a['team'] == 'blue' and a['site'] == 'x' and a['rooms'] == ['hall', 'lab', 'attic']",
        "return ak_is_group_member(request.user, name='everyone') and not ak_is_group_member(request.user, name='admins')",
        "return ak_is_group_member(user, attributes__gid=42) and ak_is_group_member(user, name__in=['a', 'staff'])",
        "return ak_user_by(username__iexact='GRACE').attributes['desk'] == '7' and ak_user_by(username='GRACE') is None and ak_user_by(username='none') is None",
        "return ak_user_by(attributes__desk='7').username == 'grace' and ak_user_by(email='ada@example.test') == user",
        "return ak_user_by(pk=user.pk) == user and ak_user_by(uuid=user.uuid) == user",
        "return ak_client_ip in ip_network('192.0.2.0/24') and not ak_is_sso_flow",
        "r = request.http_request\nreturn r.method == 'GET' and r.GET['next'] == '/if/user/' and r.META['HTTP_USER_AGENT'] == 'Mozilla/5.0' and r.META['REMOTE_ADDR'] == '192.0.2.7'",
        "return http_request.build_absolute_uri('/a') == 'https://id.example.test/a' and http_request.brand.domain == 'example.test'",
        "return request.obj.slug == 'wiki' and context['application'].name == 'Wiki'",
        "return context['n'] == 1 and request.context is context and 'flow_plan' not in context",
        "return not user.has_usable_password() and not user.is_superuser and not hasattr(user, 'backend')",
        "ak_logger.info('seen', user=user.username)\nreturn regex_match('abc', 'b') and slugify('A b') == 'a-b'",
        "return not ak_user_has_authenticator(user)",
        "return user.uid != '' and user.type == 'internal' and user.date_joined.year == 2026",
    ];
    for text in texts {
        let verdict =
            site.ask(text, json!({"n": 1, "application": application.pk}), Some(&application)).await;
        assert!(verdict.as_ref().is_ok_and(|v| v.passing), "{text}\n{verdict:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_refuse_and_are_recorded() {
    let site = Site::new().await;
    for text in [
        "return 1 / 0",
        "return ak_is_group_member(user)",
        "return ak_is_group_member(user, password='x')",
        "return ak_user_by()",
        "return not ak_call_policy('none').passing",
        "while True: pass",
        "return requests.get('http://example.test/')",
        "context['flow_plan'].context = 1\nreturn True",
    ] {
        let flow = site.core.config().all::<Flow>().next().map(|(o, _)| o.clone());
        assert!(site.ask(text, json!({"a": 1}), flow.as_ref()).await.is_err(), "{text}");
    }
    assert!(site.actions().await.iter().filter(|a| *a == "policy_exception").count() >= 8);
    // Invalid expressions are refused on save, with the position and a suggestion.
    for (text, why) in [
        ("return missing", "line 1, column 8: the name 'missing'"),
        (
            "x = 1\nimport socket\nreturn True",
            "line 2, column 8: there is no module 'socket' here; write resolve_dns()",
        ),
        ("class Denied(Exception, metaclass=M):\n    pass", "one of Python's exceptions"),
        ("yield True", "it would always pass"),
    ] {
        let sent = json!({"name": "refused", "expression": text});
        let refused = check(
            ExpressionPolicy::DEF,
            sent.as_object().unwrap(),
            None,
            false,
            &site.core.config(),
            &AllRows,
            &site.core.ports,
        )
        .err()
        .unwrap()
        .to_string();
        assert!(refused.contains("expression") && refused.contains(why), "{text}: {refused}");
    }
    // No value, or a false one, denies without an error.
    for text in ["user.username", "return None", "return 0", "return ''", "return []"] {
        assert!(!site.ask(text, json!({}), None).await.unwrap().passing, "{text}");
    }
    let said =
        site.ask("ak_message('No.')\nak_message('Really.')\nreturn False", json!({}), None).await.unwrap();
    assert_eq!((said.passing, said.messages), (false, vec!["No.".to_owned(), "Really.".to_owned()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_binding_counts_a_failed_policy_as_its_failure_result() {
    let site = Site::new().await;
    let broken = site.policy("return 1 / 0").await;
    for (n, failure_result, negate, expected) in
        [(0, false, false, false), (1, true, false, true), (2, false, true, false)]
    {
        let application = site.make(Application::DEF, json!({"name": "A", "slug": format!("a{n}")})).await;
        let target = application.pbm().unwrap();
        site.make(PolicyBinding::DEF, json!({"policy": broken.pk, "target": target, "order": 0, "failure_result": failure_result, "negate": negate})).await;
        let (client, context) = (site.client(), Map::new());
        let question = Question {
            core: &site.core,
            client: &client,
            user: Some(&site.ada),
            context: &context,
            target: Some(&application),
        };
        assert_eq!(policy::judge(target, EngineMode::Any, &question).await.unwrap().passing, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_sets_values_in_the_flow_and_takes_proofs_back_with_the_person() {
    let site = Site::new().await;
    let flow = site
        .make(Flow::DEF, json!({"name": "f", "slug": "f", "title": "F", "designation": "enrollment"}))
        .await;
    let pending = json!({"id": site.ada.user.id, "username": "ada", "name": "", "email": ""});
    let context =
        json!({"pending_user": pending, "user_backend": "b", "prompt_data": {"username": "X"}, "gone": 1});
    let set = |text: &str| {
        let text = format!("{text}\nreturn True");
        let (site, flow, context) = (&site, &flow, context.clone());
        async move { Json::Object(site.ask(&text, context, Some(flow)).await.unwrap().context) }
    };
    assert_eq!(set("context['other'] = 1").await, json!({}), "only the plan's context is the flow's");
    assert_eq!(
        set("context['flow_plan'].context['title'] = user.name").await,
        json!({"title": "Ada Lovelace"})
    );
    assert_eq!(
        set("context['flow_plan'].context['groups'] = [g for g in user.all_groups()][:0]").await,
        json!({"groups": []})
    );
    assert_eq!(
        set("request.context['prompt_data']['username'] = 'y'").await,
        json!({"prompt_data": {"username": "y"}}),
        "the values are the same objects"
    );
    assert_eq!(set("context['flow_plan'].context.pop('gone')").await, json!({"gone": null}));
    assert_eq!(set("x = context['pending_user'].backend").await, json!({}));
    let moved = set("context['flow_plan'].context['pending_user'] = ak_user_by(username='grace')").await;
    assert_eq!((&moved["pending_user"]["username"], &moved["user_backend"]), (&json!("grace"), &Json::Null));
    // Outside of flows there is no plan.
    assert!(site.ask("return context['flow_plan']", json!({}), None).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_call_each_other_to_a_limit_and_write_events() {
    let site = Site::new().await;
    site.make(
        ExpressionPolicy::DEF,
        json!({"name": "terms", "expression": "ak_message('fine')\nreturn context.get('level', 0) > 1"}),
    )
    .await;
    site.make(
        ExpressionPolicy::DEF,
        json!({"name": "loop", "expression": "return ak_call_policy('loop').passing"}),
    )
    .await;
    site.make(ExpressionPolicy::DEF, json!({"name": "broken", "expression": "return 1 / 0"})).await;
    site.make(DummyPolicy::DEF, json!({"name": "dummy", "result": true, "wait_min": 0, "wait_max": 0})).await;
    assert!(
        site.ask(
            "r = ak_call_policy('terms', level=2)\nreturn r.passing and r.messages == ['fine']",
            json!({}),
            None
        )
        .await
        .unwrap()
        .passing
    );
    assert!(
        !site.ask("return ak_call_policy('terms', level=1).passing", json!({}), None).await.unwrap().passing
    );
    assert!(site.ask("return ak_call_policy('dummy').passing", json!({}), None).await.unwrap().passing);
    for text in [
        "return ak_call_policy('loop').passing",
        "return not ak_call_policy('broken').passing",
        "try:\n    return ak_call_policy('broken').passing\nexcept Exception:\n    return True",
    ] {
        assert!(site.ask(text, json!({}), None).await.is_err(), "{text}");
    }
    assert!(
        site.ask("ak_create_event('seen', user=user, n=1)\nreturn True", json!({}), None)
            .await
            .unwrap()
            .passing
    );
    assert!(site.ask("ak_create_event('bad action', n=1)\nreturn True", json!({}), None).await.is_err());
    assert!(site.actions().await.contains(&"custom_seen".to_owned()));
    let logged = site
        .make(
            ExpressionPolicy::DEF,
            json!({"name": "logged", "expression": "return True", "execution_logging": true}),
        )
        .await;
    let (client, context) = (site.client(), Map::new());
    let question =
        Question { core: &site.core, client: &client, user: None, context: &context, target: None };
    assert!(policy::ask_policy(&logged, &question, Duration::ZERO).await.unwrap().passing);
    assert!(site.actions().await.contains(&"policy_execution".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_confirmed_devices_of_a_known_type_count() {
    let site = Site::new().await;
    let passes = |text: &'static str| {
        let site = &site;
        async move { site.ask(text, json!({}), None).await.map(|v| v.passing).ok() }
    };
    let mut device = Device::new(&site.core.ports, DeviceKind::Totp, site.ada.user.id, "phone");
    device.confirmed = false;
    device.id = devices::insert(&site.core.db, &device).await.unwrap();
    assert_eq!(passes("return ak_user_has_authenticator(user)").await, Some(false));
    device.confirmed = true;
    devices::update(&site.core.db, &device, site.core.now()).await.unwrap();
    for (text, expected) in [
        ("return ak_user_has_authenticator(user)", Some(true)),
        ("return ak_user_has_authenticator(request.user, 'TOTP')", Some(true)),
        ("return ak_user_has_authenticator(user, device_type='webauthn')", Some(false)),
        ("return ak_user_has_authenticator(ak_user_by(username='grace'))", Some(false)),
        ("return not ak_user_has_authenticator(user, 'totpp')", None),
        ("return not ak_user_has_authenticator('ada')", None),
    ] {
        assert_eq!(passes(text).await, expected, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_leave_beside_the_run_and_never_when_a_text_is_tried_out() {
    let site = Site::new().await;
    let text = "return ak_send_email(['ops@example.test', 'b@example.test'], 'Sign-in', body='Ada was here.', cc='c@example.test')";
    assert!(site.ask(text, json!({}), None).await.unwrap().passing);
    let mut sent = Vec::new();
    for _ in 0..200 {
        sent = site.mail.take();
        if !sent.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(
        (sent[0].to.len(), sent[0].cc.len(), sent[0].subject.as_str(), sent[0].text.as_str()),
        (2, 1, "Sign-in", "Ada was here.")
    );
    for text in [
        "return ak_send_email('a@example.test', 'x')",
        "return ak_send_email('a@example.test', 'x\\ny', body='z')",
        "return ak_send_email('a@example.test\\nbcc: b@example.test', 'x', body='z')",
        "return ak_send_email([], 'x', body='z')",
        "return ak_send_email('a@example.test', 'x', body='z', stage='s')",
        "for i in range(9):\n    ak_send_email('a@example.test', 'x', body='z')\nreturn True",
    ] {
        assert!(site.ask(text, json!({}), None).await.is_err(), "{text}");
    }
    let policy = site.policy("ak_create_event('tried')\nreturn ak_send_email('a@example.test', 'x', body='z') and request.debug").await;
    site.mail.take();
    let client = Client { dry_run: Some(site.core.now()), ..site.client() };
    let question = Question {
        core: &site.core,
        client: &client,
        user: Some(&site.ada),
        context: &Map::new(),
        target: None,
    };
    assert!(policy::ask_policy(&policy, &question, Duration::ZERO).await.unwrap().passing);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(site.mail.take().is_empty() && !site.actions().await.contains(&"custom_tried".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_outside_is_open_by_name_and_an_explanation_has_its_own_time() {
    let site = Site::new().await;
    site.http.answer(200, "{\"n\": 1}");
    let text = "r = requests.post('https://api.example.test/a?x=1', json={'user': user.username}, params={'y': 'a b'}, headers={'X-Key': 'k'}, timeout=2)\nreturn r.ok and r.status_code == 200 and r.json()['n'] == 1";
    assert!(site.ask(text, json!({}), None).await.unwrap().passing);
    let sent = site.http.requests().remove(0);
    assert_eq!((sent.method.as_str(), sent.url.as_str()), ("POST", "https://api.example.test/a?x=1&y=a%20b"));
    assert_eq!((sent.body.as_slice(), sent.public_only), (b"{\"user\":\"ada\"}".as_slice(), false));
    for text in [
        "try:\n    return requests.get('http://127.0.0.1/').ok\nexcept BaseException:\n    return True",
        "return requests.get('https://api.example.test@evil.example/').ok",
        "return requests.get('https://api.example.test.evil.example/').ok",
        "return requests.get('file:///etc/passwd').ok",
        "return requests.get('https://api.example.test/', verify=False).ok",
        "return requests.get('https://api.example.test/', headers={'a': 'b\\r\\nc: d'}).ok",
        "return requests.get('https://api.example.test/', timeout=1000).ok",
    ] {
        assert!(site.ask(text, json!({}), None).await.is_err(), "{text}");
    }
    assert!(site.http.requests().is_empty(), "nothing of that left");
    assert!(
        site.ask("return '127.0.0.1' in resolve_dns('localhost', ip_version=4)", json!({}), None)
            .await
            .unwrap()
            .passing
    );
    let policy = site.policy("import datetime\nreturn datetime.datetime.now().year == 2031").await;
    let client = Client { dry_run: Some(Timestamp::parse("2031-01-02T03:04:05Z").unwrap()), ..site.client() };
    let question = Question {
        core: &site.core,
        client: &client,
        user: Some(&site.ada),
        context: &Map::new(),
        target: None,
    };
    assert!(policy::ask_policy(&policy, &question, Duration::ZERO).await.unwrap().passing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_says_where_a_text_is_wrong_and_what_is_lacking() {
    let site = Site::new().await;
    let why = |text: &str| {
        let sent = map(json!({"name": "x", "expression": text}));
        let errors = signet_model::check(
            ExpressionPolicy::DEF,
            &sent,
            None,
            false,
            &site.core.config(),
            &site::AllRows,
            &site.core.ports,
        )
        .map(drop)
        .unwrap_err();
        format!("{errors:?}")
    };
    assert!(why("x = 1\nreturn x +* 2").contains("line 2"), "{}", why("x = 1\nreturn x +* 2"));
    assert!(why("for i in [1]:\n    yield i").contains("'return'"), "{}", why("for i in [1]:\n    yield i"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_have_no_rights_and_mappings_run_together() {
    let site = Site::new().await;
    let (client, context) = (site.client(), Map::new());
    let nobody = Question { core: &site.core, client: &client, user: None, context: &context, target: None };
    let policy = site.policy("return user.is_anonymous and not user.is_authenticated and user.pk is None and not user.is_superuser and not user.all_groups() and list(user.all_groups()) == [] and not ak_is_group_member(user, name='staff')").await;
    assert!(policy::ask_policy(&policy, &nobody, Duration::ZERO).await.unwrap().passing);
    let ada = Question { user: Some(&site.ada), ..nobody };
    let application = site.make(Application::DEF, json!({"name": "Wiki", "slug": "wiki"})).await;
    let texts = [
        "return {'name': request.user.name, 'groups': [g.name for g in user.groups.all()]}",
        "return 1 / 0",
        "return {'app': provider.slug, 'token': token}",
    ];
    let programs = texts.iter().map(|t| expression::parse(t).unwrap()).collect();
    let outcomes =
        expression::evaluate_many(&ada, programs, vec![("provider", expression::object_value(&application))])
            .await;
    let values: Vec<Option<Json>> =
        outcomes.iter().map(|o| o.as_ref().ok().map(|o| o.value.to_json().unwrap())).collect();
    assert_eq!(
        values,
        [
            Some(json!({"name": "Ada Lovelace", "groups": ["staff"]})),
            None,
            Some(json!({"app": "wiki", "token": null}))
        ]
    );
}
