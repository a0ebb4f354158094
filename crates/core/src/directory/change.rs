//! Changes as data: a row before and after.
use signet_base::{Secret, Timestamp, Uuid};
use signet_store::devices::Device;
use signet_store::epoch::KeptSession;
use signet_store::groups::Group;
use signet_store::roles::Target;
use signet_store::tokens::Token;
use signet_store::users::User;

/// One change of the directory.
#[derive(Debug, Clone)]
pub enum Change {
    User(Box<UserChange>),
    Group(Box<GroupChange>),
    Token(Box<TokenChange>),
    Device(Box<DeviceChange>),
    Role(Box<RoleChange>),
}
impl From<UserChange> for Change {
    fn from(change: UserChange) -> Self {
        Change::User(Box::new(change))
    }
}
impl From<GroupChange> for Change {
    fn from(change: GroupChange) -> Self {
        Change::Group(Box::new(change))
    }
}

impl From<TokenChange> for Change {
    fn from(change: TokenChange) -> Self {
        Change::Token(Box::new(change))
    }
}
impl From<DeviceChange> for Change {
    fn from(change: DeviceChange) -> Self {
        Change::Device(Box::new(change))
    }
}

impl From<RoleChange> for Change {
    fn from(change: RoleChange) -> Self {
        Change::Role(Box::new(change))
    }
}

/// An account before and after: without `before` it is made, without `after` deleted, and where both are the same only
/// its groups or its password change.
#[derive(Debug, Clone)]
pub struct UserChange {
    pub(super) before: Option<User>,
    pub(super) after: Option<User>,
    /// All direct groups.
    pub(super) groups: Option<Vec<Uuid>>,
    /// All own roles.
    pub(super) roles: Option<Vec<Uuid>>,
    pub(super) join: Vec<Uuid>,
    pub(super) leave: Vec<Uuid>,
    /// Hash of a new password, and what stays of what rests on the one before.
    pub(super) password: Option<(String, KeptSession)>,
    /// A hash that no password fits.
    pub(super) disabled: Option<String>,
    pub(super) writes_row: bool,
    pub(super) last_write_wins: bool,
}
impl UserChange {
    fn new(before: Option<User>, after: Option<User>, writes_row: bool) -> Self {
        Self {
            before,
            after,
            groups: None,
            roles: None,
            join: Vec::new(),
            leave: Vec::new(),
            password: None,
            disabled: None,
            writes_row,
            last_write_wins: false,
        }
    }
    /// A new account. Without an id it gets one by the commit.
    pub fn create(user: User) -> Self {
        Self::new(None, Some(user), true)
    }
    /// Fails with `Error::Conflict("updated")` where the account was changed since `before` was read.
    pub fn update(before: &User, after: User) -> Self {
        Self::new(Some(before.clone()), Some(after), true)
    }
    /// Whatever was changed in between is overwritten.
    #[must_use]
    pub fn last_write_wins(mut self) -> Self {
        self.last_write_wins = true;
        self
    }
    /// The account itself stays as it is.
    pub fn of(user: &User) -> Self {
        Self::new(Some(user.clone()), Some(user.clone()), false)
    }
    /// With bindings and whatever else is the account's alone.
    pub fn delete(user: &User) -> Self {
        Self::new(Some(user.clone()), None, true)
    }
    /// Replaces the direct groups.
    #[must_use]
    pub fn groups(mut self, groups: Option<Vec<Uuid>>) -> Self {
        self.groups = groups;
        self
    }
    /// Replaces the roles of the account itself.
    #[must_use]
    pub fn roles(mut self, roles: Option<Vec<Uuid>>) -> Self {
        self.roles = roles;
        self
    }
    #[must_use]
    pub fn join(mut self, groups: impl IntoIterator<Item = Uuid>) -> Self {
        self.join.extend(groups);
        self
    }
    #[must_use]
    pub fn leave(mut self, groups: impl IntoIterator<Item = Uuid>) -> Self {
        self.leave.extend(groups);
        self
    }
    /// Puts a hash that no password fits in the place of the one that was read, and ends everything.
    #[must_use]
    pub fn disable_password(mut self, hash: String) -> Self {
        self.disabled = Some(hash);
        self
    }
    /// A new password. What was begun with the one before ends, but for what is spared.
    #[must_use]
    pub fn password(mut self, hash: impl Into<String>, spared: &KeptSession) -> Self {
        self.password = Some((hash.into(), spared.clone()));
        self
    }
}

