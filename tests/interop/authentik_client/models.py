"""The models that the generated client walks through: what is sent, and what one PATCH changes.

A row is (label, API class, method prefix, key field, body, patch). Bodies may name earlier rows: a callable gets what was made so far.
"""
from collections import namedtuple

Row = namedtuple("Row", "label api prefix key body patch")

INBUILT = "authentik.core.auth.InbuiltBackend"


def stage(label, body=None, patch=None, path=None):
    """A stage: its name comes from its kind; without a field to change, PATCH changes the name."""
    name = f"ac {label} stage"
    return Row(f"{label} stage", "StagesApi", f"stages_{path or label}", "pk", {"name": name, **(body or {})}, patch or {"name": name + " 2"})


def rows(flows):
    """`flows`: slug -> pk of the default flows."""
    return [
        Row("group", "CoreApi", "core_groups", "pk", {"name": "ac group", "attributes": {"a": 1}}, {"is_superuser": True}),
        Row("subgroup", "CoreApi", "core_groups", "pk", lambda made: {"name": "ac subgroup", "parents": [made["group"].pk]}, {"attributes": {"b": [1, 2]}}),
        Row("user", "CoreApi", "core_users", "pk", lambda made: {"username": "ac-user", "name": "A Client", "email": "ac@example.test", "groups": [made["group"].pk], "path": "users/ac"}, {"name": "Another Client"}),
        Row("token", "CoreApi", "core_tokens", "identifier", lambda made: {"identifier": "ac-token", "intent": "api", "user": made["user"].pk, "expiring": False}, {"description": "for the test"}),
        Row("flow", "FlowsApi", "flows_instances", "slug", {"name": "ac flow", "slug": "ac-flow", "title": "A client", "designation": "authentication"}, {"title": "Another client"}),
        Row("prompt", "StagesApi", "stages_prompt_prompts", "pk", {"name": "ac prompt", "field_key": "colour", "label": "Colour", "type": "text"}, {"order": 5}),
        # The recorded server refuses a partial change that names neither user_fields nor sources.
        stage("identification", {"user_fields": ["username", "email"]}, {"show_matched_user": False, "user_fields": ["username"]}),
        stage("password", {"backends": [INBUILT]}, {"failed_attempts_before_cancel": 3}),
        stage("user_login", {"session_duration": "hours=1"}, {"terminate_other_sessions": True}),
        stage("user_logout"),
        stage("user_write", {"user_creation_mode": "never_create"}, {"create_users_as_inactive": False}),
        Row("prompt stage", "StagesApi", "stages_prompt_stages", "pk", lambda made: {"name": "ac prompt stage", "fields": [made["prompt"].pk]}, {"name": "ac prompt stage 2"}),
        stage("consent", {"mode": "expiring", "consent_expire_in": "days=1"}, {"mode": "permanent"}),
        stage("deny", {"deny_message": "No."}, {"deny_message": "Not today."}),
        stage("dummy", {"throw_error": False}, {"throw_error": True}),
        Row("flow-stage binding", "FlowsApi", "flows_bindings", "pk", lambda made: {"target": made["flow"].pk, "stage": made["deny stage"].pk, "order": 10}, {"order": 20}),
        Row("expression policy", "PoliciesApi", "policies_expression", "pk", {"name": "ac policy", "expression": "return True"}, {"execution_logging": True}),
        Row("policy binding", "PoliciesApi", "policies_bindings", "pk", lambda made: {"target": made["flow"].policybindingmodel_ptr_id, "policy": made["expression policy"].pk, "order": 0}, {"negate": True}),
        Row("group binding", "PoliciesApi", "policies_bindings", "pk", lambda made: {"target": made["flow-stage binding"].policybindingmodel_ptr_id, "group": made["group"].pk, "order": 1}, {"enabled": False}),
        Row("scope mapping", "PropertymappingsApi", "propertymappings_provider_scope", "pk", {"name": "ac scope", "scope_name": "colour", "expression": "return {'colour': 'green'}"}, {"description": "Your colour"}),
        Row("oauth2 provider", "ProvidersApi", "providers_oauth2", "pk", lambda made: {
            "name": "ac provider", "authorization_flow": flows["default-provider-authorization-implicit-consent"], "invalidation_flow": flows["default-provider-invalidation-flow"],
            "property_mappings": [made["scope mapping"].pk], "redirect_uris": [{"matching_mode": "strict", "url": "https://app.example.test/callback"}]}, {"access_token_validity": "minutes=5"}),
        Row("application", "CoreApi", "core_applications", "slug", lambda made: {"name": "ac application", "slug": "ac-application", "provider": made["oauth2 provider"].pk}, {"meta_publisher": "Example"}),
        Row("brand", "CoreApi", "core_brands", "brand_uuid", {"domain": "ac.example.test", "flow_authentication": flows["default-authentication-flow"]}, {"branding_title": "A client"}),
        Row("certificate-key pair", "CryptoApi", "crypto_certificatekeypairs", "pk", lambda made: {"name": "ac pair", "certificate_data": made["certificate"], "key_data": made["key"]}, {"name": "ac pair 2"}),
    ]


# Views beside the life of an object: (what, API class, method, arguments by name of a made object)
VIEWS = [
    ("stages of all kinds", "StagesApi", "stages_all_list", {}),
    ("kinds of stages", "StagesApi", "stages_all_types_list", {}),
    ("one stage of any kind", "StagesApi", "stages_all_retrieve", {"stage_uuid": "deny stage"}),
    ("uses of a stage of any kind", "StagesApi", "stages_all_used_by_list", {"stage_uuid": "deny stage"}),
    ("stages a person sets up", "StagesApi", "stages_all_user_settings_list", {}),
    ("policies of all kinds", "PoliciesApi", "policies_all_list", {}),
    ("kinds of policies", "PoliciesApi", "policies_all_types_list", {}),
    ("one policy of any kind", "PoliciesApi", "policies_all_retrieve", {"policy_uuid": "expression policy"}),
    ("providers of all kinds", "ProvidersApi", "providers_all_list", {}),
    ("kinds of providers", "ProvidersApi", "providers_all_types_list", {}),
    ("one provider of any kind", "ProvidersApi", "providers_all_retrieve", {"id": "oauth2 provider"}),
    ("set-up addresses of a provider", "ProvidersApi", "providers_oauth2_setup_urls_retrieve", {"id": "oauth2 provider"}),
    ("claims that a provider would give", "ProvidersApi", "providers_oauth2_preview_user_retrieve", {"id": "oauth2 provider"}),
    ("mappings of all kinds", "PropertymappingsApi", "propertymappings_all_list", {}),
    ("kinds of mappings", "PropertymappingsApi", "propertymappings_all_types_list", {}),
    ("the person herself", "CoreApi", "core_users_me_retrieve", {}),
    ("the brand of this host", "CoreApi", "core_brands_current_retrieve", {}),
    ("access to an application", "CoreApi", "core_applications_check_access_retrieve", {"slug": "application"}),
    ("version", "AdminApi", "admin_version_retrieve", {}),
    ("configuration", "RootApi", "root_config_retrieve", {}),
]
