//! `/oauth2/access_tokens/`, `/oauth2/refresh_tokens/`, `/oauth2/authorization_codes/`
use super::users as people;
use signet_base::{Json, Result, Timestamp, json};
use signet_core::directory::Transaction;
use signet_core::wire;
use signet_model::{FieldDef, FieldKind};
use signet_rest::list::{Filters, Paging};
use signet_rest::{ApiResult, Call, Fault, Reply};
use signet_store::grants::{self, Code, GrantToken, TokenKind};

pub(crate) const CODE_FIELDS: &[FieldDef] = &[
    FieldDef::shown("pk", FieldKind::Int),
    FieldDef::shown("provider", FieldKind::Object),
    FieldDef::shown("user", FieldKind::Object),
    FieldDef::shown("is_expired", FieldKind::Bool),
    FieldDef::shown("expires", FieldKind::Time).nullable(),
    FieldDef::shown("scope", FieldKind::List(&FieldKind::Text)),
];
pub(crate) const TOKEN_FIELDS: &[FieldDef] = &[
    FieldDef::shown("pk", FieldKind::Int),
    FieldDef::shown("provider", FieldKind::Object),
    FieldDef::shown("user", FieldKind::Object),
    FieldDef::shown("is_expired", FieldKind::Bool),
    FieldDef::shown("expires", FieldKind::Time).nullable(),
    FieldDef::shown("scope", FieldKind::List(&FieldKind::Text)),
    FieldDef::shown("id_token", FieldKind::Text),
    FieldDef::shown("revoked", FieldKind::Bool),
];

/// The common fields of codes and tokens.
struct Grant {
    id: i64,
    provider: i64,
    user: i64,
    scope: String,
    expires: Timestamp,
    /// Claims, and whether it is revoked; `None` for codes.
    token: Option<(Json, bool)>,
}
impl From<GrantToken> for Grant {
    fn from(t: GrantToken) -> Self {
        Self {
            id: t.id,
            provider: t.provider,
            user: t.user_id,
            scope: t.scope,
            expires: t.expires,
            token: Some((t.data, t.revoked)),
        }
    }
}
impl From<Code> for Grant {
    fn from(c: Code) -> Self {
        Self {
            id: c.id,
            provider: c.provider,
            user: c.user_id,
            scope: c.scope,
            expires: c.expires,
            token: None,
        }
    }
}

#[derive(Clone, Copy)]
enum Sort {
    Token(TokenKind),
    Code,
}

impl Sort {
    /// As events name it.
    fn model(self) -> &'static str {
        match self {
            Self::Token(TokenKind::Access) => "accesstoken",
            Self::Token(TokenKind::Refresh) => "refreshtoken",
            Self::Code => "authorizationcode",
        }
    }
}

/// The provider is shown without secrets: the token's user does not administer it.
async fn show(call: &Call, list: &[Grant]) -> Result<Vec<Json>> {
    let ids: Vec<i64> = list.iter().map(|g| g.user).collect();
    let by_id = people::nested(call, &ids).await?;
    let now = call.core.now();
    let one = |g: &Grant| {
        let provider = call.config.by_num(g.provider).map(|p| wire::family_view(p, &call.config));
        let mut out = json!({
            "pk": g.id, "provider": provider, "user": by_id.get(&g.user), "is_expired": g.expires <= now, "expires": g.expires,
            "scope": g.scope.split_whitespace().collect::<Vec<_>>(),
        });
        if let Some((data, revoked)) = &g.token {
            out["id_token"] = Json::String(
                data.get("id_token")
                    .or_else(|| data.get("claims"))
                    .map(Json::to_string)
                    .unwrap_or_else(|| "{}".to_owned()),
            );
            out["revoked"] = json!(revoked);
        }
        out
    };
    Ok(list.iter().map(one).collect())
}

async fn list(call: &Call, sort: Sort) -> ApiResult {
    let paging = Paging::read(call)?;
    let mut f = Filters::new(call);
    let q = match sort {
        Sort::Token(_) => paging.rows::<GrantToken>(&mut f),
        Sort::Code => paging.rows::<Code>(&mut f),
    };
    f.done()?;
    let db = &call.core.db;
    let (page, total): (Vec<Grant>, u64) = match sort {
        Sort::Token(kind) => {
            let (page, total) = grants::list(db, kind, &q, None).await?;
            (page.into_iter().map(Grant::from).collect(), total)
        }
        Sort::Code => {
            let (page, total) = grants::list_codes(db, &q, None).await?;
            (page.into_iter().map(Grant::from).collect(), total)
        }
    };
    paging.envelope(show(call, &page).await?, total, json!({}))
}

async fn find(call: &Call, sort: Sort) -> Result<Grant, Fault> {
    let id: i64 = call.key.parse().map_err(|_| Fault::not_found())?;
    let db = &call.core.db;
    let found = match sort {
        Sort::Token(kind) => grants::by_id(db, id).await?.filter(|t| t.kind == kind).map(Grant::from),
        Sort::Code => grants::code_by_id(db, id).await?.map(Grant::from),
    };
    let found = found.ok_or_else(|| Fault::missing("grant"))?;
    call.reach(id, Some(found.user), "grant")?;
    Ok(found)
}
async fn one(call: &Call, sort: Sort) -> ApiResult {
    let grant = find(call, sort).await?;
    Ok(Reply::ok(show(call, &[grant]).await?.pop().unwrap_or_default()))
}
async fn remove(call: &Call, sort: Sort) -> ApiResult {
    let grant = find(call, sort).await?;
    let batch = match sort {
        Sort::Token(_) => grants::delete_batch(grant.id),
        Sort::Code => grants::delete_code_batch(grant.id),
    };
    let provider = call.config.by_num(grant.provider).map_or("", |p| p.name());
    let model = json!({"app": "authentik_providers_oauth2", "model_name": sort.model(), "pk": grant.id, "name": provider});
    let author = call.author();
    let mut all = Transaction::new(&call.core, &author);
    all.delete_row(&model, batch);
    all.commit().await?;
    Ok(Reply::Empty)
}
async fn nobody(call: &Call, sort: Sort) -> ApiResult {
    find(call, sort).await?;
    Ok(Reply::ok(Vec::<Json>::new()))
}

macro_rules! handlers {
    ($sort:expr, $list:ident, $one:ident, $remove:ident, $used_by:ident) => {
        pub(crate) async fn $list(call: &mut Call) -> ApiResult {
            list(call, $sort).await
        }
        pub(crate) async fn $one(call: &mut Call) -> ApiResult {
            one(call, $sort).await
        }
        pub(crate) async fn $remove(call: &mut Call) -> ApiResult {
            remove(call, $sort).await
        }
        pub(crate) async fn $used_by(call: &mut Call) -> ApiResult {
            nobody(call, $sort).await
        }
    };
}
handlers!(
    Sort::Token(TokenKind::Access),
    access_tokens,
    access_token,
    delete_access_token,
    access_token_used_by
);
handlers!(
    Sort::Token(TokenKind::Refresh),
    refresh_tokens,
    refresh_token,
    delete_refresh_token,
    refresh_token_used_by
);
handlers!(Sort::Code, codes, code, delete_code, code_used_by);
