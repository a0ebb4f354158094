//! Everything a person sees: sign-in pages, the library, errors, the API browser.
//!
//! Pure functions from plain structs to HTML. Nothing here reads a request, a clock or the store: the caller
//! gives what is shown and sends the answer together with the header that [`csp`] writes. All pages are
//! ordinary forms and links that work without script; the modules of `web/` only add comfort.
//!
//! Text always goes through maud, which escapes it. The few places that write raw text (styles, drawings)
//! take it from constants or pass it through a checked function of this crate.

mod api_browser;
mod assets;
mod brand;
pub mod challenge;
mod first_steps;
mod flow;
mod form;
mod icons;
mod message;
mod portal;
mod security;
mod shell;
pub mod ui;
mod url;
mod words;

pub use api_browser::api_browser_page;
pub use assets::{Assets, Manifest};
pub use brand::{Brand, DEFAULT_BACKGROUND, DEFAULT_LOGO, FooterLink, THEME_COOKIE, Theme, ink_on, is_color};
pub use challenge::{challenge_body, challenge_heading, challenge_page, challenge_page_with};
pub use first_steps::{FirstStep, FirstStepsPage, first_steps_page};
pub use flow::{FlowPage, Heading, Layout, flow_page};
pub use form::{FormContext, Purpose, field_error};
pub use icons::{Icon, icon};
pub use message::{ErrorPage, NoticePage, error_page, notice_page};
pub use portal::{Account, Impersonation, LibraryPage, Tile, library_page};
pub use security::{ConsentRow, Method, Profile, SecurityPage, SessionRow, SetUp, security_page};
pub use shell::{ExternalOrigins, Page, Shell, csp, csp_with};
pub use ui::Person;
pub use url::{safe_href, safe_image};
