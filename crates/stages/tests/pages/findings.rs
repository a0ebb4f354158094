//! Usability findings on the built pages, and what holds now.

mod forms;
mod words;

use crate::challenge_page;
use serde_json::{Value, json};
use signet_pages::{
    Account, Assets, Brand, ConsentRow, FormContext, LibraryPage, Manifest, Method, Page, Profile, Purpose,
    SecurityPage, SessionRow, SetUp, Theme, Tile, View, library_page, security_page,
};

fn shown(challenge: &Value, form: &FormContext) -> String {
    shown_by(&Brand { title: "Fernhill".into(), ..Brand::default() }, challenge, form)
}

fn shown_by(brand: &Brand, challenge: &Value, form: &FormContext) -> String {
    let assets = Manifest::default();
    let page =
        Page { brand, assets: &assets as &dyn Assets, locale: "ar", theme: Theme::Automatic, nonce: "n" };
    challenge_page(page, challenge, form).expect("known component").into_string()
}

fn form() -> FormContext<'static> {
    FormContext { back_url: Some("/back"), ..FormContext::new("/x", "c") }
}

#[test]
fn pages_a1_a_language_field_can_be_saved_and_is_not_shown_without_languages() {
    let prompt = |choices: Value| json!({"component": "ak-stage-prompt", "fields": [{"field_key": "locale", "type": "ak-locale", "label": "Language", "required": true, "initial_value": "", "choices": choices}]});
    let none = shown(&prompt(json!([])), &form());
    assert!(
        !none.contains("<select")
            && !none.contains("Deutsch")
            && none.contains("<input type=\"hidden\" name=\"locale\" value=\"\">")
    );
    let some = shown(
        &prompt(json!([{"value": "", "label": "Automatic"}, {"value": "de", "label": "Deutsch"}])),
        &form(),
    );
    let select = &some[some.find("<select").unwrap()..some.find("</select").unwrap()];
    assert!(!select.contains("required") && !some.contains("(optional)") && select.contains("Deutsch"));
}

#[test]
fn pages_a3_no_placeholder_is_ever_shown() {
    for component in crate::components() {
        let challenge = json!({"component": component, "flow_info": {"title": "Redirecting to %(app)s"}});
        assert!(!shown(&challenge, &form()).contains("%("), "{component}");
    }
    // Nothing is said about an application where there is none.
    let orphan = shown(
        &json!({"component": "ak-stage-consent", "flow_info": {"title": "Redirecting to %(app)s"}}),
        &form(),
    );
    assert!(!orphan.contains("The application learns") && !orphan.contains("Share"));
}

#[test]
fn pages_a5_pages_name_the_language_that_they_speak() {
    let html = shown(&json!({"component": "ak-stage-password", "flow_info": {"title": "مرحبا"}}), &form());
    assert!(html.contains("<html lang=\"en\" dir=\"ltr\"") && html.contains("<h1 id=\"h\" dir=\"auto\">"));
}

#[test]
fn pages_a9_a_picture_takes_the_place_of_the_rosette_and_a_wordmark_that_of_the_title() {
    let challenge =
        |background: &str| json!({"component": "ak-stage-password", "flow_info": {"background": background}});
    assert!(shown(&challenge(""), &form()).contains("class=\"rosette\""));
    let picture = shown(&challenge("/media/hill.jpg"), &form());
    assert!(!picture.contains("rosette") && picture.contains("--flow-image:url(\"/media/hill.jpg\")"));
    let brand = |logo: &str| Brand {
        title: "Fernhill".into(),
        logo: logo.into(),
        wordmark: true,
        ..Brand::default()
    };
    assert!(
        shown_by(&brand("/media/wordmark.svg"), &challenge(""), &form())
            .contains("<span class=\"vh\" dir=\"auto\">Fernhill</span>")
    );
    // Without a usable logo the title is all that there is.
    assert!(
        !shown_by(&brand("javascript:x"), &challenge(""), &form())
            .contains("<span class=\"vh\" dir=\"auto\">")
    );
}

