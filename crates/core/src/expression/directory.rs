//! `authentik.core.models`: looking for people and groups as many texts do, `User.objects.filter(…)`; email stages in
//! `authentik.stages.email.models`, for `ak_send_email`. Nothing is written.
use super::filter::Filter;
use super::objects::{Answer, Shared, gone};
use super::people::{self, Found, GROUP_FILTERS, Group};
use super::to_json;
use crate::Principal;
use signet_base::{Map, Uuid};
use signet_expr::{BoxFuture, CallError, Effect, HostObject, Kwargs, Value};
use signet_model::Base;
use signet_store::Page;
use signet_store::groups::{self, GroupQuery};
use signet_store::users::{self, UserQuery};
use std::sync::Arc;

const EMAIL_STAGE: &str = "authentik_stages_email.emailstage";
/// People or groups that one query may give; more of them cannot be listed, only counted.
const MOST: u64 = 100;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    User,
    Group,
    EmailStage,
}

/// What `import authentik` gives.
pub fn module(shared: &Arc<Shared>) -> Value {
    let model = |kind: Kind| Value::object(Model { shared: shared.clone(), kind });
    let package = |name: &'static str, inside: Value| Value::record("module", [(name, inside)]);
    let core = package("models", Value::record("module", [("User", model(Kind::User)), ("Group", model(Kind::Group))]));
    let email = package("models", package("EmailStage", model(Kind::EmailStage)));
    Value::record("module", [("core", core), ("stages", package("email", email))])
}

/// A model as a class: it can only be asked for its objects.
struct Model {
    shared: Arc<Shared>,
    kind: Kind,
}
impl HostObject for Model {
    fn type_name(&self) -> &str {
        "Model"
    }
    fn identity(&self) -> String {
        format!("{:?}", self.kind)
    }
    fn attr(&self, name: &str) -> Option<Value> {
        (name == "objects").then(|| Value::object(Query { shared: self.shared.clone(), kind: self.kind, wanted: Kwargs::new() }))
    }
}

/// A query with equalities that all must hold.
struct Query {
    shared: Arc<Shared>,
    kind: Kind,
    wanted: Kwargs,
}

impl Query {
    fn narrowed(&self, kwargs: &[(String, Value)]) -> Query {
        Query { shared: self.shared.clone(), kind: self.kind, wanted: self.wanted.iter().chain(kwargs).cloned().collect() }
    }

    /// What fits, at most [`MOST`], and how many there are.
    async fn read(&self) -> Result<(Vec<Found>, u64), CallError> {
        match self.kind {
            Kind::User => {
                let (found, total) = users::list(&self.shared.core.db, &user_query(&self.wanted)?).await.map_err(gone)?;
                let mut all = Vec::with_capacity(found.len());
                for user in found {
                    let principal = Principal::of(&self.shared.core, user).await.map_err(gone)?;
                    all.push(Found(people::user(&self.shared, principal, None)));
                }
                Ok((all, total))
            }
            Kind::Group => {
                let (query, filter) = group_query(&self.wanted)?;
                let (found, total) = groups::list(&self.shared.core.db, &query).await.map_err(gone)?;
                let read = found.len();
                let fitting: Vec<Found> = Group::all(found).into_iter().filter(|g| filter.fits(|name| g.attr(name))).map(|g| Found(Value::object(g))).collect();
                if filter.is_empty() || fitting.len() == read {
                    return Ok((fitting, total));
                }
                // The rest was judged here: only a whole list can be.
                if total > MOST {
                    return Err(CallError::Value("too many groups fit: name one".into()));
                }
                let count = fitting.len() as u64;
                Ok((fitting, count))
            }
            Kind::EmailStage => {
                let filter = Filter::parse(&self.wanted, &["name", "pk"], false)?;
                let world = self.shared.core.world();
                let stages = world.family(Base::Stage).filter(|stage| stage.def.full_name() == EMAIL_STAGE).map(super::object_value);
                let fitting: Vec<_> = stages.filter(|stage| filter.fits(|name| stage.as_object()?.attr(name))).map(Found).collect();
                let count = fitting.len() as u64;
                Ok((fitting, count))
            }
        }
    }

    async fn answer(&self, method: &str, args: &[Value]) -> Answer {
        let (found, total) = self.read().await?;
        match method {
            "count" => Ok(i64::try_from(total).unwrap_or(i64::MAX).into()),
            "exists" => Ok((total > 0).into()),
            "get" => match (total, found.into_iter().next()) {
                (1, Some(one)) => Ok(one.0),
                (0, _) => Err(CallError::Failed(format!("{:?} matching query does not exist", self.kind))),
                _ => Err(CallError::Failed(format!("get() returned more than one {:?}", self.kind))),
            },
            "all" | "values_list" if total > MOST => Err(CallError::Value(format!("more than {MOST} fit: use filter(), exists() or count()"))),
            _ => people::found(found.into_iter(), method, args),
        }
    }
}

