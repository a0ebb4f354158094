//! The measured server: target/release/signet on free loopback ports with data of its own, set up through its
//! API.
use crate::client::{Connection, Result, request};
use crate::process::{Process, free_ports};
use crate::site::{REDIRECT, SCOPE, Site};
use crate::tokens::Keys;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub const READY: &str = "/-/health/ready/";
const START: Duration = Duration::from_secs(60);
const PEOPLE: usize = 16;

/// Signing algorithm of a measured client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Algorithm {
    Rs256,
    Es256,
    EdDsa,
}

impl Algorithm {
    pub const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    /// Slug of the application, and of the client at the peer.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Rs256 => "bench-rs256",
            Self::Es256 => "bench-es256",
            Self::EdDsa => "bench-eddsa",
        }
    }
    /// What the API calls its kind of key.
    fn kind(self) -> &'static str {
        match self {
            Self::Rs256 => "rsa",
            Self::Es256 => "ecdsa",
            Self::EdDsa => "ed25519",
        }
    }
}

/// Where a server lives; it can be started more than once.
pub struct Home {
    binary: PathBuf,
    folder: PathBuf,
    ports: [u16; 3],
    token: String,
    /// Settings beside those of every measured server.
    more: Vec<(&'static str, String)>,
}

impl Home {
    pub fn new(binary: &Path, folder: PathBuf) -> Result<Self> {
        if !binary.is_file() {
            return Err(format!("{} is missing: make build", binary.display()));
        }
        std::fs::create_dir_all(folder.join("data")).map_err(|e| e.to_string())?;
        Ok(Self {
            binary: binary.into(),
            folder,
            ports: free_ports()?,
            token: "bench-token-".to_owned() + &"0123456789abcdef".repeat(3),
            more: Vec::new(),
        })
    }
    pub fn with(mut self, more: Vec<(&'static str, String)>) -> Self {
        self.more = more;
        self
    }
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports[0]))
    }
    /// Starts it and waits until `path` answers 200; the time that it took.
    pub async fn start(&self, path: &str) -> Result<(Process, Duration)> {
        let [http, https, metrics] = self.ports.map(|port| format!("127.0.0.1:{port}"));
        let mut variables = vec![
            ("SIGNET_DATA_DIR", self.folder.join("data").display().to_string()),
            ("AUTHENTIK_LISTEN__HTTP", http),
            ("AUTHENTIK_LISTEN__HTTPS", https),
            ("AUTHENTIK_LISTEN__METRICS", metrics),
            ("AUTHENTIK_LOG_LEVEL", "info".into()),
            // Everybody comes from one address here.
            ("AUTHENTIK_THROTTLE__EXEMPT_NETWORKS", "127.0.0.0/8".into()),
            ("AUTHENTIK_BOOTSTRAP_TOKEN", self.token.clone()),
            ("AUTHENTIK_BOOTSTRAP_PASSWORD", "Bench-Password-0123456789".into()),
            ("AUTHENTIK_BOOTSTRAP_EMAIL", "akadmin@example.test".into()),
        ];
        variables.extend(self.more.iter().cloned());
        let began = Instant::now();
        let mut process = Process::start(
            &self.binary,
            &["server"],
            &self.folder,
            self.folder.join("server.log"),
            &variables,
        )?;
        let took = process.answers(self.address(), path, began, START).await?;
        Ok((process, took))
    }
    pub fn admin(&self) -> Admin {
        Admin {
            connection: Connection::new(self.address()),
            host: self.address().to_string(),
            authorization: format!("Bearer {}", self.token),
        }
    }
}

/// The administrator's side of the API.
pub struct Admin {
    connection: Connection,
    host: String,
    authorization: String,
}

impl Admin {
    pub async fn call(&mut self, method: &str, path: &str, body: Option<Value>) -> Result<Value> {
        let text = body.map(|b| b.to_string());
        let bytes = request(
            method,
            &format!("/api/v3{path}"),
            &self.host,
            &[("authorization", &self.authorization)],
            text.as_deref().map(|t| ("application/json", t)),
        );
        let answer = self.connection.send(&bytes).await?;
        if !(200..300).contains(&answer.status) {
            return Err(answer.unexpected(&format!("{method} {path}")));
        }
        if answer.body.is_empty() {
            Ok(Value::Null)
        } else {
            serde_json::from_slice(&answer.body).map_err(|e| format!("{method} {path}: {e}"))
        }
    }
    async fn get(&mut self, path: &str) -> Result<Value> {
        self.call("GET", path, None).await
    }
    async fn flow(&mut self, slug: &str) -> Result<Value> {
        Ok(self.get(&format!("/flows/instances/{slug}/")).await?["pk"].clone())
    }

