//! Evaluation of YAML tags.
use crate::context::Context;
use crate::planned::PlannedState;
use crate::tags::{at, condition, format, is_truthy, text};
use crate::yaml::Node;
use signet_base::{Json, Map, Uuid};
use signet_core::Core;
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The object of an entry, for `!KeyOf`.
#[derive(Debug, Clone)]
pub struct EntryObject {
    /// Primary key as in the API.
    pub pk: Json,
    /// Its `pbm_uuid`.
    pub pbm: Option<Uuid>,
}

/// Environment variables for `!Env`. A source with an environment is trusted, and may use `!File`.
pub type Environment = HashMap<String, String>;

/// Why a value cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EvalError {
    Wrong(String),
    /// It is the key of an entry that was skipped because its model does not exist here.
    LeftOut(String),
}
impl From<String> for EvalError {
    fn from(text: String) -> Self {
        EvalError::Wrong(text)
    }
}
impl From<&str> for EvalError {
    fn from(text: &str) -> Self {
        EvalError::Wrong(text.to_owned())
    }
}
impl EvalError {
    pub fn sentence(self) -> String {
        match self {
            EvalError::Wrong(text) => text,
            EvalError::LeftOut(id) => {
                format!("!KeyOf: the entry {id} was left out, its model does not exist here")
            }
        }
    }
}

/// An iteration of `!Enumerate`: index and item; `None` while the list is evaluated.
type Round = Option<(Json, Json)>;

/// The position of a value.
#[derive(Clone, Default)]
pub struct Position {
    rounds: Vec<Round>,
    /// Context keys that are being evaluated, to detect cycles.
    within: Vec<String>,
    /// Whether references here mean the `pbm_uuid`.
    bindable: bool,
}
impl Position {
    /// The position of a member.
    pub fn member(bindable: bool) -> Self {
        Self { bindable, ..Self::default() }
    }
    fn plain(&self) -> Self {
        Self { bindable: false, ..self.clone() }
    }
}

/// The values that tags can refer to.
pub struct Scope<'a> {
    pub core: &'a Core,
    pub planned: &'a PlannedState,
    pub context: &'a Context,
    pub ids: &'a HashMap<String, EntryObject>,
    /// Ids of entries whose models do not exist here.
    pub left_out: &'a HashSet<String>,
    /// `None`: the source is not trusted; it must not read environment and files.
    pub environment: Option<&'a Environment>,
    /// Number of values evaluated so far, over all entries.
    pub steps: &'a AtomicUsize,
}

type BoxFuture<'a> = Pin<Box<dyn Future<Output = Result<Json, EvalError>> + Send + 'a>>;

/// Maximum size of a file read by `!File`, in bytes.
const MAX_FILE: u64 = 1024 * 1024;
/// Maximum number of iterations of one `!Enumerate`, and of values evaluated by one import.
const MAX_ROUNDS: usize = 10_000;
const MAX_STEPS: usize = 2_000_000;

impl<'a> Scope<'a> {
    /// Evaluates a node.
    pub fn value(&'a self, node: &'a Node, here: &'a Position) -> BoxFuture<'a> {
        Box::pin(async move {
            if self.steps.fetch_add(1, Ordering::Relaxed) > MAX_STEPS {
                return Err(EvalError::Wrong(format!("more than {MAX_STEPS} values")));
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
                        EvalError::Wrong(e) if !e.starts_with('!') => {
                            EvalError::Wrong(format!("!{name}: {e}"))
                        }
                        other => other,
                    })
                }
            }
        })
    }

    async fn call(
        &'a self,
        name: &'a str,
        argument: &'a Node,
        here: &'a Position,
    ) -> Result<Json, EvalError> {
        match name {
            "KeyOf" => {
                let id = text(&self.plain(argument, here).await?);
                if self.left_out.contains(&id) {
                    return Err(EvalError::LeftOut(id));
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
                // An empty variable counts as unset.
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

    /// Evaluates a value for comparison: references mean primary keys.
    async fn plain(&'a self, node: &'a Node, here: &'a Position) -> Result<Json, EvalError> {
        if here.bindable { self.round(node, here.plain()).await } else { self.value(node, here).await }
    }

    async fn list(
        &'a self,
        argument: &'a Node,
        here: &'a Position,
        least: usize,
    ) -> Result<Vec<Json>, EvalError> {
        match self.plain(argument, here).await? {
            Json::Array(list) if list.len() >= least => Ok(list),
            _ => Err(EvalError::Wrong(format!("expected a list of at least {least}"))),
        }
    }

    /// `key`, or `[key, default]`.
    async fn with_default(
        &'a self,
        argument: &'a Node,
        here: &'a Position,
    ) -> Result<(String, Option<Json>), EvalError> {
        match argument {
            Node::List(parts) if parts.len() == 2 => {
                Ok((text(&self.plain(&parts[0], here).await?), Some(self.value(&parts[1], here).await?)))
            }
            Node::List(parts) if parts.len() == 1 => Ok((text(&self.plain(&parts[0], here).await?), None)),
            Node::List(_) => Err("expected a key and a default".into()),
            other => Ok((text(&self.plain(other, here).await?), None)),
        }
    }

    /// Looks up the whole key, else its dotted parts. Values of the file are evaluated at each use, so that
    /// they see earlier entries.
    async fn of_context(&'a self, key: &str, here: &'a Position) -> Result<Option<Json>, EvalError> {
        if let Some(value) = self.context.given.get(key) {
            return Ok(Some(value.clone()));
        }
        if let Some(node) = self.context.node(key) {
            if here.within.iter().any(|k| k == key) {
                return Err(EvalError::Wrong(format!("{key} of the context refers to itself")));
            }
            let mut inner = here.clone();
            inner.within.push(key.to_owned());
            return self.round(node, inner).await.map(Some);
        }
        let Some((first, rest)) = key.split_once('.') else { return Ok(None) };
        let Some(value) = Box::pin(self.of_context(first, here)).await? else { return Ok(None) };
        Ok(rest.split('.').try_fold(&value, |value, part| value.get(part)).cloned())
    }

    async fn find(&'a self, argument: &'a Node, here: &'a Position, whole: bool) -> Result<Json, EvalError> {
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

    async fn enumerate(&'a self, argument: &'a Node, here: &'a Position) -> Result<Json, EvalError> {
        let Node::List(parts) = argument else {
            return Err("expected an iterable, SEQ or MAP, and a body".into());
        };
        let [over, kind, body] = parts.as_slice() else {
            return Err("expected an iterable, SEQ or MAP, and a body".into());
        };
        // The list is evaluated inside its own iteration: depth 0 is this one, which has no item yet.
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
            return Err(EvalError::Wrong(format!("more than {MAX_ROUNDS} rounds")));
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

    /// Evaluates at a position that exists for this call only.
    async fn round(&'a self, node: &'a Node, place: Position) -> Result<Json, EvalError> {
        let Scope { core, planned, context, ids, left_out, environment, steps } = *self;
        let here = Scope { core, planned, context, ids, left_out, environment, steps };
        here.value(node, &place).await
    }
}

/// Merges results of iterations with the same key: mappings and lists are combined, other values are
/// replaced.
fn merge(map: &mut Map, key: String, value: Json) {
    match (map.get_mut(&key), value) {
        (Some(Json::Object(have)), Json::Object(more)) => {
            more.into_iter().for_each(|(key, value)| merge(have, key, value))
        }
        (Some(Json::Array(have)), Json::Array(more)) => have.extend(more),
        (_, value) => drop(map.insert(key, value)),
    }
}

/// `None` if the file cannot be read.
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
