//! Bodies of requests: JSON, bytes, forms with files, streams.
use crate::call::Fault;
use crate::route::Action;
use axum::body::{Body, Bytes};
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use signet_base::{Json, Map, json};
use std::sync::Mutex;

/// Longest body in bytes, unless an action says otherwise.
pub const MAX_BODY: usize = 1024 * 1024;
/// Most parts of a form.
const MAX_PARTS: usize = 100;

/// The form of the body that an action takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepts {
    /// A JSON object.
    Json,
    /// `multipart/form-data` (RFC 7578): texts become members of the body, files are [`Content::Files`].
    Multipart,
    /// Any type, read whole.
    Bytes,
    /// Any type; the handler reads it.
    Stream,
}

/// What a body holds beside members.
#[derive(Default)]
pub enum Content {
    #[default]
    None,
    Files(Vec<FilePart>),
    Bytes(Bytes),
    /// Ends with an error behind the action's limit.
    Stream(Mutex<Body>),
}

/// A file of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePart {
    /// The name of the form's field.
    pub field: String,
    /// As the client calls it: a name to show, no path to use.
    pub file_name: String,
    /// As the client says, which proves nothing.
    pub content_type: String,
    pub bytes: Bytes,
}

impl Content {
    /// The first file of a field.
    pub fn file(&self, field: &str) -> Option<&FilePart> {
        match self {
            Content::Files(files) => files.iter().find(|file| file.field == field),
            _ => None,
        }
    }
}

/// Reads what the action takes.
pub(crate) async fn read(action: &Action, headers: &HeaderMap, body: Body) -> Result<(Map, Content), Fault> {
    if !matches!(action.method, http::Method::POST | http::Method::PUT | http::Method::PATCH) {
        return Ok(Default::default());
    }
    let told: Option<usize> =
        headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    if told.is_some_and(|n| n > action.limit) {
        return Err(too_long(action.limit));
    }
    match action.accepts {
        Accepts::Json => Ok((json_members(headers, &collect(action.limit, body).await?)?, Content::None)),
        Accepts::Multipart => {
            let boundary = boundary(headers)?;
            form(collect(action.limit, body).await?, boundary).await
        }
        Accepts::Bytes => Ok((Map::new(), Content::Bytes(collect(action.limit, body).await?))),
        Accepts::Stream => {
            let body = Body::new(Limited::new(body, action.limit));
            Ok((Map::new(), Content::Stream(Mutex::new(body))))
        }
    }
}

fn too_long(limit: usize) -> Fault {
    let text = format!("The request body is longer than {} MiB.", limit / (1024 * 1024));
    Fault::detail(StatusCode::PAYLOAD_TOO_LARGE, text)
}

