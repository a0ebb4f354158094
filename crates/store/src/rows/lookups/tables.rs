//! Queryable tables and columns, under authentik's model names. Secrets are not queryable.

/// Comparison type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnKind {
    Text,
    /// A text with a lower-case copy in an indexed column, named here.
    Keyed(&'static str),
    Int,
    Flag,
    Uuid,
    Time,
    Json,
}

pub(super) struct Column {
    pub name: &'static str,
    pub sql: &'static str,
    pub kind: ColumnKind,
    pub nullable: bool,
}

const fn column(name: &'static str, sql: &'static str, kind: ColumnKind) -> Column {
    Column { name, sql, kind, nullable: false }
}
const fn nullable(name: &'static str, sql: &'static str, kind: ColumnKind) -> Column {
    Column { name, sql, kind, nullable: true }
}

/// Rows of another table that belong to a row. `{}` is replaced by the condition on them.
pub(super) struct Relation {
    pub name: &'static str,
    pub to: Model,
    pub sql: &'static str,
}

pub(super) struct Table {
    pub from: &'static str,
    pub id: &'static str,
    pub columns: &'static [Column],
    pub relations: &'static [Relation],
    /// The default order.
    pub order: &'static str,
    /// A condition on all rows of the model.
    pub always: &'static str,
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

const USERS: Table = Table {
    from: "users u",
    id: "u.id",
    order: "u.id",
    always: "",
    columns: &[
        column("pk", "u.id", ColumnKind::Int),
        column("id", "u.id", ColumnKind::Int),
        column("uuid", "u.uuid", ColumnKind::Uuid),
        column("username", "u.username", ColumnKind::Keyed("u.username_key")),
        column("name", "u.name", ColumnKind::Keyed("u.name_key")),
        column("email", "u.email", ColumnKind::Keyed("u.email_key")),
        column("is_active", "u.is_active", ColumnKind::Flag),
        column("is_superuser", SUPERUSER, ColumnKind::Flag),
        column("type", "u.user_type", ColumnKind::Text),
        column("path", "u.path", ColumnKind::Text),
        column("attributes", "u.attributes", ColumnKind::Json),
        column("date_joined", "u.joined", ColumnKind::Time),
        column("last_updated", "u.updated", ColumnKind::Time),
        column("password_change_date", "u.password_changed", ColumnKind::Time),
        nullable("last_login", "u.last_login", ColumnKind::Time),
    ],
    relations: &[
        Relation { name: "groups", to: Model::Group, sql: OF_GROUP },
        Relation { name: "ak_groups", to: Model::Group, sql: OF_GROUP },
    ],
};

const GROUPS: Table = Table {
    from: "user_group g",
    id: "g.id",
    order: "g.name_key",
    always: "",
    columns: &[
        column("pk", "g.id", ColumnKind::Uuid),
        column("group_uuid", "g.id", ColumnKind::Uuid),
        column("uuid", "g.id", ColumnKind::Uuid),
        column("name", "g.name", ColumnKind::Keyed("g.name_key")),
        column("is_superuser", "g.is_superuser", ColumnKind::Flag),
        column("attributes", "g.attributes", ColumnKind::Json),
    ],
    relations: &[
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
    ],
};

const DEVICE: &[Column] = &[
    column("pk", "d.id", ColumnKind::Int),
    column("id", "d.id", ColumnKind::Int),
    column("name", "d.name", ColumnKind::Text),
    column("confirmed", "d.confirmed", ColumnKind::Flag),
    column("user_id", "d.user_id", ColumnKind::Int),
    column("created", "d.created", ColumnKind::Time),
    column("last_updated", "d.updated", ColumnKind::Time),
    nullable("last_used", "d.last_used", ColumnKind::Time),
    column("data", "d.data", ColumnKind::Json),
];
const OWNER: &[Relation] =
    &[Relation { name: "user", to: Model::User, sql: "d.user_id IN (SELECT u.id FROM users u WHERE {})" }];
const fn devices(always: &'static str) -> Table {
    Table { from: "device d", id: "d.id", order: "d.id", always, columns: DEVICE, relations: OWNER }
}
const STATIC: Table = devices("d.kind = 'static'");
const TOTP: Table = devices("d.kind = 'totp'");
const WEBAUTHN: Table = devices("d.kind = 'webauthn'");
const DUO: Table = devices("d.kind = 'duo'");
const SMS: Table = devices("d.kind = 'sms'");
const EMAIL: Table = devices("d.kind = 'email'");

const TOKENS: Table = Table {
    from: "token t",
    id: "t.id",
    order: "t.identifier",
    always: "",
    columns: &[
        column("pk", "t.id", ColumnKind::Uuid),
        column("token_uuid", "t.id", ColumnKind::Uuid),
        column("identifier", "t.identifier", ColumnKind::Text),
        column("intent", "t.intent", ColumnKind::Text),
        column("user_id", "t.user_id", ColumnKind::Int),
        column("description", "t.description", ColumnKind::Text),
        nullable("expires", "t.expires", ColumnKind::Time),
        column("expiring", "t.expiring", ColumnKind::Flag),
        nullable("managed", "t.managed", ColumnKind::Text),
    ],
    relations: &[Relation {
        name: "user",
        to: Model::User,
        sql: "t.user_id IN (SELECT u.id FROM users u WHERE {})",
    }],
};

const SESSIONS: Table = Table {
    from: "session s",
    id: "s.uuid",
    order: "s.created",
    always: "s.user_id IS NOT NULL",
    columns: &[
        column("pk", "s.uuid", ColumnKind::Uuid),
        column("uuid", "s.uuid", ColumnKind::Uuid),
        column("user_id", "s.user_id", ColumnKind::Int),
        column("expires", "s.expires", ColumnKind::Time),
        column("last_used", "s.last_used", ColumnKind::Time),
        column("last_ip", "s.ip", ColumnKind::Text),
        column("last_user_agent", "s.user_agent", ColumnKind::Text),
    ],
    relations: &[Relation {
        name: "user",
        to: Model::User,
        sql: "s.user_id IN (SELECT u.id FROM users u WHERE {})",
    }],
};

const EVENTS: Table = Table {
    from: "event e",
    id: "e.id",
    order: "e.created",
    always: "",
    columns: &[
        column("pk", "e.id", ColumnKind::Uuid),
        column("event_uuid", "e.id", ColumnKind::Uuid),
        column("action", "e.action", ColumnKind::Text),
        column("app", "e.app", ColumnKind::Text),
        // The only field of the user with an indexed column.
        column("user__username", "e.username", ColumnKind::Text),
        column("user", "e.actor", ColumnKind::Json),
        column("context", "e.context", ColumnKind::Json),
        column("client_ip", "e.client_ip", ColumnKind::Text),
        column("brand", "e.brand", ColumnKind::Json),
        column("created", "e.created", ColumnKind::Time),
        nullable("expires", "e.expires", ColumnKind::Time),
    ],
    relations: &[],
};

const INVITATIONS: Table = Table {
    from: "invitation i",
    id: "i.id",
    order: "i.created",
    always: "",
    columns: &[
        column("pk", "i.id", ColumnKind::Uuid),
        column("invite_uuid", "i.id", ColumnKind::Uuid),
        column("name", "i.name", ColumnKind::Text),
        column("fixed_data", "i.fixed_data", ColumnKind::Json),
        column("single_use", "i.single_use", ColumnKind::Flag),
        nullable("created_by_id", "i.created_by", ColumnKind::Int),
        nullable("flow_id", "i.flow", ColumnKind::Uuid),
        nullable("expires", "i.expires", ColumnKind::Time),
    ],
    relations: &[Relation {
        name: "created_by",
        to: Model::User,
        sql: "i.created_by IN (SELECT u.id FROM users u WHERE {})",
    }],
};

const REPUTATION: Table = Table {
    from: "reputation r",
    id: "r.id",
    order: "r.identifier, r.ip",
    always: "",
    columns: &[
        column("pk", "r.id", ColumnKind::Uuid),
        column("reputation_uuid", "r.id", ColumnKind::Uuid),
        column("identifier", "r.identifier", ColumnKind::Text),
        column("ip", "r.ip", ColumnKind::Text),
        column("score", "r.score", ColumnKind::Int),
        column("updated", "r.updated", ColumnKind::Time),
        nullable("expires", "r.expires", ColumnKind::Time),
    ],
    relations: &[],
};

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
