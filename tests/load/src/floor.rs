//! The bare server of the limits: axum as the product uses it, with nothing behind it.
use crate::client::Result;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKey, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256};
use axum::body::Bytes;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, extract::State};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Size of the answer that stands for a discovery document, in bytes.
const JSON_BYTES: usize = 2000;

struct Keys {
    random: SystemRandom,
    es256: EcdsaKeyPair,
    eddsa: Ed25519KeyPair,
    rs256: RsaKey,
}

/// Serves until it is ended.
pub async fn serve(port: u16) -> Result<()> {
    let keys = Arc::new(Keys {
        random: SystemRandom::new(),
        es256: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|e| e.to_string())?,
        eddsa: Ed25519KeyPair::generate().map_err(|e| e.to_string())?,
        rs256: RsaKey::generate(KeySize::Rsa2048).map_err(|e| e.to_string())?,
    });
    let document = Bytes::from(document());
    let app = Router::new()
        .route("/hello", get(|| async { "hello" }))
        .route("/json", get(move || async move { json(document) }))
        .route("/sign/es256", post(es256))
        .route("/sign/eddsa", post(eddsa))
        .route("/sign/rs256", post(rs256))
        .with_state(keys);
    let listener =
        tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|e| e.to_string())?;
    axum::serve(
        axum::serve::ListenerExt::tap_io(listener, |stream| {
            // Without it the answer may wait for an acknowledgement; a socket that refuses it still works.
            let _ = stream.set_nodelay(true);
        }),
        app,
    )
    .await
    .map_err(|e| e.to_string())
}

fn document() -> String {
    let frame = r#"{"issuer":""}"#.len();
    format!(r#"{{"issuer":"{}"}}"#, "x".repeat(JSON_BYTES - frame))
}

fn json(body: Bytes) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

async fn es256(State(keys): State<Arc<Keys>>, form: Bytes) -> Response {
    token("ES256", &form, |text| keys.es256.sign(&keys.random, text).map(|s| s.as_ref().to_vec()).ok())
}
async fn eddsa(State(keys): State<Arc<Keys>>, form: Bytes) -> Response {
    token("EdDSA", &form, |text| Some(keys.eddsa.sign(text).as_ref().to_vec()))
}
async fn rs256(State(keys): State<Arc<Keys>>, form: Bytes) -> Response {
    // A signature takes half a millisecond: on a pool, as a server must, or everybody else waits.
    let signed = tokio::task::spawn_blocking(move || {
        token("RS256", &form, |text| {
            let mut out = vec![0; keys.rs256.public_modulus_len()];
            keys.rs256.sign(&RSA_PKCS1_SHA256, &keys.random, text, &mut out).ok().map(|()| out)
        })
    });
    signed.await.unwrap_or_else(|_| axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// One access token of the usual size in a token answer.
fn token(algorithm: &str, form: &[u8], sign: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> Response {
    let header = format!(r#"{{"alg":"{algorithm}","kid":"0123456789abcdef0123456789abcdef","typ":"JWT"}}"#);
    let claims = format!(
        r#"{{"iss":"http://localhost/application/o/bench/","sub":"{}","aud":"bench","exp":1900000000,"iat":1899999700,"azp":"bench","uid":"{}","form":{}}}"#,
        "s".repeat(64),
        "u".repeat(40),
        form.len()
    );
    let mut text = URL_SAFE_NO_PAD.encode(header);
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut text);
    let Some(signature) = sign(text.as_bytes()) else {
        return axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut text);
    json(Bytes::from(format!(r#"{{"access_token":"{text}","token_type":"Bearer","expires_in":300}}"#)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_document_has_its_size() {
        assert_eq!(super::document().len(), super::JSON_BYTES);
    }
}
