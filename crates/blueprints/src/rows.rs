//! Users, groups and tokens in blueprints: they live in tables of their own, and are written in the same transaction.
use crate::world::contains;
use signet_base::{Json, Map, Secret, Timestamp, Uuid, json};
use signet_core::Core;
use signet_model::check::email;
use signet_store::groups::{self, Group};
use signet_store::tokens::{self, Token};
use signet_store::users::{self, User, UserQuery, canonical};
use signet_store::{Batch, Page};

pub const USER: &str = "authentik_core.user";
pub const GROUP: &str = "authentik_core.group";
pub const TOKEN: &str = "authentik_core.token";

/// Whether a row has to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Fate {
    #[default]
    Same,
    New,
    Changed,
    Gone,
}

struct UserDraft {
    user: User,
    groups: Option<Vec<Uuid>>,
    hash: Option<String>,
    fate: Fate,
}
struct GroupDraft {
    group: Group,
    parents: Option<Vec<Uuid>>,
    members: Option<Vec<i64>>,
    fate: Fate,
}
struct TokenDraft {
    token: Token,
    key: Option<Secret>,
    fate: Fate,
}

/// The rows that the entries have touched. New users have negative ids until they are written.
#[derive(Default)]
pub struct Rows {
    users: Vec<UserDraft>,
    groups: Vec<GroupDraft>,
    tokens: Vec<TokenDraft>,
}

/// What an entry did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Did {
    Created,
    Updated,
    Deleted,
    Nothing,
}

/// The wish of an entry. `fields` are identifiers and attributes together.
pub struct Order<'a> {
    pub state: crate::entry::State,
    pub identifiers: &'a Map,
    pub fields: &'a Map,
}

/// A field and what is wrong with it.
pub type Wrong = (String, String);

fn wrong<T>(field: &str, message: impl Into<String>) -> Result<T, Wrong> {
    Err((field.to_owned(), message.into()))
}
fn internal(error: signet_base::Error) -> Wrong {
    (String::new(), error.to_string())
}

impl Rows {
    pub fn is_row(model: &str) -> bool {
        [USER, GROUP, TOKEN].contains(&model)
    }
    pub fn is_empty(&self) -> bool {
        self.users.iter().all(|u| u.fate == Fate::Same) && self.groups.iter().all(|g| g.fate == Fate::Same) && self.tokens.iter().all(|t| t.fate == Fate::Same)
    }
    pub fn has_user(&self, id: i64) -> bool {
        self.users.iter().any(|u| u.user.id == id && u.fate != Fate::Gone)
    }
    pub fn has_group(&self, id: Uuid) -> bool {
        self.groups.iter().any(|g| g.group.id == id && g.fate != Fate::Gone)
    }
    /// Whether the administrator of the first run gets a password.
    pub fn sets_password_of(&self, username: &str) -> bool {
        self.users.iter().any(|u| u.hash.is_some() && canonical(&u.user.username) == username)
    }

    /// For `!Find`: none when the model is not one of rows.
    pub async fn find(&self, core: &Core, model: &str, wanted: &Map) -> Result<Option<Option<Map>>, String> {
        let said = |(field, message): Wrong| if field.is_empty() { message } else { format!("{field}: {message}") };
        Ok(match model {
            USER => Some(match self.users.iter().find(|d| d.fate != Fate::Gone && fits(&user_map(&d.user), wanted)) {
                Some(draft) => Some(user_map(&draft.user)),
                None => stored_user(core, wanted).await.map_err(said)?.map(|u| user_map(&u)),
            }),
            GROUP => Some(match self.groups.iter().find(|d| d.fate != Fate::Gone && fits(&group_map(&d.group), wanted)) {
                Some(draft) => Some(group_map(&draft.group)),
                None => stored_group(core, wanted).await.map_err(said)?.map(|g| group_map(&g)),
            }),
            TOKEN => Some(match self.tokens.iter().find(|d| d.fate != Fate::Gone && fits(&token_map(&d.token), wanted)) {
                Some(draft) => Some(token_map(&draft.token)),
                None => stored_token(core, wanted).await.map_err(said)?.map(|t| token_map(&t)),
            }),
            _ => None,
        })
    }