#[test]
fn pages_a11_every_set_up_has_a_way_back_and_nobody_is_somebody_else() {
    let set_up = FormContext { purpose: Purpose::SetUp, switch_url: Some("/switch"), ..form() };
    let fields = json!([{"field_key": "name", "type": "text", "label": "Name", "required": true}]);
    for component in ["webauthn", "totp", "static", "sms", "email", "duo"]
        .map(|kind| format!("ak-stage-authenticator-{kind}"))
        .into_iter()
        .chain(["ak-stage-prompt".to_owned()])
    {
        let challenge = json!({"component": component, "fields": fields, "pending_user": "ada", "flow_info": {"cancel_url": "/cancel"}});
        let html = shown(&challenge, &set_up);
        assert!(html.contains("href=\"/back\""), "{component}");
        assert!(!html.contains("Not you?") && !html.contains("/switch"), "{component}");
        // Somebody who signs in can be somebody else.
        assert!(
            shown(&challenge, &FormContext { switch_url: Some("/switch"), ..form() })
                .contains("<a class=\"tap\" href=\"/switch\">Not you?</a>"),
            "{component}"
        );
    }
    let alone = shown(&json!({"component": "ak-stage-authenticator-webauthn"}), &set_up);
    assert!(!alone.contains("or choose another way"));
}

#[test]
fn pages_a12_a_refusal_says_what_helps() {
    let refusal = |text: &str| json!({"component": "ak-stage-access-denied", "error_message": text, "pending_user": "ada"});
    let door = FormContext {
        application: Some("Payroll"),
        switch_url: Some("/switch"),
        help: "help@fernhill.example",
        request_id: Some("0123456789abcdef"),
        ..form()
    };
    let html = shown(&refusal(""), &door);
    assert!(
        html.contains("You can’t open <bdi>Payroll</bdi>")
            && html.contains(">ada<")
            && html.contains("Sign in as somebody else")
    );
    assert!(
        html.contains("mailto:help@fernhill.example")
            && html.contains(">89abcdef<")
            && html.contains("data-copy=\"0123456789abcdef\"")
            && html.contains("Request id")
    );
    assert!(!html.contains("403") && !html.contains("Trace id"));
    // Somebody who is not signed in gets what helps, and nothing that cannot be done.
    let link =
        FormContext { purpose: Purpose::Recover, way_on: Some(("/again", "Send a new link")), ..form() };
    let html = shown(&refusal("This link is no longer valid. Ask for a new one."), &link);
    assert!(
        html.contains("btn--primary btn--l btn--block\" href=\"/again\">Send a new link")
            && html.contains("Back to sign-in")
    );
    assert!(!html.contains("somebody else") && !html.contains("Go to my applications"));
    for raw in [
        "Invalid invite/invite not found",
        "Unknown error",
        "Flow does not apply to current user.",
        "No pending user.",
    ] {
        assert!(!shown(&refusal(raw), &form()).contains(raw), "{raw}");
    }
}

#[test]
fn pages_a13_deleting_an_account_says_so_from_the_first_step() {
    let delete = FormContext { purpose: Purpose::Delete, ..form() };
    let first = shown(
        &json!({"component": "ak-stage-password", "pending_user": "ada", "flow_info": {"title": "Delete your account"}}),
        &delete,
    );
    assert!(
        first.contains("<h1 id=\"h\" dir=\"auto\">Delete your account</h1>")
            && first.contains(">Continue<")
            && !first.contains(">Sign in<")
            && first.contains("Keep my account")
    );
    let last = shown(
        &json!({"component": "ak-stage-prompt", "fields": [{"field_key": "w", "type": "alert_warning", "initial_value": "Gone."}], "flow_info": {"title": "Delete your account"}}),
        &delete,
    );
    assert!(
        last.contains("btn--danger")
            && last.contains("Delete my account")
            && last.contains("Keep my account")
            && !last.contains("btn--primary")
    );
}

#[test]
fn pages_b3_what_a_policy_says_of_a_password_stands_at_the_password() {
    let field =
        |key: &str, kind: &str| json!({"field_key": key, "type": kind, "label": key, "required": true});
    let prompt = |errors: Value| json!({"component": "ak-stage-prompt", "fields": [field("email", "email"), field("password", "password"), field("password_repeat", "password")], "response_errors": {"non_field_errors": errors}});
    let refused = FormContext { password_refused: true, username: Some("akadmin"), ..form() };
    let html = shown(
        &prompt(
            json!([{"string": "This is a very common password.", "code": "invalid"}, {"string": "Add another word or two.", "code": "invalid"}]),
        ),
        &refused,
    );
    let error = html.find("id=\"f-password-error\"").expect("at the field");
    assert!(html[error..].contains("This is a very common password. Add another word or two."));
    assert!(!html.contains("role=\"alert\"") && html.contains("<title>Error: "));
    assert!(
        html[html.find("id=\"f-password\"").unwrap()..]
            .split('>')
            .next()
            .unwrap()
            .contains("aria-invalid=\"true\"")
    );
    // B4: password managers learn whose password it is.
    assert!(html.contains("autocomplete=\"username\" value=\"akadmin\""));
    let differ = shown(&prompt(json!([{"string": "Passwords don't match.", "code": "invalid"}])), &form());
    assert!(differ.contains("id=\"f-password_5f_repeat-error\"") && !differ.contains("role=\"alert\""));
    // What is about something else stays above the form.
    assert!(
        shown(&prompt(json!([{"string": "Your name cannot be changed here.", "code": "invalid"}])), &form())
            .contains("role=\"alert\"")
    );
}

