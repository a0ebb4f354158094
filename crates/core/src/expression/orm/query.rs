//! A lazy query, as in Django: read only when truth, length or objects are needed.
use super::classes::{Class, ClassKind, GROUP, USER};
use super::plain::is_asked;
use super::tree::{self, Tree};
use crate::expression::objects::{CallResult, Shared};
use signet_base::Json;
use signet_expr::{BoxFuture, CallError, Effect, HostObject, Kwargs, Special, Value};
use signet_model::Object;
use signet_store::groups;
use signet_store::lookups::Model;
use std::any::Any;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

pub mod overlay;
mod reading;
mod writing;

pub(super) use writing::gone_row;

/// Maximum number of objects of a query; larger results can only be counted and narrowed.
const MOST: u64 = 1_000;

/// The source of a query.
#[derive(Clone)]
pub enum Base {
    All,
    Nothing,
    /// The groups of an account, with or without those that it inherits, where they are at hand.
    Member {
        user: i64,
        inherited: bool,
        known: Option<Arc<Vec<groups::Group>>>,
    },
    /// The own roles of an account, or of a group.
    RolesOf(RoleOwner),
    /// Loaded configuration objects.
    Objects(Vec<Arc<Object>>),
}

#[derive(Debug, Clone, Copy)]
pub enum RoleOwner {
    Account(i64),
    Group(signet_base::Uuid),
}

#[derive(Clone)]
enum Shape {
    Objects,
    /// `values_list("a", flat=True)`
    Flat(String),
    /// `values_list("a", "b")`
    Lists(Vec<String>),
    /// `values("a")`
    Dicts(Vec<String>),
}

#[derive(Clone)]
pub struct Query {
    shared: Arc<Shared>,
    class: &'static Class,
    base: Base,
    tree: Tree,
    order: Vec<(String, bool)>,
    reversed: bool,
    offset: u64,
    limit: Option<u64>,
    shape: Shape,
    distinct: bool,
    /// `User.objects` and `user.groups` are managers, not queries: they are true, without length and items.
    manager: bool,
    /// The group whose members these are.
    group: Option<signet_base::Uuid>,
    /// Queries whose objects follow.
    more: Vec<Query>,
    read: OnceLock<Arc<Vec<Value>>>,
}

pub const WRITES: [&str; 16] = [
    "create",
    "get_or_create",
    "update_or_create",
    "bulk_create",
    "bulk_update",
    "update",
    "delete",
    "add",
    "remove",
    "set",
    "clear",
    "aadd",
    "acreate",
    "adelete",
    "aupdate",
    "raw",
];

impl Query {
    pub fn manager(shared: &Arc<Shared>, class: &'static Class, base: Base) -> Self {
        Self {
            shared: shared.clone(),
            class,
            base,
            tree: Tree::All(Vec::new()),
            order: Vec::new(),
            reversed: false,
            offset: 0,
            limit: None,
            shape: Shape::Objects,
            distinct: false,
            manager: true,
            group: None,
            more: Vec::new(),
            read: OnceLock::new(),
        }
    }
    /// The query itself, for `.all()`.
    pub fn all(mut self) -> Self {
        self.manager = false;
        self
    }
    /// Narrowed to one related object; the manager of a relation.
    #[must_use]
    pub fn related(mut self, relation: &str, key: impl Into<Json>) -> Self {
        self.tree = Tree::Pairs(vec![(relation.to_owned(), key.into())]);
        self
    }
    /// The members of a group.
    #[must_use]
    pub fn members_of(mut self, group: signet_base::Uuid) -> Self {
        self.group = Some(group);
        self.related("groups", group.to_string())
    }
    fn fresh(&self) -> Self {
        Self { manager: false, read: OnceLock::new(), ..self.clone() }
    }
    /// Narrowed by plain look-ups.
    pub fn where_all(&self, pairs: Vec<(String, Json)>) -> Result<Self, CallError> {
        self.narrowed(Tree::Pairs(pairs))
    }
    fn narrowed(&self, tree: Tree) -> Result<Self, CallError> {
        if self.limit.is_some() || self.offset > 0 {
            return Err(CallError::Type("Cannot filter a query once a slice has been taken.".into()));
        }
        let mut new = self.fresh();
        new.tree = Tree::All(vec![self.tree.clone(), tree]);
        // Unknown names are reported where they are used.
        match self.class.kind {
            ClassKind::Rows(_) => drop(new.tree.condition(self.class)?),
            ClassKind::Objects(_) | ClassKind::Family(_) => {
                let config = self.shared.core.config();
                if let Some(object) = self.settings(&config).first() {
                    new.tree.fits(&config, object)?;
                }
            }
        }
        new.more =
            self.more.iter().map(|other| other.narrowed(new.tree.clone())).collect::<Result<_, _>>()?;
        Ok(new)
    }