    /// Carries out one entry; the key of its row.
    pub async fn order(&mut self, core: &Core, model: &str, order: &Order<'_>) -> Result<(Did, Json), Wrong> {
        match model {
            USER => self.user(core, order).await,
            GROUP => self.group(core, order).await,
            _ => self.token(core, order).await,
        }
    }

    async fn user(&mut self, core: &Core, order: &Order<'_>) -> Result<(Did, Json), Wrong> {
        let known = match self.users.iter().position(|d| d.fate != Fate::Gone && fits(&user_map(&d.user), order.identifiers)) {
            Some(at) => Some(at),
            None => match stored_user(core, order.identifiers).await? {
                // One that an entry removed before is not there any more.
                Some(user) if self.users.iter().any(|d| d.user.id == user.id) => None,
                Some(user) => {
                    self.users.push(UserDraft { user, groups: None, hash: None, fate: Fate::Same });
                    Some(self.users.len() - 1)
                }
                None => None,
            },
        };
        let at = match order.state.of(known)? {
            Step::Leave(at) => return Ok((Did::Nothing, at.map_or(Json::Null, |at| json!(self.users[at].user.id)))),
            Step::Delete(at) => {
                self.users[at].fate = Fate::Gone;
                return Ok((Did::Deleted, json!(self.users[at].user.id)));
            }
            Step::Update(at) => at,
            Step::Create => {
                let name = order.fields.get("username").and_then(Json::as_str).unwrap_or_default();
                if name.trim().is_empty() {
                    return wrong("username", "This field is required.");
                }
                let mut user = User::new(&core.ports, name.trim());
                let fresh = self.users.iter().filter(|d| d.fate == Fate::New).count();
                user.id = -1 - i64::try_from(fresh).unwrap_or(i64::MAX - 1);
                self.users.push(UserDraft { user, groups: None, hash: None, fate: Fate::New });
                self.users.len() - 1
            }
        };
        let before = user_map(&self.users[at].user);
        let mut user = self.users[at].user.clone();
        let mut groups = None;
        let mut hash = None;
        for (field, value) in order.fields {
            match field.as_str() {
                "pk" | "uuid" | "uid" => {}
                "username" => user.username = text(field, value, false)?.trim().to_owned(),
                "name" => user.name = text(field, value, true)?,
                "email" => {
                    user.email = text(field, value, true)?;
                    if !user.email.is_empty() && !email(&user.email) {
                        return wrong(field, "Enter a valid email address.");
                    }
                }
                "is_active" => user.is_active = flag(field, value)?,
                "type" => {
                    user.user_type = text(field, value, false)?;
                    if !["internal", "external", "service_account", "internal_service_account"].contains(&user.user_type.as_str()) {
                        return wrong(field, format!("\"{}\" is not a valid choice.", user.user_type));
                    }
                }
                "path" => user.path = text(field, value, false)?,
                "attributes" => user.attributes = object(field, value)?,
                "groups" => groups = Some(self.group_keys(core, field, value).await?),
                "password" => {
                    let password = Secret::new(text(field, value, false)?);
                    let same = self.users[at].fate != Fate::New && core.hasher.verify(Some(&user.password), &password).await.map_err(internal)?;
                    if !same {
                        hash = Some(core.hasher.hash(password).await.map_err(internal)?);
                    }
                }
                "password_hash" => {
                    let given = text(field, value, false)?;
                    if !signet_core::hash::is_well_formed(&given) {
                        return wrong(field, "Not a hash that this server can check.");
                    }
                    hash = (given != user.password).then_some(given);
                }
                _ => return wrong(field, "A user has no such field."),
            }
        }
        if let Some(wanted) = &groups
            && self.users[at].fate != Fate::New
        {
            let mut have: Vec<Uuid> = groups::direct_groups(&core.db, user.id).await.map_err(internal)?.iter().map(|g| g.id).collect();
            let mut want = wanted.clone();
            have.sort_unstable();
            want.sort_unstable();
            if have == want {
                groups = None;
            }
        }
        let draft = &mut self.users[at];
        let changed = user_map(&user) != before || groups.is_some() || hash.is_some();
        if let Some(hash) = &hash {
            user.password = hash.clone();
        }
        draft.user = user;
        draft.groups = groups.or(draft.groups.take());
        draft.hash = hash.or(draft.hash.take());
        let key = json!(draft.user.id);
        Ok((mark(&mut draft.fate, changed), key))
    }

