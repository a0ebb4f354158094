//! The HTTP service that %UPSTREAM% stands for.
use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use signet_base::outbound::{Http, HttpRequest, HttpResponse};
use signet_base::{Error, Json, Result};
use std::sync::Mutex;

pub const HOST: &str = "127.0.0.1";
pub const ADDRESS: &str = "http://127.0.0.1:27050";

/// Answers by method and path.
pub struct Upstream {
    answers: Vec<Json>,
    /// Method, path and body of each request that had one.
    pub sent: Mutex<Vec<Json>>,
}
impl Upstream {
    pub fn new(answers: Vec<Json>) -> Self {
        Self { answers, sent: Mutex::default() }
    }
}

#[async_trait]
impl Http for Upstream {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        let path = request.url.strip_prefix(ADDRESS).unwrap_or_default();
        let path = path.split('?').next().unwrap_or_default();
        let fits = |answer: &&Json| {
            answer["path"] == path && answer.get("method").is_none_or(|method| *method == request.method)
        };
        if let Ok(json) = serde_json::from_slice::<Json>(&request.body) {
            let sent = serde_json::json!({"method": request.method, "path": path, "json": json});
            self.sent.lock().unwrap().push(sent);
        }
        let answer = self.answers.iter().find(fits).ok_or_else(|| Error::unavailable("nobody answers"))?;
        let (body, kind) = match answer.get("bytes").and_then(Json::as_str) {
            Some(bytes) => (STANDARD.decode(bytes).unwrap(), "application/octet-stream"),
            None => (answer["json"].to_string().into_bytes(), "application/json"),
        };
        let status = answer.get("status").and_then(Json::as_u64).unwrap_or(200);
        Ok(HttpResponse {
            status: u16::try_from(status).unwrap(),
            headers: vec![("content-type".to_owned(), kind.to_owned())],
            body,
        })
    }
}

/// A source's OAuth client.
pub const CLIENT: &str = r#"
class _Client:
    def do_request(self, method, url, token=None, **more):
        headers = {"Authorization": "Bearer " + token["access_token"]} if token else {}
        if method.lower() == "get":
            return requests.get(url, headers=headers)
        return requests.post(url, headers=headers, **more)
client = _Client()
"#;
