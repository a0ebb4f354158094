//! Sample challenges of second factors, set-up and captcha.

use serde_json::{Value, json};

use signet_pages::{
    Account, ConsentRow, DetailsForm, FormContext, Method, Page, Profile, SecurityPage, SessionRow, SetUp,
    TokenForm, TokenRow,
};

use crate::flow;

/// A second-factor challenge with every device class; `last` is the class used last.
pub fn validate(last: &str) -> Value {
    let way = |class: &str, uid: &str, challenge: Value| {
        let used = if class == last { json!("2026-11-20T08:12:00Z") } else { Value::Null };
        json!({"device_class": class, "device_uid": uid, "challenge": challenge, "last_used": used})
    };
    json!({"component": "ak-stage-authenticator-validate", "flow_info": flow("Sign in"), "pending_user": "mara.lindqvist", "device_challenges": [
        way("webauthn", "-1", json!({"challenge": "AAAA", "rpId": "localhost", "allowCredentials": [], "timeout": 60000, "userVerification": "preferred"})),
        way("totp", "1", json!({})), way("sms", "3", json!({"phone_number": "+49 ••• ••• 42"})), way("email", "4", json!({"email": "m•••@fernhill.example"})),
        way("static", "2", json!({})), way("duo", "5", json!({}))], "configuration_stages": []})
}

/// Every challenge with a file name.
pub fn all() -> Vec<(&'static str, Value)> {
    let mut wrong = validate("totp");
    wrong["response_errors"] = json!({"code": [{"string": "Invalid Token. Please ensure the time on your device is accurate and try again.", "code": "invalid"}]});
    let setup = |component: &str, more: Value| {
        let mut challenge =
            json!({"component": component, "flow_info": flow("Set up"), "pending_user": "mara.lindqvist"});
        for (name, value) in more.as_object().into_iter().flatten() {
            challenge[name] = value.clone();
        }
        challenge
    };
    let stage = |pk: &str, model: &str| json!({"pk": pk, "name": "default", "verbose_name": "", "meta_model_name": format!("authentik_stages_x.{model}")});
    let registration = json!({"challenge": "AAAA", "rp": {"id": "localhost", "name": "Fernhill"}, "user": {"id": "AAAA", "name": "mara", "displayName": "Mara"},
        "pubKeyCredParams": [{"type": "public-key", "alg": -7}], "authenticatorSelection": {"residentKey": "required", "userVerification": "required"}});
    let captcha = json!({"component": "ak-stage-captcha", "site_key": "key", "js_url": "https://captcha.example/api.js", "interactive": true});
    let config = "otpauth://totp/Fernhill%3Amara.lindqvist?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&algorithm=SHA1&digits=6&period=30&issuer=Fernhill";
    vec![
        ("validate", validate("")),
        ("validate-last", wrong),
        (
            "validate-setup",
            setup(
                "ak-stage-authenticator-validate",
                json!({"device_challenges": [], "configuration_stages":
                [stage("a", "authenticatorwebauthnstage"), stage("b", "authenticatortotpstage"), stage("c", "authenticatorstaticstage")]}),
            ),
        ),
        ("setup-passkey", setup("ak-stage-authenticator-webauthn", json!({"registration": registration}))),
        ("setup-totp", setup("ak-stage-authenticator-totp", json!({"config_url": config}))),
        (
            "setup-codes",
            setup(
                "ak-stage-authenticator-static",
                json!({"codes": ["tk7m2qxp9fzh", "w4rn8bcd6jyv", "h3ps5gkt7mqx", "n9zc3wvf2rbp", "j6dh4xkt8pgs", "q2yb7nmf5vcw"]}),
            ),
        ),
        ("setup-sms", setup("ak-stage-authenticator-sms", json!({"phone_number_required": true}))),
        (
            "setup-email",
            setup(
                "ak-stage-authenticator-email",
                json!({"email_required": false, "email": "mara@fernhill.example"}),
            ),
        ),
        (
            "setup-duo",
            setup(
                "ak-stage-authenticator-duo",
                json!({"activation_barcode": "https://duo.example/qr.png", "activation_code": "duo://X-Y", "stage_uuid": "0a-1"}),
            ),
        ),
        ("captcha", setup("ak-stage-captcha", captcha.clone())),
        (
            "email-sent",
            setup(
                "ak-stage-email",
                json!({"response_errors": {"non_field_errors": [{"string": "email-sent", "code": "email-sent"}]}}),
            ),
        ),
        (
            "frame",
            setup(
                "xak-flow-frame",
                json!({"url": "https://device.example/", "loading_overlay": true, "loading_text": "Checking your device"}),
            ),
        ),
        (
            "identification-passkey",
            json!({"component": "ak-stage-identification", "flow_info": flow("Sign in"), "user_fields": ["username"], "password_fields": true, "allow_show_password": true,
                "primary_action": "Log in", "enable_remember_me": true, "passkey_challenge": {"challenge": "AAAA", "rpId": "localhost"}, "captcha_stage": captcha, "sources": []}),
        ),
    ]
}