    async fn group_keys(&self, core: &Core, field: &str, value: &Json) -> Result<Vec<Uuid>, Wrong> {
        let Json::Array(list) = value else { return wrong(field, "Expected a list of items.") };
        let mut out = Vec::with_capacity(list.len());
        for item in list {
            let Some(id) = item.as_str().and_then(|s| Uuid::parse_str(s).ok()) else { return wrong(field, format!("{item} is not the key of a group.")) };
            if !self.has_group(id) && groups::by_id(&core.db, id).await.map_err(internal)?.is_none() {
                return wrong(field, format!("Invalid pk \"{id}\" - object does not exist."));
            }
            if !out.contains(&id) {
                out.push(id);
            }
        }
        Ok(out)
    }

    async fn group(&mut self, core: &Core, order: &Order<'_>) -> Result<(Did, Json), Wrong> {
        let known = match self.groups.iter().position(|d| d.fate != Fate::Gone && fits(&group_map(&d.group), order.identifiers)) {
            Some(at) => Some(at),
            None => match stored_group(core, order.identifiers).await? {
                Some(group) if self.groups.iter().any(|d| d.group.id == group.id) => None,
                Some(group) => {
                    self.groups.push(GroupDraft { group, parents: None, members: None, fate: Fate::Same });
                    Some(self.groups.len() - 1)
                }
                None => None,
            },
        };
        let at = match order.state.of(known)? {
            Step::Leave(at) => return Ok((Did::Nothing, at.map_or(Json::Null, |at| json!(self.groups[at].group.id)))),
            Step::Delete(at) => {
                self.groups[at].fate = Fate::Gone;
                return Ok((Did::Deleted, json!(self.groups[at].group.id)));
            }
            Step::Update(at) => at,
            Step::Create => {
                let name = order.fields.get("name").and_then(Json::as_str).unwrap_or_default();
                if name.is_empty() {
                    return wrong("name", "This field is required.");
                }
                let mut group = Group::new(&core.ports, name);
                if let Some(pk) = order.identifiers.get("pk").and_then(Json::as_str).and_then(|s| Uuid::parse_str(s).ok()) {
                    group.id = pk;
                }
                self.groups.push(GroupDraft { group, parents: None, members: None, fate: Fate::New });
                self.groups.len() - 1
            }
        };
        let before = group_map(&self.groups[at].group);
        let mut group = self.groups[at].group.clone();
        let (mut parents, mut members) = (None, None);
        for (field, value) in order.fields {
            match field.as_str() {
                "pk" | "group_uuid" => {}
                "name" => group.name = text(field, value, false)?,
                "is_superuser" => group.is_superuser = flag(field, value)?,
                "attributes" => group.attributes = object(field, value)?,
                "parent" if value.is_null() => parents = Some(Vec::new()),
                "parent" => parents = Some(self.group_keys(core, field, &json!([value])).await?),
                "parents" => parents = Some(self.group_keys(core, field, value).await?),
                "users" => {
                    let Json::Array(list) = value else { return wrong(field, "Expected a list of items.") };
                    let mut ids = Vec::with_capacity(list.len());
                    for item in list {
                        let Some(id) = item.as_i64() else { return wrong(field, format!("{item} is not the key of a user.")) };
                        if id < 0 || users::by_id(&core.db, id).await.map_err(internal)?.is_none() {
                            return wrong(field, "Name users that exist, or give new users their groups.");
                        }
                        ids.push(id);
                    }
                    members = Some(ids);
                }
                _ => return wrong(field, "A group has no such field."),
            }
        }
        if self.groups[at].fate != Fate::New {
            if let Some(wanted) = &parents {
                let of = groups::parents_of_many(&core.db, &[group.id]).await.map_err(internal)?;
                let have: Vec<Uuid> = of.get(&group.id).map(|l| l.iter().map(|g| g.id).collect()).unwrap_or_default();
                if same(&have, wanted) {
                    parents = None;
                } else {
                    let above = groups::ancestors(&core.db, wanted).await.map_err(internal)?;
                    if wanted.contains(&group.id) || above.contains(&group.id) {
                        return wrong("parents", "A group cannot be above itself.");
                    }
                }
            }
            if let Some(wanted) = &members {
                let of = groups::member_ids_of_many(&core.db, &[group.id]).await.map_err(internal)?;
                if same(of.get(&group.id).map_or(&[][..], Vec::as_slice), wanted) {
                    members = None;
                }
            }
        }
        let draft = &mut self.groups[at];
        let changed = group_map(&group) != before || parents.is_some() || members.is_some();
        draft.group = group;
        draft.parents = parents.or(draft.parents.take());
        draft.members = members.or(draft.members.take());
        let key = json!(draft.group.id);
        Ok((mark(&mut draft.fate, changed), key))
    }

