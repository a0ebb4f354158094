//! The session cookie.
use super::{SESSION_COOKIE, WebSession};
use crate::{Client, Core};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use signet_base::{Json, json};

/// Encodes session keys in authentik's cookie format: an HS256 JWT with `sid`, `iss`, `sub`, `authenticated`,
/// `acr`, keyed with the hex SHA-512 of the secret key.
pub struct SessionCookies {
    key: aws_lc_rs::hmac::Key,
    header: String,
}
impl SessionCookies {
    pub fn new(secret_key: &signet_base::Secret) -> Self {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, secret_key.reveal().as_bytes());
        let key = aws_lc_rs::hmac::Key::new(
            aws_lc_rs::hmac::HMAC_SHA256,
            signet_base::vault::hex(hash.as_ref()).as_bytes(),
        );
        Self { key, header: URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#) }
    }
    pub fn seal(&self, sid: &str, sub: &str, authenticated: bool) -> String {
        let claims = json!({"sid": sid, "iss": "authentik", "sub": sub, "authenticated": authenticated, "acr": "goauthentik.io/core/default"});
        let body = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims.to_string()));
        let tag = aws_lc_rs::hmac::sign(&self.key, body.as_bytes());
        format!("{body}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }
    /// The session key, and whether it belongs to a signed-in user, if the signature is valid. No other claim
    /// is used.
    pub fn open(&self, token: &str) -> Option<(String, bool)> {
        let (body, tag) = token.rsplit_once('.')?;
        let (header, claims) = body.split_once('.')?;
        if header != self.header || token.len() > 4096 {
            return None;
        }
        aws_lc_rs::hmac::verify(&self.key, body.as_bytes(), &URL_SAFE_NO_PAD.decode(tag).ok()?).ok()?;
        let claims: Json = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        let signed_in = claims.get("authenticated").and_then(Json::as_bool).unwrap_or(true);
        Some((claims.get("sid")?.as_str()?.to_owned(), signed_in))
    }
}

impl WebSession {
    /// The `Set-Cookie` headers, if the browser does not have the current key.
    pub(super) fn own_cookies(&mut self, core: &Core, client: &Client) -> Vec<String> {
        if !std::mem::take(&mut self.set_cookie) {
            return Vec::new();
        }
        let sub =
            self.principal.as_ref().map_or_else(|| "anonymous".to_owned(), |p| core.uid(p.session_owner()));
        let token = core.session_cookies.seal(&self.key, &sub, self.principal.is_some());
        let end = self.absolute.filter(|_| self.principal.is_some() && !self.state.browser_only);
        let mut cookies = vec![core.cookie(
            client,
            SESSION_COOKIE,
            &token,
            end.map(|at| at.secs() - core.now().secs()),
            true,
        )];
        // Sent with every response that signs a user in; programs send the token back.
        if self.principal.is_some() {
            cookies.push(self.csrf_cookie(core, client));
        }
        cookies
    }
}

#[cfg(test)]
mod tests {
    use super::super::cookie;
    use super::*;
    #[test]
    fn a_cookie_opens_only_with_our_signature() {
        let ours = SessionCookies::new(&"k".into());
        let token = ours.seal("abc", "anonymous", false);
        assert_eq!(ours.open(&token), Some(("abc".to_owned(), false)));
        assert_eq!(ours.open(&ours.seal("abc", "person", true)), Some(("abc".to_owned(), true)));
        assert_eq!(SessionCookies::new(&"other".into()).open(&token), None);
        let mut parts: Vec<&str> = token.split('.').collect();
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        parts[0] = &none;
        assert_eq!(ours.open(&parts.join(".")), None);
        for junk in ["", ".", "..", "a.b.c", "eyJ.eyJ."] {
            assert_eq!(ours.open(junk), None);
        }
    }
    #[test]
    fn cookies_are_found_by_their_whole_name() {
        assert_eq!(cookie("a=1; authentik_session=x; b=2", SESSION_COOKIE), Some("x"));
        assert_eq!(cookie("xauthentik_session=x", SESSION_COOKIE), None);
    }
}