    /// Whether the query can be evaluated from loaded data.
    fn is_at_hand(&self) -> bool {
        let own = match (&self.class.kind, &self.base) {
            (_, Base::RolesOf(_)) => false,
            (_, Base::Nothing) | (ClassKind::Objects(_) | ClassKind::Family(_), _) => true,
            (ClassKind::Rows(Model::Group), Base::Member { known: Some(_), .. }) => {
                !self.shared.journal.concerns(Model::Group)
                    && self
                        .tree
                        .condition(self.class)
                        .is_ok_and(|condition| condition.fits(&Json::Null).is_some())
            }
            _ => false,
        };
        own && self.more.iter().all(Query::is_at_hand)
    }

    fn sliced(&self, offset: u64, limit: Option<u64>) -> Result<Self, CallError> {
        let mut new = self.fresh();
        new.offset = self.offset.saturating_add(offset);
        let rest = self.limit.map(|limit| limit.saturating_sub(offset));
        new.limit = match (rest, limit) {
            (Some(rest), Some(limit)) => Some(rest.min(limit)),
            (rest, limit) => rest.or(limit),
        };
        Ok(new)
    }

    fn turned(&self) -> Result<Self, CallError> {
        if self.limit.is_some() || self.offset > 0 {
            return Err(CallError::Type("Cannot reverse a query once a slice has been taken.".into()));
        }
        let mut new = self.fresh();
        new.reversed = !self.reversed;
        Ok(new)
    }

    /// The whole of it as a condition on all objects.
    async fn folded(&self) -> Result<Tree, CallError> {
        if self.limit.is_some() || self.offset > 0 || !self.more.is_empty() {
            return Err(CallError::Type("Cannot combine queries once a slice has been taken.".into()));
        }
        let base = match &self.base {
            Base::All => return Ok(self.tree.clone()),
            Base::Nothing => Tree::Any(Vec::new()),
            Base::Member { user, inherited: false, .. } => {
                Tree::Pairs(vec![("users".to_owned(), Json::from(*user))])
            }
            Base::Member { user, inherited: true, .. } => {
                let groups = overlay::groups_of(&self.shared, *user, true).await?;
                let keys = groups.iter().map(|group| Json::from(group.id.to_string())).collect();
                Tree::Pairs(vec![("pk__in".to_owned(), Json::Array(keys))])
            }
            Base::RolesOf(owner) => {
                let keys = self.roles_of(*owner).await?.iter().map(|object| object.wire_pk()).collect();
                Tree::Pairs(vec![("pk__in".to_owned(), Json::Array(keys))])
            }
            Base::Objects(objects) => {
                let keys = objects.iter().map(|object| object.wire_pk()).collect();
                Tree::Pairs(vec![("pk__in".to_owned(), Json::Array(keys))])
            }
        };
        Ok(Tree::All(vec![base, self.tree.clone()]))
    }

