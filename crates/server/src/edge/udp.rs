//! Datagrams of a listener.
use signet_core::Core;
use signet_core::listener::{DATAGRAM, DATAGRAMS, DatagramHandler, stopped};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::{Semaphore, watch};

/// Answers datagrams until `stop`, then waits for those that are being answered.
pub async fn run(
    socket: UdpSocket,
    name: &'static str,
    handler: Arc<dyn DatagramHandler>,
    core: Arc<Core>,
    drain: Duration,
    mut stop: watch::Receiver<bool>,
) {
    let socket = Arc::new(socket);
    let places = Arc::new(Semaphore::new(DATAGRAMS));
    // One byte more than allowed: what fills it is too long.
    let mut buffer = vec![0; DATAGRAM + 1];
    loop {
        let (length, from) = tokio::select! {
            received = socket.recv_from(&mut buffer) => match received {
                Ok(received) => received,
                // An answer that could not be delivered is reported here: it is no reason to stop.
                Err(error) => {
                    tracing::debug!(%error, listener = name, "a datagram could not be received");
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    continue;
                }
            },
            () = stopped(&mut stop) => break,
        };
        core.metrics.listeners.datagram(name);
        let Ok(place) = places.clone().try_acquire_owned() else {
            core.budgets.count("datagram");
            continue;
        };
        if length > DATAGRAM {
            continue;
        }
        let (datagram, handler, socket) = (buffer[..length].to_vec(), handler.clone(), socket.clone());
        tokio::spawn(async move {
            if let Some(answer) = handler.answer(from, &datagram).await
                && let Err(error) = socket.send_to(&answer, from).await
            {
                tracing::debug!(%error, listener = name, "a datagram could not be sent");
            }
            drop(place);
        });
    }
    let all = u32::try_from(DATAGRAMS).unwrap_or(u32::MAX);
    if tokio::time::timeout(drain, places.acquire_many(all)).await.is_err() {
        tracing::warn!(listener = name, "some datagrams were not answered in time");
    }
}
