//! Client authentication (RFC 6749 §2.3): HTTP Basic or form parameters.
use crate::oauth2::clients::{ClientEntry, ClientIndex};
use crate::oauth2::errors::{OAuthError, Outcome};
use crate::oauth2::params::Params;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, StatusCode, header};
use signet_base::{Secret, query};
use std::sync::Arc;

/// The client credentials of a request.
pub struct ClientAuthentication {
    pub entry: Arc<ClientEntry>,
    /// The sent secret in each encoding it may have.
    secrets: Vec<Secret>,
    by_header: bool,
}

impl ClientAuthentication {
    /// Whether the sent secret is the client's.
    pub fn has_secret(&self) -> bool {
        let known = &self.entry.settings.client_secret;
        !known.is_empty()
            && self.secrets.iter().fold(false, |found, sent| known.matches(sent.reveal()) | found)
    }
    /// Whether a secret was sent.
    pub fn sent_secret(&self) -> bool {
        !self.secrets.is_empty()
    }
    pub fn secrets(&self) -> &[Secret] {
        &self.secrets
    }
    pub fn refusal(&self) -> OAuthError {
        refusal(self.by_header)
    }
    /// The default rule: confidential clients must authenticate, public ones cannot.
    pub fn require(&self) -> Outcome<()> {
        if self.entry.settings.is_public() || self.has_secret() { Ok(()) } else { Err(self.refusal().into()) }
    }
}

/// 401 if the client used the `Authorization` header (RFC 6749 §5.2).
fn refusal(by_header: bool) -> OAuthError {
    let error = OAuthError::invalid_client();
    if by_header { error.status(StatusCode::UNAUTHORIZED) } else { error }
}

struct Basic {
    /// Form-decoded by RFC 6749 §2.3.1, and as sent, since many clients do not encode.
    ids: [String; 2],
    secrets: [String; 2],
}

fn basic(headers: &HeaderMap) -> Result<Option<Basic>, ()> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = all.next() else { return Ok(None) };
    if all.next().is_some() {
        return Err(());
    }
    let (scheme, data) = value.to_str().map_err(drop)?.split_once(' ').ok_or(())?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(());
    }
    let raw = String::from_utf8(STANDARD.decode(data.trim()).map_err(drop)?).map_err(drop)?;
    let (id, secret) = raw.split_once(':').ok_or(())?;
    Ok(Some(Basic {
        ids: [query::decode(id), id.to_owned()],
        secrets: [query::decode(secret), secret.to_owned()],
    }))
}

/// Finds the client. The caller decides whether it must be authenticated.
pub fn identify(index: &ClientIndex, headers: &HeaderMap, params: &Params) -> Outcome<ClientAuthentication> {
    let sent = basic(headers).map_err(|()| refusal(true))?;
    let in_form = params.get("client_secret").map(str::to_owned);
    let Some(basic) = sent else {
        let entry = match params.get("client_id") {
            Some(id) => index.by_client_id(id)?,
            None => None,
        };
        let entry = entry.ok_or_else(|| refusal(false))?;
        return Ok(ClientAuthentication {
            entry,
            secrets: in_form.into_iter().map(Secret::new).collect(),
            by_header: false,
        });
    };
    let mut found = None;
    for id in &basic.ids {
        if found.is_none() {
            found = index.by_client_id(id)?;
        }
    }
    let entry = found.ok_or_else(|| refusal(true))?;
    if params.get("client_id").is_some_and(|id| id != entry.settings.client_id) {
        return Err(OAuthError::invalid_request().because("Two clients are named").into());
    }
    let [decoded, raw] = basic.secrets;
    let secrets = match in_form {
        // Some libraries send one secret in both places. Two different secrets are an error (RFC 6749 §2.3).
        Some(sent) if decoded.is_empty() => vec![Secret::new(sent)],
        Some(sent) if Secret::new(&*sent).matches(&decoded) | Secret::new(&*sent).matches(&raw) => {
            vec![Secret::new(sent)]
        }
        Some(_) => {
            return Err(OAuthError::invalid_request()
                .because("Two different client secrets are sent")
                .into());
        }
        None if decoded.is_empty() => Vec::new(),
        None if raw == decoded => vec![Secret::new(decoded)],
        None => vec![Secret::new(raw), Secret::new(decoded)],
    };
    Ok(ClientAuthentication { entry, secrets, by_header: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    fn header(text: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, text.parse().unwrap())])
    }
    #[test]
    fn basic_credentials_are_read_strictly() {
        let ok = |text: &str| {
            basic(&header(&format!("Basic {}", STANDARD.encode(text))))
                .map(|b| b.map(|b| (b.ids[0].clone(), b.secrets.to_vec())))
        };
        assert_eq!(ok("id:s%2Bx"), Ok(Some(("id".into(), vec!["s+x".into(), "s%2Bx".into()]))));
        assert_eq!(ok("id:a:b").map(|b| b.map(|b| b.1[0].clone())), Ok(Some("a:b".into())));
        assert!(matches!(basic(&HeaderMap::new()), Ok(None)));
        assert!(ok("no-colon").is_err());
        for bad in ["Basic", "Basic !!!", "Bearer x", "Basic aWQ6cw=", "Basic aWQ6 cw=="] {
            assert!(basic(&header(bad)).is_err(), "{bad}");
        }
        let mut two = header("Basic aWQ6cw==");
        two.append(header::AUTHORIZATION, "Basic aWQ6cw==".parse().unwrap());
        assert!(basic(&two).is_err());
    }
}