    /// `a | b` and `a & b`
    async fn combined(&self, other: Option<&Value>, either: bool) -> CallResult {
        let other = other.and_then(|value| value.as_object()?.as_any()?.downcast_ref::<Self>());
        let Some(other) = other.filter(|other| !other.manager && other.class.name == self.class.name) else {
            return Err(CallError::Type("only queries of one model are joined by '|' and '&'".into()));
        };
        let parts = vec![self.folded().await?, other.folded().await?];
        let mut new = self.fresh();
        new.base = Base::All;
        new.tree = if either { Tree::Any(parts) } else { Tree::All(parts) };
        Ok(Value::object(new))
    }

    /// Methods that return another query.
    async fn another(
        &self,
        method: &str,
        args: &[Value],
        kwargs: &Kwargs,
    ) -> Option<Result<Self, CallError>> {
        let mut new = self.fresh();
        let names = |args: &[Value]| {
            args.iter()
                .map(|arg| arg.as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| CallError::Type(format!("{method}() takes names")))
        };
        Some(match method {
            "all" | "iterator" | "select_related" | "prefetch_related" | "only" | "defer" | "using"
            | "select_for_update" | "get_queryset" => Ok(new),
            "filter" => match tree::read(args, kwargs).await {
                Ok(tree) => self.narrowed(tree),
                Err(error) => Err(error),
            },
            "exclude" => match tree::read(args, kwargs).await {
                // An empty `exclude` keeps everything.
                Ok(Tree::All(parts)) if parts.is_empty() => Ok(new),
                Ok(tree) => self.narrowed(Tree::Not(Box::new(tree))),
                Err(error) => Err(error),
            },
            "none" => {
                new.base = Base::Nothing;
                new.more.clear();
                Ok(new)
            }
            "distinct" if args.is_empty() => {
                new.distinct = true;
                Ok(new)
            }
            "reverse" => self.turned(),
            "order_by" => names(args).map(|names| {
                let part = |name: String| match name.strip_prefix('-') {
                    Some(name) => (name.to_owned(), true),
                    None => (name, false),
                };
                new.order = names.into_iter().map(part).collect();
                new.reversed = false;
                new
            }),
            "values_list" => names(args).and_then(|names| {
                let flag = |name: &str| {
                    kwargs.iter().find(|(given, _)| given == name).is_some_and(|(_, value)| value.is_truthy())
                };
                new.shape = match (flag("flat"), flag("named"), names.as_slice()) {
                    (true, false, [one]) => Shape::Flat(one.clone()),
                    (true, ..) => {
                        return Err(CallError::Type(
                            "'flat' is not valid when values_list is called with more than one field.".into(),
                        ));
                    }
                    (_, true, _) => {
                        return Err(CallError::Type("values_list(named=True) is not supported".into()));
                    }
                    (.., []) => return Err(CallError::Type("values_list() takes names here".into())),
                    _ => Shape::Lists(names),
                };
                Ok(new)
            }),
            "values" => names(args).and_then(|names| {
                if names.is_empty() {
                    return Err(CallError::Type("values() takes names here".into()));
                }
                new.shape = Shape::Dicts(names);
                Ok(new)
            }),
            "union" => {
                for arg in args {
                    let other = arg.as_object().and_then(|object| object.as_any()?.downcast_ref::<Self>());
                    match other.filter(|other| other.class.name == self.class.name) {
                        Some(other) => new.more.push(other.fresh()),
                        None => {
                            return Some(Err(CallError::Type(
                                "union() takes queries of the same model".into(),
                            )));
                        }
                    }
                }
                Ok(new)
            }
            _ => return None,
        })
    }

