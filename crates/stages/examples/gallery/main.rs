//! Writes every page with sample data to a folder: `cargo run -p signet-stages --example gallery -- OUTDIR`.
//! The built files of `web/dist` are copied beside the pages, so that a browser can open them from disk.

mod steps;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use maud::{Markup, html};
use serde_json::{Value, json};
use signet_core::Families;
use signet_pages::form::CHOSEN;
use signet_pages::ui::{self, Field};
use signet_pages::{
    Account, Assets, Brand, ErrorPage, FlowPage, FooterLink, FormContext, Heading, Layout, LibraryPage,
    Manifest, NoticePage, Page, Person, Theme, Tile, View, api_browser_page, error_page, flow_page,
    library_page, notice_page,
};

/// The page of a challenge, by the stage whose component it is.
fn challenge_page(page: Page, challenge: &Value, form: &FormContext) -> Option<Markup> {
    let families = Families::new(signet_stages::ALL.iter().map(|slice| (slice.kind)()), [], []);
    Some(signet_pages::challenge_page(page, challenge, form, families.page(None, challenge, form)?))
}

fn main() -> Result<(), Box<dyn Error>> {
    let out: PathBuf = std::env::args_os().nth(1).ok_or("usage: gallery OUTDIR")?.into();
    fs::create_dir_all(&out)?;
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/dist");
    let manifest =
        fs::read_to_string(dist.join("manifest.json")).map_err(|_| "build web/ first: npm run build")?;
    let assets = Manifest::parse(&manifest, "")?;
    fs::create_dir_all(out.join("assets"))?;
    for entry in fs::read_dir(dist.join("assets"))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), out.join("assets").join(entry.file_name()))?;
        }
    }
    let brand = Brand {
        title: "Fernhill".into(),
        footer_links: ["Help desk", "Privacy", "Imprint"]
            .map(|name| FooterLink { name: name.into(), href: "#".into() })
            .into(),
        ..Brand::default()
    };
    for (suffix, theme) in [("", Theme::Light), ("-dark", Theme::Dark)] {
        for (name, html) in pages(&brand, &assets, theme) {
            fs::write(out.join(format!("{name}{suffix}.html")), html)?;
        }
    }
    Ok(())
}

fn pages(brand: &Brand, assets: &dyn Assets, theme: Theme) -> Vec<(String, String)> {
    let page = Page { brand, assets, locale: "en", theme, nonce: "gallery" };
    let mut form = FormContext::new("/if/flow/default-authentication-flow/", "sample");
    form.application = Some("Grafana");
    form.decline_url = Some("#declined");
    form.publisher = Some("Fernhill Observability");
    let shared = [
        ("profile", "Mara Lindqvist · mara.lindqvist · Platform, On-call".to_owned()),
        ("email", "mara.lindqvist@fernhill.example".to_owned()),
    ];
    form.shared = &shared;
    form.help = "help@fernhill.example";
    form.least_password = 8;
    form.resend_wait = 45;
    let devices = [("webauthn", "MacBook Pro, YubiKey 5C".to_owned()), ("static", "4 of 6 left".to_owned())];
    form.devices = &devices;
    form.request_id = Some("01JD-8Q4Z-M7RK");
    let mut out: Vec<(String, String)> = Vec::new();
    for (name, challenge) in challenges().into_iter().chain(steps::all()) {
        if let Some(html) = challenge_page(page, &challenge, &form) {
            out.push((name.to_owned(), html.into_string()));
        }
    }
    for layout in Layout::ALL {
        let mut challenge = identification();
        challenge["flow_info"]["layout"] = layout.word().into();
        if let Some(html) = challenge_page(page, &challenge, &form) {
            out.push((format!("layout-{}", layout.word()), html.into_string()));
        }
    }
    let teal = Brand {
        title: "Universitätsklinikum Nordheide-Waldenburg".into(),
        color: Some("#0f766e".into()),
        ..brand.clone()
    };
    if let Some(html) = challenge_page(Page { brand: &teal, ..page }, &identification(), &form) {
        out.push(("brand".into(), html.into_string()));
    }
    if let Some(html) = challenge_page(Page { locale: "ar", ..page }, &identification(), &form) {
        out.push(("rtl".into(), html.into_string()));
    }
    out.push(("code".into(), flow_page(code(page, &form)).into_string()));
    for (name, chosen) in [
        ("validate-totp", "totp:1"),
        ("validate-sms-sent", "sms:3"),
        ("validate-static", "static:2"),
        ("validate-duo", "duo:5"),
        ("validate-passkey", "webauthn:-1"),
    ] {
        let values = [(CHOSEN.to_owned(), chosen.to_owned())];
        let form = FormContext { values: &values, ..form };
        if let Some(html) = challenge_page(page, &steps::validate(""), &form) {
            out.push((name.into(), html.into_string()));
        }
    }
    let account = Account {
        name: "Mara Lindqvist",
        username: "mara.lindqvist",
        links: &[("/api/browser/".to_owned(), "API browser")],
        is_admin: true,
        here: "/if/user/",
        sign_out_url: "/flows/-/default/invalidation/",
        impersonation: None,
    };
    let tiles = tiles();
    let library = LibraryPage {
        page,
        account,
        tiles: &tiles,
        favourites: &[1, 4],
        recent: &[3, 7],
        view: View::Tiles,
        csrf: Some("sample"),
        query: "",
        done: "",
        url: "/if/user/",
    };
    out.push(("library".into(), library_page(&library).into_string()));
    out.push(("library-empty".into(), library_page(&LibraryPage { tiles: &[], ..library }).into_string()));
    out.push((
        "library-list".into(),
        library_page(&LibraryPage { view: View::List, ..library }).into_string(),
    ));
    let many = many(&tiles);
    out.push(("library-many".into(), library_page(&LibraryPage { tiles: &many, ..library }).into_string()));
    let none = LibraryPage { query: "graphana", ..library };
    out.push(("library-none".into(), library_page(&none).into_string()));
    let security = steps::Security::new();
    out.push(("security".into(), signet_pages::security_page(&security.page(page, account)).into_string()));
    let error = ErrorPage {
        page,
        account: Some(account),
        window: "",
        title: "There is nothing at this address",
        text: "The link may be old, or mistyped. Your applications are one step away.",
        request_id: Some("b7f2-09ce-4d31"),
        home_url: "/if/user/",
        way_on: None,
        help: "help@fernhill.example",
    };
    out.push(("error".into(), error_page(&error).into_string()));
    let notice = NoticePage {
        page,
        title: "Set up Signet",
        text: "This installation is new. The next page makes the first administrator, who can change everything.",
        action: Some(("/if/flow/initial-setup/", "Set up")),
    };
    out.push(("notice".into(), notice_page(&notice).into_string()));
    out.push((
        "api".into(),
        api_browser_page(page, Some(account), "/api/v3/schema/?format=json").into_string(),
    ));
    out
}

