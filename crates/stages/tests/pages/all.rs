//! Invariants of every page, whatever the data: no script from data, every control is labelled, forms are
//! complete.

use std::collections::BTreeSet;

use crate::{challenge_body, challenge_page, components};
use serde_json::{Value, json};
use signet_pages::{
    Account, Assets, Brand, ConsentRow, DEFAULT_BACKGROUND, DetailsForm, ErrorPage, FooterLink, FormContext,
    LibraryPage, Manifest, Method, NoticePage, Page, Profile, Purpose, SecurityPage, SessionRow, SetUp,
    Theme, Tile, TokenForm, TokenRow, View, api_browser_page, error_page, library_page, notice_page,
    security_page,
};

const EVIL: &str = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'`${x}</style></title>";

fn assets() -> Manifest {
    let names = r#"{"flow.css":"assets/f.css","flow.js":"assets/f.js","portal.css":"assets/p.css","portal.js":"assets/p.js","api.js":"assets/a.js","before-paint.js":"assets/b.js"}"#;
    Manifest::parse(names, "/static/dist/").expect("a fixed manifest")
}

fn brand(text: &str) -> Brand {
    Brand {
        title: text.into(),
        logo: text.into(),
        favicon: text.into(),
        wordmark: true,
        color: Some(text.into()),
        custom_css: text.into(),
        footer_links: vec![
            FooterLink { name: text.into(), href: text.into() },
            FooterLink { name: text.into(), href: "javascript:alert(1)".into() },
        ],
    }
}