async fn collect(limit: usize, body: Body) -> Result<Bytes, Fault> {
    match Limited::new(body, limit).collect().await {
        Ok(all) => Ok(all.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(too_long(limit)),
        Err(_) => Err(Fault::detail(StatusCode::BAD_REQUEST, "The request body ended too early.")),
    }
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default()
}
fn unsupported(kind: &str) -> Fault {
    let kind: String = kind.chars().take(100).collect();
    Fault::detail(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        format!("Unsupported media type \"{kind}\" in request."),
    )
}

fn json_members(headers: &HeaderMap, bytes: &[u8]) -> Result<Map, Fault> {
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    let kind = content_type(headers);
    let media = kind.split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case("application/json") { parse(bytes) } else { Err(unsupported(kind)) }
}

fn parse(bytes: &[u8]) -> Result<Map, Fault> {
    match serde_json::from_slice(bytes) {
        Ok(Json::Object(map)) => Ok(map),
        Ok(other) => {
            let kind = match other {
                Json::Array(_) => "list",
                Json::String(_) => "str",
                Json::Bool(_) => "bool",
                Json::Null => "NoneType",
                _ => "int",
            };
            Err(Fault::bad(
                json!({"non_field_errors": [format!("Invalid data. Expected a dictionary, but got {kind}.")]}),
            ))
        }
        Err(error) => Err(Fault::detail(StatusCode::BAD_REQUEST, format!("JSON parse error - {error}"))),
    }
}

fn boundary(headers: &HeaderMap) -> Result<String, Fault> {
    let kind = content_type(headers);
    match multer::parse_boundary(kind) {
        Ok(boundary) => Ok(boundary),
        Err(multer::Error::NoBoundary) => {
            Err(Fault::detail(StatusCode::BAD_REQUEST, "Multipart form parse error - Invalid boundary"))
        }
        Err(_) => Err(unsupported(kind)),
    }
}

/// The parts of a form. Of texts with one name the last counts.
async fn form(bytes: Bytes, boundary: String) -> Result<(Map, Content), Fault> {
    let wrong =
        |why: String| Fault::detail(StatusCode::BAD_REQUEST, format!("Multipart form parse error - {why}"));
    let source = Body::from(bytes).into_data_stream();
    let mut parts = multer::Multipart::new(source, boundary);
    let (mut members, mut files) = (Map::new(), Vec::new());
    while let Some(part) = parts.next_field().await.map_err(|e| wrong(e.to_string()))? {
        if members.len() + files.len() == MAX_PARTS {
            return Err(wrong(format!("more than {MAX_PARTS} parts")));
        }
        let field = part.name().unwrap_or_default().to_owned();
        let file_name = part.file_name().map(str::to_owned);
        let content_type = part.content_type().map(ToString::to_string).unwrap_or_default();
        let bytes = part.bytes().await.map_err(|e| wrong(e.to_string()))?;
        match file_name {
            Some(file_name) => files.push(FilePart { field, file_name, content_type, bytes }),
            None => {
                let text =
                    String::from_utf8(bytes.to_vec()).map_err(|_| wrong("a text is not UTF-8".into()))?;
                members.insert(field, Json::String(text));
            }
        }
    }
    Ok((members, Content::Files(files)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Permission, Run};
    use http::{HeaderValue, Method};

    fn action(accepts: Accepts, limit: usize) -> Action {
        let run = Run::Plain(|_| unreachable!());
        Action::new(Method::POST, "x", Permission::Anyone, "", run).accepts(accepts, limit)
    }
    fn typed(kind: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))])
    }
    fn status(fault: Fault) -> u16 {
        match fault {
            Fault::Reply(status, _) => status.as_u16(),
            other => panic!("{other:?}"),
        }
    }
    const FORM: &str = "--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nlogo\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\u{1}\u{2}\r\n--x--\r\n";

    #[test]
    fn a_json_body_is_an_object() {
        assert!(parse(b"{\"a\": 1}").is_ok());
        for bad in [&b"[]"[..], b"{", b"\xff", b"5", b"null", b"\"x\""] {
            assert!(parse(bad).is_err());
        }
        // The parser limits nesting.
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
    }

    #[tokio::test]
    async fn a_form_has_texts_and_files() {
        let action = action(Accepts::Multipart, MAX_BODY);
        let kind = "multipart/form-data; boundary=x";
        let (members, content) = read(&action, &typed(kind), Body::from(FORM)).await.ok().unwrap();
        assert_eq!(members.get("name"), Some(&json!("logo")));
        let file = content.file("file").unwrap();
        assert_eq!(
            (file.file_name.as_str(), file.content_type.as_str(), &file.bytes[..]),
            ("a.png", "image/png", &b"\x01\x02"[..])
        );
        assert!(content.file("name").is_none());
    }

    #[tokio::test]
    async fn forms_that_are_none_are_refused() {
        let action = action(Accepts::Multipart, MAX_BODY);
        for (kind, body, expected) in [
            ("application/json", "{}", 415),
            ("", "", 415),
            ("multipart/form-data", FORM, 400),
            ("multipart/form-data; boundary=y", FORM, 400),
            ("multipart/form-data; boundary=x", &FORM[..80], 400),
        ] {
            let refused = read(&action, &typed(kind), Body::from(body.to_owned())).await.err().unwrap();
            assert_eq!(status(refused), expected, "{kind}");
        }
        let many =
            "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n\r\n".repeat(101);
        let kind = typed("multipart/form-data; boundary=x");
        assert_eq!(status(read(&action, &kind, Body::from(many + "--x--")).await.err().unwrap()), 400);
    }

    #[tokio::test]
    async fn each_action_has_its_limit() {
        for accepts in [Accepts::Bytes, Accepts::Json, Accepts::Multipart] {
            let kind = typed("multipart/form-data; boundary=x");
            let refused = read(&action(accepts, 10), &kind, Body::from(FORM)).await.err().unwrap();
            assert_eq!(status(refused), 413, "{accepts:?}");
        }
        let (_, whole) =
            read(&action(Accepts::Bytes, 10), &typed("x/y"), Body::from("0123456789")).await.ok().unwrap();
        assert!(matches!(whole, Content::Bytes(bytes) if &bytes[..] == b"0123456789"));
        let (_, stream) =
            read(&action(Accepts::Stream, 10), &typed("x/y"), Body::from(FORM)).await.ok().unwrap();
        let Content::Stream(body) = stream else { panic!("no stream") };
        assert!(body.into_inner().unwrap().collect().await.is_err(), "it ends behind the limit");
    }
}
