//! `ak_create_jwt` and `ak_create_jwt_raw`: tokens issued by a provider for an expression.
use super::objects::{CallResult, Shared};
use super::to_json;
use crate::provider::{JwtRequest, Subject};
use crate::{Principal, access};
use signet_base::{Map, Span, Uuid, json};
use signet_expr::{CallError, Kwargs, Value};
use signet_model::{Base, Object};
use std::sync::Arc;

/// Maximum lifetime of such a token.
const LONGEST_SECS: i64 = 365 * 86_400;

/// Positional or keyword arguments by name.
struct Arguments<'a> {
    function: &'static str,
    names: &'static [&'static str],
    args: &'a [Value],
    kwargs: &'a [(String, Value)],
}
impl Arguments<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        let at = self.names.iter().position(|known| *known == name)?;
        self.args
            .get(at)
            .or_else(|| self.kwargs.iter().find(|(given, _)| given == name).map(|(_, value)| value))
            .filter(|value| !matches!(value, Value::None))
    }
    fn need(&self, name: &str) -> Result<&Value, CallError> {
        self.get(name)
            .ok_or_else(|| CallError::Type(format!("{}() takes {}", self.function, self.names.join(", "))))
    }
    fn validity(&self) -> Result<Span, CallError> {
        let text = match self.get("validity") {
            None => "seconds=60",
            Some(value) => value
                .as_str()
                .ok_or_else(|| CallError::Type("validity is a text like 'seconds=60'".into()))?,
        };
        let span = Span::parse(text).map_err(|e| CallError::Value(format!("validity: {e}")))?;
        if span > Span::ZERO && span.secs() <= LONGEST_SECS {
            Ok(span)
        } else {
            Err(CallError::Value("validity is more than nothing and at most a year".into()))
        }
    }
}

/// `ak_create_jwt(user, provider, scopes, validity="seconds=60")`: an access token for a user who may use the
/// application.
pub async fn create(shared: &Arc<Shared>, args: &[Value], kwargs: &Kwargs) -> CallResult {
    let given = Arguments {
        function: "ak_create_jwt",
        names: &["user", "provider", "scopes", "validity"],
        args,
        kwargs,
    };
    let user = given
        .need("user")?
        .as_object()
        .filter(|o| o.type_name() == "User")
        .and_then(|o| o.attr("pk")?.as_int());
    let id = user.ok_or_else(|| CallError::Type("ak_create_jwt() takes a user".into()))?;
    let provider = provider(shared, given.need("provider")?)?;
    let scopes =
        given.need("scopes")?.as_list().ok_or_else(|| CallError::Type("scopes is a list of texts".into()))?;
    let scopes = scopes
        .iter()
        .map(|s| s.as_str().map(str::to_owned))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| CallError::Type("scopes is a list of texts".into()))?;
    let validity = given.validity()?;
    let failed = |e: signet_base::Error| CallError::Failed(e.to_string());
    let person = Principal::load(&shared.core, id)
        .await
        .map_err(failed)?
        .ok_or_else(|| CallError::Failed("the account is not active".into()))?;
    let application = application_of(shared, &provider)
        .ok_or_else(|| CallError::Failed("the provider belongs to no application".into()))?;
    let mut context = Map::new();
    context.insert("oauth_scopes".into(), json!(scopes));
    let verdict = access::may_use(&shared.core, &shared.client, &person, &application, &context)
        .await
        .map_err(failed)?;
    if !verdict.passing {
        return Err(CallError::Failed("the account may not use the application".into()));
    }
    order(shared, &provider, JwtRequest { subject: Subject::Person { person, scopes }, validity }).await
}

/// `ak_create_jwt_raw(provider, validity="seconds=60", **claims)`: custom claims, signed with the provider's
/// key.
pub async fn create_raw(shared: &Arc<Shared>, args: &[Value], kwargs: &Kwargs) -> CallResult {
    let given = Arguments { function: "ak_create_jwt_raw", names: &["provider", "validity"], args, kwargs };
    let provider = provider(shared, given.need("provider")?)?;
    let validity = given.validity()?;
    let mut claims = Map::new();
    for (name, value) in kwargs.iter().filter(|(name, _)| !given.names.contains(&name.as_str())) {
        claims.insert(name.clone(), to_json(value).map_err(CallError::Type)?);
    }
    order(shared, &provider, JwtRequest { subject: Subject::Claims(claims), validity }).await
}

async fn order(shared: &Arc<Shared>, provider: &Arc<Object>, order: JwtRequest) -> CallResult {
    let core = &shared.core;
    let kind = core
        .families
        .provider(provider.def)
        .ok_or_else(|| CallError::Value(format!("{} signs no tokens", provider.name())))?;
    if shared.client.dry_run.is_some() {
        // A test run must not create a usable token.
        return Ok("(a token, when it is not only tried out)".into());
    }
    kind.token(core, &shared.client, provider, order)
        .await
        .map(Value::from)
        .map_err(|e| CallError::Failed(e.to_string()))
}

/// The provider, by name or object.
fn provider(shared: &Arc<Shared>, given: &Value) -> Result<Arc<Object>, CallError> {
    let config = shared.core.config();
    let found = match given {
        Value::Str(name) => config.family(Base::Provider).find(|p| p.name() == &**name).cloned(),
        other => {
            let pk = other.as_object().and_then(|o| o.attr("pk"));
            match pk {
                Some(Value::Int(num)) => config.by_num(num).cloned(),
                Some(Value::Str(pk)) => Uuid::parse_str(&pk).ok().and_then(|pk| config.get(pk).cloned()),
                _ => None,
            }
            .filter(|p| p.def.base == Some(Base::Provider))
        }
    };
    found.ok_or_else(|| CallError::Value("there is no such provider".into()))
}

fn application_of(shared: &Arc<Shared>, provider: &Object) -> Option<Arc<Object>> {
    crate::models::application_of(&shared.core.config(), provider.num?).cloned()
}
