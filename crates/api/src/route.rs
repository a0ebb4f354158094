//! The table of everything that can be called: one row per verb and path.
use crate::call::{Call, Handler, SharedHandler, Work};
use crate::openapi::Document;
use crate::{actions, objects, rows};
use http::Method;
use signet_core::Principal;
use signet_model::{Base, FieldDef, ModelDef, Registry, Verb};
use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

/// Who may use a row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Strangers too.
    Anyone,
    /// Whoever has signed in; the answer is the same for all, or about the caller.
    SignedIn,
    /// Whoever has signed in, for what is theirs; for what is others', as [`Permission::Model`].
    Own(Verb),
    /// Who has the permission of the row's model, on all objects or on the one that the path names.
    Model(Verb),
    /// Who has all of these permissions. Where the path names an object of the row's model: on it, which they
    /// must also be allowed to see.
    Named(&'static [&'static str]),
}

/// What an action answers, for the document.
#[derive(Debug, Clone, Copy)]
pub enum Output {
    /// 204
    Nothing,
    /// An object of the named component.
    One(&'static str),
    /// A plain list of the named component.
    Plain(&'static str),
    /// A page of the named component in the list envelope.
    Page(&'static str),
    /// An object with these members, under this name.
    Members(&'static str, &'static [FieldDef]),
    /// Any JSON.
    Any,
}

#[derive(Clone)]
pub enum Run {
    Plain(Handler),
    Shared(SharedHandler),
}

/// One row: a verb on a path.
#[derive(Clone)]
pub struct Action {
    pub method: Method,
    /// Below `/api/v3/`, without slashes at the ends; at most one variable part:
    /// `core/users/{id}/set_password`.
    pub path: String,
    pub permission: Permission,
    /// What the permission is about: `authentik_core.user`. Of a family, its label and those of all its kinds.
    pub models: Vec<String>,
    pub doc: String,
    /// Members of the body; the handler judges them.
    pub input: &'static [FieldDef],
    /// Component of the body, where there is one.
    pub takes: Option<String>,
    pub output: Output,
    /// Component of the answer of generic rows.
    pub gives: Option<String>,
    pub run: Run,
    pub def: Option<&'static ModelDef>,
    pub base: Option<Base>,
}

/// The type of the accounts by which outposts sign in.
pub(crate) const OUTPOST: &str = "internal_service_account";

/// `run!(module::function)`: an async function of `&mut Call` as a [`Handler`].
macro_rules! run {
    ($($path:tt)*) => {
        $crate::route::Run::Plain(|call| Box::pin($($path)*(call)))
    };
}
pub(crate) use run;

impl Action {
    pub fn new(
        method: Method,
        path: impl Into<String>,
        permission: Permission,
        doc: impl Into<String>,
        run: Run,
    ) -> Self {
        Self {
            method,
            path: path.into(),
            permission,
            models: Vec::new(),
            doc: doc.into(),
            input: &[],
            takes: None,
            output: Output::Any,
            gives: None,
            run,
            def: None,
            base: None,
        }
    }
    pub fn get(path: impl Into<String>, permission: Permission, doc: impl Into<String>, run: Run) -> Self {
        Self::new(Method::GET, path, permission, doc, run)
    }
    pub fn post(path: impl Into<String>, permission: Permission, doc: impl Into<String>, run: Run) -> Self {
        Self::new(Method::POST, path, permission, doc, run)
    }
    /// Declares the body.
    pub fn input(mut self, members: &'static [FieldDef]) -> Self {
        self.input = members;
        self
    }
    /// Declares the answer.
    pub fn output(mut self, output: Output) -> Self {
        self.output = output;
        self
    }
    pub(crate) fn takes(mut self, component: impl Into<String>) -> Self {
        self.takes = Some(component.into());
        self
    }
    pub(crate) fn gives(mut self, component: impl Into<String>) -> Self {
        self.gives = Some(component.into());
        self
    }
    /// Declares what the permission is about.
    pub fn about(mut self, model: impl Into<String>) -> Self {
        self.models = vec![model.into()];
        self
    }
    fn of(mut self, def: &'static ModelDef) -> Self {
        self.def = Some(def);
        self.about(def.full_name())
    }
    pub(crate) fn all(mut self, base: Base) -> Self {
        self.base = Some(base);
        self.about(base.label())
    }
    /// Whether the path names one object.
    fn has_key(&self) -> bool {
        self.path.contains('{')
    }
    /// Whether somebody may come in at all. What they may do to the object that the path names is for
    /// [`Call::reach`].
    pub(crate) fn lets(&self, person: &Principal) -> bool {
        let grants = &person.grants;
        let somewhere = |verb: Verb| self.models.iter().any(|model| grants.anywhere(&verb.on(model)));
        match self.permission {
            Permission::Anyone | Permission::SignedIn | Permission::Own(_) => true,
            Permission::Model(Verb::Add) => self.models.iter().any(|model| grants.has(&Verb::Add.on(model))),
            // Outposts get empty lists of what they have none of.
            Permission::Model(Verb::View) if !self.has_key() && person.user.user_type == OUTPOST => true,
            Permission::Model(verb) => somewhere(Verb::View) && somewhere(verb),
            Permission::Named(names) if self.has_key() && !self.models.is_empty() => {
                somewhere(Verb::View) && names.iter().all(|name| grants.anywhere(name))
            }
            Permission::Named(names) => names.iter().all(|name| grants.has(name)),
        }
    }
    pub(crate) fn work<'a>(&self, call: &'a mut Call) -> Work<'a> {
        match &self.run {
            Run::Plain(f) => f(call),
            Run::Shared(f) => f(call),
        }
    }
}

/// All verbs of one path.
pub struct Route {
    pub path: String,
    pub actions: Vec<Action>,
}
impl Route {
    pub fn action(&self, method: &Method) -> Option<&Action> {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        self.actions.iter().find(|a| a.method == *method)
    }
    /// The `Allow` header.
    pub fn allow(&self) -> String {
        let has = |m: &Method| self.actions.iter().any(|a| a.method == *m);
        let mut words: Vec<&str> = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE]
            .iter()
            .filter(|m| has(m))
            .map(verb)
            .collect();
        if has(&Method::GET) {
            words.push("HEAD");
        }
        words.push("OPTIONS");
        words.join(", ")
    }
}
fn verb(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        _ => "DELETE",
    }
}

