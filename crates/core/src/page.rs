//! Pages over HTTP: the look of the request's brand, the security headers, error pages. Every edge that
//! answers a person answers through here.
mod account;

use crate::{Client, Core, Principal, brand, rows};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use maud::Markup;
use signet_base::error::Chain;
use signet_base::{json, query, vault::sha256_hex};
use signet_pages::{
    Brand, ErrorPage, FooterLink, FormContext, Page, PagePolicy, Theme, challenge, challenge_page,
};
use std::io::Write;

pub use account::{AccountMenu, STOP, details_url};

/// The page data of a request. Keep it while rendering: `page()` borrows from it.
pub struct PageContext {
    pub brand: Brand,
    pub background: String,
    /// Name or address of the help desk.
    pub help: String,
    locale: String,
    theme: Theme,
    pub nonce: String,
}

impl PageContext {
    /// `cookies`: the `Cookie` header, which contains the user's theme.
    pub fn of(core: &Core, client: &Client, cookies: &str) -> Self {
        let look = brand::look(core, client);
        let brand = Brand {
            title: look.title,
            logo: look.logo,
            favicon: look.favicon,
            wordmark: look.wordmark,
            color: look.colour,
            custom_css: look.custom_css,
            footer_links: look
                .footer_links
                .into_iter()
                .map(|(name, href)| FooterLink { name, href })
                .collect(),
        };
        let theme = Theme::from_cookies(cookies).or_else(|| Theme::parse(&look.theme)).unwrap_or_default();
        Self {
            brand,
            background: look.background,
            help: look.help,
            locale: look.locale,
            theme,
            nonce: core.ports.hex(16),
        }
    }
    pub fn page<'a>(&'a self, core: &'a Core) -> Page<'a> {
        Page {
            brand: &self.brand,
            assets: core.assets.as_ref(),
            locale: if self.locale.is_empty() { "en" } else { &self.locale },
            theme: self.theme,
            nonce: &self.nonce,
        }
    }
    /// The response with a page.
    pub fn answer(&self, status: StatusCode, policy: &PagePolicy, body: Markup) -> Response<String> {
        let mut response = Response::new(body.into_string());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Written { nonce: self.nonce.clone(), policy: policy.clone() }.set(&mut response);
        response
    }
}

/// The policy that a page was written with; it goes along with its response.
#[derive(Clone)]
struct Written {
    nonce: String,
    policy: PagePolicy,
}
impl Written {
    fn set<B>(self, response: &mut Response<B>) {
        if let Ok(policy) = self.policy.header(&self.nonce).parse() {
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        response.extensions_mut().insert(self);
    }
}

/// Adds what a route allows its pages to the policy of a page. Other responses stay as they are.
pub fn allow<B>(response: &mut Response<B>, more: &PagePolicy) {
    if let Some(Written { nonce, policy }) = response.extensions_mut().remove::<Written>() {
        Written { nonce, policy: policy.and(more) }.set(response);
    }
}

/// A public text that does not change while the program runs: compressed once, with an ETag.
pub struct Lasting {
    text: Vec<u8>,
    packed: Vec<u8>,
    tag: String,
}

impl Lasting {
    pub fn new(text: String) -> Self {
        let tag = format!("\"{}\"", &sha256_hex(text.as_bytes())[..32]);
        Self { packed: gzip(text.as_bytes()), text: text.into_bytes(), tag }
    }
    /// The response for these request headers. The ETag is weak: it is the same for both encodings.
    pub fn answer(&self, headers: &HeaderMap, content_type: &'static str) -> Response<Vec<u8>> {
        let mut response = Response::new(Vec::new());
        let known = headers
            .get_all(header::IF_NONE_MATCH)
            .iter()
            .filter_map(|v| v.to_str().ok())
            .flat_map(|v| v.split(','));
        let fresh = known.map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == self.tag);
        let packed = accepts_gzip(headers);
        if fresh {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            *response.body_mut() = if packed { self.packed.clone() } else { self.text.clone() };
        }
        let out = response.headers_mut();
        out.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        out.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        out.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
        if packed && !fresh {
            out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if let Ok(tag) = HeaderValue::from_str(&format!("W/{}", self.tag)) {
            out.insert(header::ETAG, tag);
        }
        response
    }
}

/// Compresses a page that does not contain a secret together with text from the URL or a form: the length of
/// a compressed page reveals repetitions (BREACH).
pub fn packed(headers: &HeaderMap, mut response: Response<String>) -> Response<Vec<u8>> {
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
    if !accepts_gzip(headers) {
        return response.map(String::into_bytes);
    }
    response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    response.map(|text| gzip(text.as_bytes()))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::default());
    // Writing to memory cannot fail.
    let _ = out.write_all(bytes);
    out.finish().unwrap_or_default()
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .any(|part| {
            let mut words = part.split(';').map(str::trim);
            words.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"))
                && !words.any(|w| w == "q=0" || w == "q=0.0")
        })
}