/// A challenge of each component with `text` in every text member.
fn challenges(text: &str, url: &str) -> Vec<Value> {
    let kinds = [
        "text",
        "text_area",
        "text_read_only",
        "text_area_read_only",
        "username",
        "email",
        "password",
        "number",
        "checkbox",
        "radio-button-group",
        "dropdown",
        "date",
        "date-time",
        "file",
        "separator",
        "hidden",
        "static",
        "alert_info",
        "alert_warning",
        "alert_danger",
        "ak-locale",
        "new-kind",
    ];
    let fields: Vec<Value> = kinds
        .iter()
        .enumerate()
        .map(|(index, kind)| {
            json!({"field_key": format!("{text}{index}"), "type": kind, "label": text, "placeholder": text, "initial_value": text,
                "required": true, "sub_text": text, "order": index, "choices": [text, {"value": text, "label": text}, 3, {"value": null}]})
        })
        .collect();
    let own = [
        json!({"component": "ak-stage-identification", "user_fields": ["email", "username"], "password_fields": true,
            "allow_show_password": true, "application_pre": text, "pending_user_identifier": text, "primary_action": text,
            "enroll_url": url, "recovery_url": url, "passwordless_url": url, "enable_remember_me": true,
            "passkey_challenge": {"challenge": text}, "captcha_stage": {"component": "ak-stage-captcha", "site_key": text, "js_url": "https://captcha.test/x.js"},
            "sources": [{"name": text, "icon_url": url, "promoted": true, "challenge": {"component": "xak-flow-redirect", "to": url}},
                        {"name": text, "icon_url": text, "promoted": false, "challenge": {"component": "xak-flow-redirect", "to": "/x"}}]}),
        json!({"component": "ak-stage-password", "recovery_url": url, "allow_show_password": true}),
        json!({"component": "ak-stage-consent", "header_text": text, "token": text,
            "permissions": [{"id": text, "name": text}, {"id": text, "name": ""}], "additional_permissions": [{"id": "email", "name": ""}]}),
        json!({"component": "ak-stage-prompt", "fields": fields}),
        json!({"component": "ak-stage-user-login"}),
        json!({"component": "ak-stage-dummy", "name": text}),
        json!({"component": "ak-stage-access-denied", "error_message": text}),
        json!({"component": "ak-stage-flow-error", "request_id": text, "error": text, "traceback": text}),
        json!({"component": "ak-stage-session-end", "application_name": text, "brand_name": text, "application_launch_url": url,
            "invalidation_flow_url": url, "overview_url": url}),
        json!({"component": "ak-stage-authenticator-validate", "device_challenges": [
            {"device_class": "webauthn", "device_uid": text, "challenge": {"challenge": text}, "last_used": null},
            {"device_class": "sms", "device_uid": text, "challenge": {"phone_number": text}, "last_used": text},
            {"device_class": text, "device_uid": 3, "challenge": text, "last_used": text}], "configuration_stages": []}),
        json!({"component": "ak-stage-authenticator-validate", "device_challenges": [{"device_class": "webauthn", "device_uid": text, "challenge": {"challenge": text}}]}),
        json!({"component": "ak-stage-authenticator-validate", "device_challenges": [{"device_class": "totp", "device_uid": text, "challenge": {}}]}),
        json!({"component": "ak-stage-authenticator-validate", "device_challenges": [{"device_class": "static", "device_uid": text, "challenge": {}}]}),
        json!({"component": "ak-stage-authenticator-validate", "device_challenges": [{"device_class": "duo", "device_uid": text, "challenge": {}}]}),
        json!({"component": "ak-stage-authenticator-validate", "device_challenges": [], "configuration_stages": [{"pk": text, "name": text, "meta_model_name": text}]}),
        json!({"component": "ak-stage-authenticator-webauthn", "registration": {"challenge": text}}),
        json!({"component": "ak-stage-authenticator-totp", "config_url": text}),
        json!({"component": "ak-stage-authenticator-totp", "config_url": "otpauth://totp/a?secret=ABC&digits=8"}),
        json!({"component": "ak-stage-authenticator-static", "codes": [text, 3]}),
        json!({"component": "ak-stage-authenticator-sms", "phone_number_required": true}),
        json!({"component": "ak-stage-authenticator-sms", "phone_number_required": false}),
        json!({"component": "ak-stage-authenticator-email", "email": text, "email_required": true}),
        json!({"component": "ak-stage-authenticator-email", "email": text, "email_required": false}),
        json!({"component": "ak-stage-authenticator-duo", "activation_barcode": url, "activation_code": text, "stage_uuid": text}),
        json!({"component": "ak-stage-captcha", "site_key": text, "js_url": url, "interactive": true}),
        json!({"component": "ak-stage-captcha", "site_key": text, "js_url": "https://captcha.test/api.js"}),
        json!({"component": "ak-stage-email"}),
        json!({"component": "xak-flow-frame", "url": url, "loading_overlay": true, "loading_text": text}),
        json!({"component": "ak-stage-autosubmit", "url": url, "title": text, "attrs": {text: text, "n": 1}}),
        json!({"component": "xak-flow-redirect", "to": url}),
    ];
    let errors = json!([{"string": text, "code": text}]);
    own.into_iter()
        .map(|mut challenge| {
            challenge["flow_info"] =
                json!({"title": text, "background": url, "cancel_url": url, "layout": text});
            challenge["pending_user"] = text.into();
            challenge["pending_user_avatar"] = url.into();
            challenge["response_errors"] =
                json!({"non_field_errors": errors, "password": errors, "uid_field": errors, "other": errors});
            challenge["response_errors"][format!("{text}0")] = errors.clone();
            challenge
        })
        .collect()
}

