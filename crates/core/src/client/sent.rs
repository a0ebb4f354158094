//! The parts of a request that expressions may see. Credentials are excluded.
use crate::Principal;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Headers that contain credentials.
const SECRET_HEADERS: [&str; 6] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-authentik-csrf",
    "x-authentik-outpost-token",
    "x-csrftoken",
];
/// Parts of form field names that indicate credentials.
const SECRET_FIELDS: [&str; 8] =
    ["password", "secret", "token", "assertion", "code", "csrf", "ticket", "samlresponse"];

/// Shared by clones of a [`Client`](crate::Client).
#[derive(Debug, Default)]
pub struct Sent {
    headers: Vec<(String, String)>,
    cookies: Vec<(String, String)>,
    form: Mutex<Vec<(String, String)>>,
    person: OnceLock<Principal>,
    route: OnceLock<String>,
}

impl Sent {
    /// The server's own cookies are excluded: expressions must not see the session.
    pub fn new(headers: Vec<(String, String)>, cookies: Vec<(String, String)>) -> Self {
        let headers = headers
            .into_iter()
            .filter(|(name, _)| !SECRET_HEADERS.contains(&name.to_lowercase().as_str()))
            .collect();
        let cookies = cookies
            .into_iter()
            .filter(|(name, _)| !name.starts_with("authentik") && !name.starts_with("__Host-"))
            .collect();
        Self { headers, cookies, ..Self::default() }
    }
    /// Records the pattern of the route that answers; the first call counts.
    pub fn matched(&self, route: &str) {
        let _ = self.route.set(route.to_owned());
    }
    pub fn route(&self) -> Option<&str> {
        self.route.get().map(String::as_str)
    }
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }
    pub fn cookies(&self) -> &[(String, String)] {
        &self.cookies
    }
    /// Records the fields of the posted form.
    pub fn posted<'a>(&self, fields: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let plain = |name: &str| !SECRET_FIELDS.iter().any(|secret| name.to_lowercase().contains(secret));
        let fields = fields
            .into_iter()
            .filter(|(name, _)| plain(name))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        *self.form.lock().unwrap_or_else(PoisonError::into_inner) = fields;
    }
    pub fn form(&self) -> Vec<(String, String)> {
        self.form.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    /// Records the signed-in user; the first call counts.
    pub fn signed_in(&self, person: &Principal) {
        let _ = self.person.set(person.clone());
    }
    pub fn person(&self) -> Option<&Principal> {
        self.person.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn proofs_stay_out() {
        let pair = |name: &str| (name.to_owned(), "x".to_owned());
        let sent = Sent::new(
            ["Accept", "Cookie", "authorization"].map(pair).to_vec(),
            ["beta", "authentik_session", "authentik_mfa"].map(pair).to_vec(),
        );
        assert_eq!(
            (sent.headers(), sent.cookies()),
            ([pair("Accept")].as_slice(), [pair("beta")].as_slice())
        );
        sent.posted([
            ("scope", "openid"),
            ("client_secret", "x"),
            ("code_verifier", "x"),
            ("Password", "x"),
            ("refresh_token", "x"),
        ]);
        assert_eq!(sent.form(), [("scope".to_owned(), "openid".to_owned())]);
    }
}
