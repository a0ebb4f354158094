//! Privilege closure over configuration: somebody with every permission by name is no superuser yet, and nothing
//! that they write makes them one.
use crate::site::each_site;
use http::{Method, StatusCode};
use signet_base::{Json, Uuid, json};
use signet_store::groups::{self, Group};
use signet_store::roles;

/// Verb and path.
type Address = (Method, String);
const EVIL: &str = "mail.evil.test";

#[tokio::test(flavor = "multi_thread")]
async fn core_permissions_no_configuration_makes_anybody_more_than_the_caller_is() {
    each_site(|site| async move {
        let core = site.core.clone();
        let admins = site.admins().await;
        let weak = Group::new(&core.ports, "weak");
        groups::insert(&core.db, &weak, &[], &[]).await.unwrap();
        let role = site.create("authentik_rbac.role", json!({"name": "everything by name"})).await.pk;
        let user = site.user("dora", &[]).await;
        core.db.batch(roles::give_user_batch(user, role)).await.unwrap();
        for permission in core.permissions.all() {
            core.db.batch(roles::grant_batch(role, &permission.name(), &permission.model, &roles::Target::All)).await.unwrap();
        }
        // What an administrator has set up.
        let make = async |model: &str, sent: Json| site.create(model, sent).await.pk.to_string();
        let write = "authentik_stages_user_write.userwritestage";
        let strong_stage = make(write, json!({"name": "strong write", "create_users_group": admins})).await;
        let weak_stage = make(write, json!({"name": "weak write", "create_users_group": weak.id})).await;
        let prompts = make("authentik_stages_prompt.prompt", json!({"name": "mail", "field_key": "mail", "label": "m", "type": "text"})).await;
        let form = make("authentik_stages_prompt.promptstage", json!({"name": "form", "fields": [prompts]})).await;
        let (mut flows, mut guards, mut steps) = (Vec::new(), Vec::new(), Vec::new());
        for (slug, stage) in [("strong-flow", &strong_stage), ("weak-flow", &weak_stage)] {
            let flow = make("authentik_flows.flow", json!({"name": slug, "slug": slug, "title": "t", "designation": "enrollment"})).await;
            steps.push(make("authentik_flows.flowstagebinding", json!({"target": flow, "stage": stage, "order": 1})).await);
            let policy = make("authentik_policies_dummy.dummypolicy", json!({"name": slug, "result": false})).await;
            let pbm = core.config().get(Uuid::parse_str(&flow).unwrap()).unwrap().pbm().unwrap();
            guards.push((make("authentik_policies.policybinding", json!({"target": pbm, "policy": policy, "order": 0})).await, policy));
            flows.push(flow);
        }
        make("authentik_flows.flowstagebinding", json!({"target": flows[0], "stage": form, "order": 0})).await;
        let [strong_flow, weak_flow] = flows.as_slice() else { unreachable!() };
        let text = make("authentik_policies_expression.expressionpolicy", json!({"name": "text", "expression": "return False"})).await;
        let scope = make("authentik_providers_oauth2.scopemapping", json!({"name": "a scope", "scope_name": "x", "expression": "return {}"})).await;
        let api = make("authentik_providers_oauth2.scopemapping", json!({"name": "the api", "scope_name": "goauthentik.io/api", "expression": "return {}"})).await;
        let mail = make("authentik_stages_email.emailstage", json!({"name": "mail", "use_global_settings": true})).await;
        let texts = make("authentik_stages_authenticator_sms.authenticatorsmsstage", json!({"name": "sms", "provider": "generic", "from_number": "1", "account_sid": "https://sms.test/", "auth": "x"})).await;
        let captcha = make("authentik_stages_captcha.captchastage", json!({"name": "captcha", "public_key": "a", "private_key": "b"})).await;
        let duo = make("authentik_stages_authenticator_duo.authenticatorduostage", json!({"name": "duo", "client_id": "c", "client_secret": "s", "api_hostname": "api-1.duosecurity.com"})).await;
        let codes = make("authentik_stages_authenticator_email.authenticatoremailstage", json!({"name": "codes", "use_global_settings": true})).await;
        let brand = make("authentik_brands.brand", json!({"domain": "brand.test"})).await;
        let flow = site.flow("default-provider-authorization-implicit-consent");
        let provider = |name: &str, mapping: &str| json!({"name": name, "authorization_flow": flow, "invalidation_flow": flow, "property_mappings": [mapping], "redirect_uris": []});
        let prompt = |name: &str, runs: bool| json!({"name": name, "field_key": "k", "label": "l", "type": "text", "initial_value": "return 1", "initial_value_expression": runs});
        let stranger = |name: &str, flow: &str| json!({"name": name, "flow": flow, "expires": "2099-01-01T00:00:00Z"});
        let at = |path: &str, key: &str| format!("{path}/{key}/");
        let (expression, mappings) = ("policies/expression", "propertymappings/provider/scope");
        let post = |path: &str| (Method::POST, format!("{path}/"));
        let patch = |path: &str, key: &str| (Method::PATCH, at(path, key));
        let delete = |path: &str, key: &str| (Method::DELETE, at(path, key));
        // The refused call, and its twin that hands on nothing.
        let calls: Vec<(Address, Json, Address, Json)> = vec![
            (post(expression), json!({"name": "e", "expression": "return True"}), post("policies/dummy"), json!({"name": "e", "result": true})),
            (patch(expression, &text), json!({"expression": "return True"}), patch(expression, &text), json!({"execution_logging": true})),
            (post(mappings), json!({"name": "m", "scope_name": "m", "expression": "return {}"}), patch(mappings, &scope), json!({"description": "x"})),
            (patch(mappings, &scope), json!({"scope_name": "goauthentik.io/api"}), patch(mappings, &scope), json!({"scope_name": "y"})),
            (post("providers/oauth2"), provider("p1", &api), post("providers/oauth2"), provider("p2", &scope)),
            (post("stages/user_write"), json!({"name": "w1", "create_users_group": admins}), post("stages/user_write"), json!({"name": "w2", "create_users_group": weak.id})),
            (patch("stages/user_write", &weak_stage), json!({"create_users_group": admins}), patch("stages/user_write", &weak_stage), json!({"create_users_as_inactive": true})),
            (patch("stages/user_write", &strong_stage), json!({"create_users_as_inactive": false, "user_path_template": "x"}), patch("stages/user_write", &weak_stage), json!({"user_path_template": "x"})),
            (post("stages/email"), json!({"name": "m1", "host": EVIL}), post("stages/email"), json!({"name": "m2", "use_global_settings": true})),
            (patch("stages/email", &mail), json!({"host": EVIL, "use_global_settings": false}), patch("stages/email", &mail), json!({"subject": "x"})),
            (patch("stages/authenticator/sms", &texts), json!({"account_sid": "https://evil.test/"}), patch("stages/authenticator/sms", &texts), json!({"friendly_name": "x"})),
            (post("stages/captcha"), json!({"name": "c1", "public_key": "a", "private_key": "b", "js_url": "https://evil.test/x.js"}), post("stages/captcha"), json!({"name": "c2", "public_key": "a", "private_key": "b"})),
            // Where the key of a captcha goes, and where the links in letters lead.
            (patch("stages/captcha", &captcha), json!({"api_url": "https://evil.test/verify"}), patch("stages/captcha", &captcha), json!({"public_key": "c"})),
            // What this server calls: nobody lets it call an address of theirs, not even by something new.
            (post("stages/captcha"), json!({"name": "c3", "public_key": "a", "private_key": "b", "api_url": "http://127.0.0.1:9300/"}), post("stages/captcha"), json!({"name": "c4", "public_key": "a", "private_key": "b", "api_url": "https://www.recaptcha.net/recaptcha/api/siteverify"})),
            (post("stages/authenticator/sms"), json!({"name": "s1", "provider": "generic", "from_number": "1", "account_sid": "http://127.0.0.1:9300/", "auth": "x"}), post("stages/authenticator/sms"), json!({"name": "s2", "provider": "twilio", "from_number": "1", "account_sid": "AC1", "auth": "x"})),
            (post("stages/authenticator/duo"), json!({"name": "d1", "client_id": "c", "client_secret": "s", "api_hostname": "inside"}), patch("stages/authenticator/duo", &duo), json!({"friendly_name": "x"})),
            (patch("stages/authenticator/duo", &duo), json!({"api_hostname": "inside"}), patch("stages/authenticator/duo", &duo), json!({"friendly_name": "y"})),
            (post("stages/authenticator/email"), json!({"name": "e1", "host": "inside"}), post("stages/authenticator/email"), json!({"name": "e2", "use_global_settings": true})),
            (post("stages/authenticator/email"), json!({"name": "e3", "port": 5432}), post("stages/authenticator/email"), json!({"name": "e4", "port": 25, "use_global_settings": true})),
            (patch("stages/authenticator/email", &codes), json!({"port": 5432}), patch("stages/authenticator/email", &codes), json!({"friendly_name": "x"})),
            (patch("stages/email", &mail), json!({"port": 5432}), patch("stages/email", &mail), json!({"timeout": 5})),
            (patch("core/brands", &brand), json!({"domain": EVIL}), patch("core/brands", &brand), json!({"branding_title": "x"})),
            (post("core/brands"), json!({"domain": EVIL}), patch("core/brands", &brand), json!({"flow_recovery": null})),
            (post("stages/prompt/prompts"), prompt("p1", true), post("stages/prompt/prompts"), prompt("p2", false)),
            (post("stages/prompt/prompts/preview"), prompt("p1", true), post("stages/prompt/prompts/preview"), prompt("p2", false)),
            // Who gets into the group of new accounts: every part of the flow decides it.
            (post("flows/bindings"), json!({"target": weak_flow, "stage": strong_stage, "order": 9}), post("flows/bindings"), json!({"target": weak_flow, "stage": form, "order": 9})),
            (post("flows/bindings"), json!({"target": strong_flow, "stage": mail, "order": 9}), post("flows/bindings"), json!({"target": weak_flow, "stage": mail, "order": 8})),
            (patch("flows/bindings", &steps[0]), json!({"order": 5}), patch("flows/bindings", &steps[1]), json!({"order": 5})),
            (patch("flows/instances", "strong-flow"), json!({"authentication": "require_unauthenticated"}), patch("flows/instances", "weak-flow"), json!({"authentication": "require_unauthenticated"})),
            (patch("policies/dummy", &guards[0].1), json!({"result": true}), patch("policies/dummy", &guards[1].1), json!({"result": true})),
            (patch("policies/bindings", &guards[0].0), json!({"enabled": false}), patch("policies/bindings", &guards[1].0), json!({"enabled": false})),
            (patch("stages/prompt/prompts", &prompts), json!({"required": false}), post("stages/prompt/prompts"), prompt("p3", false)),
            (post("stages/invitation/invitations"), stranger("i1", strong_flow), post("stages/invitation/invitations"), stranger("i2", weak_flow)),
            (delete("policies/bindings", &guards[0].0), Json::Null, delete("policies/bindings", &guards[1].0), Json::Null),
            (delete("policies/all", &guards[0].1), Json::Null, delete("policies/all", &guards[1].1), Json::Null),
            (delete("flows/bindings", &steps[0]), Json::Null, delete("flows/bindings", &steps[1]), Json::Null),
        ];
        let program = site.api(user).await;
        for ((method, path), body, (twin_method, twin_path), twin) in calls {
            let answer = program.json(method.clone(), &format!("/api/v3/{path}"), &body).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path} {body}: {}", answer.body);
            let answer = program.json(twin_method.clone(), &format!("/api/v3/{twin_path}"), &twin).await;
            assert!(answer.status.is_success(), "{twin_method} {twin_path} {twin}: {} {}", answer.status, answer.body);
        }
        // A superuser is refused nothing.
        let boss = site.admin().await;
        let answer = boss.json(Method::POST, &format!("/api/v3/{expression}/"), &json!({"name": "boss", "expression": "return True"})).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        assert_eq!(groups::count_superusers(&core.db).await.unwrap(), 1);
    })
    .await;
}

