//! Every kind of file that authentik ships and this server does not, in its shape: each applies, again without a
//! change, and what is left out of it is named.
use super::import;
use signet_testkit::{App, each_database};

/// What is there afterwards: an address of the API and the names that it lists.
type There = Option<(&'static str, &'static [&'static str])>;

/// Name, text without its head, what it leaves.
const FILES: [(&str, &str, There); 14] = [
    (
        "system/providers-saml",
        "entries:\n- identifiers: {managed: goauthentik.io/providers/saml/upn}\n  model: authentik_providers_saml.samlpropertymapping\n  attrs: {name: 'shapes: UPN', saml_name: urn:upn, expression: 'return request.user.attributes.get(\"upn\", request.user.email)'}\n",
        None,
    ),
    (
        "system/providers-scim",
        "entries:\n- identifiers: {managed: goauthentik.io/providers/scim/user}\n  model: authentik_providers_scim.scimmapping\n  attrs:\n    name: 'shapes: SCIM user'\n    expression: |\n      return {\"userName\": request.user.username}\n",
        None,
    ),
    (
        "system/providers-rac",
        "entries:\n- identifiers: {managed: goauthentik.io/providers/rac/rdp-default}\n  model: authentik_providers_rac.racpropertymapping\n  attrs: {name: 'shapes: RDP', static_settings: {resize-method: display-update}}\n",
        None,
    ),
    (
        "system/providers-google-workspace and -microsoft-entra",
        "entries:\n- {model: authentik_providers_google_workspace.googleworkspaceprovidermapping, identifiers: {managed: goauthentik.io/providers/google_workspace/user}, attrs: {name: a, expression: 'return {}'}}\n- {model: authentik_providers_microsoft_entra.microsoftentraprovidermapping, identifiers: {managed: goauthentik.io/providers/microsoft_entra/user}, attrs: {name: b, expression: 'return {}'}}\n",
        None,
    ),
    (
        "system/sources-ldap and -kerberos",
        "entries:\n- {model: authentik_sources_ldap.ldapsourcepropertymapping, identifiers: {managed: goauthentik.io/sources/ldap/default-mail}, attrs: {name: mail, expression: 'return {\"email\": ldap.get(\"mail\")}'}}\n- {model: authentik_sources_kerberos.kerberossourcepropertymapping, identifiers: {managed: goauthentik.io/sources/kerberos/user}, attrs: {name: user, expression: 'return {}'}}\n",
        None,
    ),
    (
        "system/object-attributes-user and interfaces",
        "entries:\n- {model: authentik_core.objectattribute, identifiers: {key: locale}, attrs: {label: Locale, type: text}}\n- {model: authentik_tenants.domain, state: created, identifiers: {domain: shapes.example}, attrs: {is_primary: true}}\n",
        None,
    ),
    (
        "system/providers-oauth2",
        "entries:\n- identifiers: {managed: goauthentik.io/providers/oauth2/scope-shapes}\n  model: authentik_providers_oauth2.scopemapping\n  attrs:\n    name: shapes-scope\n    scope_name: shapes\n    description: Shapes\n    expression: |\n      # Own claims.\n      return {\"shapes\": request.user.uid}\n",
        Some(("propertymappings/provider/scope/?scope_name=shapes", &["shapes-scope"])),
    ),
    (
        "default/events-default",
        "entries:\n- {model: authentik_core.group, id: group, state: created, identifiers: {name: shapes-admins}}\n- {model: authentik_events.notificationtransport, id: transport, identifiers: {name: shapes-mail}, attrs: {mode: email}}\n- {model: authentik_events.notificationrule, id: rule, identifiers: {name: shapes-rule}, attrs: {severity: alert, destination_group: !KeyOf group, transports: [!KeyOf transport]}}\n- {model: authentik_policies_event_matcher.eventmatcherpolicy, id: policy, identifiers: {name: shapes-matcher}, attrs: {action: configuration_error}}\n- {model: authentik_policies.policybinding, identifiers: {order: 0, target: !KeyOf rule, policy: !KeyOf policy}}\n",
        Some(("core/groups/?name=shapes-admins", &["shapes-admins"])),
    ),
    (
        "default/events-user-security-notifications",
        "entries:\n- {model: authentik_policies_event_matcher.eventmatcherpolicy, id: policy, identifiers: {name: shapes-password}, attrs: {action: password_set}}\n- {model: authentik_events.notificationrule, id: rule, identifiers: {name: shapes-user}, attrs: {severity: notice, destination_event_user: true}}\n- {model: authentik_policies.policybinding, identifiers: {order: 0, target: !KeyOf rule, policy: !KeyOf policy}}\n",
        Some(("policies/event_matcher/?name=shapes-password", &["shapes-password"])),
    ),
    (
        "default/rbac-role-read-only",
        "entries:\n- {model: authentik_rbac.role, id: role, identifiers: {name: shapes-read-only}}\n- {model: authentik_core.group, state: created, identifiers: {name: shapes-readers}, attrs: {roles: [!KeyOf role]}}\n",
        Some(("core/groups/?name=shapes-readers", &["shapes-readers"])),
    ),
    (
        "default/default-request and account lockdown",
        "entries:\n- {model: authentik_flows.flow, id: flow, identifiers: {slug: shapes-request}, attrs: {name: shapes-request, title: Ask, designation: stage_configuration, authentication: require_authenticated}}\n- {model: authentik_stages_account_lockdown.accountlockdownstage, id: lock, identifiers: {name: shapes-lock}, attrs: {deactivate_user: true}}\n- {model: authentik_requests.requestrule, identifiers: {name: shapes-rule}, attrs: {flow: !KeyOf flow}}\n",
        Some(("flows/instances/?slug=shapes-request", &["shapes-request"])),
    ),
    (
        "default/flow-password-change",
        "entries:\n- {model: authentik_flows.flow, id: flow, identifiers: {slug: shapes-password}, attrs: {name: Change, title: Change, designation: stage_configuration, authentication: require_authenticated}}\n- {model: authentik_stages_prompt.prompt, id: first, identifiers: {name: shapes-first}, attrs: {field_key: password, label: Password, type: password, required: true, placeholder: Password, order: 0, placeholder_expression: false}}\n- {model: authentik_policies_password.passwordpolicy, id: policy, identifiers: {name: shapes-policy}, attrs: {check_static_rules: true, check_zxcvbn: true, length_min: 8, password_field: password, zxcvbn_score_threshold: 2, error_message: Enter a longer one.}}\n- {model: authentik_stages_prompt.promptstage, id: prompt, identifiers: {name: shapes-prompt}, attrs: {fields: [!KeyOf first], validation_policies: [!KeyOf policy]}}\n- {model: authentik_stages_user_write.userwritestage, id: write, identifiers: {name: shapes-write}, attrs: {user_creation_mode: never_create}}\n- {model: authentik_flows.flowstagebinding, identifiers: {order: 0, stage: !KeyOf prompt, target: !KeyOf flow}}\n- {model: authentik_flows.flowstagebinding, identifiers: {order: 1, stage: !KeyOf write, target: !KeyOf flow}}\n",
        Some(("flows/instances/?slug=shapes-password", &["Change"])),
    ),
    (
        "system/bootstrap",
        "context: {username: shapes-admin, group_name: shapes-group}\nentries:\n- {model: authentik_core.group, state: created, id: admins, identifiers: {name: !Context group_name}, attrs: {is_superuser: true}}\n- {model: authentik_core.user, state: created, id: user, identifiers: {username: !Context username}, attrs: {name: Shapes, groups: [!KeyOf admins], password: !Context [password, null], email: !Context [email, shapes@example.com]}}\n- {model: authentik_core.token, state: created, conditions: [!Context [token, null]], identifiers: {identifier: shapes-token}, attrs: {intent: api, expiring: false, key: !Context token, user: !KeyOf user}}\n",
        Some(("core/users/?username=shapes-admin", &["Shapes"])),
    ),
    (
        "migrations and an outpost",
        "entries:\n- {model: authentik_blueprints.metaapplyblueprint, attrs: {identifiers: {name: shapes-elsewhere}, required: false}}\n- {model: authentik_outposts.outpost, identifiers: {managed: goauthentik.io/outposts/embedded}, attrs: {name: authentik Embedded Outpost, type: proxy, config: {authentik_host: 'https://a.example'}}}\n- {model: authentik_core.group, state: absent, identifiers: {name: shapes-nobody}}\n- {model: authentik_brands.brand, identifiers: {domain: shapes.example}, attrs: {default: false, branding_title: Shapes, attributes: {settings: {locale: en}}}}\n",
        Some(("core/brands/?domain=shapes.example", &["Shapes"])),
    ),
];

#[tokio::test]
async fn every_kind_of_shipped_file_applies_and_nothing_is_dropped_in_silence() {
    each_database(|kind| async move {
        let app = App::start(kind).await;
        let mut admin = app.admin().await;
        for (name, text, there) in FILES {
            let text = format!("version: 1\nmetadata:\n  labels: {{blueprints.goauthentik.io/system: \"true\"}}\n  name: {name}\n{text}");
            let report = import(&app, &text).await.unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
            // Each entry is written, was right already, or is named.
            let notes = report.notes.join("\n");
            let models: Vec<&str> = text
                .split("model: ")
                .skip(1)
                .filter_map(|rest| rest.split([',', '}', '\n', ' ']).next())
                .collect();
            for model in &models {
                let known = app.core.registry.find(model).is_some()
                    || ["user", "group", "token"].iter().any(|row| *model == format!("authentik_core.{row}"))
                    || model.ends_with(".metaapplyblueprint")
                    || report.created >= models.len();
                assert!(known || notes.contains(model), "{name}: {model}\n{notes}");
            }
            let again = import(&app, &text).await.unwrap();
            assert!(again.is_empty() && again.notes.len() == report.notes.len(), "{name}: {again:?}");
            if let Some((path, names)) = there {
                let list = admin.get(&format!("/api/v3/{path}")).await.json();
                let found: Vec<&str> = list["results"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|row| row["name"].as_str().or(row["branding_title"].as_str()).unwrap())
                    .collect();
                assert_eq!(found, names, "{name}");
            }
        }
        // What neither server knows is an error, not a remark.
        for wrong in ["authentik_core.nothing", "authentik_flows.flows", "nowhere.model", "flow"] {
            let text = format!("version: 1\nentries:\n- {{model: {wrong}, identifiers: {{name: x}}}}\n");
            assert!(import(&app, &text).await.is_err(), "{wrong}");
        }
        app.stop().await;
    })
    .await;
}
