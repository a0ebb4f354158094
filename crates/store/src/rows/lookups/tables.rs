//! Queryable tables and columns, under authentik's model names. Secrets are not queryable.

use crate::rows::devices::Device;
use crate::rows::events::EventRow;
use crate::rows::groups::Group;
use crate::rows::invitations::InvitationRow;
use crate::rows::reputation::Reputation;
use crate::rows::sessions::Session;
use crate::rows::table::Record;
use crate::rows::tokens::Token;
use crate::rows::users::User;
use signet_model::{ColumnDef, ColumnKind as Stored, TableDef};
use std::sync::LazyLock;

/// Comparison type of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ColumnKind {
    Text,
    /// A text with a lower-case copy in an indexed column, named here.
    Keyed(String),
    Int,
    Flag,
    Uuid,
    Time,
    Json,
}

pub(super) struct Column {
    pub name: &'static str,
    pub sql: String,
    pub kind: ColumnKind,
    pub nullable: bool,
}

/// Rows of another table that belong to a row. `{}` is replaced by the condition on them.
pub(super) struct Relation {
    pub name: &'static str,
    pub to: Model,
    pub sql: &'static str,
}

pub(super) struct Table {
    pub from: String,
    pub id: String,
    pub columns: Vec<Column>,
    pub relations: &'static [Relation],
    /// The default order.
    pub order: &'static str,
    /// A condition on all rows of the model.
    pub always: &'static str,
}

impl Table {
    /// The columns of a declared table under all of their names except those of relations; neither secrets nor
    /// hidden columns.
    fn of(def: &'static TableDef, order: &'static str, relations: &'static [Relation]) -> Self {
        let sql = |name: &str| format!("{}.{name}", def.alias);
        let kind = |column: &ColumnDef| match (column.kind, column.folded) {
            (Stored::Text, Some(key)) => ColumnKind::Keyed(sql(key)),
            (Stored::Text, None) => ColumnKind::Text,
            (Stored::Int, _) => ColumnKind::Int,
            (Stored::Flag, _) => ColumnKind::Flag,
            (Stored::Time, _) => ColumnKind::Time,
            (Stored::Uuid, _) => ColumnKind::Uuid,
            (Stored::Json, _) => ColumnKind::Json,
        };
        let mut columns = Vec::new();
        for column in def.columns.iter().filter(|c| !c.field.secret) {
            let own = (!column.field.hidden).then_some(&column.field.name);
            for name in own.into_iter().chain(column.also).filter(|n| relations.iter().all(|r| r.name != **n))
            {
                columns.push(Column {
                    name,
                    sql: sql(column.name),
                    kind: kind(column),
                    nullable: column.nullable,
                });
            }
        }
        let id = def.column("pk").map_or(def.key, |column| column.name);
        Self {
            from: format!("{} {}", def.table, def.alias),
            id: sql(id),
            columns,
            relations,
            order,
            always: "",
        }
    }
    fn always(mut self, always: &'static str) -> Self {
        self.always = always;
        self
    }
}

/// Models whose rows can be queried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    User,
    Group,
    Static,
    Totp,
    Webauthn,
    Duo,
    Sms,
    Email,
    Token,
    Session,
    Event,
    Invitation,
    Reputation,
}

const SUPERUSER: &str = "(CASE WHEN u.id IN (WITH RECURSIVE down(id) AS (SELECT id FROM user_group WHERE is_superuser = 1 UNION SELECT p.child_id FROM group_parent p JOIN down ON p.parent_id = down.id) \
    SELECT m.user_id FROM membership m JOIN down ON m.group_id = down.id) THEN 1 ELSE 0 END)";
const OF_GROUP: &str =
    "u.id IN (SELECT m.user_id FROM membership m JOIN user_group g ON g.id = m.group_id WHERE {})";

const OWNER: &[Relation] =
    &[Relation { name: "user", to: Model::User, sql: "d.user_id IN (SELECT u.id FROM users u WHERE {})" }];
