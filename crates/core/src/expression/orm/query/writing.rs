//! Methods that write: everything goes into the text's journal.
use super::{Base, Query, overlay, tree};
use crate::expression::journal::{DeletedRow, Row};
use crate::expression::objects::{CallResult, gone};
use crate::expression::orm::classes::ClassKind;
use crate::expression::orm::plain::plain;
use crate::expression::orm::record::Record;
use crate::expression::people::{self, Group};
use signet_base::{Json, Secret, Span, Uuid, Vault};
use signet_expr::{CallError, Kwargs, Value};
use signet_store::groups::Group as GroupRow;
use signet_store::invitations;
use signet_store::lookups::Model;
use signet_store::tokens::{self, Token};
use signet_store::users::User;
use std::sync::Arc;

/// What a text may make of tokens.
const INTENTS: [&str; 3] = ["verification", "api", "app_password"];

fn given(kwargs: &Kwargs, name: &str) -> Result<Vec<(String, Value)>, CallError> {
    match kwargs.iter().find(|(known, _)| known == name).map(|(_, value)| value) {
        None | Some(Value::None) => Ok(Vec::new()),
        Some(Value::Dict(dict)) => {
            Ok(dict.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect())
        }
        Some(_) => Err(CallError::Type(format!("'{name}' is a dictionary"))),
    }
}

impl Query {
    pub(super) async fn write(&self, method: &str, args: &[Value], kwargs: &Kwargs) -> CallResult {
        let what = format!("{method}() of {}", self.class.name);
        self.shared.journal.allows(&what)?;
        let ClassKind::Rows(model) = self.class.kind else {
            let why = "settings are written by the API and by blueprints";
            return Err(CallError::Fatal(format!("{what} is refused: {why}")));
        };
        match (method, &self.base) {
            ("add" | "remove" | "set" | "clear", Base::Member { user, inherited: false, .. })
                if self.manager =>
            {
                self.change_groups(*user, method, args).await
            }
            ("add" | "remove" | "set" | "clear", _) if self.manager && self.group.is_some() => {
                self.change_members(self.group.unwrap_or_default(), method, args).await
            }
            ("create", Base::All) if self.manager && self.group.is_none() => self.create(model, kwargs).await,
            ("get_or_create" | "update_or_create", Base::All) if self.group.is_none() => {
                self.find_or_create(model, method, kwargs).await
            }
            ("update", _) if !kwargs.is_empty() => self.update(model, kwargs).await,
            ("delete", _) if !self.manager => self.delete(model).await,
            _ => Err(CallError::Fatal(format!("{what} is not offered to expressions"))),
        }
    }

    /// The groups that a call names, by objects or keys.
    async fn groups_named(&self, args: &[Value]) -> Result<Vec<GroupRow>, CallError> {
        let mut all = Vec::new();
        for arg in args {
            let id = match Group::of_value(arg) {
                Some(group) => Some(group.row().id),
                None => plain(arg).await?.as_str().and_then(|text| Uuid::parse_str(text).ok()),
            };
            let id =
                id.ok_or_else(|| CallError::Type("groups are named by themselves or by their keys".into()))?;
            all.push(people::current_group(&self.shared, id).await?);
        }
        Ok(all)
    }
    async fn people_named(&self, args: &[Value]) -> Result<Vec<User>, CallError> {
        let mut all = Vec::new();
        for arg in args {
            let id = match people::account(arg) {
                Some(user) => Some(user.id()),
                None => plain(arg).await?.as_i64(),
            };
            let id =
                id.ok_or_else(|| CallError::Type("people are named by themselves or by their keys".into()))?;
            all.push(people::current(&self.shared, id).await?);
        }
        Ok(all)
    }
    /// The members of a list, a query or a set; the arguments themselves of `add` and `remove`.
    async fn named(method: &str, args: &[Value]) -> Result<Vec<Value>, CallError> {
        Ok(match (method, args) {
            ("set", [Value::List(items)]) => items.to_vec(),
            ("set", [Value::Object(object)]) => {
                match object.as_any().and_then(|any| any.downcast_ref::<Self>()) {
                    Some(query) => query.objects().await?.to_vec(),
                    None => return Err(CallError::Type("set() takes a list".into())),
                }
            }
            ("set", _) => return Err(CallError::Type("set() takes a list".into())),
            ("clear", _) => Vec::new(),
            (_, args) => args.to_vec(),
        })
    }

