//! Values of a file: what its tags stand for.
use crate::world::World;
use crate::yaml::Node;
use signet_base::{Json, Map, Uuid};
use signet_core::Core;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;

/// What an entry made or found, for `!KeyOf`.
#[derive(Debug, Clone)]
pub struct Made {
    /// Primary key as the wire shows it.
    pub pk: Json,
    /// What policy bindings point at.
    pub pbm: Option<Uuid>,
}

/// Variables that `!Env` may read; their presence makes a source trusted for `!File` too.
pub type Environment = HashMap<String, String>;

/// One round of `!Enumerate`.
#[derive(Clone)]
pub struct Frame {
    index: Json,
    value: Json,
}

/// Everything that tags can refer to.
pub struct Scope<'a> {
    pub core: &'a Core,
    pub world: &'a World,
    pub context: &'a Map,
    pub ids: &'a HashMap<String, Made>,
    /// None: the text comes from outside and must not read the server's surroundings.
    pub environment: Option<&'a Environment>,
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Json, String>> + Send + 'a>>;

/// Longest text that `!File` reads, in bytes.
const MAX_FILE: u64 = 1024 * 1024;
/// Most rounds of one `!Enumerate`.
const MAX_ROUNDS: usize = 10_000;

impl<'a> Scope<'a> {
    /// The value of a node. `bindable`: the place takes what policies are bound to, so that references mean that key.
    pub fn value(&'a self, node: &'a Node, frames: &'a [Frame], bindable: bool) -> Answer<'a> {
        Box::pin(async move {
            match node {
                Node::Plain(value) => Ok(value.clone()),
                Node::List(list) => {
                    let mut out = Vec::with_capacity(list.len());
                    for item in list {
                        out.push(self.value(item, frames, bindable).await?);
                    }
                    Ok(Json::Array(out))
                }
                Node::Map(map) => {
                    let mut out = Map::new();
                    for (key, value) in map {
                        out.insert(key.clone(), self.value(value, frames, bindable).await?);
                    }
                    Ok(Json::Object(out))
                }
                Node::Tag(name, argument) => self.call(name, argument, frames, bindable).await.map_err(|e| if e.starts_with('!') { e } else { format!("!{name}: {e}") }),
            }
        })
    }

    async fn call(&'a self, name: &'a str, argument: &'a Node, frames: &'a [Frame], bindable: bool) -> Result<Json, String> {
        match name {
            "KeyOf" => {
                let id = text(&self.value(argument, frames, false).await?);
                let made = self.ids.get(&id).ok_or_else(|| format!("no earlier entry has the id {id}"))?;
                Ok(match made.pbm.filter(|_| bindable) {
                    Some(pbm) => Json::String(pbm.to_string()),
                    None => made.pk.clone(),
                })
            }
            "Find" | "FindObject" => self.find(argument, frames, bindable, name == "FindObject").await,
            "Context" => {
                let (key, default) = self.with_default(argument, frames).await?;
                match lookup(self.context, &key) {
                    Some(value) => Ok(value.clone()),
                    None => default.ok_or_else(|| format!("the context has no {key}")),
                }
            }
            "Env" => {
                let environment = self.environment.ok_or("only files of the server itself may read its environment")?;
                let (key, default) = self.with_default(argument, frames).await?;
                Ok(environment.get(&key).map_or_else(|| default.unwrap_or_default(), |v| Json::String(v.clone())))
            }
            "File" => {
                self.environment.ok_or("only files of the server itself may read other files")?;
                let (path, default) = self.with_default(argument, frames).await?;
                match read_file(&path) {
                    Ok(text) => Ok(Json::String(text)),
                    Err(why) => default.ok_or(why),
                }
            }
            "Format" => {
                let args = self.list(argument, frames, 1).await?;
                let (form, args) = args.split_first().ok_or("expected a format")?;
                format(form.as_str().ok_or("the format is text")?, args).map(Json::String)
            }
            "If" => match argument {
                Node::List(parts) if parts.len() == 3 => {
                    let holds = truth(&self.value(&parts[0], frames, false).await?);
                    self.value(&parts[if holds { 1 } else { 2 }], frames, bindable).await
                }
                Node::List(parts) if parts.len() == 1 => Ok(Json::Bool(truth(&self.value(&parts[0], frames, false).await?))),
                Node::List(_) => Err("expected one or three arguments".into()),
                other => Ok(Json::Bool(truth(&self.value(other, frames, false).await?))),
            },
            "Condition" => condition(&self.list(argument, frames, 2).await?),
            "Enumerate" => self.enumerate(argument, frames, bindable).await,
            "Index" | "Value" => {
                let depth = self.value(argument, frames, false).await?;
                let depth = usize::try_from(depth.as_u64().ok_or("the depth is a number")?).map_err(|_| "the depth is too great")?;
                let at = frames.len().checked_sub(depth + 1).ok_or("used outside of as many !Enumerate")?;
                Ok(if name == "Index" { frames[at].index.clone() } else { frames[at].value.clone() })
            }
            "AtIndex" => {
                let args = self.list(argument, frames, 2).await?;
                let found = match (&args[0], &args[1]) {
                    (Json::Array(list), Json::Number(n)) => n.as_u64().and_then(|n| list.get(usize::try_from(n).ok()?)),
                    (Json::Object(map), key) => map.get(&text(key)),
                    _ => return Err("expected a list and a number, or a mapping and a key".into()),
                };
                found.or(args.get(2)).cloned().ok_or_else(|| format!("there is no {}", text(&args[1])))
            }
            "ParseJSON" => serde_json::from_str(&text(&self.value(argument, frames, false).await?)).map_err(|e| e.to_string()),
            _ => Err("no such tag".into()),
        }
    }

    async fn list(&'a self, argument: &'a Node, frames: &'a [Frame], least: usize) -> Result<Vec<Json>, String> {
        match self.value(argument, frames, false).await? {
            Json::Array(list) if list.len() >= least => Ok(list),
            _ => Err(format!("expected a list of at least {least}")),
        }
    }

    /// `key`, or `[key, default]`.
    async fn with_default(&'a self, argument: &'a Node, frames: &'a [Frame]) -> Result<(String, Option<Json>), String> {
        match argument {
            Node::List(parts) if parts.len() == 2 => Ok((text(&self.value(&parts[0], frames, false).await?), Some(self.value(&parts[1], frames, false).await?))),
            Node::List(parts) if parts.len() == 1 => Ok((text(&self.value(&parts[0], frames, false).await?), None)),
            Node::List(_) => Err("expected a key and a default".into()),
            other => Ok((text(&self.value(other, frames, false).await?), None)),
        }
    }

    async fn find(&'a self, argument: &'a Node, frames: &'a [Frame], bindable: bool, whole: bool) -> Result<Json, String> {
        let args = self.list(argument, frames, 2).await?;
        let model = args[0].as_str().ok_or("expected a model and pairs of field and value")?;
        let mut wanted = Map::new();
        for pair in &args[1..] {
            match pair.as_array().map(Vec::as_slice) {
                Some([Json::String(field), value]) => drop(wanted.insert(field.clone(), value.clone())),
                _ => return Err("expected pairs of field and value".into()),
            }
        }
        self.world.find(self.core, model, &wanted, bindable, whole).await
    }

    async fn enumerate(&'a self, argument: &'a Node, frames: &'a [Frame], bindable: bool) -> Result<Json, String> {
        let Node::List(parts) = argument else { return Err("expected an iterable, SEQ or MAP, and a body".into()) };
        let [over, kind, body] = parts.as_slice() else { return Err("expected an iterable, SEQ or MAP, and a body".into()) };
        let rounds: Vec<Frame> = match self.value(over, frames, false).await? {
            Json::Array(list) => list.into_iter().enumerate().map(|(n, value)| Frame { index: Json::from(n), value }).collect(),
            Json::Object(map) => map.into_iter().map(|(key, value)| Frame { index: Json::String(key), value }).collect(),
            _ => return Err("expected a list or a mapping to go through".into()),
        };
        if rounds.len() > MAX_ROUNDS {
            return Err(format!("more than {MAX_ROUNDS} rounds"));
        }
        let kind = text(&self.value(kind, frames, false).await?);
        let (mut list, mut map) = (Vec::new(), Map::new());
        for round in rounds {
            let mut inner = frames.to_vec();
            inner.push(round);
            // The frames live only for this round, so does the future that reads them.
            let made = self.round(body, inner, bindable).await?;
            match (kind.as_str(), made) {
                ("SEQ", value) => list.push(value),
                ("MAP", Json::Array(pair)) if pair.len() == 2 => {
                    let mut pair = pair.into_iter();
                    if let (Some(key), Some(value)) = (pair.next(), pair.next()) {
                        map.insert(text(&key), value);
                    }
                }
                ("MAP", _) => return Err("the body of MAP is a pair of key and value".into()),
                _ => return Err("expected SEQ or MAP".into()),
            }
        }
        Ok(if kind == "SEQ" { Json::Array(list) } else { Json::Object(map) })
    }

    async fn round(&'a self, body: &'a Node, frames: Vec<Frame>, bindable: bool) -> Result<Json, String> {
        let here = Scope { core: self.core, world: self.world, context: self.context, ids: self.ids, environment: self.environment };
        here.value(body, &frames, bindable).await
    }
}

fn read_file(path: &str) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|e| format!("{path}: {e}"))?.len();
    if size > MAX_FILE {
        return Err(format!("{path} has more than {MAX_FILE} bytes"));
    }
    std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))
}

