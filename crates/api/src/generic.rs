//! The rows that follow from declarations: of every model, and of every family.
use crate::objects;
use http::Method;
use signet_model::{Base, ModelDef, Registry, Verb};
use signet_rest::{Action, Output, Permission, run};

/// The rows of all declared models and of all families.
pub(crate) fn register(registry: &Registry, rows: &mut Vec<Action>) {
    let mut models: Vec<_> =
        registry.all().iter().copied().filter(|d| !d.rows && !d.path.is_empty()).collect();
    models.sort_by_key(|d| d.path);
    for def in models {
        generic(def, rows);
    }
    for base in [Base::Stage, Base::Policy, Base::Provider, Base::PropertyMapping, Base::Source] {
        family(base, registry, rows);
    }
}

/// The rows that every configuration model has.
fn generic(def: &'static ModelDef, rows: &mut Vec<Action>) {
    use Permission::{Model, SignedIn};
    use Verb::{Add, Change, Delete, View};
    let one = format!("{}/{{{}}}", def.path, key_name(def));
    let name = crate::openapi::component(def);
    // Applications are listed for everybody, each person sees what they may use.
    let listing = if def.is("authentik_core.application") { SignedIn } else { Model(View) };
    // "an application", "the application": sentences that can be read alone.
    let one_of = def.label.to_lowercase();
    let label = def.plural;
    let mut add = |action: Action| rows.push(action.of(def));
    add(Action::get(def.path, listing, format!("Lists {label}."), run!(objects::list::list)).gives(&name));
    add(Action::post(def.path, Model(Add), format!("Creates one of {label}."), run!(objects::write::create))
        .takes(&name)
        .gives(&name));
    add(Action::get(&one, Model(View), def.doc, run!(objects::list::retrieve)).gives(&name));
    add(Action::new(
        Method::PUT,
        &one,
        Model(Change),
        format!("Replaces all settings of the {one_of}."),
        run!(objects::write::update),
    )
    .takes(&name)
    .gives(&name));
    add(Action::new(
        Method::PATCH,
        &one,
        Model(Change),
        format!("Changes some settings of the {one_of}."),
        run!(objects::write::partial_update),
    )
    .takes(&name)
    .gives(&name));
    add(Action::new(
        Method::DELETE,
        &one,
        Model(Delete),
        format!("Deletes the {one_of}, with everything that the operation used_by names."),
        run!(objects::write::destroy),
    )
    .output(Output::Nothing));
    add(Action::get(
        format!("{one}/used_by"),
        Model(View),
        format!("Lists what refers to the {one_of}."),
        run!(objects::used_by::used_by),
    )
    .output(Output::Plain("UsedBy")));
}

/// The rows that every family has.
fn family(base: Base, registry: &Registry, rows: &mut Vec<Action>) {
    use Permission::Model;
    use Verb::{Delete, View};
    let (path, component) = family_path(base);
    let kinds: Vec<String> = registry.family(base).map(ModelDef::full_name).collect();
    let mut add = |action: Action| {
        let mut action = action.all(base);
        action.models.extend(kinds.iter().cloned());
        rows.push(action);
    };
    let one = format!("{path}/{{{}}}", if base == Base::Provider { "id" } else { "uuid" });
    add(Action::get(&*path, Model(View), "Lists all kinds.", run!(objects::family::list))
        .output(Output::Page(component)));
    add(Action::get(
        format!("{path}/types"),
        Model(View),
        "Kinds that can be created.",
        run!(objects::family::types),
    )
    .output(Output::Plain("TypeCreate")));
    add(Action::get(&one, Model(View), "Returns one object of any kind.", run!(objects::family::retrieve))
        .output(Output::One(component)));
    add(Action::new(
        Method::DELETE,
        &one,
        Model(Delete),
        "Deletes one of any kind.",
        run!(objects::family::destroy),
    )
    .output(Output::Nothing));
    add(Action::get(
        format!("{one}/used_by"),
        Model(View),
        "Lists what refers to the object.",
        run!(objects::family::used_by),
    )
    .output(Output::Plain("UsedBy")));
}
fn family_path(base: Base) -> (String, &'static str) {
    let (path, component) = match base {
        Base::Stage => ("stages", "Stage"),
        Base::Policy => ("policies", "Policy"),
        Base::Provider => ("providers", "Provider"),
        Base::PropertyMapping => ("propertymappings", "PropertyMapping"),
        Base::Source => ("sources", "Source"),
    };
    (format!("{path}/all"), component)
}

/// Name of the variable part in the document.
fn key_name(def: &ModelDef) -> String {
    match (def.key, def.numbered) {
        ("pk", true) => "id".to_owned(),
        ("pk", false) if def.is("authentik_rbac.role") => "uuid".to_owned(),
        ("pk", false) if def.is("authentik_blueprints.blueprintinstance") => "instance_uuid".to_owned(),
        ("pk", false) => format!("{}_uuid", snake(&crate::openapi::component(def))),
        (key, _) => key.to_owned(),
    }
}
fn snake(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && i > 0 {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}
