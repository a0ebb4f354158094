//! Files of the shapes that authentik ships: all of them apply, and what is left out is named.
use super::import;
use signet_store::groups;
use signet_testkit::{App, DbKind};

/// Notification rules and transports, mappings of providers: models that do not exist here.
const ELSEWHERE: &str = r#"
version: 1
metadata:
  labels: {blueprints.goauthentik.io/system: "true"}
  name: Shapes - what is elsewhere
context:
  licensed: !Context goauthentik.io/enterprise/licensed
entries:
- model: authentik_blueprints.metaapplyblueprint
  attrs:
    identifiers: {name: Default - Authentication flow}
    required: false
- model: authentik_events.notificationtransport
  id: transport
  identifiers: {name: shapes-mail}
  attrs: {mode: email}
- model: authentik_core.group
  id: admins
  identifiers: {name: authentik Admins}
- model: authentik_events.notificationrule
  id: rule
  identifiers: {name: shapes-rule}
  attrs:
    severity: alert
    destination_group: !KeyOf admins
    transports:
    - !Find [authentik_events.notificationtransport, [name, shapes-mail]]
- model: authentik_policies_event_matcher.eventmatcherpolicy
  id: matcher
  identifiers: {name: shapes-matcher}
  attrs: {action: configuration_error}
- model: authentik_policies.policybinding
  identifiers: {order: 0, target: !KeyOf rule, policy: !KeyOf matcher}
  attrs: {timeout: 30}
- model: authentik_providers_saml.samlpropertymapping
  identifiers: {managed: goauthentik.io/providers/saml/shapes}
  attrs: {name: "shapes: mail", saml_name: mail, expression: return request.user.email}
- model: authentik_rbac.role
  id: reader
  identifiers: {name: shapes-reader}
  attrs:
    permissions: !Enumerate [!Context goauthentik.io/rbac/models, SEQ, !Format ["%s.view_%s", !Value 0, !Index 0]]
- model: authentik_core.group
  identifiers: {name: shapes-readers}
  attrs:
    roles: [!KeyOf reader]
- model: authentik_enterprise.license
  state: absent
  conditions: [!Context licensed]
  identifiers: {name: none}
"#;

/// A flow with everything that a flow can have, in named sections, with sharing by anchors.
const FLOW: &str = r#"
version: 1
metadata: {name: Shapes - flow}
context:
  slug: shapes-flow
  fields: [username, e-mail]
entries:
  prepare:
  - model: authentik_stages_prompt.prompt
    id: prompt-name
    identifiers: {name: shapes-prompt-name}
    attrs: &prompt
      field_key: username
      label: Username
      type: text
      required: yes
      placeholder: Username
      order: 0
      sub_text: ""
      placeholder_expression: off
      initial_value: ""
      initial_value_expression: no
  - model: authentik_stages_prompt.prompt
    id: prompt-mail
    identifiers: {name: shapes-prompt-mail}
    attrs:
      <<: *prompt
      field_key: email
      label: Email
      type: email
      order: 010
  build:
  - model: authentik_flows.flow
    id: flow
    identifiers: {slug: !Context slug}
    attrs:
      name: !Format ["%s (%s)", Enrolment, !Context slug]
      title: Welcome!
      designation: enrollment
      authentication: require_unauthenticated
      denied_action: message_continue
      background: ""
  - model: authentik_stages_prompt.promptstage
    id: stage-prompt
    identifiers: {name: shapes-prompt}
    attrs: {fields: [!KeyOf prompt-name, !KeyOf prompt-mail], validation_policies: []}
  - model: authentik_stages_user_write.userwritestage
    id: stage-write
    identifiers: {name: shapes-write}
    attrs: {user_creation_mode: always_create, create_users_as_inactive: true, create_users_group: !Find [authentik_core.group, [name, shapes-nobody]], user_path_template: users/shapes}
  - model: authentik_stages_user_login.userloginstage
    id: stage-login
    identifiers: {name: shapes-login}
    attrs: {session_duration: seconds=0, terminate_other_sessions: off}
  - model: authentik_policies_expression.expressionpolicy
    id: policy
    identifiers: {name: shapes-policy}
    attrs:
      expression: |
        return not request.user.is_authenticated
  - model: authentik_flows.flowstagebinding
    identifiers: {target: !KeyOf flow, stage: !KeyOf stage-prompt, order: 10}
    attrs: &binding {evaluate_on_plan: true, re_evaluate_policies: true, policy_engine_mode: any, invalid_response_action: retry}
  - model: authentik_flows.flowstagebinding
    id: write-binding
    identifiers: {target: !KeyOf flow, stage: !KeyOf stage-write, order: 20}
    attrs: {<<: *binding, re_evaluate_policies: false}
  - model: authentik_flows.FlowStageBinding
    identifiers: {target: !KeyOf flow, stage: !KeyOf stage-login, order: 100}
  - model: authentik_policies.policybinding
    identifiers: {policy: !KeyOf policy, target: !KeyOf write-binding, order: 0}
    attrs: {negate: false, enabled: true, timeout: 30, failure_result: true}
  - model: authentik_brands.brand
    state: created
    identifiers: {domain: shapes.test}
    attrs: {branding_title: Shapes, flow_authentication: !Find [authentik_flows.flow, [slug, default-authentication-flow]], default: no}
"#;

#[tokio::test]
async fn what_does_not_exist_here_is_left_out_and_named() {
    let app = App::start(DbKind::Sqlite).await;
    let report = import(&app, ELSEWHERE).await.unwrap();
    let notes = report.notes.join("\n");
    for said in [
        "notificationtransport does not exist here",
        "notificationrule does not exist here",
        "bound to rule, which was left out",
        "samlpropertymapping does not exist here",
    ] {
        assert!(notes.contains(said), "{said}\n{notes}");
    }
    assert_eq!((report.created, report.skipped), (3, 5), "{report:?}");
    assert!(groups::by_name(&app.core.db, "shapes-readers").await.unwrap().is_some());
    assert!(import(&app, ELSEWHERE).await.unwrap().is_empty());
    // A rule that needs what is not here is never taken without it.
    let open = "version: 1\nentries:\n- {model: authentik_events.notificationrule, id: r, identifiers: {name: r}}\n- {model: authentik_policies.policybinding, identifiers: {target: !Find [authentik_flows.flow, [slug, default-authentication-flow]], policy: !KeyOf r, order: 0}}\n";
    let wrong = import(&app, open).await.unwrap_err();
    assert!(wrong.contains("policy: !KeyOf: the entry r was left out"), "{wrong}");
    app.stop().await;
}

#[tokio::test]
async fn a_flow_with_anchors_sections_and_every_word_of_yaml_1_1() {
    let app = App::start(DbKind::Sqlite).await;
    let report = import(&app, FLOW).await.unwrap();
    assert_eq!((report.created, report.notes.len()), (12, 0), "{report:?}");
    assert!(import(&app, FLOW).await.unwrap().is_empty());
    let prompt = app.admin().await.get("/api/v3/stages/prompt/prompts/?name=shapes-prompt-mail").await.json()
        ["results"][0]
        .clone();
    assert_eq!(
        (&prompt["order"], &prompt["required"], &prompt["type"]),
        (&8.into(), &true.into(), &"email".into()),
        "{prompt}"
    );
    app.stop().await;
}
