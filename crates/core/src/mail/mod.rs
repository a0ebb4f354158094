//! Emails: templates, mail servers, sending.
mod send;
pub mod templates;

pub use send::{SendMail, Via, queue, queue_text};

use crate::{Client, Core, Principal, device};
use serde::Serialize;
use signet_base::outbound::{Mail, MailSecurity, MailServer};
use signet_base::{Json, Map, Result, Secret, json};
use signet_store::attempts::{self, AttemptOutcome};
use signet_store::users::{User, canonical};
use std::path::PathBuf;
use std::time::Duration;

/// A mail server with a sender.
#[derive(Debug, Clone)]
pub struct Sender {
    pub server: MailServer,
    /// `name@host` or `Name <name@host>`
    pub from: String,
}

/// The mail settings of stages with their own server.
#[derive(Debug, Clone)]
pub struct Own<'a> {
    pub host: &'a str,
    pub port: i64,
    pub username: &'a str,
    pub password: &'a Secret,
    /// STARTTLS.
    pub use_tls: bool,
    /// TLS from the first byte; takes precedence over `use_tls`.
    pub use_ssl: bool,
    /// Seconds.
    pub timeout: i64,
    pub from: &'a str,
}

impl Sender {
    pub fn own(own: &Own<'_>) -> Self {
        let security = match (own.use_ssl, own.use_tls) {
            (true, _) => MailSecurity::Tls,
            (false, true) => MailSecurity::StartTls,
            (false, false) => MailSecurity::Plain,
        };
        let server = MailServer {
            host: own.host.to_owned(),
            port: u16::try_from(own.port).unwrap_or(25),
            username: own.username.to_owned(),
            password: own.password.clone(),
            oauth: None,
            security,
            timeout: Duration::from_secs(u64::try_from(own.timeout.clamp(1, 600)).unwrap_or(10)),
        };
        Self { server, from: own.from.to_owned() }
    }
}

/// The installation's own mail server (`AUTHENTIK_EMAIL__…`).
#[derive(Debug, Clone)]
pub struct MailSettings {
    pub sender: Sender,
    /// Folder of custom templates, which take precedence. It need not exist.
    pub template_dir: PathBuf,
}
impl Default for MailSettings {
    fn default() -> Self {
        let none = Secret::new("");
        let own = Own {
            host: "localhost",
            port: 25,
            username: "",
            password: &none,
            use_tls: false,
            use_ssl: false,
            timeout: 10,
            from: "signet@localhost",
        };
        Self { sender: Sender::own(&own), template_dir: PathBuf::from("/templates") }
    }
}

/// An email to be rendered and sent.
#[derive(Debug, Clone, Default)]
pub struct Email {
    pub to: Vec<String>,
    pub cc: Vec<String>,
    pub bcc: Vec<String>,
    pub subject: String,
    /// Template name: `email/password_reset.html`.
    pub template: String,
    /// Variables, beside `subject`, `brand`, `host` and `base_url`.
    pub values: Map,
}

/// A user's variables. Names that look like URLs are omitted: mail programs turn them into links, and users
/// choose their names.
pub fn person(person: &Principal) -> Json {
    let user = &person.user;
    let plain = |text: &str| if is_plain(text) { text.to_owned() } else { String::new() };
    let (username, name) = (plain(&user.username), plain(&user.name));
    let groups: Vec<Json> = person.groups.iter().map(|g| json!({"pk": g.id, "name": g.name, "is_superuser": g.is_superuser, "attributes": g.attributes})).collect();
    let (first, last) = name.split_once(' ').unwrap_or((&name, ""));
    json!({
        "pk": user.id, "id": user.id, "uuid": user.uuid, "uid": person.uid, "username": username, "name": name, "get_full_name": name, "first_name": first, "last_name": last,
        "email": user.email, "is_active": user.is_active, "is_superuser": person.is_superuser, "is_authenticated": true, "type": user.user_type, "path": user.path,
        "last_login": user.last_login, "date_joined": user.joined, "password_change_date": user.password_changed,
        "attributes": user.attributes, "group_attributes": crate::rows::group_attributes(person), "groups": groups, "ak_groups": groups, "all_groups": groups,
    })
}
/// The variables for an unconfirmed address: nothing that the user chose.
pub fn nobody(user: &User) -> Json {
    json!({"username": "", "name": "", "email": user.email, "pk": user.id})
}
/// A single line without anything that looks like a URL. A dot is allowed at the end of a word, and in
/// usernames.
fn is_plain(text: &str) -> bool {
    let several = text.split_whitespace().count() > 1;
    let address = |word: &str| {
        let host = word.trim_matches(|c: char| !c.is_alphanumeric()).contains('.')
            && (several || word.to_ascii_lowercase().starts_with("www."));
        host || word.contains(['/', '\\', ':'])
    };
    text.chars().count() <= 150
        && !text.chars().any(char::is_control)
        && !text.split_whitespace().any(address)
}

/// Counts a letter that somebody who has not signed in causes, for a recipient: an address, or what was typed for one. A
/// browser that the account's owner has signed in with has a share of its own, which nobody else uses up.
pub async fn take_share(core: &Core, client: &Client, recipient: &str, user: i64) -> Result<AttemptOutcome> {
    let Some(rate) = core.settings.limits.mails_to_one else {
        return Ok(AttemptOutcome::Allowed { left: i64::MAX });
    };
    let browser = if device::is_known(core, client, user).await? { client.device.as_str() } else { "" };
    let name = core.vault.digest("attempt", &format!("mail to\n{}\n{browser}", canonical(recipient)));
    let taken = attempts::take(&core.db, &name, rate.whole(), rate.length(), core.now()).await?;
    if !taken.is_allowed() {
        core.budgets.count("mail");
    }
    Ok(taken)
}