/// A page as a stage of another crate puts it together.
fn code<'a>(page: Page<'a>, form: &FormContext) -> FlowPage<'a> {
    let field = |name, label, error| Field {
        name,
        label,
        error,
        help: Some("A new code appears every 30 seconds."),
        ..Field::default()
    };
    let challenge = json!({"component": "ak-stage-authenticator-validate"});
    let body = form.form(
        &challenge,
        html! {
            (ui::code_field(&field("code", "One-time code", None), 6))
            (ui::code_field(&field("long", "Long code", Some("That code is not right. Wait for the next one and type it.")), 8))
            (ui::button_primary("Verify", "Verifying"))
        },
    );
    FlowPage {
        page,
        layout: Layout::Stacked,
        background: "",
        heading: Heading::new("Enter your one-time code"),
        show_heading: true,
        above: None,
        person: Some(Person { name: "mara.lindqvist", avatar: None, not_you_url: Some("/flows/-/cancel/") }),
        body,
        wide: false,
        refresh: None,
    }
}

fn flow(title: &str) -> Value {
    json!({"title": title, "background": "/static/dist/assets/images/flow_background.jpg", "cancel_url": "/flows/-/cancel/", "layout": "stacked"})
}

fn identification() -> Value {
    let source = |name: &str, promoted: bool| {
        json!({"name": name, "icon_url": null, "promoted": promoted,
               "challenge": {"component": "xak-flow-redirect", "to": "/source/oauth/login/x/"}})
    };
    json!({"component": "ak-stage-identification", "flow_info": flow("Sign in"), "user_fields": ["email", "username"],
           "password_fields": false, "application_pre": "Grafana", "primary_action": "Log in", "enable_remember_me": true,
           "passwordless_url": "/if/flow/passwordless/", "recovery_url": "/if/flow/recovery/", "enroll_url": "/if/flow/enroll/",
           "sources": [source("Fernhill staff directory", true), source("Google", false), source("GitHub", false)]})
}

