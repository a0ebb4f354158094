//! Checking tokens. Every doubt is a refusal.
use super::strict;
use super::{Claims, Verified};
use crate::{Algorithm, JwtError, VerifyingKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

/// Longest token that is looked at, in bytes.
const MAX_TOKEN: usize = 256 * 1024;
/// Longest encoded header. One with a certificate chain still fits.
const MAX_HEADER: usize = 32 * 1024;
/// How far ahead `exp` may lie unless the caller says otherwise: ten years, in seconds.
const MAX_AHEAD: i64 = 10 * 366 * 86_400;

/// What a token must satisfy. Start from [`Expect::new`] and set the rest.
#[derive(Clone, Copy, Debug)]
pub struct Expect<'a> {
    /// The exact issuer; `None` leaves `iss` to the caller.
    pub iss: Option<&'a str>,
    /// An audience that `aud` must name; `None` leaves `aud` to the caller.
    pub aud: Option<&'a str>,
    /// The acceptable `typ` values, compared without case and without `application/`.
    /// A header without `typ` counts as `JWT`. An empty list accepts nothing.
    pub typ: &'a [&'a str],
    /// The present, in Unix seconds.
    pub now: i64,
    /// Tolerated clock difference in seconds.
    pub leeway: u32,
    /// Accept a token whose `exp` has passed or is absent. It must still be a date where present.
    pub ignore_exp: bool,
    /// How far ahead `exp` may lie, in seconds.
    pub max_ahead: i64,
}

impl<'a> Expect<'a> {
    /// Expects a token of type `JWT` with an unexpired `exp`. Issuer and audience are still open.
    pub fn new(now: i64) -> Self {
        Self { iss: None, aud: None, typ: &["JWT"], now, leeway: 0, ignore_exp: false, max_ahead: MAX_AHEAD }
    }

    /// With this issuer.
    pub fn iss(mut self, iss: &'a str) -> Self {
        self.iss = Some(iss);
        self
    }

    /// With this audience.
    pub fn aud(mut self, aud: &'a str) -> Self {
        self.aud = Some(aud);
        self
    }

    /// With one of these types.
    pub fn typ(mut self, typ: &'a [&'a str]) -> Self {
        self.typ = typ;
        self
    }

    /// With this tolerance in seconds.
    pub fn leeway(mut self, seconds: u32) -> Self {
        self.leeway = seconds;
        self
    }

    /// Whatever its expiry.
    pub fn ignore_exp(mut self) -> Self {
        self.ignore_exp = true;
        self
    }
}

/// The header of a token. Nothing vouches for it before [`verify`]: use it to find keys, no more.
/// `jku`, `x5u` and `x5c` are not exposed, and an embedded `jwk` is never used by [`verify`].
#[derive(Clone, Debug, PartialEq)]
pub struct UnverifiedHeader {
    /// The claimed algorithm.
    pub alg: Algorithm,
    /// The claimed key. A name to compare, never part of a path or a query.
    pub kid: Option<String>,
    /// The claimed type.
    pub typ: Option<String>,
    /// An embedded public key, for DPoP proofs (RFC 9449 §4.2).
    pub jwk: Option<Map<String, Value>>,
}

impl UnverifiedHeader {
    fn parse(json: &[u8]) -> Result<Self, JwtError> {
        let map = strict::parse_object(json)?;
        // No extension is understood here, so any list of critical ones ends it (RFC 7515 §4.1.11).
        if map.contains_key("crit") {
            return Err(JwtError::Critical);
        }
        let text = |name: &str| match map.get(name) {
            None => Ok(None),
            Some(Value::String(value)) => Ok(Some(value.clone())),
            Some(_) => Err(JwtError::Malformed),
        };
        let jwk = match map.get("jwk") {
            None => None,
            Some(Value::Object(jwk)) => Some(jwk.clone()),
            Some(_) => return Err(JwtError::Malformed),
        };
        Ok(Self {
            alg: text("alg")?
                .and_then(|name| Algorithm::parse(&name))
                .ok_or(JwtError::UnsupportedAlgorithm)?,
            kid: text("kid")?,
            typ: text("typ")?,
            jwk,
        })
    }

    fn is_of_type(&self, accepted: &[&str]) -> bool {
        let typ = media_subtype(self.typ.as_deref().unwrap_or("JWT"));
        accepted.iter().any(|a| media_subtype(a).eq_ignore_ascii_case(typ))
    }
}

