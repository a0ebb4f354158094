//! Open connections: their number, which of them wait for their client, and which are closed to make room.
use super::client::is_in;
use signet_core::Core;
use signet_core::budget::Prefix;
use signet_core::listener::Activity;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// By number: the address prefix and the state.
type Open = HashMap<u64, (Option<Prefix>, Arc<Activity>)>;

/// All connections of the process.
pub struct Connections {
    core: Arc<Core>,
    most: usize,
    most_of_one: usize,
    all: Mutex<Open>,
    next: std::sync::atomic::AtomicU64,
}

/// A slot of a connection; released on drop.
pub struct ConnectionSlot {
    connections: Arc<Connections>,
    id: u64,
}
impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.connections.all().remove(&self.id);
    }
}

impl Connections {
    /// `descriptors`: file descriptor limit of the process. A part is reserved for database, files and
    /// outbound connections.
    pub fn new(core: Arc<Core>, descriptors: usize, most_of_one: Option<usize>) -> Self {
        let most = descriptors.saturating_sub((descriptors / 4).clamp(32, 256)).max(16);
        let most_of_one = most_of_one.unwrap_or((descriptors / 4).max(16)).min(most);
        Self { core, most, most_of_one, all: Mutex::default(), next: 0.into() }
    }
    fn all(&self) -> MutexGuard<'_, Open> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// A slot for a new connection. If none is free, the connection whose client has been idle longest is
    /// closed. `None`: all are working.
    pub fn admit(self: &Arc<Self>, peer: IpAddr, activity: Arc<Activity>) -> Option<ConnectionSlot> {
        let peer = peer.to_canonical();
        // Proxies carry connections of many clients, so the limit per prefix does not apply.
        let one_of_many =
            is_in(peer, &self.core.settings.trusted_proxies) || self.core.budgets.is_exempt(peer);
        let prefix = (!one_of_many).then(|| Prefix::of(peer));
        let mut all = self.all();
        let of_one = |(p, _): &&(Option<Prefix>, Arc<Activity>)| *p == prefix;
        let full = prefix.is_some()
            && all.len() >= self.most_of_one
            && all.values().filter(of_one).count() >= self.most_of_one;
        if full || all.len() >= self.most {
            self.core.budgets.count("connection");
            let silent = all
                .iter()
                .filter(|(_, (p, _))| !full || *p == prefix)
                .filter_map(|(id, (_, live))| Some((live.silence()?, *id)))
                .max()?;
            // It no longer counts, although closing takes a moment.
            if let Some((_, live)) = all.remove(&silent.1) {
                live.close();
            }
        }
        let id = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        all.insert(id, (prefix, activity));
        Some(ConnectionSlot { connections: self.clone(), id })
    }
}