fn challenges() -> Vec<(&'static str, Value)> {
    let password = json!({"component": "ak-stage-password", "flow_info": flow("Sign in"), "pending_user": "mara.lindqvist",
        "pending_user_avatar": "", "recovery_url": "/if/flow/recovery/", "allow_show_password": true});
    let mut wrong = password.clone();
    wrong["response_errors"] = json!({"password": [{"string": "Invalid password", "code": "invalid"}]});
    let mut plain = identification();
    plain["sources"] = json!([]);
    for key in ["passwordless_url", "enroll_url"] {
        plain[key] = Value::Null;
    }
    vec![
        ("identification", identification()),
        ("identification-plain", plain),
        ("password", password),
        ("password-wrong", wrong),
        (
            "consent",
            json!({"component": "ak-stage-consent", "flow_info": flow(""), "pending_user": "mara.lindqvist", "token": "t", "header_text": "",
                "permissions": [{"id": "profile", "name": ""}, {"id": "email", "name": ""}],
                "additional_permissions": [{"id": "groups", "name": ""}, {"id": "offline_access", "name": ""}]}),
        ),
        (
            "setup",
            json!({"component": "ak-stage-prompt", "flow_info": flow("Create the first administrator"), "fields": [
                {"field_key": "header", "type": "static", "label": "h", "initial_value": "This installation is new. The account made here can change everything.", "required": true},
                {"field_key": "email", "type": "email", "label": "E-mail", "initial_value": "", "required": true},
                {"field_key": "password", "type": "password", "label": "Password", "placeholder": "Password", "required": true},
                {"field_key": "password_repeat", "type": "password", "label": "Repeat the password", "required": true}],
                "response_errors": {"non_field_errors": [{"string": "Passwords don't match.", "code": "invalid"}]}}),
        ),
        ("prompt", prompt()),
        (
            "user-login",
            json!({"component": "ak-stage-user-login", "flow_info": flow("Sign in"), "pending_user": "mara.lindqvist"}),
        ),
        ("dummy", json!({"component": "ak-stage-dummy", "flow_info": flow("Try it"), "name": "stage-dummy"})),
        (
            "denied",
            json!({"component": "ak-stage-access-denied", "flow_info": flow("Sign in"), "pending_user": "mara.lindqvist", "error_message": ""}),
        ),
        ("flow-error", json!({"component": "ak-stage-flow-error", "request_id": "b7f2-09ce-4d31"})),
        (
            "session-end",
            json!({"component": "ak-stage-session-end", "flow_info": flow(""), "application_name": "Grafana", "brand_name": "Fernhill",
                "application_launch_url": "https://grafana.example/", "invalidation_flow_url": "/if/flow/default-invalidation-flow/", "overview_url": "/if/user/"}),
        ),
        ("redirect", json!({"component": "xak-flow-redirect", "flow_info": flow(""), "to": "#there"})),
        (
            "unsafe-target",
            json!({"component": "ak-stage-autosubmit", "flow_info": flow(""), "url": "javascript:alert(1)", "attrs": {}}),
        ),
    ]
}

fn prompt() -> Value {
    let choices = json!([{"value": "north", "label": "North"}, {"value": "south", "label": "South"}]);
    let mut fields = Vec::new();
    for (kind, label) in [
        ("text", "Name"),
        ("text_area", "About you"),
        ("text_read_only", "Staff number"),
        ("username", "Username"),
        ("email", "E-mail"),
        ("password", "Password"),
        ("number", "Floor"),
        ("checkbox", "Tell me about outages"),
        ("radio-button-group", "Site"),
        ("dropdown", "Building"),
        ("separator", "more"),
        ("date", "First day"),
        ("date-time", "Meeting"),
        ("file", "Picture"),
        ("alert_warning", "Your manager sees these details."),
        ("ak-locale", "Language"),
    ] {
        fields.push(json!({"field_key": label, "label": label, "type": kind, "required": kind != "text_area", "choices": choices,
            "initial_value": if kind == "text_read_only" { "4711" } else { "" }, "placeholder": "", "sub_text": if kind == "username" { "Used to sign in." } else { "" }}));
    }
    for field in fields.iter_mut().filter(|field| field["type"] == "ak-locale") {
        field["choices"] = Value::Null;
    }
    json!({"component": "ak-stage-prompt", "flow_info": flow("Your details"), "fields": fields,
        "response_errors": {"E-mail": [{"string": "Enter a valid email address.", "code": "invalid"}]}})
}

fn tiles() -> Vec<Tile> {
    [
        ("Mattermost", "Team chat", "Work"),
        ("Nextcloud", "Files and calendars", "Work"),
        ("Personio", "Leave and payslips", "Work"),
        ("Wiki", "Handbook and runbooks", "Work"),
        ("Paperless", "Scanned documents", "Work"),
        ("Arbeitszeiterfassungsportal Süd", "Zeiterfassung für Außendienst und Schichtbetrieb", "Work"),
        ("Expense claims", "Travel and receipts", "Work"),
        ("Grafana", "Dashboards and alerts", "Infrastructure"),
        ("Forgejo", "Source code", "Infrastructure"),
        ("Proxmox", "Virtual machines, Berlin", "Infrastructure"),
        ("Vaultwarden", "Shared passwords", "Infrastructure"),
        ("Home Assistant", "Office automation", "Infrastructure"),
    ]
    .into_iter()
    .map(|(name, description, group)| Tile {
        id: name.into(),
        name: name.into(),
        description: description.into(),
        group: group.into(),
        favourite: matches!(name, "Nextcloud" | "Paperless"),
        launch_url: "https://app.example/".into(),
        ..Tile::default()
    })
    .collect()
}

/// So many tiles that groups are listed beside them.
fn many(tiles: &[Tile]) -> Vec<Tile> {
    let more = ["Customers", "Finance", "Logistics"];
    let more = more.into_iter().flat_map(|group| {
        tiles.iter().map(move |tile| Tile { group: group.into(), favourite: false, ..tile.clone() })
    });
    tiles.iter().cloned().chain(more).collect()
}