#[test]
fn pages_b9_a_consent_names_who_gets_what_of_whom() {
    let shared = [("profile", "Ada Lovelace · ada".to_owned()), ("email", "ada@x.test".to_owned())];
    let form = FormContext {
        application: Some("Grafana"),
        publisher: Some("Acme"),
        shared: &shared,
        switch_url: Some("/switch"),
        ..form()
    };
    let permission = |id: &str, name: &str| json!({"id": id, "name": name});
    let challenge = json!({"component": "ak-stage-consent", "pending_user": "ada", "token": "t", "permissions": [
        permission("email", "Email address"), permission("profile", "General Profile Information"),
        permission("offline_access", "Access to request new tokens without interaction"), permission("cars", "Your cars")]});
    let html = shown(&challenge, &form);
    for said in [
        "Run by <bdi>Acme</bdi>",
        "Your e-mail address",
        "ada@x.test",
        "Ada Lovelace · ada",
        "Access while you are away",
        "Your cars",
        "href=\"/switch\">Not you?",
        "withdraw",
    ] {
        assert!(html.contains(said), "{said}");
    }
    for technical in ["General Profile", "new tokens", "Email address"] {
        assert!(!html.contains(technical), "{technical}");
    }
}

#[test]
fn pages_b11_who_makes_an_account_is_told_where_the_link_went() {
    let values = [
        ("mailed_to".to_owned(), "eve@x.test".to_owned()),
        ("mail_lives".to_owned(), "30 minutes".to_owned()),
    ];
    let sent = json!({"component": "ak-stage-email"});
    let enrol = shown(
        &sent,
        &FormContext { purpose: Purpose::Enrol, values: &values, restart_url: Some("/again"), ..form() },
    );
    assert!(
        enrol.contains("We sent a link to <b><bdi>eve@x.test</bdi></b>")
            && enrol.contains("30 minutes")
            && enrol.contains("href=\"/again\">Use another address")
    );
    // Elsewhere nobody learns whether the account exists.
    let recover = shown(&sent, &FormContext { purpose: Purpose::Recover, values: &values, ..form() });
    assert!(recover.contains("If <b><bdi>eve@x.test</bdi></b> belongs to an account"));
}

#[test]
fn pages_b12_recovery_says_what_happens_and_leads_back() {
    let recover = FormContext { purpose: Purpose::Recover, ..form() };
    let first = shown(&json!({"component": "ak-stage-identification", "user_fields": ["email"]}), &recover);
    assert!(
        first.contains("We send you a link")
            && first.contains("href=\"/back\">Back to sign-in")
            && first.contains("Send the link")
    );
    let confirm = shown(
        &json!({"component": "ak-stage-consent", "header_text": "Continue to confirm that this link was meant for you."}),
        &recover,
    );
    assert!(!confirm.contains("was meant for you") && confirm.contains("Reset your password"));
}

fn library(tiles: &[Tile], query: &str) -> String {
    let (brand, assets) = (Brand::default(), Manifest::default());
    let page = Page { brand: &brand, assets: &assets, locale: "en", theme: Theme::Automatic, nonce: "n" };
    let account = Account {
        name: "Ada",
        username: "ada",
        links: &[],
        is_admin: false,
        here: "/if/user/",
        sign_out_url: "/out",
        impersonation: None,
    };
    library_page(&LibraryPage {
        page,
        account,
        tiles,
        favourites: &[],
        recent: &[],
        view: View::Tiles,
        csrf: None,
        query,
        done: "",
        url: "/if/user/",
    })
    .into_string()
}

#[test]
fn pages_b2_a_search_hides_tiles_and_leaves_none_out() {
    let tile = |name: &str| Tile { name: name.into(), launch_url: "/x".into(), ..Tile::default() };
    let tiles = [tile("Grafana"), tile("Wiki")];
    let html = library(&tiles, "graf");
    assert!(
        html.contains("data-text=\"Wiki  \" hidden")
            && html.contains("data-text=\"Grafana  \">")
            && html.contains("<span class=\"count\">1</span>")
    );
    let none = library(&tiles, "zzz");
    assert!(
        none.contains("data-group hidden")
            && none.contains("Nothing matches")
            && none.contains("data-text=\"Wiki")
    );
}

