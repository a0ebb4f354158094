//! `import authentik…`: packages, classes, constants and functions.
use super::classes::{self, Class, ClassKind, DEVICES};
use super::plain::plain;
use super::query::{Base, Query};
use super::settings;
use crate::expression::objects::{CallResult, Shared};
use signet_expr::{BoxFuture, CallError, Effect, HostObject, Kwargs, Special, Value};
use std::sync::Arc;

/// The module `authentik`.
pub fn module(shared: &Arc<Shared>) -> Value {
    Value::object(Package { shared: shared.clone(), path: "authentik".to_owned() })
}

const AUTHENTICATORS: &str = "authentik.stages.authenticator";
const OF_AUTHENTICATORS: [&str; 2] = ["devices_for_user", "user_has_device"];

/// Whether `import module`, or `from module import part`, succeeds.
pub fn offers(module: &str, part: Option<&str>) -> bool {
    is_package(module)
        && part.is_none_or(|part| {
            class(module, part).is_some()
                || settings::constant(module, part).is_some()
                || is_function(module, part)
                || is_package(&format!("{module}.{part}"))
        })
}
fn class(module: &str, name: &str) -> Option<&'static Class> {
    classes::all().find(|class| class.module == module && class.name == name)
}
fn is_function(module: &str, name: &str) -> bool {
    module == AUTHENTICATORS && OF_AUTHENTICATORS.contains(&name)
}
/// Whether it is a module or package.
fn is_package(path: &str) -> bool {
    let inside =
        |module: &str| module.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    inside(AUTHENTICATORS) || classes::all().any(|class| inside(class.module))
}

struct Package {
    shared: Arc<Shared>,
    path: String,
}
impl HostObject for Package {
    fn type_name(&self) -> &str {
        "module"
    }
    fn identity(&self) -> String {
        self.path.clone()
    }
    fn attr(&self, name: &str) -> Option<Value> {
        if let Some(class) = class(&self.path, name) {
            return Some(Value::object(Model { shared: self.shared.clone(), class }));
        }
        if let Some(value) = settings::constant(&self.path, name) {
            return Some(value);
        }
        if is_function(&self.path, name) {
            return Some(Value::object(Devices {
                shared: self.shared.clone(),
                exists: name == "user_has_device",
            }));
        }
        let path = format!("{}.{name}", self.path);
        is_package(&path).then(|| Value::object(Self { shared: self.shared.clone(), path }))
    }
}

/// A model class, for queries only.
struct Model {
    shared: Arc<Shared>,
    class: &'static Class,
}
impl HostObject for Model {
    fn type_name(&self) -> &str {
        "ModelBase"
    }
    fn identity(&self) -> String {
        self.class.name.to_owned()
    }
    fn special(&self) -> Special {
        Special { class: Some(self.class.names()), ..Special::default() }
    }
    fn attr(&self, name: &str) -> Option<Value> {
        (name == "objects").then(|| Value::object(Query::manager(&self.shared, self.class, Base::All)))
    }
    fn call<'a>(&'a self, _: &'a str, _: Vec<Value>, _: Kwargs) -> BoxFuture<'a, CallResult> {
        Box::pin(std::future::ready(Err(CallError::Fatal(format!(
            "expressions do not make objects of {}",
            self.class.name
        )))))
    }
}

/// `devices_for_user(user, confirmed=True)` and `user_has_device(user, confirmed=True)`.
struct Devices {
    shared: Arc<Shared>,
    exists: bool,
}
impl HostObject for Devices {
    fn type_name(&self) -> &str {
        "function"
    }
    fn identity(&self) -> String {
        self.exists.to_string()
    }
    fn attr(&self, _: &str) -> Option<Value> {
        None
    }
    fn effect(&self, _: &str, _: &[Value], _: &[(String, Value)]) -> Effect {
        Effect::None
    }
    fn call<'a>(&'a self, method: &'a str, args: Vec<Value>, kwargs: Kwargs) -> BoxFuture<'a, CallResult> {
        Box::pin(async move {
            if method != "__call__" {
                return Err(CallError::NotFound);
            }
            let user = args
                .first()
                .or_else(|| kwargs.iter().find(|(name, _)| name == "user").map(|(_, value)| value))
                .ok_or_else(|| CallError::Type("a user is missing".into()))?;
            let user = plain(user).await?;
            let confirmed = args
                .get(1)
                .or_else(|| kwargs.iter().find(|(name, _)| name == "confirmed").map(|(_, value)| value))
                .cloned()
                .unwrap_or(Value::Bool(true));
            let mut found = Vec::new();
            // An anonymous user has no devices.
            for class in DEVICES.iter().filter(|_| !user.is_null()) {
                let mut pairs = vec![("user".to_owned(), user.clone())];
                if let Value::Bool(confirmed) = confirmed {
                    pairs.push(("confirmed".to_owned(), confirmed.into()));
                }
                debug_assert!(matches!(class.kind, ClassKind::Rows(_)));
                found.extend(
                    Query::manager(&self.shared, class, Base::All)
                        .where_all(pairs)?
                        .objects()
                        .await?
                        .iter()
                        .cloned(),
                );
            }
            Ok(if self.exists { (!found.is_empty()).into() } else { Value::list(found) })
        })
    }
}