/// Sample data of the security page.
pub struct Security {
    profile: Profile,
    methods: Vec<Method>,
    set_up: Vec<SetUp>,
    sessions: Vec<SessionRow>,
    consents: Vec<ConsentRow>,
    details: Value,
    tokens: Vec<TokenRow>,
}

impl Security {
    pub fn new() -> Self {
        let method = |class: &str, id: i64, name: &str, detail: &str, used: &str| Method {
            class: class.into(),
            id,
            name: name.into(),
            maker: String::new(),
            detail: detail.into(),
            created: "2026-01-09T10:00:00Z".into(),
            used: used.into(),
        };
        let field = |key: &str, kind: &str, label: &str, value: &str| json!({"field_key": key, "type": kind, "label": label, "required": true, "initial_value": value});
        let set_up = |model: &str| SetUp { model: model.into(), title: String::new(), url: "#".into() };
        let session = |id: &str, user_agent: &str, ip: &str| SessionRow {
            id: id.into(),
            user_agent: user_agent.into(),
            ip: ip.into(),
            place: "Berlin, DE".into(),
            since: "2026-11-18T08:12:00Z".into(),
            used: "2026-11-18T08:12:00Z".into(),
            current: id == "a",
        };
        Self {
            profile: Profile {
                name: "Mara Lindqvist".into(),
                username: "mara.lindqvist".into(),
                email: "mara.lindqvist@fernhill.example".into(),
                change_url: "#".into(),
            },
            methods: vec![
                method("webauthn", 1, "MacBook Pro", "", "2026-11-18T08:12:00Z"),
                method("totp", 2, "", "", ""),
                method("static", 3, "Recovery codes", "4 left", "2026-02-14T08:12:00Z"),
            ],
            set_up: vec![
                set_up("authenticatorwebauthnstage"),
                set_up("authenticatortotpstage"),
                set_up("authenticatorstaticstage"),
                set_up("passwordstage"),
            ],
            sessions: vec![
                session(
                    "a",
                    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0",
                    "198.51.100.24",
                ),
                session(
                    "b",
                    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1",
                    "2001:db8:4::1c",
                ),
            ],
            consents: vec![ConsentRow {
                id: "1".into(),
                application: "Grafana".into(),
                permissions: "openid profile email groups".into(),
                since: "2026-05-03T00:00:00Z".into(),
                expires: "2026-12-21T00:00:00Z".into(),
                away: true,
            }],
            details: json!({"component": "ak-stage-prompt", "fields": [
                field("username", "username", "Username", "mara.lindqvist"), field("name", "text", "Name", "Mara Lindqvist"),
                field("email", "email", "Email", "mara.lindqvist@fernhill.example")]}),
            tokens: vec![
                TokenRow {
                    id: "a".into(),
                    name: "backup-nas".into(),
                    expires: "2027-05-23T00:00:00Z".into(),
                    ..TokenRow::default()
                },
                TokenRow {
                    id: "b".into(),
                    name: "Thunderbird".into(),
                    description: "Mail on the laptop".into(),
                    app_password: true,
                    ..TokenRow::default()
                },
            ],
        }
    }

    pub fn page<'a>(&'a self, page: Page<'a>, account: Account<'a>) -> SecurityPage<'a> {
        SecurityPage {
            page,
            account,
            url: "/if/user/security/",
            home_url: "/if/user/",
            csrf: "sample",
            done: "The name is saved.",
            profile: &self.profile,
            methods: &self.methods,
            set_up: &self.set_up,
            sessions: &self.sessions,
            connections: &[],
            consents: &self.consents,
            details: Some(DetailsForm {
                challenge: &self.details,
                form: FormContext::new("/if/user/security/", "sample"),
            }),
            tokens: &self.tokens,
            token_form: Some(TokenForm { lasts: "30 days", ..TokenForm::default() }),
            new_token: Some(("backup-nas", "EXAMPLE4k2mQ9vXw7Rt")),
        }
    }
}