    /// People with passwords, one for each connection.
    pub async fn people(&mut self) -> Result<Vec<(String, String)>> {
        let mut people = Vec::new();
        for n in 0..PEOPLE {
            people.push(self.person(&format!("bench-{n}")).await?);
        }
        Ok(people)
    }

    /// Somebody with a password; both.
    pub async fn person(&mut self, name: &str) -> Result<(String, String)> {
        let password = format!("Password-of-{name}-0123456789");
        let user = self
            .call(
                "POST",
                "/core/users/",
                Some(json!({"username": name, "name": name, "email": format!("{name}@example.test")})),
            )
            .await?;
        self.call(
            "POST",
            &format!("/core/users/{}/set_password/", user["pk"]),
            Some(json!({"password": password})),
        )
        .await?;
        Ok((name.to_owned(), password))
    }
    /// The value of the header `Authorization`.
    pub fn authorization(&self) -> &str {
        &self.authorization
    }

    /// Users without passwords, to fill the directory up to `total`.
    pub async fn fill(&mut self, total: usize) -> Result<()> {
        for n in PEOPLE..total {
            let name = format!("filler-{n}");
            self.call(
                "POST",
                "/core/users/",
                Some(json!({"username": name, "name": name, "email": format!("{name}@example.test")})),
            )
            .await?;
        }
        Ok(())
    }

    /// An application with a provider that signs by this algorithm.
    pub async fn site(
        &mut self,
        algorithm: Algorithm,
        address: SocketAddr,
        people: &[(String, String)],
    ) -> Result<Arc<Site>> {
        let slug = algorithm.slug();
        let key = self
            .call(
                "POST",
                "/crypto/certificatekeypairs/generate/",
                Some(json!({"common_name": slug, "validity_days": 30, "alg": algorithm.kind()})),
            )
            .await?;
        let found = self.get("/propertymappings/provider/scope/?page_size=100").await?;
        let mappings: Vec<_> = found["results"]
            .as_array()
            .ok_or("no list of scope mappings")?
            .iter()
            .filter(|m| m["managed"].is_string() && SCOPE.split(' ').any(|name| m["scope_name"] == name))
            .map(|m| m["pk"].clone())
            .collect();
        let client_secret = "bench-secret-0123456789-0123456789".to_owned();
        let provider = json!({
            "name": slug, "client_id": slug, "client_secret": client_secret, "client_type": "confidential", "signing_key": key["pk"],
            "authorization_flow": self.flow("default-provider-authorization-implicit-consent").await?,
            "invalidation_flow": self.flow("default-provider-invalidation-flow").await?,
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"], "property_mappings": mappings,
            "redirect_uris": [{"matching_mode": "strict", "url": REDIRECT, "redirect_uri_type": "authorization"}],
            "access_token_validity": "hours=2", "refresh_token_validity": "days=1",
        });
        let provider = self.call("POST", "/providers/oauth2/", Some(provider)).await?;
        self.call(
            "POST",
            "/core/applications/",
            Some(json!({"name": slug, "slug": slug, "provider": provider["pk"]})),
        )
        .await?;
        let jwks = format!("/application/o/{slug}/jwks/");
        let bytes = request("GET", &jwks, &self.host, &[], None);
        let answer = self.connection.send(&bytes).await?;
        let keys = Keys::parse(&format!("http://{}/application/o/{slug}/", self.host), &answer.body)?;
        Ok(Arc::new(Site {
            address,
            client_id: slug.into(),
            client_secret,
            authorize: "/application/o/authorize/".into(),
            token: "/application/o/token/".into(),
            userinfo: "/application/o/userinfo/".into(),
            introspect: "/application/o/introspect/".into(),
            discovery: discovery(algorithm),
            jwks,
            scope: SCOPE.into(),
            people: people.to_vec(),
            keys,
        }))
    }
}

/// Path of an application's discovery document.
pub fn discovery(algorithm: Algorithm) -> String {
    format!("/application/o/{}/.well-known/openid-configuration", algorithm.slug())
}