/// All routes, found by path.
pub struct Table {
    routes: Vec<Route>,
    by_pattern: HashMap<String, usize>,
    /// The OpenAPI document, written when it is first asked for.
    pub(crate) document: OnceLock<Document>,
}

/// Paths of older releases and what they are called now.
const ALIASES: &[(&str, &str)] = &[("propertymappings/scope", "propertymappings/provider/scope")];

impl Table {
    pub fn new(registry: &Registry, extra: &[Action]) -> Self {
        let mut rows = Vec::new();
        rows::register(&mut rows);
        actions::register(&mut rows);
        rows.extend(extra.iter().cloned());
        let mut models: Vec<_> =
            registry.all().iter().copied().filter(|d| !d.rows && !d.path.is_empty()).collect();
        models.sort_by_key(|d| d.path);
        for def in models {
            generic(def, &mut rows);
        }
        for base in [Base::Stage, Base::Policy, Base::Provider, Base::PropertyMapping, Base::Source] {
            family(base, registry, &mut rows);
        }
        let mut routes: BTreeMap<String, Vec<Action>> = BTreeMap::new();
        for action in rows {
            let list = routes.entry(action.path.clone()).or_default();
            // The first row wins, so that hand-made rows replace generic ones.
            if !list.iter().any(|a| a.method == action.method) {
                list.push(action);
            }
        }
        let routes: Vec<Route> = routes.into_iter().map(|(path, actions)| Route { path, actions }).collect();
        let by_pattern = routes.iter().enumerate().map(|(i, r)| (pattern(&r.path), i)).collect();
        Self { routes, by_pattern, document: OnceLock::new() }
    }
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }
    /// The route of a path (segments decoded, no slashes at the ends) and its variable part.
    pub fn find(&self, path: &str) -> Option<(&Route, String)> {
        if let Some((old, new)) = ALIASES.iter().find(|(old, _)| {
            path.strip_prefix(old).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }) {
            return self.find(&format!("{new}{}", &path[old.len()..]));
        }
        if let Some(i) = self.by_pattern.get(path) {
            return Some((&self.routes[*i], String::new()));
        }
        let segments: Vec<&str> = path.split('/').collect();
        if segments.len() > 8 || path.contains("{}") {
            return None;
        }
        // From the end: the longest fixed beginning wins.
        for i in (1..segments.len()).rev() {
            let mut wanted = segments.clone();
            wanted[i] = "{}";
            if let Some(found) = self.by_pattern.get(&wanted.join("/")) {
                let key = signet_base::query::decode(&segments[i].replace('+', "%2B"));
                return (!key.is_empty()).then(|| (&self.routes[*found], key));
            }
        }
        None
    }
}

fn pattern(path: &str) -> String {
    path.split('/').map(|s| if s.starts_with('{') { "{}" } else { s }).collect::<Vec<_>>().join("/")
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