    async fn token(&mut self, core: &Core, order: &Order<'_>) -> Result<(Did, Json), Wrong> {
        let known = match self.tokens.iter().position(|d| d.fate != Fate::Gone && fits(&token_map(&d.token), order.identifiers)) {
            Some(at) => Some(at),
            None => stored_token(core, order.identifiers).await?.map(|token| {
                self.tokens.push(TokenDraft { token, key: None, fate: Fate::Same });
                self.tokens.len() - 1
            }),
        };
        let at = match order.state.of(known)? {
            Step::Leave(at) => return Ok((Did::Nothing, at.map_or(Json::Null, |at| json!(self.tokens[at].token.id)))),
            Step::Delete(at) => {
                self.tokens[at].fate = Fate::Gone;
                return Ok((Did::Deleted, json!(self.tokens[at].token.id)));
            }
            Step::Update(at) => at,
            Step::Create => {
                let name = order.fields.get("identifier").and_then(Json::as_str).unwrap_or_default();
                let user = order.fields.get("user").and_then(Json::as_i64).unwrap_or_default();
                if name.is_empty() {
                    return wrong("identifier", "This field is required.");
                }
                let token = Token::new(core.ports.uuid(), name, "api", user, core.now());
                let key = Secret::new(core.ports.alphanumeric(60));
                self.tokens.push(TokenDraft { token, key: Some(key), fate: Fate::New });
                self.tokens.len() - 1
            }
        };
        let mut token = self.tokens[at].token.clone();
        let before = token_map(&token);
        let mut key = None;
        for (field, value) in order.fields {
            match field.as_str() {
                "pk" | "token_uuid" => {}
                "identifier" => token.identifier = text(field, value, false)?,
                "intent" => {
                    token.intent = text(field, value, false)?;
                    if !["verification", "api", "recovery", "app_password"].contains(&token.intent.as_str()) {
                        return wrong(field, format!("\"{}\" is not a valid choice.", token.intent));
                    }
                }
                "user" => {
                    token.user_id = value.as_i64().unwrap_or_default();
                }
                "description" => token.description = text(field, value, true)?,
                "managed" => token.managed = if value.is_null() { None } else { Some(text(field, value, false)?) },
                "expiring" => token.expiring = flag(field, value)?,
                "expires" if value.is_null() => token.expires = None,
                "expires" => match value.as_str().map(Timestamp::parse) {
                    Some(Ok(at)) => token.expires = Some(at),
                    _ => return wrong(field, "Expected a time as in 2026-01-31T12:00:00Z."),
                },
                "key" => {
                    let given = Secret::new(text(field, value, false)?);
                    let same = self.tokens[at].fate != Fate::New && token.key(&core.vault).is_ok_and(|have| have.matches(given.reveal()));
                    if !same {
                        key = Some(given);
                    }
                }
                _ => return wrong(field, "A token has no such field."),
            }
        }
        if !self.has_user(token.user_id) && users::by_id(&core.db, token.user_id).await.map_err(internal)?.is_none() {
            return wrong("user", "Name a user that exists.");
        }
        if token.expiring && token.expires.is_none() {
            return wrong("expires", "A token that expires needs a time.");
        }
        let draft = &mut self.tokens[at];
        let changed = token_map(&token) != before || key.is_some();
        draft.token = token;
        draft.key = key.or(draft.key.take());
        let pk = json!(draft.token.id);
        Ok((mark(&mut draft.fate, changed), pk))
    }

