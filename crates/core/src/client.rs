//! The client of a request, as the edge determined it from the connection and trusted proxies' headers.
mod sent;

use crate::policy::DecisionLog;
use signet_base::{Secret, Timestamp};
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
    /// The cookie that tells the browser's pending requests apart, as it came; empty where there is none.
    pub pending: String,
    /// The key by which an outpost says who it is (`X-authentik-outpost-token`), unproven.
    pub outpost_token: Option<Secret>,
    /// A listener in this process asks: see [`outpost`](crate::outpost).
    pub in_process_outpost: bool,
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
    /// `https://host[:port]` of the request, without trailing slash. Use [`crate::address::public`] for links
    /// that leave the server, [`crate::address::of`] in responses.
    pub fn base_url(&self) -> String {
        format!("{}://{}", self.scheme(), self.host)
    }
    /// The path for logs and events: that of the request where it matched a route without a secret in it, else the route
    /// (`/recovery/use-token/{key}/`). What matched none may hold anything, and is not shown.
    pub fn shown_path(&self) -> &str {
        match self.sent.route() {
            Some(route) if SECRET_PARAMETERS.iter().any(|secret| route.contains(secret)) => route,
            Some(_) => &self.path,
            None if self.path.is_empty() => "",
            None => "(no route)",
        }
    }
    /// The host without its port.
    pub fn domain(&self) -> &str {
        crate::address::split_port(&self.host).0
    }
    /// For work without a request.
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
            pending: String::new(),
            outpost_token: None,
            in_process_outpost: false,
            sent: Arc::default(),
            decision_log: Arc::default(),
            dry_run: None,
        }
    }
}

/// Parameters of routes whose values are secrets: the key of a recovery link, and the id of an invitation, which is its key.
const SECRET_PARAMETERS: [&str; 2] = ["{key}", "{invite_uuid}"];

/// Whether an address is in a network. IPv4-mapped IPv6 addresses are compared as IPv4.
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
    fn redteam_14_a_path_is_shown_by_the_route_that_it_matched() {
        let shown = |path: &str, route: Option<&str>| {
            let client = Client { path: path.into(), ..Client::internal() };
            route.into_iter().for_each(|route| client.sent.matched(route));
            client.shown_path().to_owned()
        };
        assert_eq!(
            shown("/recovery/use-token/abc/", Some("/recovery/use-token/{key}/")),
            "/recovery/use-token/{key}/"
        );
        assert_eq!(shown("/if/flow/login/", Some("/if/flow/{slug}/")), "/if/flow/login/");
        assert_eq!(
            (shown("//recovery/use-token/abc/", None), shown("", None)),
            ("(no route)".into(), String::new())
        );
    }
}