fn user_query(wanted: &Kwargs) -> Result<UserQuery, CallError> {
    let mut query = UserQuery { page: Page::first(MOST), ..UserQuery::default() };
    let mut attributes = Map::new();
    for (name, value) in wanted {
        let wanted = to_json(value).map_err(CallError::Type)?;
        let text = || wanted.as_str().map(str::to_owned).ok_or_else(|| CallError::Type(format!("{name} is a text")));
        match name.as_str() {
            "username" | "username__exact" | "username__iexact" => query.username = Some(text()?),
            "email" | "email__exact" | "email__iexact" => query.email = Some(text()?),
            "name" | "name__exact" => query.name = Some(text()?),
            "path" => query.path = Some(text()?),
            "is_active" => query.is_active = Some(wanted.as_bool().ok_or_else(|| CallError::Type("is_active is True or False".into()))?),
            _ => match name.strip_prefix("attributes__") {
                Some(path) => drop(attributes.insert(path.to_owned(), wanted)),
                None => return Err(CallError::Type(format!("cannot filter people by '{name}'"))),
            },
        }
    }
    query.attributes = (!attributes.is_empty()).then_some(attributes);
    Ok(query)
}

/// The part for the database, and what is judged afterwards.
fn group_query(wanted: &Kwargs) -> Result<(GroupQuery, Filter), CallError> {
    let mut query = GroupQuery { page: Page::first(MOST), ..GroupQuery::default() };
    let mut rest = Kwargs::new();
    for (name, value) in wanted {
        match (name.as_str(), value) {
            ("name" | "name__exact", Value::Str(text)) => query.name = Some(text.to_string()),
            ("is_superuser", Value::Bool(yes)) => query.is_superuser = Some(*yes),
            ("pk" | "group_uuid" | "uuid", Value::Str(text)) => {
                let id = Uuid::parse_str(text).map_err(|_| CallError::Value("the key of a group is a UUID".into()))?;
                query.only_ids = Some(vec![id]);
            }
            ("users" | "users__pk" | "user", Value::Int(id)) => query.members_by_pk = vec![*id],
            ("users" | "user", Value::Object(user)) if user.type_name() == "User" => match user.attr("pk") {
                Some(Value::Int(id)) => query.members_by_pk = vec![id],
                _ => return Err(CallError::Value("the person has no account".into())),
            },
            _ => match name.strip_prefix("attributes__") {
                Some(path) => {
                    let wanted = to_json(value).map_err(CallError::Type)?;
                    query.attributes.get_or_insert_with(Map::new).insert(path.to_owned(), wanted);
                }
                None => rest.push((name.clone(), value.clone())),
            },
        }
    }
    Ok((query, Filter::parse(&rest, GROUP_FILTERS, false)?))
}

impl HostObject for Query {
    fn type_name(&self) -> &str {
        "QuerySet"
    }
    fn identity(&self) -> String {
        format!("{:?} {:?}", self.kind, self.wanted)
    }
    fn attr(&self, _: &str) -> Option<Value> {
        None
    }
    fn effect(&self, _: &str, _: &[Value], _: &[(String, Value)]) -> Effect {
        Effect::None
    }
    fn call_now(&self, method: &str, _: &[Value], kwargs: &[(String, Value)]) -> Option<Answer> {
        match method {
            "filter" => Some(Ok(Value::object(self.narrowed(kwargs)))),
            // Both come in one order anyway.
            "order_by" | "distinct" => Some(Ok(Value::object(self.narrowed(&[])))),
            _ => None,
        }
    }
    fn call<'a>(&'a self, method: &'a str, args: Vec<Value>, kwargs: Kwargs) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            match method {
                "all" | "exists" | "count" | "first" | "values_list" => self.answer(method, &args).await,
                "get" => self.narrowed(&kwargs).answer(method, &args).await,
                "create" | "update" | "delete" | "get_or_create" | "update_or_create" | "bulk_create" => Err(CallError::Fatal(match self.kind {
                    Kind::User | Kind::Group => "expressions do not write people or groups: use a user write stage".into(),
                    Kind::EmailStage => "expressions do not write stages".into(),
                })),
                _ => Err(CallError::NotFound),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn what_cannot_be_filtered_is_named() {
        let why = |name: &str| user_query(&vec![(name.to_owned(), "x".into())]).map(drop).unwrap_err().to_string();
        assert!(why("password").contains("password") && why("groups__name").contains("groups__name"));
        assert!(user_query(&vec![("attributes__a".to_owned(), 1_i64.into())]).is_ok());
        assert!(group_query(&vec![("name__startswith".to_owned(), "x".into())]).is_ok());
        assert!(group_query(&vec![("pk".to_owned(), "x".into())]).is_err());
    }
}
