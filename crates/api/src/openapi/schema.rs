//! Component schemas.
use super::reference;
use signet_base::{Json, Map, json};
use signet_model::{Base, FieldDef, FieldKind, ModelDef};

/// The component's name in authentik's schema.
pub(crate) fn component(def: &ModelDef) -> String {
    def.class.to_owned()
}

/// The schema of a field type.
pub(super) fn value(kind: &FieldKind) -> Json {
    match kind {
        FieldKind::Text | FieldKind::Expression | FieldKind::Duration => json!({"type": "string"}),
        FieldKind::Slug => json!({"type": "string", "pattern": "^[-a-zA-Z0-9_]+$"}),
        FieldKind::Email => json!({"type": "string", "format": "email"}),
        FieldKind::Url => json!({"type": "string", "format": "uri"}),
        FieldKind::Bool => json!({"type": "boolean"}),
        FieldKind::Int => json!({"type": "integer"}),
        FieldKind::Float => json!({"type": "number", "format": "double"}),
        FieldKind::Time => json!({"type": "string", "format": "date-time"}),
        FieldKind::Uuid => json!({"type": "string", "format": "uuid"}),
        FieldKind::Object => json!({"type": "object", "additionalProperties": {}}),
        FieldKind::Json => json!({}),
        FieldKind::Choice(words) => json!({"type": "string", "enum": words}),
        FieldKind::Ref { target, .. }
            if matches!(*target, "authentik_core.user" | "authentik_core.provider")
                || target.starts_with("authentik_providers_") =>
        {
            json!({"type": "integer"})
        }
        FieldKind::Ref { .. } => json!({"type": "string", "format": "uuid"}),
        FieldKind::List(inner) => json!({"type": "array", "items": value(inner)}),
        FieldKind::Items(members) => json!({"type": "array", "items": object(members.iter(), false)}),
    }
}

fn property(field: &FieldDef) -> Json {
    let mut out = value(&field.kind);
    if field.widget == signet_rest::form::FILE {
        out["format"] = json!("binary");
    }
    if !field.doc.is_empty() {
        out["description"] = json!(field.doc);
    }
    if field.nullable {
        out["nullable"] = json!(true);
    }
    if field.read_only {
        out["readOnly"] = json!(true);
    }
    if field.write_only {
        out["writeOnly"] = json!(true);
    }
    match field.kind {
        FieldKind::Int => {
            for (name, bound) in [("minimum", field.min), ("maximum", field.max)] {
                if let Some(n) = bound {
                    out[name] = json!(n);
                }
            }
        }
        FieldKind::Text | FieldKind::Slug | FieldKind::Email => {
            if let Some(n) = field.max {
                out["maxLength"] = json!(n);
            }
        }
        _ => {}
    }
    out
}

/// An object schema; members that are always present are required.
pub(super) fn object<'a>(fields: impl Iterator<Item = &'a FieldDef>, partial: bool) -> Json {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for field in fields {
        if !partial && (field.required || field.read_only) {
            required.push(field.name);
        }
        properties.insert(field.name.to_owned(), property(field));
    }
    let mut out = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        out["required"] = json!(required);
    }
    out
}

/// The three components of a member table: response, creation, update.
pub(super) fn fields(name: &str, all: &[FieldDef], schemas: &mut Map) {
    schemas.insert(name.to_owned(), object(all.iter().filter(|f| !f.write_only), false));
    let sent = || all.iter().filter(|f| !f.read_only);
    if sent().next().is_some() {
        schemas.insert(format!("{name}Request"), object(sent(), false));
        schemas.insert(format!("Patched{name}Request"), object(sent(), true));
    }
}

/// The same for a model.
pub(super) fn model(def: &ModelDef, schemas: &mut Map) {
    let name = component(def);
    let shown: Vec<FieldDef> = head(def)
        .into_iter()
        .chain(def.fields.iter().filter(|f| !f.hidden && !f.write_only).copied())
        .chain(family(def))
        .chain(def.extra.iter().copied())
        .collect();
    let mut whole = object(shown.iter(), false);
    if !def.doc.is_empty() {
        whole["description"] = json!(def.doc);
    }
    schemas.insert(name.clone(), whole);
    let sent = || def.fields.iter().filter(|f| !f.read_only && !f.hidden);
    schemas.insert(format!("{name}Request"), object(sent(), false));
    schemas.insert(format!("Patched{name}Request"), object(sent(), true));
}

fn head(def: &ModelDef) -> Vec<FieldDef> {
    let key = if def.key == "slug" || def.key == "identifier" { "pk" } else { def.key };
    vec![FieldDef::shown(key, if def.numbered { FieldKind::Int } else { FieldKind::Uuid })]
}
fn family(def: &ModelDef) -> Vec<FieldDef> {
    def.base.map(members).unwrap_or_default()
}
/// What every object of a family shows besides its own fields.
fn members(base: Base) -> Vec<FieldDef> {
    let mut out: Vec<FieldDef> = ["component", "verbose_name", "verbose_name_plural", "meta_model_name"]
        .into_iter()
        .map(|n| FieldDef::shown(n, FieldKind::Text))
        .collect();
    match base {
        Base::Stage => out.push(FieldDef::shown("flow_set", FieldKind::List(&FieldKind::Object))),
        Base::Policy => out.push(FieldDef::shown("bound_to", FieldKind::Int)),
        Base::Provider => {
            let names = [
                "assigned_application_slug",
                "assigned_application_name",
                "assigned_backchannel_application_slug",
                "assigned_backchannel_application_name",
            ];
            out.extend(names.into_iter().map(|n| FieldDef::shown(n, FieldKind::Text).nullable()));
        }
        Base::Source => {
            let names = ["managed", "icon_url"].map(|n| FieldDef::shown(n, FieldKind::Text).nullable());
            out.extend(names);
            out.push(FieldDef::shown("icon_themed_urls", FieldKind::Json).nullable());
        }
        Base::PropertyMapping => {}
    }
    out
}

