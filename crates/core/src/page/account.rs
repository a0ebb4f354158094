//! The menu of whoever is signed in, for every page with a top bar.
use crate::permission::ADMIN_INTERFACE;
use crate::{Client, Core, Principal, brand};
use signet_pages::{Account, Impersonation};

/// Where signing out starts.
const SIGN_OUT: &str = "/flows/-/default/invalidation/";
/// Where the form goes by which an administrator stops acting as somebody else.
pub const STOP: &str = "/if/user/impersonation/stop/";
/// The page of the person's own settings.
const SETTINGS: &str = "/if/user/security/";

/// Keep it while the page is written: `account()` borrows from it.
pub struct AccountMenu {
    name: String,
    username: String,
    links: Vec<(String, &'static str)>,
    is_admin: bool,
    /// Username of the administrator who acts as this person, and the token of the form that stops it.
    by: Option<(String, String)>,
}

impl AccountMenu {
    /// `csrf` is the token of the session's forms; without one there is no form that stops impersonation.
    pub fn of(person: &Principal, csrf: Option<String>) -> Self {
        let user = &person.user;
        let mut links = vec![(SETTINGS.to_owned(), "Settings")];
        if person.may(ADMIN_INTERFACE) {
            links.push(("/api/v3/".to_owned(), "API browser"));
        }
        Self {
            name: if user.name.is_empty() { user.username.clone() } else { user.name.clone() },
            username: user.username.clone(),
            links,
            is_admin: person.may(ADMIN_INTERFACE),
            by: person.impersonator.as_ref().map(|by| by.username.clone()).zip(csrf),
        }
    }
    /// The menu of a request's session, where it has been loaded.
    pub fn of_request(client: &Client) -> Option<Self> {
        client.sent.person().map(|person| Self::of(person, None))
    }
    /// `here` is the address of the page among the places of the top bar.
    pub fn account<'a>(&'a self, here: &'a str) -> Account<'a> {
        Account {
            name: &self.name,
            username: &self.username,
            links: &self.links,
            is_admin: self.is_admin,
            here,
            sign_out_url: SIGN_OUT,
            impersonation: self.by.as_ref().map(|(by, csrf)| Impersonation { by, url: STOP, csrf }),
        }
    }
}

/// The flow in which people change their own details, which comes back to `next`.
pub fn details_url(core: &Core, client: &Client, next: &str) -> Option<String> {
    let config = core.config();
    let brand = brand::of(&config, client.domain())?.1;
    let flow = brand::slug(&config, brand.flow_user_settings)?;
    Some(format!("/if/flow/{flow}/?next={next}"))
}