    /// New users in the order of their provisional ids, for those who need the real ids before anything else is written.
    pub fn new_users(&self) -> impl Iterator<Item = (i64, Batch)> + '_ {
        self.users.iter().filter(|d| d.fate == Fate::New).map(|d| (d.user.id, users::insert_batch(&d.user, d.groups.as_deref().unwrap_or_default())))
    }
    /// Whether new users are named by new rows.
    pub fn names_new_users(&self) -> bool {
        self.tokens.iter().any(|t| t.fate == Fate::New && t.token.user_id < 0)
    }
    /// The batch of all new groups.
    pub fn new_groups(&self) -> Batch {
        self.groups.iter().filter(|d| d.fate == Fate::New).fold(Batch::new(), |batch, d| {
            batch.then(groups::insert_batch(&d.group, d.parents.as_deref().unwrap_or_default(), d.members.as_deref().unwrap_or_default()))
        })
    }
    /// Everything but new groups and new users. `real` turns provisional user ids into real ones.
    pub fn changes(&self, core: &Core, real: impl Fn(i64) -> i64) -> signet_base::Result<Batch> {
        let now = core.now();
        let mut batch = Batch::new();
        for d in &self.groups {
            batch = match d.fate {
                Fate::Changed => batch.then(groups::update_batch(&d.group, d.parents.as_deref(), d.members.as_deref(), now)),
                Fate::Gone => batch.then(groups::delete_batch(d.group.id)),
                Fate::Same | Fate::New => batch,
            };
        }
        for d in &self.users {
            if d.fate == Fate::Gone {
                batch = batch.then(users::delete_batch(d.user.id));
            }
            if d.fate == Fate::Changed {
                batch = batch.then(users::update_batch(&d.user, None, d.groups.as_deref(), now));
                if let Some(hash) = &d.hash {
                    batch = batch.then(users::set_password_batch(d.user.id, hash, now));
                }
            }
        }
        for d in &self.tokens {
            let mut token = d.token.clone();
            token.user_id = real(token.user_id);
            batch = match (d.fate, &d.key) {
                (Fate::New, Some(key)) => batch.then(tokens::insert_batch(&core.vault, &token, key)?),
                (Fate::Changed, key) => {
                    // A token is small: it goes and comes back as it will be.
                    let key = match key {
                        Some(key) => key.clone(),
                        None => token.key(&core.vault)?,
                    };
                    batch.then(tokens::delete_batch(token.id)).then(tokens::insert_batch(&core.vault, &token, &key)?)
                }
                (Fate::Gone, _) => batch.then(tokens::delete_batch(token.id)),
                _ => batch,
            };
        }
        Ok(batch)
    }
    /// Keys of rows that go, as objects refer to them.
    pub fn removed_keys(&self) -> Vec<String> {
        let users = self.users.iter().filter(|d| d.fate == Fate::Gone).map(|d| format!("user:{}", d.user.id));
        users.chain(self.groups.iter().filter(|d| d.fate == Fate::Gone).map(|d| d.group.id.to_string())).collect()
    }
}

/// What the state of an entry means for what was found.
pub enum Step {
    Create,
    Update(usize),
    Delete(usize),
    Leave(Option<usize>),
}