/// An error page: what happened, what to do, the request id, a link to the start.
pub fn error(
    core: &Core,
    client: &Client,
    cookies: &str,
    status: StatusCode,
    title: &str,
    text: &str,
) -> Response<String> {
    error_with(core, client, cookies, status, (title, text), Some(&format!("Error: {title}")), None)
}

/// An error page with its own window title and primary button (URL and label).
pub fn error_with(
    core: &Core,
    client: &Client,
    cookies: &str,
    status: StatusCode,
    (title, text): (&str, &str),
    window: Option<&str>,
    way_on: Option<(&str, &str)>,
) -> Response<String> {
    let page_context = PageContext::of(core, client, cookies);
    let menu = AccountMenu::of_request(client);
    let page = signet_pages::error_page(&ErrorPage {
        page: page_context.page(core),
        account: menu.as_ref().map(|menu| menu.account("")),
        window: window.unwrap_or_default(),
        title,
        text,
        request_id: Some(&client.request_id),
        home_url: "/if/user/",
        way_on,
        help: &page_context.help,
    });
    page_context.answer(status, &PagePolicy::default(), page)
}

/// A page that opens an address, which may be elsewhere: a redirect of a form's answer may not lead there (`form-action`),
/// and cookies that are `SameSite=Strict` are sent where a page of this server leads.
pub fn leave(core: &Core, client: &Client, cookies: &str, to: &str) -> Response<String> {
    let page_context = PageContext::of(core, client, cookies);
    let info = json!({"title": "", "background": page_context.background, "layout": "stacked"});
    let challenge = json!({"component": "xak-flow-redirect", "to": to, "flow_info": info});
    let form = FormContext::new("", "");
    match challenge::draw(&challenge, &form) {
        Some(drawn) => {
            let page = challenge_page(page_context.page(core), &challenge, &form, drawn);
            page_context.answer(StatusCode::OK, &PagePolicy::default(), page)
        }
        None => error(core, client, cookies, StatusCode::BAD_REQUEST, "This address cannot be opened", to),
    }
}

/// The page for an unknown host, with a link to the right one.
pub fn misdirected(core: &Core, client: &Client, base: &str) -> Response<String> {
    let title = "This is not the address of this server";
    let text = format!(
        "People reach this server at {base}. Whoever runs it can name another address (AUTHENTIK_WEB__BASE_URL, or the system settings)."
    );
    error_with(
        core,
        client,
        "",
        StatusCode::MISDIRECTED_REQUEST,
        (title, &text),
        Some(&format!("Error: {title}")),
        Some((base, "Go there")),
    )
}

/// A refused access to an application.
pub struct Refusal<'a> {
    pub application: &'a str,
    pub person: &'a Principal,
    /// The policies' message; empty for the default text.
    pub text: &'a str,
    /// See [`missing_groups`](crate::access::missing_groups).
    pub missing_groups: &'a [String],
    /// URL at which another user can try the same.
    pub again: &'a str,
    /// The way back to the application that asked.
    pub back: Option<&'a str>,
}

/// The access-denied page of an application.
pub fn refused(core: &Core, client: &Client, cookies: &str, refusal: &Refusal<'_>) -> Response<String> {
    let page_context = PageContext::of(core, client, cookies);
    let user = &refusal.person.user;
    let challenge = json!({
        "component": "ak-stage-access-denied",
        "error_message": refusal.text,
        "pending_user": user.username,
        "pending_user_avatar": rows::avatar(core, &user.name, &user.username, &user.email),
        "flow_info": {"title": "", "background": page_context.background, "layout": "stacked"},
    });
    let switch = sign_out_to(refusal.again);
    let form = FormContext {
        application: Some(refusal.application),
        missing_groups: refusal.missing_groups,
        switch_url: Some(&switch),
        decline_url: refusal.back,
        request_id: Some(&client.request_id),
        help: &page_context.help,
        ..FormContext::new("", "")
    };
    match challenge::draw(&challenge, &form) {
        Some(drawn) => {
            let page = challenge_page(page_context.page(core), &challenge, &form, drawn);
            page_context.answer(StatusCode::FORBIDDEN, &PagePolicy::default(), page)
        }
        None => error(core, client, cookies, StatusCode::FORBIDDEN, "You can’t open this", refusal.text),
    }
}

