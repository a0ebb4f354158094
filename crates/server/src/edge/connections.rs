//! Open connections: how many there are, which of them wait for their client, and which go when there is no
//! more room.
use super::client::is_in;
use signet_core::Core;
use signet_core::budget::Prefix;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Longest silence of a client, whatever it has open.
const IDLE: Duration = Duration::from_secs(60);
/// Bytes a second that clients take and send at least.
pub const LEAST_RATE: u64 = 16 * 1024;

/// What one connection does.
pub struct Live {
    state: Mutex<State>,
    /// Says that it has to go.
    close: Notify,
}
struct State {
    /// Requests that wait for the server.
    working: usize,
    /// Since when nothing came and nothing was asked of the server.
    silent: Instant,
}

impl Live {
    fn new() -> Self {
        Self { state: Mutex::new(State { working: 0, silent: Instant::now() }), close: Notify::new() }
    }
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// The server has something to do.
    pub fn work(&self) {
        self.state().working += 1;
    }
    /// It is the client's turn; so many bytes are on their way to it.
    pub fn rest(&self, bytes: u64) {
        let mut state = self.state();
        state.working = state.working.saturating_sub(1);
        state.silent = Instant::now() + Duration::from_secs(bytes.min(1 << 32) / LEAST_RATE);
    }
    /// How long the client has been silent; none while the server works.
    fn silence(&self) -> Option<Duration> {
        let state = self.state();
        (state.working == 0).then(|| state.silent.elapsed())
    }
    /// Ends when the connection has to go.
    pub async fn over(&self) {
        loop {
            let wait = self.silence().map_or(IDLE, |silence| IDLE.saturating_sub(silence));
            if wait.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.close.notified() => return,
            }
        }
    }
}

/// By number: the prefix that they count for, and what they do.
type Open = HashMap<u64, (Option<Prefix>, Arc<Live>)>;

/// All connections of the process.
pub struct Connections {
    core: Arc<Core>,
    most: usize,
    most_of_one: usize,
    all: Mutex<Open>,
    next: std::sync::atomic::AtomicU64,
}

/// A place among them; given back when it is dropped.
pub struct Place {
    connections: Arc<Connections>,
    id: u64,
    pub live: Arc<Live>,
}
impl Drop for Place {
    fn drop(&mut self) {
        self.connections.all().remove(&self.id);
    }
}

impl Connections {
    /// `descriptors`: what the process may open; some of them are kept for the database, files and what goes
    /// out.
    pub fn new(core: Arc<Core>, descriptors: usize, most_of_one: Option<usize>) -> Self {
        let most = descriptors.saturating_sub((descriptors / 4).clamp(32, 256)).max(16);
        let most_of_one = most_of_one.unwrap_or((descriptors / 4).max(16)).min(most);
        Self { core, most, most_of_one, all: Mutex::default(), next: 0.into() }
    }
    fn all(&self) -> MutexGuard<'_, Open> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// A place for a new connection. Where there is no room, the one goes whose client has been silent for
    /// the longest time. `None`: all of them are at work.
    pub fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let peer = peer.to_canonical();
        // Proxies bring many people.
        let one_of_many =
            is_in(peer, &self.core.settings.trusted_proxies) || self.core.budgets.is_exempt(peer);
        let prefix = (!one_of_many).then(|| Prefix::of(peer));
        let mut all = self.all();
        let of_one = |(p, _): &&(Option<Prefix>, Arc<Live>)| *p == prefix;
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
            // It counts no longer, though it takes a moment to end.
            if let Some((_, live)) = all.remove(&silent.1) {
                live.close.notify_one();
            }
        }
        let id = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let live = Arc::new(Live::new());
        all.insert(id, (prefix, live.clone()));
        Some(Place { connections: self.clone(), id, live })
    }
}
