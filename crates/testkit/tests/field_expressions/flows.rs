//! Expressions where they are used: claims in an ID token, a flow's policy, a mapping of text messages.
use super::Fixture;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use signet_base::{Json, json, query};
use signet_testkit::{App, Browser, each_database};

pub async fn made(admin: &mut Browser, path: &str, sent: Json) -> Json {
    let answer = admin.post(&format!("/api/v3/{path}/"), sent).await;
    assert!(answer.status.is_success(), "{path}: {}", answer.text());
    answer.json()
}
/// A flow with these stages, in order; the policy targets of their bindings.
pub async fn flow(admin: &mut Browser, slug: &str, designation: &str, stages: &[&Json]) -> Vec<Json> {
    let sent = json!({"name": slug, "slug": slug, "title": slug, "designation": designation});
    let flow = made(admin, "flows/instances", sent).await;
    let mut targets = Vec::new();
    for (order, stage) in stages.iter().enumerate() {
        let sent = json!({"target": flow["pk"], "stage": stage["pk"], "order": order});
        targets.push(made(admin, "flows/bindings", sent).await["policybindingmodel_ptr_id"].clone());
    }
    targets
}
pub async fn events(admin: &mut Browser, action: &str) -> Vec<Json> {
    let list = admin.get(&format!("/api/v3/events/events/?action={action}")).await.json();
    list["results"].as_array().cloned().unwrap_or_default()
}