fn every_page(text: &str, url: &str) -> Vec<String> {
    let (brand, assets) = (brand(text), assets());
    let page = Page {
        brand: &brand,
        assets: &assets as &dyn Assets,
        locale: text,
        theme: Theme::Automatic,
        nonce: "n0nce",
    };
    let values = vec![("uid_field".to_owned(), text.to_owned()), (format!("{text}0"), text.to_owned())];
    let mut form = FormContext::new(url, text);
    form.application = Some(text);
    form.request_id = Some(text);
    form.home_url = url;
    form.decline_url = Some(url);
    form.values = &values;
    let shared = [("profile", text.to_owned()), ("email", text.to_owned())];
    form.publisher = Some(text);
    form.shared = &shared;
    form.username = Some(text);
    form.password_refused = true;
    form.back_url = Some(url);
    form.restart_url = Some(url);
    form.switch_url = Some(url);
    form.way_on = Some((url, text));
    form.help = text;
    form.certificate = Some(text);
    form.least_password = 8;
    let devices = ["webauthn", "static", "totp"].map(|class| (class, text.to_owned()));
    form.devices = &devices;
    form.resend_wait = 42;
    form.done = text;
    let mut out: Vec<String> = challenges(text, url)
        .iter()
        .map(|challenge| challenge_page(page, challenge, &form).expect("known component").into_string())
        .collect();
    for purpose in [Purpose::SetUp, Purpose::Recover, Purpose::Enrol, Purpose::Delete] {
        let form = FormContext { purpose, ..form };
        out.extend(
            challenges(text, url).iter().map(|challenge| {
                challenge_page(page, challenge, &form).expect("known component").into_string()
            }),
        );
    }
    let tile = |launch: &str| Tile {
        id: text.into(),
        favourite: launch == text,
        name: text.into(),
        description: text.into(),
        launch_url: launch.into(),
        icon_url: Some(url.into()),
        group: text.into(),
        new_tab: true,
    };
    let tiles = [tile(url), tile("javascript:alert(1)")];
    let links = [(url.to_owned(), text)];
    let account = Account {
        name: text,
        username: "x",
        links: &links,
        is_admin: true,
        here: "/if/user/",
        sign_out_url: url,
        impersonation: None,
    };
    for (tiles, query) in [(&tiles[..], ""), (&tiles[..], text), (&[][..], text), (&[][..], "")] {
        out.push(
            library_page(&LibraryPage {
                page,
                account,
                tiles,
                favourites: &[0, 9],
                recent: &[0, 9],
                view: View::List,
                csrf: Some(text),
                query,
                done: text,
                url,
            })
            .into_string(),
        );
    }
    let error = ErrorPage {
        page,
        account: Some(account),
        window: text,
        title: text,
        text,
        request_id: Some(text),
        home_url: url,
        way_on: Some((url, text)),
        help: text,
    };
    out.push(error_page(&error).into_string());
    out.push(notice_page(&NoticePage { page, title: text, text, action: Some((url, text)) }).into_string());
    out.push(api_browser_page(page, Some(account), url).into_string());
    let details = json!({"component": "ak-stage-prompt", "fields": [{"field_key": text, "type": "text", "label": text, "initial_value": text}],
        "response_errors": {text: [{"string": text, "code": text}]}});
    let security = SecurityPage {
        page,
        account,
        url,
        home_url: url,
        csrf: text,
        done: text,
        profile: &Profile {
            name: text.into(),
            username: text.into(),
            email: String::new(),
            change_url: url.into(),
        },
        methods: &[
            Method {
                class: text.into(),
                id: 1,
                name: text.into(),
                maker: text.into(),
                detail: text.into(),
                created: text.into(),
                used: text.into(),
            },
            Method { class: "totp".into(), id: 2, ..Method::default() },
        ],
        set_up: &[
            SetUp { model: text.into(), title: text.into(), url: url.into() },
            SetUp { model: "authenticatortotpstage".into(), title: String::new(), url: url.into() },
        ],
        sessions: &[
            SessionRow {
                id: text.into(),
                user_agent: text.into(),
                ip: text.into(),
                place: text.into(),
                since: text.into(),
                used: text.into(),
                current: true,
            },
            SessionRow::default(),
        ],
        connections: &[
            signet_pages::ConnectionRow {
                name: text.into(),
                id: text.into(),
                since: text.into(),
                connect_url: url.into(),
            },
            signet_pages::ConnectionRow { name: text.into(), connect_url: url.into(), ..Default::default() },
        ],
        consents: &[ConsentRow {
            id: text.into(),
            application: text.into(),
            permissions: text.into(),
            since: text.into(),
            expires: text.into(),
            away: true,
        }],
        details: Some(DetailsForm {
            challenge: &details,
            form: FormContext { csrf: text, ..FormContext::new(text, text) },
        }),
        tokens: &[TokenRow {
            id: text.into(),
            name: text.into(),
            description: text.into(),
            expires: text.into(),
            ..TokenRow::default()
        }],
        token_form: Some(TokenForm { lasts: text, name: text, app_password: true, error: text }),
        new_token: Some((text, text)),
    };
    out.push(security_page(&security).into_string());
    out.push(
        security_page(&SecurityPage {
            methods: &[],
            set_up: &[],
            sessions: &[],
            consents: &[],
            details: None,
            tokens: &[],
            token_form: None,
            new_token: None,
            done: "",
            ..security
        })
        .into_string(),
    );
    out
}