/// By the whole key, else by its dotted parts.
fn lookup<'v>(context: &'v Map, key: &str) -> Option<&'v Json> {
    if let Some(value) = context.get(key) {
        return Some(value);
    }
    let mut parts = key.split('.');
    let mut here = context.get(parts.next()?)?;
    for part in parts {
        here = here.as_object()?.get(part)?;
    }
    Some(here)
}

/// A value inside a text.
pub fn text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null => "None".into(),
        Json::Bool(true) => "True".into(),
        Json::Bool(false) => "False".into(),
        other => other.to_string(),
    }
}

/// Whether a value counts as true: everything but null, false, zero and what is empty.
pub fn truth(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Bool(b) => *b,
        Json::Number(n) => n.as_f64() != Some(0.0),
        Json::String(text) => !text.is_empty(),
        Json::Array(list) => !list.is_empty(),
        Json::Object(map) => !map.is_empty(),
    }
}

fn condition(args: &[Json]) -> Result<Json, String> {
    let (mode, rest) = args.split_first().ok_or("expected a mode")?;
    let truths: Vec<bool> = rest.iter().map(truth).collect();
    let odd = truths.iter().fold(false, |sum, t| sum ^ t);
    Ok(Json::Bool(match mode.as_str().map(str::to_ascii_uppercase).as_deref() {
        Some("AND") => truths.iter().all(|t| *t),
        Some("NAND") => !truths.iter().all(|t| *t),
        Some("OR") => truths.iter().any(|t| *t),
        Some("NOR") => !truths.iter().any(|t| *t),
        Some("XOR") => odd,
        Some("XNOR") => !odd,
        Some("EQ") => rest.windows(2).all(|p| p[0] == p[1]),
        Some("NEQ") => !rest.windows(2).all(|p| p[0] == p[1]),
        _ => return Err("expected AND, NAND, OR, NOR, XOR, XNOR, EQ or NEQ".into()),
    }))
}