    /// `user.groups.add(…)`
    async fn change_groups(&self, user: i64, method: &str, args: &[Value]) -> CallResult {
        let named = self.groups_named(&Self::named(method, args).await?).await?;
        let before = overlay::groups_of(&self.shared, user, false).await?;
        let user = people::current(&self.shared, user).await?;
        let mut moves: Vec<(GroupRow, bool)> = Vec::new();
        if matches!(method, "set" | "clear") {
            let left = before.iter().filter(|group| !named.iter().any(|other| other.id == group.id));
            moves.extend(left.map(|group| (group.clone(), false)));
        }
        moves.extend(named.into_iter().map(|group| (group, method != "remove")));
        moves.retain(|(group, is)| before.iter().any(|known| known.id == group.id) != *is);
        for (group, is) in moves {
            self.change_member(&user, &group, is).await?;
        }
        Ok(Value::None)
    }

    /// `group.users.add(…)`
    async fn change_members(&self, group: Uuid, method: &str, args: &[Value]) -> CallResult {
        let group = people::current_group(&self.shared, group).await?;
        let named = self.people_named(&Self::named(method, args).await?).await?;
        if matches!(method, "set" | "clear") {
            for id in overlay::members_of(&self.shared, group.id).await? {
                if !named.iter().any(|user| user.id == id) {
                    let user = people::current(&self.shared, id).await?;
                    self.change_member(&user, &group, false).await?;
                }
            }
        }
        for user in named {
            let before = overlay::groups_of(&self.shared, user.id, false).await?;
            let is = method != "remove";
            if before.iter().any(|known| known.id == group.id) != is {
                self.change_member(&user, &group, is).await?;
            }
        }
        Ok(Value::None)
    }

    async fn change_member(&self, user: &User, group: &GroupRow, is: bool) -> Result<(), CallError> {
        let journal = &self.shared.journal;
        journal.allows_account(&self.shared, user, "a change of groups").await?;
        journal.allows_group(&self.shared, group, "a change of members").await?;
        journal.write(|state| state.members.insert((user.id, group.id), is)).map(drop)
    }

    async fn create(&self, model: Model, kwargs: &Kwargs) -> CallResult {
        let (shared, core) = (&self.shared, &self.shared.core);
        match model {
            Model::User => {
                let mut user = User::new(&core.ports, "");
                user.id = shared.journal.new_id();
                for (name, value) in kwargs {
                    people::set_field(&mut user, name, value)?;
                }
                people::checked(shared, &user).await?;
                shared.journal.put_user(Row::new(user.clone()))?;
                self.account(user).await
            }
            Model::Group => {
                let mut group = GroupRow::new(&core.ports, "");
                for (name, value) in kwargs {
                    people::set_group_field(&mut group, name, value)?;
                }
                people::checked_group(shared, &group).await?;
                shared.journal.put_group(Row::new(group.clone()))?;
                Ok(Group::all(shared, &Arc::new(vec![group]))
                    .into_iter()
                    .next()
                    .map_or(Value::None, Value::object))
            }
            Model::Token => self.create_token(kwargs).await,
            _ => Err(CallError::Fatal(format!(
                "create() of {} is not offered to expressions",
                self.class.name
            ))),
        }
    }

    async fn create_token(&self, kwargs: &Kwargs) -> CallResult {
        let (shared, core) = (&self.shared, &self.shared.core);
        let mut token = Token::new(core.ports.uuid(), "", INTENTS[0], 0, core.now());
        token.expiring = true;
        for (name, value) in kwargs {
            match (name.as_str(), value) {
                ("identifier", Value::Str(text)) => token.identifier = text.to_string(),
                ("intent", Value::Str(text)) if INTENTS.contains(&&**text) => token.intent = text.to_string(),
                ("description", Value::Str(text)) => token.description = text.to_string(),
                ("expiring", Value::Bool(flag)) => token.expiring = *flag,
                ("expires", Value::Time(at)) => token.expires = Some(*at),
                ("expires", Value::None) => token.expires = None,
                ("user" | "user_id", value) => {
                    let user = self.people_named(std::slice::from_ref(value)).await?.remove(0);
                    shared.journal.allows_account(shared, &user, "a token").await?;
                    token.user_id = user.id;
                }
                _ => return Err(CallError::Type(format!("Token() cannot be made with this '{name}'"))),
            }
        }
        if token.user_id <= 0 || token.identifier.trim().is_empty() {
            return Err(CallError::Type(
                "a token has an identifier and belongs to an account that exists".into(),
            ));
        }
        if token.expiring && token.expires.is_none() {
            let lifetime = Span::parse(&core.system().default_token_duration)
                .map_err(|e| CallError::Value(e.to_string()))?;
            token.expires = Some(core.now().plus(lifetime));
        }
        let stored = tokens::by_identifier(&core.db, &token.identifier).await.map_err(gone)?;
        if stored.is_some() {
            return Err(CallError::Value(format!("there is a token '{}' already", token.identifier)));
        }
        let length = usize::try_from(core.system().default_token_length).unwrap_or(60).max(40);
        let key = Secret::new(core.ports.alphanumeric(length));
        shared.journal.write(|state| state.tokens.push((token.clone(), key)))?;
        let owner = self.account(people::current(shared, token.user_id).await?).await?;
        Ok(Record::token(shared, self.class, &token, owner))
    }