/// Every field that sounds like an address gives something away, or is none that this server calls.
#[tokio::test(flavor = "multi_thread")]
async fn core_permissions_a_field_by_which_the_server_calls_somebody_is_declared_so() {
    // Read by browsers, compared with what is sent, or shown; settings ask for a superuser by themselves.
    const NOT_CALLED: [&str; 13] = [
        "authentik_core.application.meta_launch_url",
        "authentik_core.application.meta_icon",
        "authentik_core.application.meta_publisher",
        "authentik_providers_oauth2.oauth2provider.redirect_uris",
        "authentik_stages_redirect.redirectstage.target_static",
        "authentik_flows.flow.background",
        "authentik_brands.brand.branding_logo",
        "authentik_brands.brand.branding_favicon",
        "authentik_brands.brand.branding_default_flow_background",
        "authentik_stages_authenticator_webauthn.authenticatorwebauthnstage.hints",
        "authentik_stages_email.emailstage.from_address",
        "authentik_stages_authenticator_email.authenticatoremailstage.from_address",
        "authentik_tenants.tenant.base_url",
    ];
    let app = signet_testkit::App::start(signet_testkit::DbKind::Sqlite).await;
    let mut found = Vec::new();
    let mut declared = 0;
    for def in app.core.registry.all() {
        for field in def.fields {
            let name = format!("{}.{}", def.full_name(), field.name);
            let sounds = ["url", "uri", "host", "port", "address", "endpoint", "server", "account_sid"];
            if field.gives.is_some() {
                declared += 1;
            } else if sounds.iter().any(|part| {
                field.name.split('_').any(|word| word.trim_end_matches('s') == *part) || field.name == *part
            }) && !NOT_CALLED.contains(&name.as_str())
            {
                found.push(name);
            }
        }
    }
    assert!(found.is_empty() && declared > 10, "{found:?} {declared}");
    app.stop().await;
}
