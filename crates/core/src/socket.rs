//! Open WebSockets of this process, by session. A socket does not outlive its session, whoever ends that, and wherever.
use crate::Core;
use signet_base::{Json, Result, Uuid};
use signet_store::sessions;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// Most sockets of one session, and of one account.
const OF_SESSION: usize = 20;
const OF_ACCOUNT: usize = 100;
/// Messages that a slow client may be behind by. A socket that is further behind is closed.
const BACKLOG: usize = 16;

/// What a socket is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    Message(Json),
    Close(Reason),
}

/// Why the server closes a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    SessionEnded,
    Stopping,
    /// Whether the session goes on is not known.
    Unproven,
}

impl Reason {
    /// The code of the close frame (RFC 6455 §7.4.1).
    pub fn code(self) -> u16 {
        match self {
            Reason::SessionEnded => 1008,
            Reason::Stopping => 1001,
            Reason::Unproven => 1013,
        }
    }
    pub fn text(self) -> &'static str {
        match self {
            Reason::SessionEnded => "The session has ended.",
            Reason::Stopping => "The server stops.",
            Reason::Unproven => "Try again later.",
        }
    }
}

struct Entry {
    session: Uuid,
    user: i64,
    orders: mpsc::Sender<Order>,
}

#[derive(Default)]
struct State {
    open: HashMap<u64, Entry>,
    next: u64,
    stopped: bool,
}

/// The open sockets. Clones share them.
#[derive(Clone, Default)]
pub struct Sockets(Arc<Mutex<State>>);

/// One open socket; it is taken off the list on drop.
pub struct Socket {
    /// The end of the orders means that the socket fell behind.
    pub orders: mpsc::Receiver<Order>,
    id: u64,
    sockets: Sockets,
}
impl Drop for Socket {
    fn drop(&mut self) {
        self.sockets.state().open.remove(&self.id);
    }
}

impl Sockets {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// A place for a socket of this session. `None`: it or its account has too many, or the server stops.
    pub fn open(&self, session: Uuid, user: i64) -> Option<Socket> {
        let mut state = self.state();
        let of = |fits: &dyn Fn(&Entry) -> bool| state.open.values().filter(|e| fits(e)).count();
        if state.stopped
            || of(&|e| e.session == session) >= OF_SESSION
            || of(&|e| e.user == user) >= OF_ACCOUNT
        {
            return None;
        }
        let (sender, orders) = mpsc::channel(BACKLOG);
        let id = state.next;
        state.next += 1;
        state.open.insert(id, Entry { session, user, orders: sender });
        Some(Socket { orders, id, sockets: self.clone() })
    }
    pub fn count(&self) -> usize {
        self.state().open.len()
    }
    /// Sends to all sockets that fit; those that are too far behind are closed.
    fn order(&self, order: &Order, fits: impl Fn(&Entry) -> bool) {
        self.state().open.retain(|_, entry| !fits(entry) || entry.orders.try_send(order.clone()).is_ok());
    }
    /// Sends a message to the open pages of a person at this process.
    pub fn tell(&self, user: i64, message: &Json) {
        self.order(&Order::Message(message.clone()), |entry| entry.user == user);
    }
    pub fn close_all(&self, reason: Reason) {
        self.order(&Order::Close(reason), |_| true);
    }
    /// Closes all sockets, and opens no more.
    pub fn stop(&self) {
        self.state().stopped = true;
        self.close_all(Reason::Stopping);
    }
    /// Closes the sockets of sessions that have ended: by sign-out, deactivation, a raised epoch or time, at any node.
    pub async fn close_ended(&self, core: &Core) -> Result<()> {
        let asked: HashSet<Uuid> = self.state().open.values().map(|e| e.session).collect();
        if asked.is_empty() {
            return Ok(());
        }
        let asked: Vec<Uuid> = asked.into_iter().collect();
        let alive = sessions::alive(&core.db, &asked, core.now()).await?;
        let ended: HashSet<&Uuid> = asked.iter().filter(|id| !alive.contains(id)).collect();
        if !ended.is_empty() {
            self.order(&Order::Close(Reason::SessionEnded), |entry| ended.contains(&entry.session));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::json;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    #[test]
    fn a_session_and_an_account_have_a_number_of_sockets() {
        let sockets = Sockets::default();
        let mut all: Vec<Socket> = (0..OF_SESSION).filter_map(|_| sockets.open(id(1), 1)).collect();
        assert_eq!(all.len(), OF_SESSION);
        assert!(sockets.open(id(1), 1).is_none());
        all.extend((2..100).flat_map(|n| (0..2).map(move |_| n)).filter_map(|n| sockets.open(id(n), 1)));
        assert_eq!(all.len(), OF_ACCOUNT);
        assert!(sockets.open(id(7_000), 1).is_none() && sockets.open(id(7_000), 2).is_some());
        all.clear();
        assert_eq!(sockets.count(), 0, "what is dropped is off the list");
    }

    #[test]
    fn messages_reach_their_person_and_a_stop_everybody() {
        let sockets = Sockets::default();
        let (mut ada, mut bob) = (sockets.open(id(1), 1).unwrap(), sockets.open(id(2), 2).unwrap());
        sockets.tell(1, &json!({"a": 1}));
        assert_eq!(ada.orders.try_recv().unwrap(), Order::Message(json!({"a": 1})));
        assert!(bob.orders.try_recv().is_err());
        sockets.stop();
        assert_eq!(bob.orders.try_recv().unwrap(), Order::Close(Reason::Stopping));
        assert!(sockets.open(id(1), 1).is_none());
    }

    #[test]
    fn a_socket_that_does_not_keep_up_is_closed() {
        let sockets = Sockets::default();
        let mut ada = sockets.open(id(1), 1).unwrap();
        for n in 0..=BACKLOG {
            sockets.tell(1, &json!(n));
        }
        while ada.orders.try_recv().is_ok() {}
        assert_eq!(ada.orders.try_recv().unwrap_err(), mpsc::error::TryRecvError::Disconnected);
    }
}