/// Tags of a page with their attribute names. The test pages contain no raw `<` in text, because maud escapes
/// it.
fn tags(html: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if rest.starts_with('/') {
            continue;
        }
        let name_end = rest.find(|c: char| c.is_whitespace() || c == '>' || c == '/').unwrap_or(rest.len());
        let name = rest[..name_end].to_owned();
        rest = &rest[name_end..];
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
            if rest.is_empty() || rest.starts_with('>') {
                break;
            }
            let end = rest
                .find(|c: char| c == '=' || c == '>' || c == '/' || c.is_whitespace())
                .unwrap_or(rest.len());
            let key = rest[..end].to_owned();
            rest = &rest[end..];
            let mut value = String::new();
            if let Some(quoted) = rest.strip_prefix("=\"") {
                let close = quoted.find('"').expect("attribute is closed");
                value = quoted[..close].to_owned();
                rest = &quoted[close + 1..];
            }
            attributes.push((key, value));
        }
        if name == "style" {
            rest = &rest[rest.find("</style").expect("style is closed")..];
        }
        found.push((name, attributes));
    }
    found
}

fn attribute<'a>(attributes: &'a [(String, String)], key: &str) -> Option<&'a str> {
    attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}

#[test]
fn text_from_anywhere_stays_text() {
    for (text, url) in
        [(EVIL, EVIL), (EVIL, "javascript:alert(1)"), ("plain", "/x?\"><script>"), (EVIL, "/fine/")]
    {
        for html in every_page(text, url) {
            // The text of a style element never becomes markup; that it cannot end early is checked below.
            let markup: String = html
                .split("<style")
                .map(|part| part.split_once("</style>").map_or(part, |(_, rest)| rest))
                .collect();
            assert!(!markup.contains("<script>") && !markup.contains("<img src=x"), "{html}");
            let sources = ["f", "p", "a", "b"].map(|name| format!("/static/dist/assets/{name}.js"));
            for (tag, attributes) in tags(&html) {
                if tag == "script" {
                    assert!(sources.iter().any(|url| Some(url.as_str()) == attribute(&attributes, "src")));
                    assert_eq!(attribute(&attributes, "type"), Some("module"));
                }
                for (key, value) in &attributes {
                    assert!(key != "style" && !key.starts_with("on") && key != "srcdoc", "{tag} {key}");
                    assert!(
                        key.bytes()
                            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'B'),
                        "{tag} {key}"
                    );
                    if matches!(key.as_str(), "href" | "src" | "action" | "content" | "formaction") {
                        let value = value.trim_start_matches("0; url=").to_ascii_lowercase();
                        assert!(!value.starts_with("javascript:"), "{tag} {key}={value}");
                    }
                }
            }
            assert_eq!(html.matches("</style").count(), html.matches("<style").count());
        }
    }
}

#[test]
fn every_component_renders_from_nothing() {
    let assets = assets();
    let brand = Brand::default();
    let page = Page { brand: &brand, assets: &assets, locale: "en", theme: Theme::Light, nonce: "n" };
    let form = FormContext::new("/if/flow/x/", "c");
    let mut seen = 0;
    for component in components() {
        for challenge in [
            json!({"component": component}),
            json!({"component": component, "flow_info": 3, "fields": {}, "sources": "x", "permissions": [1], "response_errors": []}),
        ] {
            assert!(challenge_body(component, &challenge, &form).is_some());
            let html = challenge_page(page, &challenge, &form).unwrap().into_string();
            assert!(html.starts_with("<!DOCTYPE html><html lang=\"en\" dir=\"ltr\" data-theme=\"light\">"));
        }
        seen += 1;
    }
    assert_eq!(seen, 21);
    assert!(challenge_body("ak-stage-not-ours", &Value::Null, &form).is_none());
    assert!(challenge_page(page, &Value::Null, &form).is_none());
}

