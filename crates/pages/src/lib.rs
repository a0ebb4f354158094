//! HTML of all pages: sign-in, library, errors, API browser.
//!
//! Pure functions from structs to HTML, without request, clock or store. The caller sends the response with
//! the header from [`csp`]. All pages are forms and links that work without script; the modules in `web/`
//! only add convenience.
//!
//! Text passes through maud, which escapes it. Raw text (styles, drawings) comes from constants or from a
//! checking function of this crate.

mod api_browser;
mod assets;
mod brand;
pub mod challenge;
mod first_steps;
mod flow;
pub mod form;
pub mod icons;
mod library;
mod message;
mod portal;
mod prompt_form;
mod security;
mod shell;
mod stage_page;
pub mod ui;
pub mod url;
pub mod words;

pub use api_browser::api_browser_page;
pub use assets::{Assets, Manifest};
pub use brand::{Brand, DEFAULT_BACKGROUND, DEFAULT_LOGO, FooterLink, THEME_COOKIE, Theme, ink_on, is_color};
pub use first_steps::{FirstStep, FirstStepsPage, first_steps_page};
pub use flow::{FlowPage, Heading, Layout, flow_page};
pub use form::{FormContext, Purpose, field_error};
pub use icons::{Icon, icon};
pub use library::{LibraryPage, Tile, View, library_page};
pub use message::{ErrorPage, NoticePage, error_page, notice_page};
pub use portal::{Account, Impersonation};
pub use prompt_form::{can_be_typed, prompt_form};
pub use security::{
    ConnectionRow, ConsentRow, DetailsForm, Method, Profile, SecurityPage, SessionRow, SetUp, TokenForm,
    TokenRow, device_name, security_page,
};
pub use shell::{Page, PagePolicy, Shell};
pub use stage_page::{StagePage, challenge_page};
pub use ui::Person;
pub use url::{safe_href, safe_image};
