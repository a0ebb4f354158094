//! API form of objects: declared fields, members of the family, members added by the model.
use crate::models::{self, FlowStageBinding};
use signet_base::{Json, Map, Uuid, json};
use signet_model::{Base, Object, Snapshot};

/// The object in the API.
pub fn present(object: &Object, config: &Snapshot) -> Map {
    let mut out = head(object);
    for field in object.def.fields {
        if field.hidden || field.write_only {
            continue;
        }
        let value = if field.secret {
            object.secrets.get(field.name).map_or(Json::Null, |s| json!(s.reveal()))
        } else {
            object.data.get(field.name).cloned().unwrap_or_default()
        };
        out.insert(field.name.to_owned(), value);
    }
    family(object, config, &mut out);
    if let Some(add) = object.def.present {
        add(object, config, &mut out);
    }
    out
}

const SHOWN_OF_SOURCES: &[&str] = &[
    "name",
    "slug",
    "enabled",
    "promoted",
    "authentication_flow",
    "enrollment_flow",
    "user_property_mappings",
    "group_property_mappings",
    "policy_engine_mode",
    "user_matching_mode",
    "user_path_template",
    "icon",
];

/// The object in lists of its family (`/stages/all/`), and inside objects that refer to it.
pub fn family_view(object: &Object, config: &Snapshot) -> Map {
    let mut out = head(object);
    let shown: &[&str] = match object.def.base {
        Some(Base::Provider) => {
            &["name", "authentication_flow", "authorization_flow", "invalidation_flow", "property_mappings"]
        }
        Some(Base::Policy) => &["name", "execution_logging"],
        Some(Base::Source) => SHOWN_OF_SOURCES,
        Some(Base::PropertyMapping) => &["managed", "name", "expression"],
        _ => &["name"],
    };
    for field in shown {
        out.insert((*field).to_owned(), object.data.get(*field).cloned().unwrap_or_default());
    }
    family(object, config, &mut out);
    out
}

fn head(object: &Object) -> Map {
    let mut out = Map::new();
    let key = if object.def.key == "slug" || object.def.key == "identifier" { "pk" } else { object.def.key };
    out.insert(key.to_owned(), object.wire_pk());
    out
}

fn family(object: &Object, config: &Snapshot, out: &mut Map) {
    let Some(base) = object.def.base else { return };
    out.insert("component".into(), json!(object.def.component));
    out.insert("verbose_name".into(), json!(object.def.label));
    out.insert("verbose_name_plural".into(), json!(object.def.plural));
    out.insert("meta_model_name".into(), json!(object.def.full_name()));
    match base {
        Base::Stage => {
            out.insert("flow_set".into(), Json::Array(flow_set(object.pk, config)));
        }
        Base::Policy => {
            let pk = object.pk.to_string();
            let bound = config.referring(object, "policy").count();
            out.insert("bound_to".into(), json!(bound));
            out.insert("pk".into(), json!(pk));
        }
        Base::Provider => {
            for (field, prefix) in [
                ("provider", "assigned_application"),
                ("backchannel_providers", "assigned_backchannel_application"),
            ] {
                let app = config.referring(object, field).next();
                out.insert(format!("{prefix}_slug"), app.map_or(Json::Null, |a| json!(a.text("slug"))));
                out.insert(format!("{prefix}_name"), app.map_or(Json::Null, |a| json!(a.text("name"))));
            }
        }
        Base::Source => {
            let icon = object.text("icon");
            out.insert("icon_url".into(), if icon.is_empty() { Json::Null } else { json!(icon) });
            out.insert("icon_themed_urls".into(), Json::Null);
            // Objects that come with the server carry a key; no source does.
            out.insert("managed".into(), Json::Null);
        }
        Base::PropertyMapping => {}
    }
}

fn flow_set(stage: Uuid, config: &Snapshot) -> Vec<Json> {
    let bindings = config.referring_key(&stage.to_string(), "stage");
    let mut flows: Vec<_> =
        bindings.filter_map(|o| config.get(o.get::<FlowStageBinding>()?.target)).collect();
    flows.sort_by(|a, b| a.text("slug").cmp(b.text("slug")));
    flows.dedup_by_key(|f| f.pk);
    flows.into_iter().map(|f| Json::Object(models::flow_summary(f))).collect()
}