/// The family's own view (`/stages/all/`): key, the fields that all of its kinds have, and [`members`].
fn family_view(base: Base) -> Vec<FieldDef> {
    const FLOW: FieldKind = FieldKind::Uuid;
    const MAPPINGS: FieldKind = FieldKind::List(&FieldKind::Uuid);
    let key = if base == Base::Provider { FieldKind::Int } else { FieldKind::Uuid };
    let own: &[(&'static str, FieldKind, bool)] = match base {
        Base::Stage => &[],
        Base::Policy => &[("execution_logging", FieldKind::Bool, false)],
        Base::PropertyMapping => {
            &[("managed", FieldKind::Text, true), ("expression", FieldKind::Text, false)]
        }
        Base::Provider => &[
            ("authentication_flow", FLOW, true),
            ("authorization_flow", FLOW, false),
            ("invalidation_flow", FLOW, true),
            ("property_mappings", MAPPINGS, false),
        ],
        Base::Source => &[
            ("slug", FieldKind::Text, false),
            ("enabled", FieldKind::Bool, false),
            ("promoted", FieldKind::Bool, false),
            ("authentication_flow", FLOW, true),
            ("enrollment_flow", FLOW, true),
            ("user_property_mappings", MAPPINGS, false),
            ("group_property_mappings", MAPPINGS, false),
            ("policy_engine_mode", FieldKind::Text, false),
            ("user_matching_mode", FieldKind::Text, false),
            ("user_path_template", FieldKind::Text, false),
            ("icon", FieldKind::Text, false),
        ],
    };
    let own = own
        .iter()
        .map(|(name, kind, nullable)| FieldDef { nullable: *nullable, ..FieldDef::shown(name, *kind) });
    let head = [FieldDef::shown("pk", key), FieldDef::shown("name", FieldKind::Text)];
    head.into_iter().chain(own).chain(members(base)).collect()
}

/// Components without a model.
pub(super) fn shared() -> Map {
    let text = || json!({"type": "string"});
    let int = || json!({"type": "integer"});
    let object = |properties: Json| {
        let required: Vec<String> =
            properties.as_object().map(|p| p.keys().cloned().collect()).unwrap_or_default();
        json!({"type": "object", "properties": properties, "required": required})
    };
    let mut out = Map::new();
    out.insert(
        "Pagination".into(),
        object(json!({"next": int(), "previous": int(), "count": int(), "current": int(), "total_pages": int(), "start_index": int(), "end_index": int()})),
    );
    out.insert("UsedByActionsEnum".into(), json!({"type": "string", "enum": ["cascade", "cascade_many", "set_null", "set_default", "left_dangling"]}));
    out.insert("UsedBy".into(), object(json!({"app": text(), "model_name": text(), "pk": text(), "name": text(), "action": reference("UsedByActionsEnum")})));
    out.insert(
        "TypeCreate".into(),
        json!({
            "type": "object",
            "properties": {"name": text(), "description": text(), "component": text(), "model_name": text(), "icon_url": {"type": "string", "nullable": true}, "requires_enterprise": {"type": "boolean"}, "deprecated": {"type": "boolean"}},
            "required": ["component", "description", "model_name", "name"],
        }),
    );
    out.insert("BlueprintFile".into(), object(json!({"path": text(), "last_m": {"type": "string", "format": "date-time"}, "hash": text(), "meta": {"type": "object", "additionalProperties": {}}})));
    out.insert("DetailedCountry".into(), object(json!({"code": text(), "name": text()})));
    let themed = json!({"type": "object", "additionalProperties": text(), "nullable": true});
    out.insert(
        "FileList".into(),
        object(json!({"name": text(), "mime_type": text(), "url": text(), "themed_urls": themed})),
    );
    out.insert("App".into(), object(json!({"name": text(), "label": text()})));
    out.insert("VersionHistory".into(), object(json!({"id": int(), "timestamp": {"type": "string", "format": "date-time"}, "version": text(), "build": text()})));
    out.insert(
        "ValidationError".into(),
        json!({"type": "object", "properties": {"non_field_errors": {"type": "array", "items": text()}, "code": text()}, "additionalProperties": {}}),
    );
    out.insert(
        "GenericError".into(),
        json!({"type": "object", "properties": {"detail": text(), "code": text()}, "required": ["detail"]}),
    );
    for (base, name, label) in [
        (Base::Stage, "Stage", "stage"),
        (Base::Policy, "Policy", "policy"),
        (Base::Provider, "Provider", "provider"),
        (Base::PropertyMapping, "PropertyMapping", "property mapping"),
        (Base::Source, "Source", "source"),
    ] {
        let mut schema = self::object(family_view(base).iter(), false);
        schema["description"] = json!(format!("What every {label} has."));
        out.insert(name.into(), schema);
    }
    out
}
