//! What a run shares: the servers it has started, the measured clients, and how long things take.
use crate::client::Result;
use crate::disk::Disk;
use crate::limits::{Floor, Limit};
use crate::peer::Peer;
use crate::process::{Folder, Process};
use crate::signet::{Admin, Algorithm, Home, READY};
use crate::site::Site;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A running server with the measured clients and people.
pub struct Server {
    pub process: Process,
    home: Home,
    /// Each algorithm by itself: one that cannot be set up must not hide the others.
    sites: HashMap<Algorithm, Result<Arc<Site>>>,
}

impl Server {
    pub async fn start(home: Home) -> Result<Self> {
        let (process, _) = home.start(READY).await?;
        let mut admin = home.admin();
        let people = admin.people().await?;
        let mut sites = HashMap::new();
        for algorithm in Algorithm::ALL {
            sites.insert(algorithm, admin.site(algorithm, home.address(), &people).await);
        }
        Ok(Self { process, home, sites })
    }
    pub fn site(&self, algorithm: Algorithm) -> Result<Arc<Site>> {
        self.sites.get(&algorithm).cloned().unwrap_or_else(|| Err("the client was not set up".into()))
    }
}

pub struct Bench {
    pub quick: bool,
    pub binary: PathBuf,
    pub folder: Folder,
    floor: Option<Floor>,
    server: Option<Server>,
    /// The same on the reference disk, started when the first row wants it.
    reference: Option<Server>,
    /// `None` until a row asks for it.
    peer: Option<Result<Peer>>,
}

impl Bench {
    pub fn new(quick: bool, binary: PathBuf, folder: Folder) -> Self {
        Self { quick, binary, folder, floor: None, server: None, reference: None, peer: None }
    }

    /// Length of one window of a throughput row.
    pub fn time(&self) -> Duration {
        Duration::from_secs(if self.quick { 2 } else { 10 })
    }
    /// Length of one window of sign-ins: at twenty a second a short one holds too few of them.
    pub fn long(&self) -> Duration {
        self.time().max(Duration::from_secs(8))
    }
    /// Length of one window of a latency row.
    pub fn short(&self) -> Duration {
        Duration::from_secs(if self.quick { 1 } else { 5 })
    }

    /// One measurement of a limit, in operations a second.
    pub async fn limit(&mut self, limit: Limit, connections: usize, ramp: Duration) -> Result<f64> {
        let time = self.time();
        let floor = match &mut self.floor {
            Some(floor) => floor,
            none => none.insert(Floor::start(&self.folder).await?),
        };
        limit.measure(floor, &self.folder.0, connections, ramp, time).await
    }

    /// Starts the measured server and registers its clients.
    pub async fn start(&mut self) -> Result<()> {
        self.server =
            Some(Server::start(Home::new(&self.binary, self.folder.0.join(Disk::Own.folder()))?).await?);
        Ok(())
    }

    /// The administrator of the measured server.
    pub fn admin(&self) -> Result<Admin> {
        self.server
            .as_ref()
            .map(|server| server.home.admin())
            .ok_or_else(|| "the server was not set up".into())
    }

    pub fn site(&self, algorithm: Algorithm) -> Result<Arc<Site>> {
        self.server
            .as_ref()
            .map_or_else(|| Err("the server was not set up".into()), |server| server.site(algorithm))
    }
    /// [`Self::site`] of the server that has this disk, and its process id.
    pub async fn site_on(&mut self, disk: Disk, algorithm: Algorithm) -> Result<(Arc<Site>, u32)> {
        if disk == Disk::Reference && self.reference.is_none() {
            let home = Home::new(&self.binary, self.folder.0.join(disk.folder()))?.with(disk.settings()?);
            self.reference = Some(Server::start(home).await?);
        }
        let server = match disk {
            Disk::Own => &self.server,
            Disk::Reference => &self.reference,
        };
        let server = server.as_ref().ok_or("the server was not set up")?;
        Ok((server.site(algorithm)?, server.process.pid))
    }
    pub fn server_pid(&self) -> u32 {
        self.server.as_ref().map_or(0, |server| server.process.pid)
    }
    /// An error when a measured server has ended.
    pub fn alive(&mut self) -> Result<()> {
        self.server.iter_mut().chain(&mut self.reference).try_for_each(|server| server.process.check())
    }

    /// The peer, started when the first row wants it. Its absence is said once.
    pub async fn peer(&mut self) -> Result<Option<&Peer>> {
        if self.peer.is_none() {
            let peer = Peer::start(&self.folder).await;
            if let Err(error) = &peer {
                println!("no peer beside us: {error}");
            }
            self.peer = Some(peer);
        }
        match &self.peer {
            Some(Ok(peer)) => Ok(Some(peer)),
            Some(Err(error)) => Err(error.clone()),
            None => Ok(None),
        }
    }

    /// Ends the servers of the throughput rows; what the measured one said last when it does not end well.
    pub async fn stop(&mut self) -> Result<()> {
        if let Some(Ok(peer)) = self.peer.take() {
            peer.stop().await?;
        }
        if let Some(floor) = self.floor.take() {
            floor.process.stop().await?;
        }
        for Server { process: server, .. } in
            [self.server.take(), self.reference.take()].into_iter().flatten()
        {
            let tail = server.tail();
            let status = server.stop().await?;
            if !status.success() {
                return Err(format!("the server ended with {status} after SIGTERM\n{tail}"));
            }
        }
        Ok(())
    }
}