#[test]
fn every_page_is_usable_with_keyboard_and_reader() {
    for html in every_page("Text", "/fine/") {
        let tags = tags(&html);
        let ids: Vec<&str> = tags.iter().filter_map(|(_, attributes)| attribute(attributes, "id")).collect();
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len(), "ids are unique: {ids:?}");
        assert_eq!(html.matches("<h1").count(), 1, "one h1: {html}");
        assert_eq!(html.matches("<main").count(), 1);
        assert!(html.contains("href=\"#main\"") && unique.contains("main"));
        let labelled: BTreeSet<&str> =
            tags.iter().filter_map(|(_, attributes)| attribute(attributes, "for")).collect();
        for (tag, attributes) in &tags {
            for key in ["aria-describedby", "aria-labelledby"] {
                for id in attribute(attributes, key).unwrap_or_default().split_whitespace() {
                    assert!(unique.contains(id), "{key} {id}");
                }
            }
            let kind = attribute(attributes, "type").unwrap_or("text");
            let control = matches!(tag.as_str(), "select" | "textarea")
                || (tag == "input" && !matches!(kind, "hidden" | "checkbox" | "radio"));
            if control && attribute(attributes, "aria-hidden").is_none() {
                let named = attribute(attributes, "aria-label").is_some()
                    || attribute(attributes, "id").is_some_and(|id| labelled.contains(id));
                assert!(named, "{tag} {attributes:?}");
                assert!(attribute(attributes, "autocomplete").is_some(), "{tag} {attributes:?}");
            }
            if tag == "img" {
                assert!(attribute(attributes, "alt").is_some());
            }
        }
        assert!(
            html.matches("btn--primary").count() + html.matches("btn--danger").count() <= 1,
            "one filled button: {html}"
        );
        assert!(
            tags.iter().filter(|(_, attributes)| attribute(attributes, "autofocus").is_some()).count() <= 1
        );
    }
}

#[test]
fn forms_carry_their_hidden_fields() {
    for challenge in challenges("Text", "/fine/") {
        let component = challenge["component"].as_str().unwrap();
        let html =
            challenge_body(component, &challenge, &FormContext::new("/if/flow/x/?next=%2F", "token-1"))
                .unwrap()
                .into_string();
        if !html.contains("action=\"/if/flow/x/?next=%2F\"") {
            continue;
        }
        assert!(html.contains("<input type=\"hidden\" name=\"csrf\" value=\"token-1\">"), "{component}");
        assert!(
            html.contains(&format!("<input type=\"hidden\" name=\"component\" value=\"{component}\">")),
            "{component}"
        );
    }
    // A form that leaves for an application carries its own values and nothing of ours.
    let leaving = json!({"component": "ak-stage-autosubmit", "url": "https://app.test/acs", "attrs": {"SAMLResponse": "x"}});
    let html = challenge_body("ak-stage-autosubmit", &leaving, &FormContext::new("/x", "token-1"))
        .unwrap()
        .into_string();
    assert!(html.contains("name=\"SAMLResponse\"") && !html.contains("token-1"));
}

#[test]
fn errors_stand_at_their_field_and_none_is_lost() {
    let challenge = json!({"component": "ak-stage-password", "pending_user": "mara",
        "response_errors": {"password": [{"string": "Invalid password", "code": "invalid"}], "elsewhere": [{"string": "Odd thing.", "code": "x"}]}});
    let html =
        challenge_body("ak-stage-password", &challenge, &FormContext::new("/x", "c")).unwrap().into_string();
    assert!(html.contains("aria-invalid=\"true\" aria-describedby=\"f-password-error\""));
    assert!(html.contains("id=\"f-password-error\"") && html.contains("That password is not right."));
    assert!(html.contains("role=\"alert\"") && html.contains("Odd thing."));
    assert!(!html.contains("Invalid password"));
}

