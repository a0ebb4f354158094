//! The peer beside us: Node's oidc-provider with tokens in memory. Where Node is absent its column stays
//! empty.
use crate::client::{Connection, Result, request};
use crate::process::{Folder, Process, free_ports};
use crate::signet::Algorithm;
use crate::site::{SCOPE, Site};
use crate::tokens::Keys;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::process::Command;

pub struct Peer {
    process: Process,
    sites: HashMap<Algorithm, Arc<Site>>,
}

impl Peer {
    /// Installs it when it is not there yet, and starts it. The error says why there is none.
    pub async fn start(folder: &Folder) -> Result<Self> {
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("peer");
        if !home.join("node_modules/oidc-provider").is_dir() {
            let install = Command::new("npm")
                .args(["ci", "--no-audit", "--no-fund", "--silent"])
                .current_dir(&home)
                .kill_on_drop(true)
                .output()
                .await;
            match install {
                Ok(done) if done.status.success() => {}
                Ok(done) => {
                    return Err(format!(
                        "npm ci ended with {}: {}",
                        done.status,
                        String::from_utf8_lossy(&done.stderr).trim()
                    ));
                }
                Err(error) => return Err(format!("npm does not run: {error}")),
            }
        }
        let [port] = free_ports()?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let began = Instant::now();
        let mut process = Process::start(
            Path::new("node"),
            &["peer.mjs", &port.to_string()],
            &home,
            folder.0.join("peer.log"),
            &[("NODE_ENV", "production".into())],
        )?;
        process.answers(address, "/.well-known/openid-configuration", began, Duration::from_secs(20)).await?;
        let mut sites = HashMap::new();
        for algorithm in Algorithm::ALL {
            sites.insert(algorithm, Arc::new(site(algorithm, address).await?));
        }
        Ok(Self { process, sites })
    }

    pub fn site(&self, algorithm: Algorithm) -> Option<&Arc<Site>> {
        self.sites.get(&algorithm)
    }
    pub async fn stop(self) -> Result<()> {
        self.process.stop().await.map(drop)
    }
}

async fn site(algorithm: Algorithm, address: SocketAddr) -> Result<Site> {
    let mut connection = Connection::new(address);
    let bytes = request("GET", "/jwks", &address.to_string(), &[], None);
    let keys = Keys::parse(&format!("http://{address}"), &connection.send(&bytes).await?.body)?;
    Ok(Site {
        address,
        client_id: algorithm.slug().into(),
        client_secret: "bench-secret-0123456789-0123456789".into(),
        authorize: "/auth".into(),
        token: "/token".into(),
        userinfo: "/me".into(),
        introspect: "/token/introspection".into(),
        discovery: "/.well-known/openid-configuration".into(),
        jwks: "/jwks".into(),
        scope: SCOPE.into(),
        people: Vec::new(),
        keys,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Kind, Load};

    /// The walk of the rows, against a provider that is not ours.
    #[tokio::test(flavor = "multi_thread")]
    async fn the_peer_can_be_walked() {
        let folder = Folder::new(&std::env::temp_dir(), "signet-load-peer").unwrap();
        let peer = match Peer::start(&folder).await {
            Ok(peer) => peer,
            Err(error) => return println!("skipped, no peer: {error}"),
        };
        for (kind, algorithm, signatures) in [
            (Kind::ClientCredentials, Algorithm::Rs256, 1),
            (Kind::Refresh, Algorithm::Es256, 1),
            (Kind::Code, Algorithm::EdDsa, 1),
            (Kind::Discovery, Algorithm::Es256, 0),
            (Kind::Jwks, Algorithm::Es256, 0),
            (Kind::Introspect, Algorithm::Es256, 0),
            (Kind::Userinfo, Algorithm::Es256, 0),
        ] {
            let mut load = Load::prepare(kind, peer.site(algorithm).unwrap(), 3)
                .await
                .unwrap_or_else(|e| panic!("{kind:?}: {e}"));
            let outcome = load.run(Duration::from_millis(50), Duration::from_millis(400)).await.unwrap();
            assert!(outcome.first.is_none() && outcome.whole.count() > 0, "{kind:?}: {:?}", outcome.first);
            assert_eq!(load.signatures, signatures, "{kind:?}");
        }
        peer.stop().await.unwrap();
    }
}