#[derive(Serialize)]
struct Brand {
    branding_title: String,
    /// URL of a logo that mail programs can show; `None` for the default logo and for SVG.
    logo_url: Option<String>,
    /// Button colour and its text colour.
    color: String,
    ink: &'static str,
}

/// The default brand's colour as hexadecimal.
const COLOR: &str = "#2a3d6c";

impl Brand {
    fn of(look: crate::brand::BrandTheme, base_url: &str) -> Self {
        let path = look.logo.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
        let shown = [".png", ".jpg", ".jpeg", ".gif", ".webp"].iter().any(|end| path.ends_with(end))
            && !look.logo.contains("%(");
        let logo_url = match look.logo {
            _ if !shown => None,
            logo if logo.starts_with("https://") => Some(logo),
            logo if logo.starts_with('/') => Some(format!("{base_url}{logo}")),
            _ => None,
        };
        // Mail programs do not support oklch().
        let color = look
            .colour
            .filter(|c| c.starts_with('#') && signet_pages::is_color(c))
            .unwrap_or_else(|| COLOR.to_owned());
        Self { branding_title: look.title, logo_url, ink: signet_pages::ink_on(&color), color }
    }
}

/// The subject: the default subjects of stages are replaced by the brand's title, and `%(brand)s` is
/// expanded.
fn subject(kept: &str, brand: &str) -> String {
    match kept {
        "authentik" => brand.to_owned(),
        "authentik Sign-in code" => format!("{brand}: your code"),
        own => own.replace("%(brand)s", brand),
    }
}

/// Sends an email and waits until the server has accepted it: for answers that say whether it was. Others [`queue`] it.
///
/// # Errors
/// `Invalid` for a malformed address or a template error, `Unavailable` when the server does not accept it.
pub async fn send(core: &Core, client: &Client, sender: &Sender, letter: &Email) -> Result<()> {
    let mail = Mail { from: sender.from.clone(), ..render(core, client, letter)? };
    core.ports.mail.send(&sender.server, &mail).await
}

/// An email as it leaves, without its sender.
fn render(core: &Core, client: &Client, letter: &Email) -> Result<Mail> {
    let look = crate::brand::look(core, client);
    let mut values = Map::new();
    // Emails without a link can be sent without a known address.
    let base_url = crate::address::public(core, client).unwrap_or_default();
    let subject = subject(&letter.subject, &look.title);
    values.insert("subject".into(), json!(subject));
    values.insert("brand".into(), json!(Brand::of(look, &base_url)));
    values.insert("host".into(), json!(base_url.split_once("://").map_or("", |(_, host)| host)));
    values.insert("base_url".into(), json!(base_url));
    values.extend(letter.values.clone());
    let (html, text) =
        templates::render(&core.settings.mail.template_dir, core.now(), &letter.template, &values)?;
    Ok(Mail {
        to: letter.to.clone(),
        cc: letter.cc.clone(),
        bcc: letter.bcc.clone(),
        subject,
        text,
        html,
        ..Mail::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn redteam_19_names_that_look_like_addresses_are_left_out_of_letters() {
        for fine in ["Ada Lovelace", "J. R. Doe", "ada.lovelace", "ada@example.test", "Ng\u{169}g\u{129}"] {
            assert!(is_plain(fine), "{fine}");
        }
        for bad in [
            "see https://evil.example/x",
            "unlock at evil.example now",
            "www.evil.example",
            "a\nb",
            "evil.example/unlock",
            "mailto:x",
        ] {
            assert!(!is_plain(bad), "{bad}");
        }
    }

    fn look(logo: &str, colour: &str) -> crate::brand::BrandTheme {
        let (title, none) = ("Fernhill".to_owned(), String::new());
        crate::brand::BrandTheme {
            title,
            logo: logo.into(),
            favicon: none.clone(),
            custom_css: none.clone(),
            background: none.clone(),
            theme: none.clone(),
            locale: none.clone(),
            colour: Some(colour.into()),
            wordmark: false,
            help: none,
            footer_links: Vec::new(),
        }
    }

    #[test]
    fn pages_a10_subjects_carry_the_name_of_the_brand() {
        assert_eq!(subject("authentik Sign-in code", "Fernhill"), "Fernhill: your code");
        assert_eq!(subject("authentik", "Fernhill"), "Fernhill");
        assert_eq!(subject("%(brand)s: hello", "Fernhill"), "Fernhill: hello");
        assert_eq!(subject("Reset", "Fernhill"), "Reset");
    }

    #[test]
    fn pages_b28_letters_look_like_the_brand() {
        let brand = Brand::of(look("/media/logo.png", "#f5c518"), "https://id.test");
        assert_eq!(
            (brand.logo_url.as_deref(), brand.color.as_str(), brand.ink),
            (Some("https://id.test/media/logo.png"), "#f5c518", "#000")
        );
        for (logo, colour) in [
            ("/static/dist/assets/icons/icon_left_brand.svg", "oklch(0.5 0.1 20)"),
            ("javascript:x.png", "red;}"),
            ("http://x/a.png", ""),
        ] {
            let brand = Brand::of(look(logo, colour), "https://id.test");
            assert_eq!((brand.logo_url, brand.color.as_str(), brand.ink), (None, COLOR, "#fff"), "{logo}");
        }
    }
}