#[test]
fn typed_text_survives_an_error_and_secrets_do_not() {
    let values = vec![
        ("name".to_owned(), "Mara".to_owned()),
        ("pw".to_owned(), "s3cret".to_owned()),
        ("password".to_owned(), "s3cret".to_owned()),
    ];
    let mut form = FormContext::new("/x", "c");
    form.values = &values;
    let prompt = json!({"component": "ak-stage-prompt", "fields": [
        {"field_key": "name", "type": "text", "label": "Name", "initial_value": "old"},
        {"field_key": "pw", "type": "password", "label": "Password", "initial_value": "s3cret"},
        {"field_key": "news", "type": "checkbox", "label": "News", "initial_value": true},
        {"field_key": "fixed", "type": "hidden", "initial_value": "h"}]});
    let html = challenge_body("ak-stage-prompt", &prompt, &form).unwrap().into_string();
    assert!(html.contains("value=\"Mara\"") && !html.contains("old"));
    assert!(!html.contains("s3cret") && !html.contains(" checked"));
    let password = json!({"component": "ak-stage-password", "pending_user": "mara"});
    assert!(!challenge_body("ak-stage-password", &password, &form).unwrap().into_string().contains("s3cret"));
}

#[test]
fn unsafe_targets_are_not_followed() {
    let (brand, assets) = (Brand::default(), assets());
    let page = Page { brand: &brand, assets: &assets, locale: "en", theme: Theme::Automatic, nonce: "n" };
    let form = FormContext::new("/x", "c");
    let go = |to: &str| {
        challenge_page(page, &json!({"component": "xak-flow-redirect", "to": to}), &form)
            .unwrap()
            .into_string()
    };
    let fine = go("https://app.test/cb?code=1&state=2");
    assert!(
        fine.contains(
            "<meta http-equiv=\"refresh\" content=\"0; url=https://app.test/cb?code=1&amp;state=2\">"
        )
    );
    assert!(go("com.example.app:/cb").contains("http-equiv=\"refresh\""));
    for bad in ["javascript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "java\nscript:x", ""] {
        assert!(!go(bad).contains("http-equiv=\"refresh\""), "{bad}");
    }
    let post = json!({"component": "ak-stage-autosubmit", "url": "javascript:alert(1)", "attrs": {}});
    assert!(!challenge_body("ak-stage-autosubmit", &post, &form).unwrap().into_string().contains("<form"));
}

#[test]
fn refusing_to_share_has_a_way() {
    let challenge = json!({"component": "ak-stage-consent", "token": "t", "flow_info": {"cancel_url": "/flows/-/cancel/"}});
    let mut form = FormContext::new("/x", "c");
    let html =
        |form: &FormContext| challenge_body("ak-stage-consent", &challenge, form).unwrap().into_string();
    assert!(html(&form).contains("href=\"/flows/-/cancel/\""));
    form.decline_url = Some("https://app.test/cb?error=access_denied");
    assert!(html(&form).contains("href=\"https://app.test/cb?error=access_denied\""));
    assert!(html(&form).contains("name=\"token\" value=\"t\""));
}

#[test]
fn the_first_challenge_is_small() {
    let (brand, assets) = (Brand::default(), assets());
    let page = Page { brand: &brand, assets: &assets, locale: "en", theme: Theme::Automatic, nonce: "n" };
    let challenge = json!({"component": "ak-stage-identification", "user_fields": ["email", "username"], "flow_info": {"background": DEFAULT_BACKGROUND}});
    let html = challenge_page(page, &challenge, &FormContext::new("/x", "c")).unwrap().into_string();
    assert!(html.len() < 9 * 1024, "{} bytes", html.len());
    assert!(!html.contains("<style"), "the default brand needs no style of its own");
}