/// The claims of the ID token that a person gets for a client with one mapping of the scope `profile`.
async fn claims(app: &App, admin: &mut Browser, name: &str, expression: &str) -> Json {
    let mapping = json!({"name": name, "scope_name": "profile", "expression": expression});
    let mapping = made(admin, "propertymappings/provider/scope", mapping).await["pk"].clone();
    let mut flows = Vec::new();
    for slug in ["default-provider-authorization-implicit-consent", "default-provider-invalidation-flow"] {
        flows.push(admin.get(&format!("/api/v3/flows/instances/{slug}/")).await.json()["pk"].clone());
    }
    let back = "https://app.example/back";
    let provider = json!({
        "name": name, "authorization_flow": flows[0], "invalidation_flow": flows[1], "client_type": "confidential",
        "client_id": name, "client_secret": "a long secret of the client of this test", "include_claims_in_id_token": true,
        "property_mappings": [mapping], "redirect_uris": [{"matching_mode": "strict", "url": back}],
    });
    let provider = made(admin, "providers/oauth2", provider).await["pk"].clone();
    made(admin, "core/applications", json!({"name": name, "slug": name, "provider": provider})).await;
    let mut person = app.login("lovelace", "a long password of Ada").await;
    let asked = [
        ("response_type", "code"),
        ("client_id", name),
        ("redirect_uri", back),
        ("scope", "openid profile"),
        ("state", "s"),
    ];
    let path = format!("/application/o/authorize/?{}", query::build(asked));
    let mut answer = person.get(&path).await;
    for _ in 0..6 {
        let to = answer.location().to_owned();
        if to.starts_with(back) {
            break;
        }
        answer = match to.strip_prefix("/if/flow/") {
            // As the page does.
            Some(rest) => {
                let (slug, query) = rest.split_once("/?").unwrap_or((rest.trim_end_matches('/'), ""));
                let step = person.challenge(slug, query).await;
                let to = step["to"].as_str().unwrap_or_default().to_owned();
                if to.starts_with(back) {
                    return redeemed(&mut person, name, back, &to).await;
                }
                person.get(&to).await
            }
            None => person.get(&to).await,
        };
    }
    let to = answer.location().to_owned();
    redeemed(&mut person, name, back, &to).await
}
async fn redeemed(person: &mut Browser, name: &str, back: &str, to: &str) -> Json {
    let pairs = query::pairs(to.split_once('?').map(|(_, query)| query).unwrap_or_default());
    let code = pairs.iter().find(|(key, _)| key == "code").map(|(_, code)| code.clone()).expect(to);
    let sent = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", back),
        ("client_id", name),
        ("client_secret", "a long secret of the client of this test"),
    ];
    let answer = person.form("/application/o/token/", &sent).await;
    let token = answer.json()["id_token"].as_str().unwrap_or_else(|| panic!("{}", answer.text())).to_owned();
    let payload = token.split('.').nth(1).map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn field_03_the_profile_with_a_picture_is_in_the_id_token() {
    each_database(|kind| async move {
        let Fixture { app, mut admin, .. } = super::fixture(kind).await;
        let ada = app.user("lovelace", "a long password of Ada").await;
        let staff = admin.get("/api/v3/core/groups/?name=staff").await.json()["results"][0]["pk"].clone();
        let path = format!("/api/v3/core/groups/{}/add_user/", staff.as_str().unwrap());
        admin.post(&path, json!({"pk": ada.id})).await;
        let shown = admin.get(&format!("/api/v3/core/users/{}/", ada.id)).await.json();
        let text = "return {'name': request.user.name, 'preferred_username': request.user.username, 'groups': [g.name for g in request.user.groups.all()], 'picture': request.user.avatar}";
        let found = claims(&app, &mut admin, "one", text).await;
        assert_eq!(found["name"], "Person lovelace", "{found}");
        assert_eq!((&found["preferred_username"], &found["groups"]), (&json!("lovelace"), &json!(["staff"])));
        assert_eq!(found["picture"], shown["avatar"]);
        // Names of the same kind; and the twin: a name that nobody has costs the mapping and is told.
        let text = "group = request.user.groups.first()\nreturn {'first': request.user.first_name, 'staff': request.user.is_staff, 'hex': len(request.user.uuid.hex), 'parents': [p.name for p in group.parents.all()], 'parent': group.parent.name, 'of': group.users.count(), 'roles': [r.name for r in group.roles.all()]}";
        let found = claims(&app, &mut admin, "two", text).await;
        assert_eq!((&found["first"], &found["staff"], &found["hex"]), (&json!(""), &json!(false), &json!(32)), "{found}");
        assert_eq!((&found["parents"], &found["parent"]), (&json!(["everyone"]), &json!("everyone")));
        assert_eq!((&found["of"], &found["roles"]), (&json!(3), &json!([])));
        assert!(events(&mut admin, "property_mapping_exception").await.is_empty());
        let found = claims(&app, &mut admin, "three", "return {'name': request.user.nickname}").await;
        assert!(found["name"].is_null(), "{found}");
        let told = events(&mut admin, "property_mapping_exception").await;
        assert!(told[0]["context"]["message"].as_str().unwrap().contains("nickname"), "{told:?}");
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn field_20_a_policy_sends_the_flow_elsewhere() {
    each_database(|kind| async move {
        let Fixture { app, mut admin, .. } = super::fixture(kind).await;
        let who = json!({"name": "who", "user_fields": ["username"]});
        let who = made(&mut admin, "stages/identification", who).await;
        let then = made(&mut admin, "stages/dummy", json!({"name": "then"})).await;
        for (slug, text, to) in [
            ("by-method", "context['flow_plan'].redirect('/source/oauth/login/corp/')\nreturn False", Some("/source/oauth/login/corp/")),
            ("by-request", "plan = request.context['flow_plan']\nplan.redirect(destination='https://idp.example/x?y=1')\nreturn False", Some("https://idp.example/x?y=1")),
            ("by-domain", "user = request.context.get('pending_user')\nif user.email.lower().endswith('@example.org'):\n    request.context['flow_plan'].redirect('/source/saml/corp/')\nreturn False", Some("/source/saml/corp/")),
            ("by-change", "user = context['pending_user']\nuser.attributes['sent'] = 'to a'\nif user.group_attributes().get('sent') == 'to a':\n    context['flow_plan'].redirect('/source/saml/a/')\nreturn False", Some("/source/saml/a/")),
            // The twin: nobody is sent anywhere, and the stage comes.
            ("nowhere", "return bool(context['flow_plan'].flow_pk)", None),
        ] {
            let targets = flow(&mut admin, slug, "authentication", &[&who, &then]).await;
            let policy = made(&mut admin, "policies/expression", json!({"name": slug, "expression": text})).await;
            made(&mut admin, "policies/bindings", json!({"target": targets[1], "policy": policy["pk"], "order": 0})).await;
            let mut browser = app.browser();
            browser.challenge(slug, "").await;
            let step = browser.answer(slug, "", json!({"component": "ak-stage-identification", "uid_field": "ada"})).await;
            match to {
                Some(to) => assert_eq!((&step["component"], &step["to"]), (&json!("xak-flow-redirect"), &json!(to)), "{slug}: {step}"),
                None => assert_eq!(step["component"], "ak-stage-dummy", "{slug}: {step}"),
            }
        }
        assert!(events(&mut admin, "policy_exception").await.is_empty());
        // An address that is none ends the text.
        let targets = flow(&mut admin, "wrong", "authentication", &[&who, &then]).await;
        let text = "context['flow_plan'].redirect('javascript:alert(1)')\nreturn False";
        let policy = made(&mut admin, "policies/expression", json!({"name": "wrong", "expression": text})).await;
        made(&mut admin, "policies/bindings", json!({"target": targets[1], "policy": policy["pk"], "order": 0})).await;
        let mut browser = app.browser();
        browser.challenge("wrong", "").await;
        let step = browser.answer("wrong", "", json!({"component": "ak-stage-identification", "uid_field": "ada"})).await;
        assert_ne!(step["component"], "xak-flow-redirect", "{step}");
        assert_eq!(events(&mut admin, "policy_exception").await.len(), 1);
        app.stop().await;
    })
    .await;
}
