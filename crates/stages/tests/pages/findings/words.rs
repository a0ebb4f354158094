//! Findings about words: what pages call things.
use super::{form, shown};
use serde_json::{Value, json};
use signet_pages::{
    Account, Brand, ErrorPage, FormContext, Impersonation, LibraryPage, Manifest, Page, Purpose, Theme, View,
    error_page, library_page,
};
use std::path::Path;

const BRAND: fn() -> Brand = || Brand { title: "Fernhill".into(), ..Brand::default() };

/// Words that pages had, in the text of the code that writes pages. The translation of the wire's words has them to replace them.
#[test]
fn pages_c_no_page_says_the_words_that_misled() {
    const OLD: [&str; 14] = [
        "Remember me on this device",
        "As the system says",
        "As the browser says",
        "Trace id",
        "It shows the codes that confirm",
        "You share nothing",
        "That is no e-mail address",
        "Type the newest one",
        "You can’t go on here",
        "You act as ",
        "whoever runs",
        "whoever manages",
        "your one-time code",
        "One-time code",
    ];
    fn walk(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("words.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
                let old = |line: &&str| OLD.iter().any(|old| line.contains(old) && line.contains('"'));
                found.extend(lines.filter(old).map(|line| format!("{}: {}", path.display(), line.trim())));
            }
        }
    }
    let mut found = Vec::new();
    for krate in ["pages", "stages", "front"] {
        walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(krate).join("src"), &mut found);
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn pages_c_the_name_that_a_browser_keeps_is_called_a_username() {
    let question = json!({"component": "ak-stage-identification", "user_fields": ["username"], "enable_remember_me": true});
    let html = shown(&question, &form());
    assert!(html.contains("Remember my username") && !html.contains("Remember me"), "{html}");
}

#[test]
fn pages_c_words_of_the_default_flows_are_replaced() {
    let prompt = |title: &str, key: &str, label: &str| {
        json!({"component": "ak-stage-prompt", "flow_info": {"title": title},
            "fields": [{"field_key": key, "type": "text", "label": label, "required": true}]})
    };
    let html = shown(&prompt("Update your info", "email", "Email"), &form());
    assert!(html.contains("Your details") && !html.contains("Update your info"), "{html}");
    assert!(html.contains(">E-mail<") && !html.contains(">Email<"), "{html}");
    let html = shown(&prompt("x", "password_repeat", "Password (repeat)"), &form());
    assert!(html.contains("Repeat the new password") && !html.contains("(repeat)"), "{html}");
    // What an administrator writes stays as it is.
    assert!(shown(&prompt("Update your data", "email", "Work email"), &form()).contains(">Work email<"));
}

#[test]
fn pages_c_an_error_says_what_to_do() {
    let field = json!([{"field_key": "email", "type": "email", "label": "Email", "required": true}]);
    let prompt = json!({"component": "ak-stage-prompt", "fields": field,
        "response_errors": {"email": [{"string": "Enter a valid email address.", "code": "invalid"}]}});
    let html = shown(&prompt, &form());
    assert!(html.contains("This is not an e-mail address.") && html.contains("<title>Error: "), "{html}");
    assert!(
        !shown(&json!({"component": "ak-stage-prompt", "fields": field}), &form()).contains("<title>Error: ")
    );
}

#[test]
fn pages_c_recovery_codes_are_in_groups_of_four() {
    let step =
        json!({"component": "ak-stage-authenticator-static", "codes": ["67ter4cudqut", "aaaabbbbcccc"]});
    let html = shown(&step, &form());
    assert!(html.contains("<ol class=\"codes\"") && html.contains("67te-r4cu-dqut"), "{html}");
    assert!(!html.contains("67ter4cudqut"));
}

#[test]
fn pages_c_a_refusal_says_what_cannot_be_done() {
    let refusal = json!({"component": "ak-stage-access-denied", "error_message": "", "pending_user": "ada"});
    let title = |purpose| shown(&refusal, &FormContext { purpose, ..form() });
    for (purpose, said) in [
        (Purpose::SignIn, "You can’t sign in here"),
        (Purpose::Enrol, "You can’t create an account here"),
        (Purpose::Recover, "You can’t reset your password here"),
        (Purpose::SetUp, "You can’t change this"),
        (Purpose::Delete, "You can’t delete your account here"),
    ] {
        assert!(title(purpose).contains(said), "{said}");
    }
}

/// Where something is wrong that the person cannot mend, the page names whom to ask.
#[test]
fn pages_c_whom_to_ask_is_named() {
    let known = FormContext { help: "help@fernhill.example", ..form() };
    let steps: [Value; 5] = [
        json!({"component": "xak-flow-redirect", "to": "javascript:alert(1)"}),
        json!({"component": "xak-flow-frame", "url": "javascript:alert(1)"}),
        json!({"component": "ak-stage-captcha", "js_url": "javascript:alert(1)", "site_key": "x"}),
        json!({"component": "ak-stage-authenticator-validate", "device_challenges": [], "configuration_stages": []}),
        json!({"component": "ak-stage-flow-error", "request_id": "0123456789abcdef"}),
    ];
    for step in steps {
        assert!(shown(&step, &known).contains("mailto:help@fernhill.example"), "{step}");
        assert!(shown(&step, &form()).contains("the help desk"), "{step}");
    }
}

#[test]
fn pages_c_one_id_by_one_name() {
    let (brand, assets) = (BRAND(), Manifest::default());
    let page = || Page { brand: &brand, assets: &assets, locale: "en", theme: Theme::Automatic, nonce: "n" };
    let html = error_page(&ErrorPage {
        page: page(),
        account: None,
        window: "",
        title: "Not found",
        text: "x",
        request_id: Some("0123456789abcdef0123456789abcdef"),
        home_url: "/",
        way_on: None,
        help: "",
    });
    let html = html.into_string();
    assert!(html.contains("Request id") && html.contains(">89abcdef<"), "{html}");
    assert!(html.contains("data-copy=\"0123456789abcdef0123456789abcdef\""), "{html}");
}

#[test]
fn pages_c_who_acts_as_somebody_is_led_back() {
    let (brand, assets) = (BRAND(), Manifest::default());
    let impersonation = Some(Impersonation { by: "akadmin", url: "/stop", csrf: "c" });
    let account = Account {
        name: "Ada",
        username: "ada",
        links: &[],
        is_admin: false,
        here: "/if/user/",
        sign_out_url: "/out",
        impersonation,
    };
    let page = Page { brand: &brand, assets: &assets, locale: "en", theme: Theme::Automatic, nonce: "n" };
    let html = library_page(&LibraryPage {
        page,
        account,
        tiles: &[],
        favourites: &[],
        recent: &[],
        view: View::Tiles,
        csrf: None,
        query: "",
        done: "",
        url: "/if/user/",
    });
    let html = html.into_string();
    assert!(html.contains("You are looking at <bdi>Fernhill</bdi> as <bdi>ada</bdi>."), "{html}");
    assert!(html.contains("Back to <bdi>akadmin</bdi>"), "{html}");
    // The choice of colours stands in the same menu.
    assert!(html.contains("Automatic") && !html.contains("system says"), "{html}");
}