    async fn answer(&self, method: &str, args: &[Value], kwargs: &Kwargs) -> CallResult {
        if WRITES.contains(&method) {
            return self.write(method, args, kwargs).await;
        }
        if let Some(other) = self.another(method, args, kwargs).await {
            return other.map(Value::object);
        }
        let number = |n: u64| Value::Int(i64::try_from(n).unwrap_or(i64::MAX));
        match method {
            "__iter__" | "__contents__" | "__bool__" | "__len__" | "__getitem__" if self.manager => {
                Err(CallError::Type(format!("'{}' object is not iterable: write .all()", self.type_name())))
            }
            // Truth is usually followed by reading the objects, so a few are read at once.
            "__bool__" => Ok(match self.read.get() {
                Some(read) => !read.is_empty(),
                None => !self.first_of(1).await?.is_empty(),
            }
            .into()),
            "__or__" | "__and__" => self.combined(args.first(), method == "__or__").await,
            "exists" => Ok((!self.first_of(1).await?.is_empty()).into()),
            "__len__" => Ok(number(self.objects().await?.len() as u64)),
            "count" => self.count().await.map(number),
            "__iter__" | "__contents__" => Ok(Value::List(self.objects().await?)),
            "__getitem__" => self.item(args.first().unwrap_or(&Value::None)).await,
            "get" => self.narrowed(tree::read(args, kwargs).await?)?.one().await,
            "first" => Ok(self.first_of(1).await?.into_iter().next().into()),
            "last" => Ok(self.turned()?.first_of(1).await?.into_iter().next().into()),
            "latest" | "earliest" => {
                let mut ordered = self.fresh();
                let name = args
                    .first()
                    .and_then(Value::as_str)
                    .ok_or_else(|| CallError::Type(format!("{method}() takes a name")))?;
                ordered.order = vec![(name.to_owned(), method == "latest")];
                ordered
                    .first_of(1)
                    .await?
                    .into_iter()
                    .next()
                    .ok_or_else(|| CallError::DoesNotExist(self.class.name.into()))
            }
            "contains" => {
                let wanted =
                    args.first().ok_or_else(|| CallError::Type("contains() takes an object".into()))?;
                Ok(self.objects().await?.contains(wanted).into())
            }
            _ => Err(CallError::NotFound),
        }
    }
}

impl HostObject for Query {
    fn type_name(&self) -> &str {
        if self.manager { "Manager" } else { "QuerySet" }
    }
    fn identity(&self) -> String {
        format!("{} {:p}", self.class.name, self)
    }
    fn special(&self) -> Special {
        Special { query: !self.manager, ..Special::default() }
    }
    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
    fn attr(&self, name: &str) -> Option<Value> {
        (name == "ordered").then(|| (!self.order.is_empty()).into())
    }
    fn effect(&self, method: &str, _: &[Value], _: &[(String, Value)]) -> Effect {
        if WRITES.contains(&method) { Effect::Now } else { Effect::None }
    }
    fn call_now(&self, method: &str, args: &[Value], kwargs: &[(String, Value)]) -> Option<CallResult> {
        // Writes, and what joins queries, ask the database.
        if WRITES.contains(&method) || matches!(method, "__or__" | "__and__") {
            return None;
        }
        if args.iter().chain(kwargs.iter().map(|(_, value)| value)).any(is_asked) && method != "union" {
            return None;
        }
        let makes = matches!(
            method,
            "all"
                | "iterator"
                | "select_related"
                | "prefetch_related"
                | "only"
                | "defer"
                | "select_for_update"
                | "filter"
                | "exclude"
                | "none"
                | "distinct"
                | "reverse"
                | "order_by"
                | "values_list"
                | "values"
                | "union"
        );
        if !makes && !self.is_at_hand() {
            return None;
        }
        let kwargs = kwargs.to_vec();
        // Nothing of it suspends.
        match pin!(self.answer(method, args, &kwargs)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        }
    }
    fn call<'a>(&'a self, method: &'a str, args: Vec<Value>, kwargs: Kwargs) -> BoxFuture<'a, CallResult> {
        Box::pin(async move { self.answer(method, &args, &kwargs).await })
    }
}

/// Users that match look-ups by name, for `ak_user_by` and `ak_is_group_member`.
pub fn people_query(shared: &Arc<Shared>) -> Query {
    Query::manager(shared, &USER, Base::All).all()
}
/// The groups of a user.
pub fn groups_query(shared: &Arc<Shared>, base: Base) -> Query {
    Query::manager(shared, &GROUP, base)
}
