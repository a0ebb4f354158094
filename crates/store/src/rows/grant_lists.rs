//! Lists of what people have granted.
use super::grants::{Code, GrantToken, TokenKind, code, token};
use super::list::{Filter, Page};
use crate::db::Db;
use signet_base::{Result, Timestamp};

/// What a list of grants is narrowed by.
#[derive(Debug, Clone, Default)]
pub struct GrantQuery {
    pub search: String,
    /// Number of the provider.
    pub provider: Option<i64>,
    pub user: Option<i64>,
    /// Only this user's (what the caller may see).
    pub owner: Option<i64>,
    /// Leaves out what is over by then, used or revoked.
    pub alive_at: Option<Timestamp>,
    pub page: Page,
}

const SORT: &[(&str, &str)] = &[
    ("pk", "g.id"),
    ("expires", "g.expires"),
    ("provider", "g.provider"),
    ("user", "g.user_id"),
    ("scope", "g.scope"),
];

fn filter(q: &GrantQuery, dead: &str) -> Filter {
    let mut f = Filter::default();
    f.search(&q.search, &["g.scope"]);
    f.equal("g.provider", q.provider);
    f.equal("g.user_id", q.user);
    f.equal("g.user_id", q.owner);
    if let Some(now) = q.alive_at {
        f.and(format!("g.expires > ? AND g.{dead} = 0"), [now.into()]);
    }
    f
}

/// One page of access or refresh tokens, and how many fit the query.
pub async fn list(db: &Db, kind: TokenKind, q: &GrantQuery) -> Result<(Vec<GrantToken>, u64)> {
    db.flush().await?;
    let mut f = filter(q, "revoked");
    f.equal("g.kind", Some(kind.as_str()));
    let columns = "g.id, g.kind, g.digest, g.provider, g.user_id, g.session, g.family, g.scope, g.data, g.issued, g.expires, g.revoked, g.epoch";
    let (rows, total) = f.page(db, columns, "oauth_token g", SORT, "g.id", &q.page).await?;
    Ok((rows.iter().map(token).collect::<Result<_>>()?, total))
}
/// One page of authorization codes, and how many fit the query.
pub async fn list_codes(db: &Db, q: &GrantQuery) -> Result<(Vec<Code>, u64)> {
    let columns = "g.id, g.digest, g.provider, g.user_id, g.session, g.family, g.scope, g.data, g.issued, g.expires, g.used, g.epoch";
    let (rows, total) = filter(q, "used").page(db, columns, "oauth_code g", SORT, "g.id", &q.page).await?;
    Ok((rows.iter().map(code).collect::<Result<_>>()?, total))
}
