//! Values of a file: what its tags stand for.
use crate::context::Context;
use crate::forms::{at, condition, format, is_truthy, text};
use crate::planned::PlannedState;
use crate::yaml::Node;
use signet_base::{Json, Map, Uuid};
use signet_core::Core;
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};

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

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    Wrong(String),
    /// It would be the key of this entry, whose model does not exist here.
    LeftOut(String),
}
impl From<String> for Stop {
    fn from(text: String) -> Self {
        Stop::Wrong(text)
    }
}
impl From<&str> for Stop {
    fn from(text: &str) -> Self {
        Stop::Wrong(text.to_owned())
    }
}
impl Stop {
    pub fn sentence(self) -> String {
        match self {
            Stop::Wrong(text) => text,
            Stop::LeftOut(id) => {
                format!("!KeyOf: the entry {id} was left out, its model does not exist here")
            }
        }
    }
}

/// One round of `!Enumerate`: index and item, or none while the list itself is evaluated.
type Round = Option<(Json, Json)>;

/// Where in a file a value stands.
#[derive(Clone, Default)]
pub struct Place {
    rounds: Vec<Round>,
    /// Keys of the context whose values are being evaluated.
    within: Vec<String>,
    /// The place takes what policies are bound to, so that references mean that key.
    bindable: bool,
}
impl Place {
    /// The value of a member.
    pub fn member(bindable: bool) -> Self {
        Self { bindable, ..Self::default() }
    }
    fn plain(&self) -> Self {
        Self { bindable: false, ..self.clone() }
    }
}

/// Everything that tags can refer to.
pub struct Scope<'a> {
    pub core: &'a Core,
    pub planned: &'a PlannedState,
    pub context: &'a Context,
    pub ids: &'a HashMap<String, Made>,
    /// Entries of models that do not exist here.
    pub left_out: &'a HashSet<String>,
    /// None: the text comes from outside and must not read the server's surroundings.
    pub environment: Option<&'a Environment>,
    /// Values so far, of all entries.
    pub steps: &'a AtomicUsize,
}

type BoxFuture<'a> = Pin<Box<dyn Future<Output = Result<Json, Stop>> + Send + 'a>>;

/// Longest text that `!File` reads, in bytes.
const MAX_FILE: u64 = 1024 * 1024;
/// Most rounds of one `!Enumerate`, and most values that one import evaluates.
const MAX_ROUNDS: usize = 10_000;
const MAX_STEPS: usize = 2_000_000;

