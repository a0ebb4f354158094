//! Signals of the service manager.
use signet_base::{Error, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The request that a signal stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceRequest {
    /// SIGTERM, SIGINT
    Stop,
    /// SIGHUP
    Reload,
}

/// The signal handlers. Signals that arrive while nobody waits are kept.
pub struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
    /// Without a handler they would end the process.
    _ignored: [Signal; 2],
}

impl Signals {
    /// Installs the handlers.
    pub fn listen() -> Result<Self> {
        let on = |kind| signal(kind).map_err(Error::internal);
        Ok(Self {
            term: on(SignalKind::terminate())?,
            int: on(SignalKind::interrupt())?,
            hup: on(SignalKind::hangup())?,
            _ignored: [on(SignalKind::user_defined1())?, on(SignalKind::user_defined2())?],
        })
    }

    /// The next request.
    pub async fn next(&mut self) -> ServiceRequest {
        tokio::select! {
            _ = self.term.recv() => ServiceRequest::Stop,
            _ = self.int.recv() => ServiceRequest::Stop,
            _ = self.hup.recv() => ServiceRequest::Reload,
        }
    }
}