/// Signs out and goes on at an address of this host, where somebody else can sign in.
pub fn sign_out_to(next: &str) -> String {
    format!("/flows/-/default/invalidation/?next={}", query::encode(next))
}

/// The page for an address where nothing is.
pub fn not_found(core: &Core, client: &Client, cookies: &str) -> Response<String> {
    let title = "There is nothing at this address";
    // Clients of the wire look for the brand's title alone.
    let window = client.browser.then(|| format!("Error: {title}"));
    let text = "Check the address for a typing mistake, or go to your applications.";
    let mut response =
        error_with(core, client, cookies, StatusCode::NOT_FOUND, (title, text), window.as_deref(), None);
    // Without a menu nothing personal is on it; every load of it may be cached.
    if client.sent.person().is_none() {
        response.headers_mut().remove(header::CACHE_CONTROL);
    }
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// The page for an error that an edge could not translate.
pub fn failure(core: &Core, client: &Client, cookies: &str, error: &signet_base::Error) -> Response<String> {
    use signet_base::Error;
    let (status, title, text) = match error {
        Error::NotFound => return not_found(core, client, cookies),
        Error::Denied(why) => (StatusCode::FORBIDDEN, "You can’t open this", why.as_str()),
        Error::Invalid(_) | Error::Conflict(_) => {
            (StatusCode::BAD_REQUEST, "The request could not be read", "Go back and try again.")
        }
        Error::TooMany { .. } => (
            StatusCode::TOO_MANY_REQUESTS,
            "Too many attempts",
            "There were too many attempts from your network. Wait a moment and try again.",
        ),
        Error::Unavailable(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Signing in is not possible right now",
            "Wait a moment and try again.",
        ),
        Error::Internal(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong on our side",
            "Try again. If it happens once more, give the id below to the help desk.",
        ),
    };
    if matches!(error, Error::Internal(_)) {
        tracing::error!(request_id = %client.request_id, error = %Chain(error), "a request failed");
    }
    let mut response = self::error(core, client, cookies, status, title, text);
    let wait = match error {
        Error::Unavailable(_) => 2,
        Error::TooMany { wait } => *wait,
        _ => return response,
    };
    response.headers_mut().insert(header::RETRY_AFTER, wait.into());
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use std::io::Read;

    fn headers(pairs: &[(http::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn pages_b14_a_lasting_text_is_sent_packed_once_and_known_again() {
        let text = "the same words again and again ".repeat(100);
        let lasting = Lasting::new(text.clone());
        let plain = lasting.answer(&HeaderMap::new(), "text/plain");
        assert_eq!(plain.body().as_slice(), text.as_bytes());
        let packed = lasting.answer(&headers(&[(header::ACCEPT_ENCODING, "br, gzip;q=0.5")]), "text/plain");
        assert_eq!(packed.headers()[header::CONTENT_ENCODING], "gzip");
        assert!(packed.body().len() < text.len() / 10);
        let mut again = String::new();
        GzDecoder::new(packed.body().as_slice()).read_to_string(&mut again).unwrap();
        assert_eq!(again, text);
        let tag = plain.headers()[header::ETAG].to_str().unwrap().to_owned();
        let fresh = lasting.answer(
            &headers(&[(header::IF_NONE_MATCH, &tag), (header::ACCEPT_ENCODING, "gzip")]),
            "text/plain",
        );
        assert_eq!(
            (fresh.status(), fresh.body().len(), fresh.headers().contains_key(header::CONTENT_ENCODING)),
            (StatusCode::NOT_MODIFIED, 0, false)
        );
        assert_eq!(
            lasting
                .answer(
                    &headers(&[(header::IF_NONE_MATCH, "\"x\""), (header::ACCEPT_ENCODING, "gzip;q=0")]),
                    "text/plain"
                )
                .body()
                .as_slice(),
            text.as_bytes()
        );
    }
}
