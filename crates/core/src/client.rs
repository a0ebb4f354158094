//! Who is calling: what the edge learnt from the connection and from headers of trusted proxies.
use std::net::IpAddr;

/// One request as everything behind the edge sees it. Only the edge reads forwarding headers.
#[derive(Debug, Clone)]
pub struct Client {
    pub ip: IpAddr,
    /// `host[:port]` that the person typed, canonical: lower case, no trailing dot, default port left out.
    pub host: String,
    pub secure: bool,
    pub user_agent: String,
    /// Correlates log lines, events and answers (`X-authentik-id`).
    pub request_id: String,
    pub method: String,
    pub path: String,
    pub query: String,
}

impl Client {
    pub fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }
    /// `https://host[:port]` without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("{}://{}", self.scheme(), self.host)
    }
    /// The host without its port.
    pub fn domain(&self) -> &str {
        match self.host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !port.is_empty() => name,
            _ => &self.host,
        }
    }
    /// For work that no request started.
    pub fn internal() -> Self {
        Self {
            ip: IpAddr::from([127, 0, 0, 1]),
            host: "localhost".into(),
            secure: false,
            user_agent: String::new(),
            request_id: String::new(),
            method: String::new(),
            path: String::new(),
            query: String::new(),
        }
    }
}
