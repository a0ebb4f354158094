//! Changes as data: a row before and after.
use signet_base::{Secret, Timestamp, Uuid};
use signet_store::devices::Device;
use signet_store::epoch::KeptSession;
use signet_store::groups::Group;
use signet_store::roles::Target;
use signet_store::tokens::Token;
use signet_store::users::User;

/// One change of a row. Objects change by [`signet_store::Write`]: see [`super::Transaction::write`].
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

/// A row before and after: without `before` it is made, without `after` deleted.
#[derive(Debug, Clone)]
pub struct RowChange<T, M> {
    pub(super) before: Option<T>,
    pub(super) after: Option<T>,
    /// The row itself stays as it is: only what belongs to it changes.
    pub(super) keeps_row: bool,
    /// What changes with the row.
    pub(super) with: M,
}
pub type UserChange = RowChange<User, WithUser>;
pub type GroupChange = RowChange<Group, WithGroup>;
pub type TokenChange = RowChange<Token, WithToken>;
pub type DeviceChange = RowChange<Device, WithDevice>;

impl<T: Clone, M: Default> RowChange<T, M> {
    fn made(row: T, with: M) -> Self {
        Self { before: None, after: Some(row), keeps_row: false, with }
    }
    /// An account fails with `Conflict::Stale` where it was changed since `before` was read. Of a device name,
    /// confirmation and data are written; the rest is moved by use alone.
    pub fn update(before: &T, after: T) -> Self {
        Self { before: Some(before.clone()), after: Some(after), keeps_row: false, with: M::default() }
    }
    /// The row itself stays as it is.
    pub fn of(row: &T) -> Self {
        Self { keeps_row: true, ..Self::update(row, row.clone()) }
    }
    /// With bindings and whatever else is the row's alone.
    pub fn delete(row: &T) -> Self {
        Self { before: Some(row.clone()), after: None, keeps_row: false, with: M::default() }
    }
}

/// Who is in which group, from one side: the groups of an account, or the members of a group.
#[derive(Debug, Clone)]
pub struct Memberships<Id> {
    /// Replaces all direct ones.
    pub(super) all: Option<Vec<Id>>,
    pub(super) join: Vec<Id>,
    pub(super) leave: Vec<Id>,
    /// Replaces the roles of the row itself.
    pub(super) roles: Option<Vec<Uuid>>,
}
impl<Id> Default for Memberships<Id> {
    fn default() -> Self {
        Self { all: None, join: Vec::new(), leave: Vec::new(), roles: None }
    }
}
impl<Id: Copy + PartialEq> Memberships<Id> {
    /// Whether some come or go while the others stay.
    pub(super) fn moves(&self) -> bool {
        !self.join.is_empty() || !self.leave.is_empty()
    }
    /// Those that come and do not go at once.
    pub(super) fn joined(&self) -> impl Iterator<Item = Id> {
        self.join.iter().copied().filter(|id| !self.leave.contains(id))
    }
    /// What there is in the end, where there was `have`.
    pub(super) fn wanted(&self, have: &[Id]) -> Vec<Id> {
        let mut want = self.all.clone().unwrap_or_else(|| have.to_vec());
        want.extend(&self.join);
        want.retain(|id| !self.leave.contains(id));
        want
    }
}

/// Rows with memberships.
pub trait HasMemberships {
    type Id;
    fn memberships(&mut self) -> &mut Memberships<Self::Id>;
}
impl<T, M: HasMemberships> RowChange<T, M> {
    #[must_use]
    pub fn join(mut self, ids: impl IntoIterator<Item = M::Id>) -> Self {
        self.with.memberships().join.extend(ids);
        self
    }
    #[must_use]
    pub fn leave(mut self, ids: impl IntoIterator<Item = M::Id>) -> Self {
        self.with.memberships().leave.extend(ids);
        self
    }
    /// Replaces the roles of the row itself.
    #[must_use]
    pub fn roles(mut self, roles: Option<Vec<Uuid>>) -> Self {
        self.with.memberships().roles = roles;
        self
    }
}