    async fn account(&self, user: User) -> CallResult {
        Ok(people::accounts(&self.shared, vec![user]).await?.pop().unwrap_or_default())
    }

    /// `get_or_create` and `update_or_create`: the object, and whether it was made.
    async fn find_or_create(&self, model: Model, method: &str, kwargs: &Kwargs) -> CallResult {
        let special = |name: &str| matches!(name, "defaults" | "create_defaults");
        let wanted: Kwargs = kwargs.iter().filter(|(name, _)| !special(name)).cloned().collect();
        let mut defaults = given(kwargs, "defaults")?;
        let found = match self.narrowed(tree::read(&[], &wanted).await?)?.one().await {
            Ok(found) => found,
            Err(CallError::DoesNotExist(_)) => {
                let own = given(kwargs, "create_defaults")?;
                if !own.is_empty() {
                    defaults = own;
                }
                let mut fields: Kwargs =
                    wanted.into_iter().filter(|(name, _)| !name.contains("__")).collect();
                for (name, value) in defaults {
                    fields.retain(|(known, _)| *known != name);
                    fields.push((name, value));
                }
                return Ok(Value::list([self.create(model, &fields).await?, true.into()]));
            }
            Err(error) => return Err(error),
        };
        if method == "get_or_create" || defaults.is_empty() {
            return Ok(Value::list([found, false.into()]));
        }
        self.set_fields(model, &found, &defaults).await?;
        let key = plain(&found).await?;
        let anew =
            Query::manager(&self.shared, self.class, Base::All).where_all(vec![("pk".to_owned(), key)])?;
        Ok(Value::list([anew.one().await?, false.into()]))
    }

    async fn set_fields(
        &self,
        model: Model,
        one: &Value,
        fields: &[(String, Value)],
    ) -> Result<(), CallError> {
        let shared = &self.shared;
        match (model, people::account(one), Group::of_value(one)) {
            (Model::User, Some(user), _) => {
                let before = people::current(shared, user.id()).await?;
                let mut after = before.clone();
                for (name, value) in fields {
                    people::set_field(&mut after, name, value)?;
                }
                shared.journal.allows_account(shared, &before, "a change of an account").await?;
                people::put(shared, &before, after).await
            }
            (Model::Group, _, Some(group)) => {
                let before = people::current_group(shared, group.row().id).await?;
                let mut after = before.clone();
                for (name, value) in fields {
                    people::set_group_field(&mut after, name, value)?;
                }
                shared.journal.allows_group(shared, &before, "a change of a group").await?;
                people::put_group(shared, &before, after).await
            }
            _ => Err(CallError::Fatal(format!(
                "a change of {} is not offered to expressions",
                self.class.name
            ))),
        }
    }

    /// How many were changed.
    async fn update(&self, model: Model, kwargs: &Kwargs) -> CallResult {
        let found = self.fresh().objects().await?;
        for one in found.iter() {
            self.set_fields(model, one, kwargs).await?;
        }
        Ok(Value::Int(i64::try_from(found.len()).unwrap_or(i64::MAX)))
    }

    async fn delete(&self, model: Model) -> CallResult {
        let found = self.fresh().objects().await?;
        for one in found.iter() {
            match (people::account(one), Group::of_value(one)) {
                (Some(user), _) => drop(user.delete().await?),
                (_, Some(group)) => drop(group.delete().await?),
                _ => match one.as_object().and_then(|object| object.as_any()?.downcast_ref::<Record>()) {
                    Some(record) => record.delete().await?,
                    None => {
                        return Err(CallError::Fatal(format!("delete() of {} is refused", self.class.name)));
                    }
                },
            }
        }
        let app =
            if matches!(model, Model::User | Model::Group | Model::Token) { "authentik_core." } else { "" };
        Ok(people::deleted(found.len(), &format!("{app}{}", self.class.name)))
    }
}

/// The row of another model that goes.
pub fn gone_row(vault: &Vault, model: Model, pk: &Json, owner: Option<i64>) -> Option<DeletedRow> {
    let uuid = || pk.as_str().and_then(|text| Uuid::parse_str(text).ok());
    Some(match model {
        Model::Token => DeletedRow::Token(uuid()?),
        Model::Session => DeletedRow::Session(uuid()?),
        Model::Invitation => {
            let known = uuid().map(|id| invitations::digest(vault, id));
            DeletedRow::Invitation(known.or_else(|| pk.as_str().map(str::to_owned))?)
        }
        model if model.is_device() => DeletedRow::Device(pk.as_i64()?, owner?),
        _ => return None,
    })
}
