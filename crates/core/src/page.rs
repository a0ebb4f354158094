//! Pages over HTTP: the look of the request's brand, the security headers, error pages. Every edge that answers a
//! person answers through here.
use crate::{Client, Core, brand};
use http::{Response, StatusCode, header};
use maud::Markup;
use signet_pages::{Brand, ErrorPage, FooterLink, Foreign, Page, Theme, csp_with};

/// What a page of this request looks like. Keep it while the page is written: `page()` borrows from it.
pub struct Dressing {
    pub brand: Brand,
    pub background: String,
    locale: String,
    theme: Theme,
    pub nonce: String,
}

impl Dressing {
    /// `cookies` is the `Cookie` header: a person's choice of theme is in it.
    pub fn of(core: &Core, client: &Client, cookies: &str) -> Self {
        let look = brand::look(core, client);
        let brand = Brand {
            title: look.title,
            logo: look.logo,
            favicon: look.favicon,
            color: look.colour,
            custom_css: look.custom_css,
            footer_links: look.footer_links.into_iter().map(|(name, href)| FooterLink { name, href }).collect(),
        };
        let theme = Theme::from_cookies(cookies).or_else(|| Theme::parse(&look.theme)).unwrap_or_default();
        Self { brand, background: look.background, locale: look.locale, theme, nonce: core.ports.hex(16) }
    }
    pub fn page<'a>(&'a self, core: &'a Core) -> Page<'a> {
        Page { brand: &self.brand, assets: core.assets.as_ref(), locale: if self.locale.is_empty() { "en" } else { &self.locale }, theme: self.theme, nonce: &self.nonce }
    }
    /// The answer around a page. `form_targets` are origins that its forms may post to beside ours.
    pub fn answer(&self, status: StatusCode, form_targets: &[&str], body: Markup) -> Response<String> {
        self.answer_with(status, form_targets, &Foreign::default(), body)
    }
    /// The same for a page that takes something from other hosts.
    pub fn answer_with(&self, status: StatusCode, form_targets: &[&str], foreign: &Foreign<'_>, body: Markup) -> Response<String> {
        let mut response = Response::new(body.into_string());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
        if let Ok(policy) = csp_with(&self.nonce, form_targets, foreign).parse() {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        response
    }
}

/// An error page: what happened, what to do, the id to look up, a way home.
pub fn error(core: &Core, client: &Client, cookies: &str, status: StatusCode, title: &str, text: &str) -> Response<String> {
    let dressing = Dressing::of(core, client, cookies);
    let page =
        signet_pages::error_page(&ErrorPage { page: dressing.page(core), status: status.as_u16(), title, text, request_id: Some(&client.request_id), home_url: "/if/user/" });
    dressing.answer(status, &[], page)
}

/// The page for a host that is not ours, with the way to the one that is.
pub fn misdirected(core: &Core, client: &Client, base: &str) -> Response<String> {
    let dressing = Dressing::of(core, client, "");
    let text = format!("People reach this server at {base}. Whoever runs it can name another address (AUTHENTIK_WEB__BASE_URL, or the system settings).");
    let page = signet_pages::error_page(&ErrorPage {
        page: dressing.page(core),
        status: StatusCode::MISDIRECTED_REQUEST.as_u16(),
        title: "This is not the address of this server",
        text: &text,
        request_id: Some(&client.request_id),
        home_url: base,
    });
    dressing.answer(StatusCode::MISDIRECTED_REQUEST, &[], page)
}

/// The page for an address where nothing is.
pub fn not_found(core: &Core, client: &Client, cookies: &str) -> Response<String> {
    let mut response =
        error(core, client, cookies, StatusCode::NOT_FOUND, "There is nothing at this address", "Check the address for a typing mistake, or go to your applications.");
    // Nothing personal is on it; every load of it may be cached.
    response.headers_mut().remove(header::CACHE_CONTROL);
    response
}

/// The page for an error that an edge could not translate.
pub fn failure(core: &Core, client: &Client, cookies: &str, error: &signet_base::Error) -> Response<String> {
    use signet_base::Error;
    let (status, title, text) = match error {
        Error::NotFound => return not_found(core, client, cookies),
        Error::Denied(why) => (StatusCode::FORBIDDEN, "You can’t open this", why.as_str()),
        Error::Invalid(_) | Error::Conflict(_) => (StatusCode::BAD_REQUEST, "The request could not be read", "Go back and try again."),
        Error::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, "Too many attempts", "There were too many attempts from your network. Wait a moment and try again."),
        Error::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "Signing in is not possible right now", "Wait a moment and try again."),
        Error::Internal(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on our side", "Try again. If it happens once more, give the id below to your administrator.")
        }
    };
    if matches!(error, Error::Internal(_)) {
        tracing::error!(request_id = %client.request_id, %error, "a request failed");
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
