//! `/ws/client/`: the open page of a signed-in person. The server sends messages, and closes the socket with code 1008
//! when the session ends, so that the page can say so. What the page sends has no meaning.
use crate::edge::Edge;
use axum::Extension;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use signet_core::address;
use signet_core::listener::{Upgraded, Upgrades};
use signet_core::socket::{Order, Reason, Socket};
use std::time::Duration;

/// Longest message of a page in bytes.
const MESSAGE: usize = 4096;
/// How often a page is asked whether it is there; one that has not answered by the next time is gone.
const PING: Duration = Duration::from_secs(30);
/// How long a page may take to receive a message, or to answer a close frame.
const PATIENCE: Duration = Duration::from_secs(5);

pub async fn client(
    edge: Edge,
    upgrades: Option<Extension<Upgrades>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    // Browsers send the cookie to sockets that other sites open.
    if let Err(why) = address::is_from_us(&edge.core, &edge.client, &edge.headers) {
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    let (Some(session), Some(owner)) = (edge.session.uuid(), edge.session.owner()) else {
        return StatusCode::FORBIDDEN.into_response();
    };
    let (upgrade, upgrades) = match (upgrade, upgrades) {
        (Ok(upgrade), Some(Extension(upgrades))) => (upgrade, upgrades),
        (Err(refusal), _) => return refusal.into_response(),
        (Ok(_), None) => return StatusCode::UPGRADE_REQUIRED.into_response(),
    };
    let Some(socket) = edge.core.sockets.open(session, owner) else {
        return StatusCode::TOO_MANY_REQUESTS.into_response();
    };
    let held = upgrades.hold();
    upgrade
        .max_message_size(MESSAGE)
        .max_frame_size(MESSAGE)
        .on_upgrade(move |page| serve(page, socket, held))
}

async fn serve(mut page: WebSocket, mut socket: Socket, _held: Upgraded) {
    let mut ping = tokio::time::interval_at(tokio::time::Instant::now() + PING, PING);
    let mut answered = true;
    loop {
        let sent = tokio::select! {
            order = socket.orders.recv() => match order {
                Some(Order::Message(message)) => Message::Text(message.to_string().into()),
                Some(Order::Close(reason)) => return close(page, reason).await,
                None => return close(page, Reason::Unproven).await,
            },
            received = page.recv() => match received {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {
                    answered = true;
                    continue;
                }
            },
            _ = ping.tick() => {
                if !std::mem::replace(&mut answered, false) {
                    return;
                }
                Message::Ping(Default::default())
            }
        };
        match tokio::time::timeout(PATIENCE, page.send(sent)).await {
            Ok(Ok(())) => {}
            _ => return,
        }
    }
}

/// Sends the close frame and waits for that of the page (RFC 6455 §7.1.1).
async fn close(mut page: WebSocket, reason: Reason) {
    let frame = CloseFrame { code: reason.code(), reason: reason.text().into() };
    let whole = async {
        if page.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = page.recv().await {}
        }
    };
    // A page that does not answer is left.
    let _ = tokio::time::timeout(PATIENCE, whole).await;
}