fn mark(fate: &mut Fate, changed: bool) -> Did {
    match *fate {
        Fate::New => Did::Created,
        _ if changed => {
            *fate = Fate::Changed;
            Did::Updated
        }
        _ => Did::Nothing,
    }
}
fn same<T: Ord + Clone>(a: &[T], b: &[T]) -> bool {
    let (mut a, mut b) = (a.to_vec(), b.to_vec());
    a.sort_unstable();
    b.sort_unstable();
    a == b
}
fn text(field: &str, value: &Json, blank: bool) -> Result<String, Wrong> {
    match value {
        Json::String(text) if blank || !text.trim().is_empty() => Ok(text.clone()),
        Json::String(_) => wrong(field, "This field may not be blank."),
        Json::Number(n) => Ok(n.to_string()),
        _ => wrong(field, "Not a valid string."),
    }
}
fn flag(field: &str, value: &Json) -> Result<bool, Wrong> {
    value.as_bool().map_or_else(|| wrong(field, "Must be a valid boolean."), Ok)
}
fn object(field: &str, value: &Json) -> Result<Map, Wrong> {
    value.as_object().cloned().map_or_else(|| wrong(field, "Value must be a dictionary."), Ok)
}
fn fits(row: &Map, wanted: &Map) -> bool {
    !wanted.is_empty()
        && wanted.iter().all(|(field, value)| match (field.as_str(), row.get(field), value) {
            ("username", Some(Json::String(have)), Json::String(want)) => canonical(have) == canonical(want),
            (_, Some(have), want) => contains(have, want),
            _ => false,
        })
}
fn user_map(u: &User) -> Map {
    to_map(json!({"pk": u.id, "uuid": u.uuid, "username": u.username, "name": u.name, "email": u.email, "is_active": u.is_active, "type": u.user_type, "path": u.path, "attributes": u.attributes}))
}
fn group_map(g: &Group) -> Map {
    to_map(json!({"pk": g.id, "group_uuid": g.id, "name": g.name, "is_superuser": g.is_superuser, "attributes": g.attributes}))
}
fn token_map(t: &Token) -> Map {
    to_map(json!({"pk": t.id, "identifier": t.identifier, "intent": t.intent, "user": t.user_id, "description": t.description, "managed": t.managed, "expiring": t.expiring, "expires": t.expires}))
}
fn to_map(value: Json) -> Map {
    match value {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

async fn stored_user(core: &Core, wanted: &Map) -> Result<Option<User>, Wrong> {
    let text = |field: &str| wanted.get(field).and_then(Json::as_str);
    let found = if let Some(id) = wanted.get("pk").and_then(Json::as_i64) {
        users::by_id(&core.db, id).await
    } else if let Some(name) = text("username") {
        users::by_username(&core.db, name).await
    } else if let Some(id) = text("uuid").and_then(|t| Uuid::parse_str(t).ok()) {
        users::by_uuid(&core.db, id).await
    } else if let Some(address) = text("email") {
        users::by_email(&core.db, address).await
    } else if let Some(name) = text("name") {
        let query = UserQuery { name: Some(name.to_owned()), page: Page::first(1), ..UserQuery::default() };
        users::list(&core.db, &query).await.map(|(list, _)| list.into_iter().next())
    } else {
        return wrong("identifiers", "A user is found by pk, username, uuid, email or name.");
    };
    Ok(found.map_err(internal)?.filter(|u| fits(&user_map(u), wanted)))
}
async fn stored_group(core: &Core, wanted: &Map) -> Result<Option<Group>, Wrong> {
    let found = match (wanted.get("name").and_then(Json::as_str), wanted.get("pk").and_then(Json::as_str).and_then(|t| Uuid::parse_str(t).ok())) {
        // By the key or by the name, as for every other object.
        (name, Some(id)) => match groups::by_id(&core.db, id).await {
            Ok(None) if name.is_some() => return by_group_name(core, name.unwrap_or_default()).await,
            other => return other.map_err(internal),
        },
        (Some(name), None) => groups::by_name(&core.db, name).await,
        _ => return wrong("identifiers", "A group is found by pk or name."),
    };
    Ok(found.map_err(internal)?.filter(|g| fits(&group_map(g), wanted)))
}
async fn by_group_name(core: &Core, name: &str) -> Result<Option<Group>, Wrong> {
    groups::by_name(&core.db, name).await.map_err(internal)
}
async fn stored_token(core: &Core, wanted: &Map) -> Result<Option<Token>, Wrong> {
    let text = |field: &str| wanted.get(field).and_then(Json::as_str);
    let found = if let Some(name) = text("identifier") {
        tokens::by_identifier(&core.db, name).await
    } else if let Some(managed) = text("managed") {
        tokens::by_managed(&core.db, managed).await
    } else {
        return wrong("identifiers", "A token is found by identifier or managed.");
    };
    Ok(found.map_err(internal)?.filter(|t| fits(&token_map(t), wanted)))
}