/// `%s`, `%d` and `%%`, as much of percent formatting as blueprints use.
fn format(form: &str, args: &[Json]) -> Result<String, String> {
    let (mut out, mut args) = (String::new(), args.iter());
    let mut chars = form.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('%') => out.push('%'),
            Some('s' | 'r') => out.push_str(&text(args.next().ok_or("too few arguments for the format")?)),
            Some('d' | 'i') => match args.next() {
                Some(Json::Number(n)) => out.push_str(&n.to_string()),
                Some(_) => return Err("%d needs a number".into()),
                None => return Err("too few arguments for the format".into()),
            },
            _ => return Err("only %s, %d and %% are known in a format".into()),
        }
    }
    if args.next().is_some() { Err("too many arguments for the format".into()) } else { Ok(out) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::json;
    #[test]
    fn formats_need_as_many_arguments_as_marks() {
        assert_eq!(format("%s-%d%%", &[json!("a"), json!(7)]).unwrap(), "a-7%");
        for (form, args) in [("%s", vec![]), ("x", vec![json!(1)]), ("%d", vec![json!("a")]), ("%q", vec![json!(1)]), ("%", vec![])] {
            assert!(format(form, &args).is_err(), "{form}");
        }
    }
    #[test]
    fn conditions_follow_their_names() {
        let holds = |args: Json| condition(args.as_array().unwrap()).unwrap() == json!(true);
        assert!(holds(json!(["AND", 1, "a"])) && !holds(json!(["AND", 1, ""])));
        assert!(holds(json!(["NOR", 0, []])) && holds(json!(["XOR", true, false])) && holds(json!(["XNOR", true, true])));
        assert!(holds(json!(["EQ", "a", "a"])) && holds(json!(["NEQ", 1, 2])));
        assert!(condition(&[json!("MAYBE"), json!(1)]).is_err());
    }
    #[test]
    fn context_keys_may_be_dotted() {
        let context = json!({"a": {"b": 1}, "goauthentik.io/x": 2}).as_object().cloned().unwrap();
        assert_eq!(lookup(&context, "a.b"), Some(&json!(1)));
        assert_eq!(lookup(&context, "goauthentik.io/x"), Some(&json!(2)));
        assert_eq!(lookup(&context, "a.c"), None);
    }
}