/// RFC 7515 §4.1.9: `application/` may be left out when no other slash follows.
fn media_subtype(typ: &str) -> &str {
    match typ.split_once('/') {
        Some((kind, rest)) if kind.eq_ignore_ascii_case("application") && !rest.contains('/') => rest,
        _ => typ,
    }
}

struct Parts<'a> {
    signed: &'a str,
    header: UnverifiedHeader,
    payload: &'a str,
    signature: &'a str,
}

fn split(token: &str) -> Result<Parts<'_>, JwtError> {
    if token.len() > MAX_TOKEN {
        return Err(JwtError::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(JwtError::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(JwtError::Malformed)?;
    // Five parts are a JWE; it is not decrypted here.
    if payload.contains('.') || header.len() > MAX_HEADER {
        return Err(JwtError::Malformed);
    }
    Ok(Parts { signed, header: UnverifiedHeader::parse(&decode(header)?)?, payload, signature })
}

fn decode(part: &str) -> Result<Vec<u8>, JwtError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| JwtError::Malformed)
}

/// Reads the header of a token to find its keys, without checking the signature.
pub fn decode_unverified_header(token: &str) -> Result<UnverifiedHeader, JwtError> {
    split(token).map(|parts| parts.header)
}

/// Checks signature, header and dates of a token, and its issuer and audience where expected.
///
/// Candidates are the keys whose algorithm is the token's and whose `kid`, where both have one, is
/// equal. The algorithm of a check is always the key's.
pub fn verify<'k>(
    token: &str,
    keys: impl IntoIterator<Item = &'k VerifyingKey>,
    expect: &Expect<'_>,
) -> Result<Verified<Claims>, JwtError> {
    let parts = split(token)?;
    let header = parts.header;
    if !header.is_of_type(expect.typ) {
        return Err(JwtError::Type);
    }
    let signature = decode(parts.signature)?;
    let mut candidates = keys
        .into_iter()
        .enumerate()
        .filter(|(_, key)| key.alg() == header.alg && same_kid(key.kid(), header.kid.as_deref()))
        .peekable();
    if candidates.peek().is_none() {
        return Err(JwtError::NoKey);
    }
    let (index, _) = candidates
        .find(|(_, key)| key.verify(parts.signed.as_bytes(), &signature))
        .ok_or(JwtError::Signature)?;
    let claims = Claims::new(strict::parse_object(&decode(parts.payload)?)?);
    check_names(&claims, expect)?;
    check_dates(&claims, expect)?;
    Ok(Verified::new(claims, header, index))
}

fn same_kid(key: Option<&str>, token: Option<&str>) -> bool {
    match (key, token) {
        (Some(key), Some(token)) => key == token,
        _ => true,
    }
}

fn check_names(claims: &Claims, expect: &Expect<'_>) -> Result<(), JwtError> {
    for name in ["iss", "sub", "jti"] {
        if claims.get(name).is_some_and(|value| !value.is_string()) {
            return Err(JwtError::InvalidClaim(name));
        }
    }
    let audiences = claims.audiences().ok_or(JwtError::InvalidClaim("aud"))?;
    if let Some(iss) = expect.iss {
        let found = claims.iss().ok_or(JwtError::MissingClaim("iss"))?;
        if found != iss {
            return Err(JwtError::Issuer);
        }
    }
    if let Some(aud) = expect.aud {
        if audiences.is_empty() {
            return Err(JwtError::MissingClaim("aud"));
        }
        if !audiences.contains(&aud) {
            return Err(JwtError::Audience);
        }
    }
    Ok(())
}

fn check_dates(claims: &Claims, expect: &Expect<'_>) -> Result<(), JwtError> {
    let leeway = i64::from(expect.leeway);
    match claims.date("exp")? {
        None if expect.ignore_exp => {}
        None => return Err(JwtError::MissingClaim("exp")),
        Some(exp) if exp > expect.now.saturating_add(expect.max_ahead) => {
            return Err(JwtError::FarFuture);
        }
        Some(exp) if !expect.ignore_exp && expect.now >= exp.saturating_add(leeway) => {
            return Err(JwtError::Expired);
        }
        Some(_) => {}
    }
    let latest = expect.now.saturating_add(leeway);
    for name in ["nbf", "iat"] {
        if claims.date(name)?.is_some_and(|date| date > latest) {
            return Err(JwtError::NotYetValid);
        }
    }
    Ok(())
}
