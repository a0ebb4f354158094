//! Parameters of a request: each at most once, none longer than it can need to be.
use axum::body::Body;
use signet_base::query;
use signet_core::Client;

/// Largest form body read, in bytes. Longer parameters than allowed still get an answer that names them.
const MAX_BODY: usize = 2 << 20;
/// Most parameters in one request.
const MAX_COUNT: usize = 100;

/// What is wrong with the parameters as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    Repeated(String),
    TooLong(String),
    TooMany,
    TooLarge,
    NotForm,
}

impl Problem {
    /// The sentence for `error_description`: ASCII without quotes (RFC 6749 §5.2).
    pub fn describe(&self) -> String {
        match self {
            Problem::Repeated(name) => format!("The parameter {} is sent more than once", plain(name)),
            Problem::TooLong(name) => format!("The parameter {} is too long", plain(name)),
            Problem::TooMany => "The request has too many parameters".into(),
            Problem::TooLarge => "The request is too large".into(),
            Problem::NotForm => "The body must be application/x-www-form-urlencoded".into(),
        }
    }
    /// Whether the problem lies in one of these parameters, or in the request as a whole.
    pub fn concerns(&self, names: &[&str]) -> bool {
        match self {
            Problem::Repeated(name) | Problem::TooLong(name) => names.contains(&name.as_str()),
            _ => true,
        }
    }
}
/// A name that is safe to repeat in an answer.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')).take(40).collect()
}

/// Longest value of a parameter in bytes.
fn limit(name: &str) -> usize {
    match name {
        "state" => 8192,
        // JSON Web Tokens.
        "id_token_hint" | "client_assertion" | "token" | "access_token" | "subject_token" | "actor_token"
        | "client_secret" | "request" => 65_536,
        "client_id" => 255,
        "code" | "code_verifier" | "code_challenge" => 512,
        "redirect_uri" | "post_logout_redirect_uri" => 2048,
        _ => 4096,
    }
}

/// The parameters in the order they were sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Reads a query string or form body. The parameters are given even when something is wrong with them, so
    /// that the caller can tell where to report it.
    pub fn parse(text: &str) -> (Self, Option<Problem>) {
        if text.bytes().filter(|b| *b == b'&').count() > MAX_COUNT {
            return (Self::default(), Some(Problem::TooMany));
        }
        let me = Self(query::pairs(text));
        let mut problem = None;
        for (n, (name, value)) in me.0.iter().enumerate() {
            if name.len() > 255 || value.len() > limit(name) {
                problem = Some(Problem::TooLong(name.clone()));
                break;
            }
            // Resource indicators may come several times (RFC 8707 §2, RFC 8693 §2.1).
            if !matches!(name.as_str(), "resource" | "audience")
                && me.0[..n].iter().any(|(earlier, _)| earlier == name)
            {
                problem = Some(Problem::Repeated(name.clone()));
                break;
            }
        }
        (me, problem)
    }
    /// Reads a form body, and notes for expressions what came.
    pub async fn form(client: &Client, headers: &http::HeaderMap, body: Body) -> Result<Self, Problem> {
        let media = headers.get(http::header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let bytes = axum::body::to_bytes(body, MAX_BODY).await.map_err(|_| Problem::TooLarge)?;
        if !bytes.is_empty() && media != "application/x-www-form-urlencoded" {
            return Err(Problem::NotForm);
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| Problem::NotForm)?;
        match Self::parse(text) {
            (params, None) => {
                client.sent.posted(params.0.iter().map(|(name, value)| (name.as_str(), value.as_str())));
                Ok(params)
            }
            (_, Some(problem)) => Err(problem),
        }
    }
    pub fn from_pairs(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// The value; an empty one counts as not sent (RFC 6749 §3.1).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.raw(name).filter(|v| !v.is_empty())
    }
    /// The value as sent, empty or not.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
    /// Written as a query string, without the named parameters.
    pub fn query_without(&self, left_out: &[&str]) -> String {
        query::build(
            self.0
                .iter()
                .filter(|(n, _)| !left_out.contains(&n.as_str()))
                .map(|(n, v)| (n.as_str(), v.as_str())),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn repeated_and_overlong_parameters_are_found() {
        assert_eq!(Params::parse("a=1&b=2").1, None);
        assert_eq!(Params::parse("scope=a&x=1&scope=b").1, Some(Problem::Repeated("scope".into())));
        assert_eq!(Params::parse("resource=a&resource=b").1, None);
        assert_eq!(
            Params::parse(&format!("scope={}", "x".repeat(1 << 20))).1,
            Some(Problem::TooLong("scope".into()))
        );
        assert_eq!(
            Params::parse(&format!("{}=1", "x".repeat(300))).1.map(|p| p.concerns(&["client_id"])),
            Some(false)
        );
        assert_eq!(Params::parse(&"a&".repeat(1000)).1, Some(Problem::TooMany));
    }
    #[test]
    fn descriptions_repeat_no_markup() {
        assert_eq!(Problem::Repeated("<\"x\">".into()).describe(), "The parameter x is sent more than once");
    }
    #[test]
    fn empty_counts_as_not_sent() {
        let (p, _) = Params::parse("scope=&state=s");
        assert_eq!((p.get("scope"), p.raw("scope"), p.get("state")), (None, Some(""), Some("s")));
        assert_eq!(p.query_without(&["state"]), "scope=");
    }
    #[tokio::test]
    async fn only_forms_are_read() {
        let client = Client::internal();
        let mut headers = http::HeaderMap::new();
        assert_eq!(Params::form(&client, &headers, Body::from("a=1")).await, Err(Problem::NotForm));
        assert!(Params::form(&client, &headers, Body::empty()).await.is_ok_and(|p| p.is_empty()));
        headers.insert(
            http::header::CONTENT_TYPE,
            "application/x-www-form-urlencoded; charset=UTF-8".parse().unwrap(),
        );
        assert!(Params::form(&client, &headers, Body::from("a=1&client_secret=s")).await.is_ok());
        assert_eq!(client.sent.form(), [("a".to_owned(), "1".to_owned())], "expressions see no secrets");
        assert_eq!(
            Params::form(&client, &headers, Body::from(vec![b'a'; 3 << 20])).await,
            Err(Problem::TooLarge)
        );
        assert_eq!(
            Params::form(&client, &headers, Body::from(vec![b'a', b'=', 0xff])).await,
            Err(Problem::NotForm)
        );
    }
}
