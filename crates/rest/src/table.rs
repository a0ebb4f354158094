//! All rows, found by path.
use crate::body::MAX_BODY;
use crate::dispatch::PREFIX;
use crate::route::Action;
use http::Method;
use std::collections::{BTreeMap, HashMap};

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
}

/// Paths of older releases and what they are called now.
const ALIASES: &[(&str, &str)] = &[("propertymappings/scope", "propertymappings/provider/scope")];

impl Table {
    /// The first row of a verb and path wins, so that hand-made rows replace generic ones.
    pub fn new(rows: Vec<Action>) -> Self {
        let mut routes: BTreeMap<String, Vec<Action>> = BTreeMap::new();
        for action in rows {
            let list = routes.entry(action.path.clone()).or_default();
            if !list.iter().any(|a| a.method == action.method) {
                list.push(action);
            }
        }
        let routes: Vec<Route> = routes.into_iter().map(|(path, actions)| Route { path, actions }).collect();
        let by_pattern = routes.iter().enumerate().map(|(i, r)| (pattern(&r.path), i)).collect();
        Self { routes, by_pattern }
    }
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }
    /// The longest body that a path below `/api/v3` takes, in bytes.
    pub fn limit(&self, method: &Method, path: &str) -> usize {
        let found = path.strip_prefix(PREFIX).and_then(|path| self.find(path.trim_matches('/')));
        found.and_then(|(route, _)| route.action(method)).map_or(MAX_BODY, |action| action.limit)
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