#[test]
fn pages_b20_b22_places_and_tiles_say_where_they_lead() {
    let tile = |name: &str, group: &str, new_tab: bool| Tile {
        name: name.into(),
        launch_url: "/x".into(),
        group: group.into(),
        new_tab,
        ..Tile::default()
    };
    let html = library(&[tile("Bare", "", false), tile("Grafana", "Infrastructure", true)], "");
    assert!(
        html.contains("<a href=\"/if/user/\" aria-current=\"page\">")
            && html.contains("<span>Settings</span>")
            && !html.contains("<span>Admin</span>")
    );
    assert_eq!(html.matches("(opens a new tab)").count(), 1);
    assert!(
        html.find("Infrastructure").unwrap() < html.find("<bdi>Others</bdi>").unwrap()
            && !html.contains("My applications")
    );
}

#[test]
fn pages_b7_b8_settings_tell_sessions_and_methods_apart() {
    let (brand, assets) = (Brand::default(), Manifest::default());
    let page = Page { brand: &brand, assets: &assets, locale: "en", theme: Theme::Automatic, nonce: "n" };
    let account = Account {
        name: "Ada",
        username: "ada",
        links: &[],
        is_admin: true,
        here: "/if/user/security/",
        sign_out_url: "/out",
        impersonation: None,
    };
    let method = |class: &str, name: &str, maker: &str| Method {
        class: class.into(),
        id: 1,
        name: name.into(),
        maker: maker.into(),
        created: "2026-11-18T08:12:00Z".into(),
        ..Method::default()
    };
    let set_up = |model: &str| SetUp { model: model.into(), title: String::new(), url: "/set-up".into() };
    let draw = |methods: &[Method], set_up: &[SetUp]| {
        let security = SecurityPage {
            page,
            account,
            url: "/if/user/security/",
            home_url: "/if/user/",
            csrf: "c",
            done: "",
            profile: &Profile {
                name: "Ada".into(),
                username: "ada".into(),
                change_url: "/details".into(),
                ..Profile::default()
            },
            methods,
            set_up,
            sessions: &[SessionRow {
                ip: "192.0.2.1".into(),
                place: "Berlin, DE".into(),
                since: "2026-11-30T13:02:00Z".into(),
                used: "2026-11-30T13:02:00Z".into(),
                current: true,
                ..SessionRow::default()
            }],
            connections: &[],
            consents: &[ConsentRow {
                id: "1".into(),
                application: "Grafana".into(),
                permissions: "profile".into(),
                away: true,
                ..ConsentRow::default()
            }],
            details: None,
            tokens: &[],
            token_form: None,
            new_token: None,
        };
        security_page(&security).into_string()
    };
    let all = [
        "authenticatoremailstage",
        "authenticatorstaticstage",
        "authenticatortotpstage",
        "authenticatorwebauthnstage",
        "passwordstage",
    ]
    .map(set_up);
    let html = draw(
        &[
            method("totp", "TOTP Device", ""),
            method("webauthn", "WebAuthn device", "iCloud Keychain"),
            method("static", "Static tokens", ""),
        ],
        &all,
    );
    for said in [
        "Authenticator app",
        "iCloud Keychain",
        "Berlin, DE",
        "30 Nov 2026, 13:02 UTC",
        "also while you are away",
        "Make new codes",
        "<span>Admin</span>",
        "Change your details",
    ] {
        assert!(html.contains(said), "{said}");
    }
    for technical in ["TOTP Device", "Static tokens", "WebAuthn device"] {
        assert!(!html.contains(technical), "{technical}");
    }
    let order: Vec<usize> =
        ["<bdi>Passkey</bdi></a>", "<bdi>Authenticator app</bdi></a>", "<bdi>Codes by e-mail</bdi></a>"]
            .iter()
            .map(|one| html.find(one).expect(one))
            .collect();
    assert!(order.is_sorted() && html.contains("Change password</a>"));
    // A7: codes alone are no second step to rely on, and come after another one.
    let alone = draw(&[method("static", "", "")], &all);
    assert!(alone.contains("Your recovery codes are your only second step."));
    assert!(!draw(&[], &all).contains("<bdi>Recovery codes</bdi>"));
}