/// A group before and after, as an account: see [`UserChange`].
#[derive(Debug, Clone)]
pub struct GroupChange {
    pub(super) before: Option<Group>,
    pub(super) after: Option<Group>,
    pub(super) parents: Option<Vec<Uuid>>,
    /// All direct members.
    pub(super) members: Option<Vec<i64>>,
    /// All roles of the group itself.
    pub(super) roles: Option<Vec<Uuid>>,
    pub(super) join: Vec<i64>,
    pub(super) leave: Vec<i64>,
    pub(super) writes_row: bool,
}
impl GroupChange {
    fn new(before: Option<Group>, after: Option<Group>, writes_row: bool) -> Self {
        Self {
            before,
            after,
            parents: None,
            members: None,
            roles: None,
            join: Vec::new(),
            leave: Vec::new(),
            writes_row,
        }
    }
    pub fn create(group: Group) -> Self {
        Self::new(None, Some(group), true)
    }
    pub fn update(before: &Group, after: Group) -> Self {
        Self::new(Some(before.clone()), Some(after), true)
    }
    /// The group itself stays as it is.
    pub fn of(group: &Group) -> Self {
        Self::new(Some(group.clone()), Some(group.clone()), false)
    }
    pub fn delete(group: &Group) -> Self {
        Self::new(Some(group.clone()), None, true)
    }
    /// Replaces the parents. That no group becomes its own ancestor is for the caller to see.
    #[must_use]
    pub fn parents(mut self, parents: Option<Vec<Uuid>>) -> Self {
        self.parents = parents;
        self
    }
    /// Replaces the direct members.
    #[must_use]
    pub fn members(mut self, members: Option<Vec<i64>>) -> Self {
        self.members = members;
        self
    }
    /// Replaces the roles of the group itself.
    #[must_use]
    pub fn roles(mut self, roles: Option<Vec<Uuid>>) -> Self {
        self.roles = roles;
        self
    }
    #[must_use]
    pub fn join(mut self, users: impl IntoIterator<Item = i64>) -> Self {
        self.join.extend(users);
        self
    }
    #[must_use]
    pub fn leave(mut self, users: impl IntoIterator<Item = i64>) -> Self {
        self.leave.extend(users);
        self
    }
}

/// Permissions that a role gets and loses. The role itself is a configuration object; the same commit may create it.
#[derive(Debug, Clone)]
pub struct RoleChange {
    pub(super) role: Uuid,
    /// Replaces the permissions on all objects.
    pub(super) everywhere: Option<Vec<String>>,
    pub(super) grant: Vec<(String, Target)>,
    /// Permission and key of the object; an empty key: all objects.
    pub(super) withdraw: Vec<(String, String)>,
}
impl RoleChange {
    pub fn of(role: Uuid) -> Self {
        Self { role, everywhere: None, grant: Vec::new(), withdraw: Vec::new() }
    }
    /// Replaces the permissions on all objects; those on single objects stay.
    #[must_use]
    pub fn everywhere(mut self, permissions: Option<Vec<String>>) -> Self {
        self.everywhere = permissions;
        self
    }
    #[must_use]
    pub fn grant(mut self, permission: impl Into<String>, target: Target) -> Self {
        self.grant.push((permission.into(), target));
        self
    }
    #[must_use]
    pub fn withdraw(mut self, permission: impl Into<String>, object: Option<&str>) -> Self {
        self.withdraw.push((permission.into(), object.unwrap_or_default().to_owned()));
        self
    }
}

/// A token before and after, see [`UserChange`]. Its key is sealed by the commit and never told.
#[derive(Debug, Clone)]
pub struct TokenChange {
    pub(super) before: Option<Token>,
    pub(super) after: Option<Token>,
    pub(super) key: Option<Secret>,
    /// The key is replaced since it was over, at this new end.
    pub(super) rotated: Option<Option<Timestamp>>,
}
impl TokenChange {
    fn new(before: Option<Token>, after: Option<Token>, key: Option<Secret>) -> Self {
        Self { before, after, key, rotated: None }
    }
    pub fn create(token: Token, key: Secret) -> Self {
        Self::new(None, Some(token), Some(key))
    }
    pub fn update(before: &Token, after: Token) -> Self {
        Self::new(Some(before.clone()), Some(after), None)
    }
    #[must_use]
    pub fn key(mut self, key: Option<Secret>) -> Self {
        self.key = key;
        self
    }
    /// A new key for an expired API token; `Error::Conflict(tokens::ROTATED)` where somebody was faster.
    pub fn rotate(token: &Token, key: Secret, expires: Option<Timestamp>) -> Self {
        Self { rotated: Some(expires), ..Self::new(Some(token.clone()), Some(token.clone()), Some(key)) }
    }
    pub fn delete(token: &Token) -> Self {
        Self::new(Some(token.clone()), None, None)
    }
}

/// A second factor before and after, see [`UserChange`].
#[derive(Debug, Clone)]
pub struct DeviceChange {
    pub(super) before: Option<Device>,
    pub(super) after: Option<Device>,
    /// Digests of codes that work once.
    pub(super) codes: Vec<String>,
    /// Everything of the account ends that may rest on the factor, but this.
    pub(super) ends: Option<KeptSession>,
    /// Name of the owner, for the event.
    pub(super) owner: Option<String>,
}
impl DeviceChange {
    fn new(before: Option<Device>, after: Option<Device>) -> Self {
        Self { before, after, codes: Vec::new(), ends: None, owner: None }
    }
    /// A new device with codes that work once. Without an id it gets one by the commit.
    pub fn create(device: Device, codes: Vec<String>) -> Self {
        Self { codes, ..Self::new(None, Some(device)) }
    }
    /// Name, confirmation and data; the rest is moved by use alone.
    pub fn update(before: &Device, after: Device) -> Self {
        Self::new(Some(before.clone()), Some(after))
    }
    pub fn delete(device: &Device) -> Self {
        Self::new(Some(device.clone()), None)
    }
    /// An administrator takes it away: whoever has shown it, or waits to, begins anew.
    pub fn reset(device: &Device, spared: &KeptSession) -> Self {
        Self { ends: Some(spared.clone()), ..Self::delete(device) }
    }
    #[must_use]
    pub fn owner(mut self, username: &str) -> Self {
        self.owner = Some(username.to_owned());
        self
    }
}
