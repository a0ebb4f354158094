//! Who is calling: what the edge learnt from the connection and from headers of trusted proxies.
mod sent;

use crate::policy::DecisionLog;
use signet_base::{Secret, Timestamp};
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

pub use sent::Sent;

/// One request as everything behind the edge sees it. Only the edge reads forwarding headers.
#[derive(Debug, Clone)]
pub struct Client {
    pub ip: IpAddr,
    /// `host[:port]` that the person typed, canonical: lower case, no trailing dot, default port left out.
    pub host: String,
    pub secure: bool,
    /// The caller is on this machine: the socket's peer is, no proxy says that it speaks for somebody else,
    /// and the host is a name of the machine itself (a page of another site that a browser here has open
    /// names its own).
    pub local: bool,
    /// The encrypted connection of the browser ends at this server, not at a proxy before it.
    pub own_tls: bool,
    pub user_agent: String,
    /// The browser says that a page of another site sent it here (`Sec-Fetch-Site`).
    pub from_elsewhere: bool,
    /// Correlates log lines, events and answers (`X-authentik-id`).
    pub request_id: String,
    pub method: String,
    pub path: String,
    pub query: String,
    /// A browser that shows pages: its `Accept` names HTML.
    pub browser: bool,
    /// The device cookie as it came; empty where there is none. No right follows from it alone.
    pub device: String,
    /// The cookie that remembers a second factor, as it came; empty where there is none.
    pub mfa: String,
    /// The key by which an outpost says who it is (`X-authentik-outpost-token`), unproven.
    pub outpost_token: Option<Secret>,
    /// Headers, cookies and form as expressions see them, and who is signed in. Clones share it.
    pub sent: Arc<Sent>,
    /// What policies found out while this request was answered. Clones share it.
    pub decision_log: Arc<DecisionLog>,
    /// Set where a decision is only explained or tried out: nothing may be changed, and this is the time that
    /// counts.
    pub dry_run: Option<Timestamp>,
}

impl Client {
    pub fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }
    /// `https://host[:port]` as the request names it, without a slash at the end. What leaves this server is
    /// [`crate::address::public`], what answers the request [`crate::address::of`].
    pub fn base_url(&self) -> String {
        format!("{}://{}", self.scheme(), self.host)
    }
    /// The path for logs and events, see [`without_secrets`].
    pub fn shown_path(&self) -> Cow<'_, str> {
        without_secrets(&self.path)
    }
    /// The host without its port.
    pub fn domain(&self) -> &str {
        crate::address::split_port(&self.host).0
    }
    /// For work that no request started.
    pub fn internal() -> Self {
        Self {
            ip: IpAddr::from([127, 0, 0, 1]),
            host: "localhost".into(),
            secure: false,
            local: false,
            own_tls: false,
            user_agent: String::new(),
            from_elsewhere: false,
            request_id: String::new(),
            method: String::new(),
            path: String::new(),
            query: String::new(),
            browser: false,
            device: String::new(),
            mfa: String::new(),
            outpost_token: None,
            sent: Arc::default(),
            decision_log: Arc::default(),
            dry_run: None,
        }
    }
}

/// Parts of a path after which a secret stands: the key of a recovery link, the id of an invitation, which is
/// its key.
const BEFORE_A_SECRET: [&str; 2] = ["use-token", "invitations"];
/// No name or id of ours is longer; keys are.
const LONGEST_NAME: usize = 50;

/// A path without the secrets that stand in it, whether or not an address like it exists.
pub fn without_secrets(path: &str) -> Cow<'_, str> {
    let decoded = path.replace("%2F", "/").replace("%2f", "/");
    let mut hidden = false;
    let mut after = false;
    let parts: Vec<&str> = decoded
        .split('/')
        .map(|part| {
            let secret = !part.is_empty() && (after || part.len() > LONGEST_NAME);
            // An empty part (`//`) does not come between.
            after =
                BEFORE_A_SECRET.contains(&part.to_ascii_lowercase().as_str()) || (after && part.is_empty());
            hidden |= secret;
            if secret { "***" } else { part }
        })
        .collect();
    if hidden { Cow::Owned(parts.join("/")) } else { Cow::Borrowed(path) }
}

/// Whether an address belongs to a network. An IPv4 address in IPv6 clothes is an IPv4 address.
pub fn covers(network: IpAddr, prefix: u8, ip: IpAddr) -> bool {
    match (ip.to_canonical(), network.to_canonical()) {
        (IpAddr::V4(a), IpAddr::V4(n)) => {
            (u32::from(a) ^ u32::from(n)).checked_shr(32 - u32::from(prefix).min(32)).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(n)) => {
            (u128::from(a) ^ u128::from(n)).checked_shr(128 - u32::from(prefix).min(128)).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redteam_14_no_secret_of_a_path_is_shown() {
        let key = "k".repeat(60);
        for path in [
            format!("/recovery/use-token/{key}/"),
            format!("/recovery/use-token/{key}"),
            format!("//recovery//use-token//{key}/"),
            format!("/recovery/use-token%2F{key}/"),
            format!("/Recovery/Use-Token/{key}/x"),
            format!("/elsewhere/{key}"),
            "/recovery/use-token/short/".to_owned(),
            "/api/v3/stages/invitation/invitations/6f3c8b0e-8a43-4e8e-9d2c-0a1b2c3d4e5f/".to_owned(),
        ] {
            let shown = without_secrets(&path);
            assert!(
                !shown.contains(&key) && !shown.contains("short") && !shown.contains("6f3c8b0e"),
                "{path} {shown}"
            );
        }
        for path in [
            "/",
            "",
            "/api/v3/core/users/1/",
            "/if/flow/default-authentication-flow/",
            "/api/v3/core/authenticated_sessions/6f3c8b0e-8a43-4e8e-9d2c-0a1b2c3d4e5f/",
        ] {
            assert_eq!(without_secrets(path), path);
        }
    }
}
