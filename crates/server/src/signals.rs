//! Signals of the service manager.
use signet_base::{Error, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What is wanted of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// SIGTERM, SIGINT
    Stop,
    /// SIGHUP
    Reload,
}

/// The signals that are listened for. Those that come while nobody asks are kept, so that none is lost during
/// a start.
pub struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
    /// Without a listener they would end the process.
    _ignored: [Signal; 2],
}

impl Signals {
    /// Listens from here on.
    pub fn listen() -> Result<Self> {
        let on = |kind| signal(kind).map_err(Error::internal);
        Ok(Self {
            term: on(SignalKind::terminate())?,
            int: on(SignalKind::interrupt())?,
            hup: on(SignalKind::hangup())?,
            _ignored: [on(SignalKind::user_defined1())?, on(SignalKind::user_defined2())?],
        })
    }

    /// The next one.
    pub async fn next(&mut self) -> Wanted {
        tokio::select! {
            _ = self.term.recv() => Wanted::Stop,
            _ = self.int.recv() => Wanted::Stop,
            _ = self.hup.recv() => Wanted::Reload,
        }
    }
}