impl<'a> Scope<'a> {
    /// The value of a node.
    pub fn value(&'a self, node: &'a Node, here: &'a Place) -> BoxFuture<'a> {
        Box::pin(async move {
            if self.steps.fetch_add(1, Ordering::Relaxed) > MAX_STEPS {
                return Err(Stop::Wrong(format!("more than {MAX_STEPS} values")));
            }
            match node {
                Node::Plain(value) => Ok(value.clone()),
                Node::List(list) => {
                    let mut out = Vec::with_capacity(list.len());
                    for item in list {
                        out.push(self.value(item, here).await?);
                    }
                    Ok(Json::Array(out))
                }
                Node::Map(map) => {
                    let mut out = Map::new();
                    for (key, value) in map {
                        out.insert(key.clone(), self.value(value, here).await?);
                    }
                    Ok(Json::Object(out))
                }
                Node::Tag(name, argument) => {
                    self.call(name, argument, here).await.map_err(|stop| match stop {
                        Stop::Wrong(e) if !e.starts_with('!') => Stop::Wrong(format!("!{name}: {e}")),
                        other => other,
                    })
                }
            }
        })
    }

    async fn call(&'a self, name: &'a str, argument: &'a Node, here: &'a Place) -> Result<Json, Stop> {
        match name {
            "KeyOf" => {
                let id = text(&self.plain(argument, here).await?);
                if self.left_out.contains(&id) {
                    return Err(Stop::LeftOut(id));
                }
                let made = self.ids.get(&id).ok_or_else(|| format!("no earlier entry has the id {id}"))?;
                Ok(match made.pbm.filter(|_| here.bindable) {
                    Some(pbm) => Json::String(pbm.to_string()),
                    None => made.pk.clone(),
                })
            }
            "Find" | "FindObject" => self.find(argument, here, name == "FindObject").await,
            "Context" => {
                let (key, default) = self.with_default(argument, here).await?;
                Ok(self.of_context(&key, here).await?.or(default).unwrap_or_default())
            }
            "Env" => {
                let environment =
                    self.environment.ok_or("only files of the server itself may read its environment")?;
                let (key, default) = self.with_default(argument, here).await?;
                // A variable that is set to nothing counts as not set.
                Ok(environment
                    .get(&key)
                    .filter(|v| !v.is_empty())
                    .map_or_else(|| default.unwrap_or_default(), |v| Json::String(v.clone())))
            }
            "File" => {
                self.environment.ok_or("only files of the server itself may read other files")?;
                let (path, default) = self.with_default(argument, here).await?;
                Ok(read_file(&path)?.map(Json::String).or(default).unwrap_or_default())
            }
            "Format" => {
                let args = self.list(argument, here, 1).await?;
                let (form, args) = args.split_first().ok_or("expected a format")?;
                Ok(Json::String(format(form.as_str().ok_or("the format is text")?, args)?))
            }
            "If" => match argument {
                Node::List(parts) if parts.len() == 3 => {
                    let holds = is_truthy(&self.plain(&parts[0], here).await?);
                    self.value(&parts[if holds { 1 } else { 2 }], here).await
                }
                Node::List(parts) if parts.len() == 1 => {
                    Ok(Json::Bool(is_truthy(&self.plain(&parts[0], here).await?)))
                }
                Node::List(_) => Err("expected one or three arguments".into()),
                other => Ok(Json::Bool(is_truthy(&self.plain(other, here).await?))),
            },
            "Condition" => Ok(condition(&self.list(argument, here, 2).await?)?),
            "Enumerate" => self.enumerate(argument, here).await,
            "Index" | "Value" => {
                let depth = text(&self.plain(argument, here).await?)
                    .trim()
                    .parse::<usize>()
                    .map_err(|_| "the depth is a number")?;
                let round = here
                    .rounds
                    .len()
                    .checked_sub(depth.saturating_add(1))
                    .ok_or("used outside of as many !Enumerate")?;
                let (index, item) = here.rounds[round]
                    .clone()
                    .ok_or("what an !Enumerate goes through is not one of its rounds")?;
                Ok(if name == "Index" { index } else { item })
            }
            "AtIndex" => {
                let args = self.list(argument, here, 2).await?;
                Ok(at(&args[0], &args[1])?
                    .or(args.get(2))
                    .cloned()
                    .ok_or_else(|| format!("there is no {}", text(&args[1])))?)
            }
            "ParseJSON" => {
                Ok(serde_json::from_str(&text(&self.plain(argument, here).await?))
                    .map_err(|e| e.to_string())?)
            }
            _ => Err("no such tag".into()),
        }
    }

    /// A value that is looked at, not written: references in it mean primary keys.
    async fn plain(&'a self, node: &'a Node, here: &'a Place) -> Result<Json, Stop> {
        if here.bindable { self.round(node, here.plain()).await } else { self.value(node, here).await }
    }

    async fn list(&'a self, argument: &'a Node, here: &'a Place, least: usize) -> Result<Vec<Json>, Stop> {
        match self.plain(argument, here).await? {
            Json::Array(list) if list.len() >= least => Ok(list),
            _ => Err(Stop::Wrong(format!("expected a list of at least {least}"))),
        }
    }

    /// `key`, or `[key, default]`.
    async fn with_default(
        &'a self,
        argument: &'a Node,
        here: &'a Place,
    ) -> Result<(String, Option<Json>), Stop> {
        match argument {
            Node::List(parts) if parts.len() == 2 => {
                Ok((text(&self.plain(&parts[0], here).await?), Some(self.value(&parts[1], here).await?)))
            }
            Node::List(parts) if parts.len() == 1 => Ok((text(&self.plain(&parts[0], here).await?), None)),
            Node::List(_) => Err("expected a key and a default".into()),
            other => Ok((text(&self.plain(other, here).await?), None)),
        }
    }

    /// By the whole key, else by its dotted parts. What the file says is evaluated where it is asked for, so
    /// that it sees the entries before.
    async fn of_context(&'a self, key: &str, here: &'a Place) -> Result<Option<Json>, Stop> {
        if let Some(value) = self.context.given.get(key) {
            return Ok(Some(value.clone()));
        }
        if let Some(node) = self.context.node(key) {
            if here.within.iter().any(|k| k == key) {
                return Err(Stop::Wrong(format!("{key} of the context refers to itself")));
            }
            let mut inner = here.clone();
            inner.within.push(key.to_owned());
            return self.round(node, inner).await.map(Some);
        }
        let Some((first, rest)) = key.split_once('.') else { return Ok(None) };
        let Some(value) = Box::pin(self.of_context(first, here)).await? else { return Ok(None) };
        Ok(rest.split('.').try_fold(&value, |value, part| value.get(part)).cloned())
    }

    async fn find(&'a self, argument: &'a Node, here: &'a Place, whole: bool) -> Result<Json, Stop> {
        let args = self.list(argument, here, 2).await?;
        let model = args[0].as_str().ok_or("expected a model and pairs of field and value")?;
        let mut wanted = Vec::new();
        for pair in &args[1..] {
            match pair.as_array().map(Vec::as_slice) {
                Some([Json::String(field), value]) => wanted.push((field.clone(), value.clone())),
                _ => return Err("expected pairs of field and value".into()),
            }
        }
        Ok(self.planned.find(self.core, &model.to_lowercase(), &wanted, here.bindable, whole).await?)
    }

    async fn enumerate(&'a self, argument: &'a Node, here: &'a Place) -> Result<Json, Stop> {
        let Node::List(parts) = argument else {
            return Err("expected an iterable, SEQ or MAP, and a body".into());
        };
        let [over, kind, body] = parts.as_slice() else {
            return Err("expected an iterable, SEQ or MAP, and a body".into());
        };
        // What it goes through stands inside of it already: depth 0 is this one, which has no round yet.
        let mut before = here.plain();
        before.rounds.push(None);
        let rounds: Vec<(Json, Json)> = match self.round(over, before).await? {
            Json::Array(list) => {
                list.into_iter().enumerate().map(|(n, value)| (Json::from(n), value)).collect()
            }
            Json::Object(map) => map.into_iter().map(|(key, value)| (Json::String(key), value)).collect(),
            Json::String(text) => {
                text.chars().enumerate().map(|(n, c)| (Json::from(n), Json::String(c.to_string()))).collect()
            }
            _ => return Err("expected a list or a mapping to go through".into()),
        };
        if rounds.len() > MAX_ROUNDS {
            return Err(Stop::Wrong(format!("more than {MAX_ROUNDS} rounds")));
        }
        let kind = text(&self.plain(kind, here).await?).to_ascii_uppercase();
        let (mut list, mut map) = (Vec::new(), Map::new());
        for round in rounds {
            let mut inner = here.clone();
            inner.rounds.push(Some(round));
            match (kind.as_str(), self.round(body, inner).await?) {
                ("SEQ", value) => list.push(value),
                ("MAP", Json::Array(mut pair)) if pair.len() == 2 => {
                    let value = pair.pop().unwrap_or_default();
                    merge(&mut map, text(&pair[0]), value);
                }
                ("MAP", Json::Object(members)) => {
                    members.into_iter().for_each(|(key, value)| merge(&mut map, key, value))
                }
                ("MAP", _) => return Err("the body of MAP is a pair of key and value, or a mapping".into()),
                _ => return Err("expected SEQ or MAP".into()),
            }
        }
        Ok(if kind == "SEQ" { Json::Array(list) } else { Json::Object(map) })
    }

    /// Evaluates at another place, which lives only as long as this takes.
    async fn round(&'a self, node: &'a Node, place: Place) -> Result<Json, Stop> {
        let Scope { core, planned, context, ids, left_out, environment, steps } = *self;
        let here = Scope { core, planned, context, ids, left_out, environment, steps };
        here.value(node, &place).await
    }
}

/// Mappings and lists of rounds with the same key are put together; of other values the last one stays.
fn merge(map: &mut Map, key: String, value: Json) {
    match (map.get_mut(&key), value) {
        (Some(Json::Object(have)), Json::Object(more)) => {
            more.into_iter().for_each(|(key, value)| merge(have, key, value))
        }
        (Some(Json::Array(have)), Json::Array(more)) => have.extend(more),
        (_, value) => drop(map.insert(key, value)),
    }
}

/// None when it cannot be read.
fn read_file(path: &str) -> Result<Option<String>, String> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.len() > MAX_FILE => Err(format!("{path} has more than {MAX_FILE} bytes")),
        Ok(_) => Ok(std::fs::read_to_string(path)
            .map_err(|error| tracing::warn!(%path, %error, "a file that a blueprint names cannot be read"))
            .ok()
            .map(|t| t.trim().to_owned())),
        Err(error) => {
            tracing::warn!(%path, %error, "a file that a blueprint names cannot be read");
            Ok(None)
        }
    }
}