#[derive(Debug, Clone, Default)]
pub struct WithUser {
    pub(super) groups: Memberships<Uuid>,
    /// Hash of a new password, and what stays of what rests on the one before.
    pub(super) password: Option<(String, KeptSession)>,
    /// A hash that no password fits.
    pub(super) disabled: Option<String>,
    pub(super) last_write_wins: bool,
    /// Roles that come and go while the others stay.
    pub(super) roles_given: Vec<Uuid>,
    pub(super) roles_taken: Vec<Uuid>,
    /// By what the address was proven.
    pub(super) email_verified: Option<&'static str>,
}
impl HasMemberships for WithUser {
    type Id = Uuid;
    fn memberships(&mut self) -> &mut Memberships<Uuid> {
        &mut self.groups
    }
}
impl UserChange {
    /// A new account. Without an id it gets one by the commit.
    pub fn create(user: User) -> Self {
        Self::made(user, WithUser::default())
    }
    /// Whatever was changed in between is overwritten.
    #[must_use]
    pub fn last_write_wins(mut self) -> Self {
        self.with.last_write_wins = true;
        self
    }
    /// The address is proven to be the person's: by `mail`, `source` or `administrator`.
    #[must_use]
    pub fn email_verified(mut self, by: &'static str) -> Self {
        self.with.email_verified = Some(by);
        self
    }
    /// Replaces the direct groups.
    #[must_use]
    pub fn groups(mut self, groups: Option<Vec<Uuid>>) -> Self {
        self.with.groups.all = groups;
        self
    }
    /// Gives the account a role.
    #[must_use]
    pub fn give_role(mut self, role: Uuid) -> Self {
        self.with.roles_given.push(role);
        self
    }
    /// Takes a role from the account.
    #[must_use]
    pub fn take_role(mut self, role: Uuid) -> Self {
        self.with.roles_taken.push(role);
        self
    }
    /// Puts a hash that no password fits in the place of the one that was read, and ends everything.
    #[must_use]
    pub fn disable_password(mut self, hash: String) -> Self {
        self.with.disabled = Some(hash);
        self
    }
    /// A new password. What was begun with the one before ends, but for what is spared.
    #[must_use]
    pub fn password(mut self, hash: impl Into<String>, spared: &KeptSession) -> Self {
        self.with.password = Some((hash.into(), spared.clone()));
        self
    }
}

#[derive(Debug, Clone, Default)]
pub struct WithGroup {
    pub(super) members: Memberships<i64>,
    pub(super) parents: Option<Vec<Uuid>>,
}
impl HasMemberships for WithGroup {
    type Id = i64;
    fn memberships(&mut self) -> &mut Memberships<i64> {
        &mut self.members
    }
}
impl GroupChange {
    pub fn create(group: Group) -> Self {
        Self::made(group, WithGroup::default())
    }
    /// Replaces the parents. `Conflict::GroupCycle` if the group became its own ancestor.
    #[must_use]
    pub fn parents(mut self, parents: Option<Vec<Uuid>>) -> Self {
        self.with.parents = parents;
        self
    }
    /// Replaces the direct members.
    #[must_use]
    pub fn members(mut self, members: Option<Vec<i64>>) -> Self {
        self.with.members.all = members;
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

/// The key is sealed by the commit and never told.
#[derive(Debug, Clone, Default)]
pub struct WithToken {
    pub(super) key: Option<Secret>,
    /// The key is replaced since it was over, at this new end.
    pub(super) rotated: Option<Option<Timestamp>>,
    /// The owner has fewer than this before.
    pub(super) at_most: Option<i64>,
}
impl TokenChange {
    pub fn create(token: Token, key: Secret) -> Self {
        Self::made(token, WithToken { key: Some(key), ..WithToken::default() })
    }
    #[must_use]
    pub fn key(mut self, key: Option<Secret>) -> Self {
        self.with.key = key;
        self
    }
    /// `Conflict::TooManyTokens` where the owner has so many already.
    #[must_use]
    pub fn at_most(mut self, limit: Option<i64>) -> Self {
        self.with.at_most = limit;
        self
    }
    /// A new key for an expired API token; `Conflict::Rotated` where somebody was faster.
    pub fn rotate(token: &Token, key: Secret, expires: Option<Timestamp>) -> Self {
        Self {
            with: WithToken { key: Some(key), rotated: Some(expires), ..WithToken::default() },
            ..Self::of(token)
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct WithDevice {
    /// Digests of codes that work once.
    pub(super) codes: Vec<String>,
    /// Everything of the account ends that may rest on the factor, but this.
    pub(super) ends: Option<KeptSession>,
    /// Name of the owner, for the event.
    pub(super) owner: Option<String>,
}
impl DeviceChange {
    /// A new device with codes that work once. Without an id it gets one by the commit.
    pub fn create(device: Device, codes: Vec<String>) -> Self {
        Self::made(device, WithDevice { codes, ..WithDevice::default() })
    }
    /// An administrator takes it away: whoever has shown it, or waits to, begins anew.
    pub fn reset(device: &Device, spared: &KeptSession) -> Self {
        let with = WithDevice { ends: Some(spared.clone()), ..WithDevice::default() };
        Self { with, ..Self::delete(device) }
    }
    #[must_use]
    pub fn owner(mut self, username: &str) -> Self {
        self.with.owner = Some(username.to_owned());
        self
    }
}