const OF_USERS: &[Relation] = &[
    Relation { name: "groups", to: Model::Group, sql: OF_GROUP },
    Relation { name: "ak_groups", to: Model::Group, sql: OF_GROUP },
];
const OF_GROUPS: &[Relation] = &[
    Relation {
        name: "users",
        to: Model::User,
        sql: "g.id IN (SELECT m.group_id FROM membership m JOIN users u ON u.id = m.user_id WHERE {})",
    },
    Relation {
        name: "user",
        to: Model::User,
        sql: "g.id IN (SELECT m.group_id FROM membership m JOIN users u ON u.id = m.user_id WHERE {})",
    },
    Relation {
        name: "parents",
        to: Model::Group,
        sql: "g.id IN (SELECT p.child_id FROM group_parent p JOIN user_group g ON g.id = p.parent_id WHERE {})",
    },
    Relation {
        name: "parent",
        to: Model::Group,
        sql: "g.id IN (SELECT p.child_id FROM group_parent p JOIN user_group g ON g.id = p.parent_id WHERE {})",
    },
    Relation {
        name: "children",
        to: Model::Group,
        sql: "g.id IN (SELECT p.parent_id FROM group_parent p JOIN user_group g ON g.id = p.child_id WHERE {})",
    },
];
const OF_TOKENS: &[Relation] =
    &[Relation { name: "user", to: Model::User, sql: "t.user_id IN (SELECT u.id FROM users u WHERE {})" }];
const OF_SESSIONS: &[Relation] =
    &[Relation { name: "user", to: Model::User, sql: "s.user_id IN (SELECT u.id FROM users u WHERE {})" }];
const OF_INVITATIONS: &[Relation] = &[Relation {
    name: "created_by",
    to: Model::User,
    sql: "i.created_by IN (SELECT u.id FROM users u WHERE {})",
}];

static USERS: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table::of(User::TABLE, "u.id", OF_USERS);
    let sql = SUPERUSER.to_owned();
    table.columns.push(Column { name: "is_superuser", sql, kind: ColumnKind::Flag, nullable: false });
    table
});
static GROUPS: LazyLock<Table> = LazyLock::new(|| Table::of(Group::TABLE, "g.name_key", OF_GROUPS));
static STATIC: LazyLock<Table> = LazyLock::new(|| devices("d.kind = 'static'"));
static TOTP: LazyLock<Table> = LazyLock::new(|| devices("d.kind = 'totp'"));
static WEBAUTHN: LazyLock<Table> = LazyLock::new(|| devices("d.kind = 'webauthn'"));
static DUO: LazyLock<Table> = LazyLock::new(|| devices("d.kind = 'duo'"));
static SMS: LazyLock<Table> = LazyLock::new(|| devices("d.kind = 'sms'"));
static EMAIL: LazyLock<Table> = LazyLock::new(|| devices("d.kind = 'email'"));
static TOKENS: LazyLock<Table> = LazyLock::new(|| Table::of(Token::TABLE, "t.identifier", OF_TOKENS));
static SESSIONS: LazyLock<Table> =
    LazyLock::new(|| Table::of(Session::TABLE, "s.created", OF_SESSIONS).always("s.user_id IS NOT NULL"));
static EVENTS: LazyLock<Table> = LazyLock::new(|| Table::of(EventRow::TABLE, "e.created", &[]));
static INVITATIONS: LazyLock<Table> =
    LazyLock::new(|| Table::of(InvitationRow::TABLE, "i.created", OF_INVITATIONS));
static REPUTATION: LazyLock<Table> =
    LazyLock::new(|| Table::of(Reputation::TABLE, "r.identifier, r.ip", &[]));

fn devices(always: &'static str) -> Table {
    Table::of(Device::TABLE, "d.id", OWNER).always(always)
}

impl Model {
    pub(super) fn table(self) -> &'static Table {
        match self {
            Self::User => &USERS,
            Self::Group => &GROUPS,
            Self::Static => &STATIC,
            Self::Totp => &TOTP,
            Self::Webauthn => &WEBAUTHN,
            Self::Duo => &DUO,
            Self::Sms => &SMS,
            Self::Email => &EMAIL,
            Self::Token => &TOKENS,
            Self::Session => &SESSIONS,
            Self::Event => &EVENTS,
            Self::Invitation => &INVITATIONS,
            Self::Reputation => &REPUTATION,
        }
    }
    /// Whether its rows are second factors.
    pub fn is_device(self) -> bool {
        matches!(self, Self::Static | Self::Totp | Self::Webauthn | Self::Duo | Self::Sms | Self::Email)
    }
    /// Names for ordering and reading.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.table().columns.iter().map(|column| column.name)
    }
}
