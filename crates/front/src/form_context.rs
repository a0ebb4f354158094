//! Data around a flow's form that the challenge does not contain: purpose of the flow, links out of it, facts
//! about the user.
use crate::edge::Edge;
use crate::form;
use signet_base::{Json, Result, Timestamp, Uuid, query};
use signet_core::flow::{StageRef, account, keys};
use signet_core::mail::templates;
use signet_core::models::{Application, Designation, Flow, PreparedCertificate, flow_bindings};
use signet_core::{Client, Core, Principal, brand, page, setup};
use signet_model::Object;
use signet_pages::{FormContext, Purpose, device_name};
use signet_store::devices::{self, Device, DeviceKind};
use std::sync::Arc;

/// The user's start page.
pub const HOME: &str = "/if/user/";
const SIGN_IN: &str = "/flows/-/default/authentication/";

/// Owned data of a [`FormContext`].
#[derive(Default)]
pub struct OwnedFormContext {
    application: Option<Arc<Object>>,
    publisher: Option<String>,
    decline: Option<String>,
    shared: Vec<(&'static str, String)>,
    purpose: Purpose,
    address: Option<String>,
    certificate: Option<String>,
    least_password: u32,
    devices: Vec<(&'static str, String)>,
    resend_wait: i64,
    username: Option<String>,
    password_refused: bool,
    back: Option<String>,
    switch: Option<String>,
    way_on: Option<(String, &'static str)>,
    restart: Option<String>,
    recovery: Option<String>,
    values: Vec<(String, String)>,
}

/// The purpose of a flow as pages name it. Set-up pages are for signed-in users.
pub fn purpose(flow: &Object, person: Option<&Principal>) -> Purpose {
    match flow.get::<Flow>().map(|f| f.designation) {
        Some(Designation::StageConfiguration) if person.is_some() => Purpose::SetUp,
        Some(Designation::Recovery) => Purpose::Recover,
        Some(Designation::Enrollment) => Purpose::Enrol,
        Some(Designation::Unenrollment) => Purpose::Delete,
        _ => Purpose::SignIn,
    }
}

/// The success message of a `done` parameter. Messages are fixed here, so that a link cannot show its own
/// text.
pub fn done(word: &str) -> &'static str {
    match word {
        "renamed" => "The name is saved.",
        "removed" => "The method is removed.",
        "signed_out" => "Signed out.",
        "withdrawn" => "The application has no access any more.",
        "connected" => "The account is connected.",
        "disconnected" => "The account is disconnected.",
        "saved" => "Your details are saved.",
        "password" => "Your new password is saved.",
        "added" => "The method is set up.",
        "token" => "The token is created.",
        "token_deleted" => "The token is deleted.",
        _ => "",
    }
}

/// The redirect target of a finished flow, with `done=<outcome>` for pages that show it.
pub fn end_url(core: &Core, flow: &Object, person: Option<&Principal>, to: String) -> String {
    let what = match flow.get::<Flow>().map(|f| f.designation) {
        Some(Designation::Invalidation) if to == "/" && person.is_none() => {
            return "/if/ended/signed-out/".to_owned();
        }
        Some(Designation::Unenrollment) if to == "/" && person.is_none() => {
            return "/if/ended/deleted/".to_owned();
        }
        Some(Designation::StageConfiguration | Designation::Recovery)
            if person.is_some() && flow.text("slug") != setup::FLOW =>
        {
            outcome(core, flow)
        }
        _ => "",
    };
    let to = if to == "/" && !what.is_empty() { HOME.to_owned() } else { to };
    // Only these pages show the message.
    let says = matches!(to.split('?').next(), Some(HOME | "/if/user/security/"));
    match what {
        what if what.is_empty() || !says => to,
        what => format!("{to}{}done={what}", if to.contains('?') { '&' } else { '?' }),
    }
}

/// The outcome of a flow, judged by its stages.
fn outcome(core: &Core, flow: &Object) -> &'static str {
    let config = core.config();
    let stages: Vec<&Arc<Object>> = flow_bindings(&config, flow.pk)
        .into_iter()
        .filter_map(|b| config.get(Uuid::parse_str(b.text("stage")).ok()?))
        .collect();
    if stages
        .iter()
        .any(|s| s.def.name.starts_with("authenticator") && s.def.name != "authenticatorvalidatestage")
    {
        return "added";
    }
    if !stages.iter().any(|s| s.def.name == "userwritestage") {
        return "";
    }
    let fields = stages.iter().filter_map(|s| s.data.get("fields").and_then(Json::as_array)).flatten();
    let mut prompts = fields.filter_map(|pk| config.get(Uuid::parse_str(pk.as_str()?).ok()?));
    if prompts.any(|p| p.text("type") == "password") { "password" } else { "saved" }
}

/// Whether it is a consent page in an authorization flow without an application: the run that an application
/// started has ended.
pub fn is_orphan(edge: &Edge, flow: &Object, challenge: &Json) -> bool {
    let authorizes = flow.get::<Flow>().is_some_and(|f| f.designation == Designation::Authorization);
    let application = edge.session.state.plan.as_ref().and_then(|p| p.context.get(&keys::APPLICATION));
    authorizes
        && application.is_none()
        && challenge.get("component").and_then(Json::as_str) == Some("ak-stage-consent")
}

impl OwnedFormContext {
    pub fn of(
        edge: &mut Edge,
        core: &Core,
        flow: &Object,
        challenge: &Json,
        typed: &[(String, String)],
    ) -> Self {
        let person = edge.session.principal().cloned();
        let purpose = purpose(flow, person.as_ref());
        let asked = query::value(&edge.client.query, "next").as_deref().and_then(query::local_path);
        let here = address(&edge.client.path, &edge.client.query);
        let mut out = Self { purpose, values: typed.to_vec(), ..Self::default() };
        // Cancelling a run must not sign the user out.
        let exit = asked
            .clone()
            .unwrap_or_else(|| if person.is_some() { HOME.to_owned() } else { SIGN_IN.to_owned() });
        out.back = match purpose {
            Purpose::SetUp | Purpose::Delete => Some(cancel(&exit)),
            Purpose::Recover | Purpose::Enrol => Some(cancel(&sign_in(asked.as_deref()))),
            Purpose::SignIn => None,
        };
        out.restart = matches!(purpose, Purpose::Recover | Purpose::Enrol).then(|| cancel(&here));
        let refused = challenge.get("component").and_then(Json::as_str) == Some("ak-stage-access-denied");
        if let Some(person) = &person {
            if purpose == Purpose::SetUp {
                out.username = Some(person.user.username.clone());
            }
            let own = matches!(purpose, Purpose::SetUp | Purpose::Delete);
            let words = if asked.is_some() { "Go back" } else { "Go to my applications" };
            // A refused change of the own account: another account does not help.
            out.way_on = out.back.clone().filter(|_| refused && own).map(|back| (back, words));
            out.switch = (!own && (refused || purpose == Purpose::SignIn))
                .then(|| page::sign_out_to(&restart_url(edge, &here)));
        } else if refused {
            out.way_on = Some(help_link(purpose, &here, asked.as_deref(), challenge));
            out.recovery = recovery_url(edge, core, purpose, challenge);
        } else {
            out.switch = Some(cancel(asked.as_deref().unwrap_or(&here)));
        }
        if flow.text("slug") == setup::FLOW {
            out.username = Some(setup::ADMINISTRATOR.to_owned());
            out.address = Some(edge.client.base_url());
            out.certificate = certificate(core, &edge.client);
        }
        if let Some(plan) = edge.session.state.plan.as_mut() {
            let config = core.config();
            out.application = plan.context.get(&keys::APPLICATION).and_then(|pk| config.get(pk).cloned());
            let publisher = out
                .application
                .as_ref()
                .and_then(|a| a.get::<Application>())
                .map(|a| a.meta_publisher.clone());
            out.publisher = publisher.filter(|p| !p.is_empty());
            out.decline = plan.context.get(&keys::DECLINE_URL);
            out.password_refused = plan.context.get(&keys::PASSWORD_REFUSED) == Some(true);
            if purpose == Purpose::Recover && plan.context.has(&keys::IS_RESTORED) {
                out.username = plan.context.get(&keys::PENDING_USER).map(|u| u.username);
            }
            form::recall(&mut plan.context, challenge, &mut out.values);
        }
        if out.application.is_some()
            && let Some(person) = &person
        {
            out.shared = shared(person);
        }
        out.facts(edge, core, challenge);
        out.least_password = least_password(edge, core);
        out.resend_wait = form::resend_wait(edge, challenge);
        out
    }

    /// Adds the user's devices on the second-factor page. Requires a proven first factor: device names are
    /// personal data.
    pub async fn with_devices(mut self, edge: &Edge, core: &Core, challenge: &Json) -> Result<Self> {
        let Some(plan) = edge.session.state.plan.as_ref().filter(|_| is_second_step(challenge)) else {
            return Ok(self);
        };
        let pending = plan.context.get(&keys::PENDING_USER).and_then(|user| user.id);
        let proven = plan.context.get(&account::PROVEN).map(|at| at.user);
        if let Some(user) = pending.filter(|id| proven == Some(*id)) {
            self.devices = devices_of(core, user).await?;
        }
        Ok(self)
    }

    /// Facts that the page names: the address a mail was sent to (as typed), the lifetime of its link, the
    /// duration of "stay signed in".
    fn facts(&mut self, edge: &Edge, core: &Core, challenge: &Json) {
        let component = challenge.get("component").and_then(Json::as_str).unwrap_or_default();
        let Some(plan) = edge
            .session
            .state
            .plan
            .as_ref()
            .filter(|_| matches!(component, "ak-stage-email" | "ak-stage-user-login"))
        else {
            return;
        };
        let config = core.config();
        let stage = plan.stages.front().and_then(|s| match &s.stage {
            StageRef::Object(pk) => config.get(*pk),
            StageRef::BuiltIn { .. } => None,
        });
        let time = |field: &str| {
            stage
                .and_then(|s| signet_base::Span::parse(s.text(field)).ok())
                .filter(|s| s.secs() > 0)
                .map(|s| templates::duration(s.secs()))
        };
        if component == "ak-stage-user-login" {
            self.values.extend(time("remember_me_offset").map(|time| ("stays_for".to_owned(), time)));
            return;
        }
        let to = match self.purpose {
            // In an enrolment the user has just typed the address.
            Purpose::Enrol => plan
                .context
                .get(&keys::PROMPT_DATA)
                .and_then(|d| d.get("email").and_then(Json::as_str).map(str::to_owned)),
            _ => plan.context.get(&keys::PENDING_USER_IDENTIFIER),
        };
        let lives = time("token_expiry");
        self.values.extend(to.map(|to| ("mailed_to".to_owned(), to)));
        self.values.extend(lives.map(|lives| ("mail_lives".to_owned(), lives)));
    }

    pub fn form<'a>(
        &'a self,
        edge: &'a Edge,
        help: &'a str,
        action: &'a str,
        csrf: &'a str,
    ) -> FormContext<'a> {
        FormContext {
            application: self.application.as_ref().map(|a| a.name()),
            publisher: self.publisher.as_deref(),
            shared: &self.shared,
            purpose: self.purpose,
            address: self.address.as_deref(),
            certificate: self.certificate.as_deref(),
            least_password: self.least_password,
            devices: &self.devices,
            resend_wait: self.resend_wait,
            username: self.username.as_deref(),
            password_refused: self.password_refused,
            back_url: self.back.as_deref(),
            restart_url: self.restart.as_deref(),
            recovery_url: self.recovery.as_deref(),
            switch_url: self.switch.as_deref(),
            way_on: self.way_on.as_ref().map(|(url, words)| (url.as_str(), *words)),
            help,
            home_url: HOME,
            request_id: Some(&edge.client.request_id),
            values: &self.values,
            decline_url: self.decline.as_deref(),
            ..FormContext::new(action, csrf)
        }
    }
}

fn is_second_step(challenge: &Json) -> bool {
    challenge.get("component").and_then(Json::as_str) == Some("ak-stage-authenticator-validate")
}

/// How many recovery codes of a list are left, of how many where that is known.
pub async fn codes_left(core: &Core, device: &Device, now: Timestamp) -> Result<String> {
    let left = devices::count_codes(&core.db, device.id, now).await?;
    Ok(match device.data.get("codes").and_then(Json::as_i64) {
        Some(all) => format!("{left} of {all} left"),
        None => format!("{left} left"),
    })
}

/// A user's devices by class: their names, or the number of recovery codes left.
async fn devices_of(core: &Core, user: i64) -> Result<Vec<(&'static str, String)>> {
    let mut all: Vec<(&'static str, Vec<String>)> = Vec::new();
    for device in devices::of_user(&core.db, user, None).await?.into_iter().filter(|d| d.confirmed) {
        let said = match device.kind {
            DeviceKind::Static => Some(codes_left(core, &device, core.now()).await?),
            _ => device_name(&device.name, device.text("description")).map(str::to_owned),
        };
        let class = device.kind.as_str();
        match all.iter_mut().find(|(of, _)| *of == class) {
            Some((_, list)) => list.extend(said),
            None => all.push((class, said.into_iter().collect())),
        }
    }
    let named = all.into_iter().filter(|(_, list)| !list.is_empty());
    Ok(named.map(|(class, list)| (class, list.join(", "))).collect())
}

/// Minimum length in the password policies of the current stage; 0 without one.
fn least_password(edge: &Edge, core: &Core) -> u32 {
    let config = core.config();
    let Some(plan) = &edge.session.state.plan else { return 0 };
    let stage = plan.stages.front().and_then(|planned| match &planned.stage {
        StageRef::Object(pk) => config.get(*pk),
        StageRef::BuiltIn { .. } => None,
    });
    let policies = stage.and_then(|stage| stage.data.get("validation_policies")?.as_array());
    let least = policies.into_iter().flatten().filter_map(|pk| {
        let policy = config.get(Uuid::parse_str(pk.as_str()?).ok()?)?;
        let counts =
            policy.def.name == "passwordpolicy" && policy.data.get("check_static_rules")?.as_bool()?;
        policy.data.get("length_min").filter(|_| counts)?.as_u64()
    });
    u32::try_from(least.max().unwrap_or_default()).unwrap_or_default()
}

/// Sentence about the connection. `None` if TLS ends at a proxy: its certificate is not known here.
fn certificate(core: &Core, client: &Client) -> Option<String> {
    if !client.secure {
        return Some(match client.local {
            true => "The connection stays on this machine.".to_owned(),
            false => "The connection is not encrypted.".to_owned(),
        });
    }
    let config = core.config();
    let (object, _) = brand::certificate_for(&config, client.domain()).filter(|_| client.own_tls)?;
    let certificate = &object.prepared::<PreparedCertificate>().ok()?.certificate;
    let print = certificate.fingerprint_sha256();
    Some(match certificate.subject() == certificate.issuer() {
        true => format!("Its certificate is its own. The browser shows this SHA-256 fingerprint: {print}."),
        false => format!("TLS certificate from {}.", issuer(certificate.issuer())),
    })
}

/// The issuer's organisation, else its common name.
fn issuer(name: &str) -> &str {
    let part = |key: &str| name.split(',').find_map(|part| part.trim().strip_prefix(key)?.strip_prefix('='));
    part("O").or_else(|| part("CN")).unwrap_or(name)
}

/// A path with its query.
pub fn address(path: &str, query: &str) -> String {
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}
fn cancel(next: &str) -> String {
    format!("/flows/-/cancel/?next={}", query::encode(next))
}
fn sign_in(next: Option<&str>) -> String {
    next.map_or_else(|| SIGN_IN.to_owned(), |next| format!("{SIGN_IN}?next={}", query::encode(next)))
}

/// Where another user starts over: at the authorization endpoint if an application started the run, else at
/// this page.
fn restart_url(edge: &Edge, here: &str) -> String {
    let query = &edge.client.query;
    if query::value(query, "client_id").is_some() {
        address("/application/o/authorize/", query)
    } else {
        here.to_owned()
    }
}

/// The button on a refusal page for users who are not signed in. `next` stays in the query.
fn help_link(purpose: Purpose, here: &str, next: Option<&str>, challenge: &Json) -> (String, &'static str) {
    let text = challenge.get("error_message").and_then(Json::as_str).unwrap_or_default();
    match purpose {
        Purpose::Recover if text.starts_with("This link ") => {
            (cancel(here.split('?').next().unwrap_or(here)), "Send a new link")
        }
        Purpose::Recover => (cancel(here), "Try again"),
        Purpose::SignIn if text.starts_with("Too many ") => (cancel(here), "Try again"),
        _ => (cancel(&sign_in(next)), "Sign in"),
    }
}

/// The recovery flow, if too many wrong passwords ended the sign-in.
fn recovery_url(edge: &Edge, core: &Core, purpose: Purpose, challenge: &Json) -> Option<String> {
    let text = challenge.get("error_message").and_then(Json::as_str).unwrap_or_default();
    if purpose != Purpose::SignIn || !text.starts_with("Too many wrong passwords") {
        return None;
    }
    let config = core.config();
    let flow = brand::slug(&config, brand::of(&config, edge.client.domain())?.1.flow_recovery)?;
    Some(address(&format!("/if/flow/{flow}/"), &signet_core::flow::token::without(&edge.client.query)))
}

/// The claim values an application learns about this user, by scope.
fn shared(person: &Principal) -> Vec<(&'static str, String)> {
    let user = &person.user;
    let mut groups: Vec<&str> = person.groups.iter().map(|g| g.name.as_str()).collect();
    groups.sort_unstable();
    let said = match groups.as_slice() {
        [first, second, rest @ ..] if rest.len() > 1 => format!("{first}, {second} and {} more", rest.len()),
        all => all.join(", "),
    };
    let mut profile: Vec<&str> = [user.name.as_str(), user.username.as_str(), said.as_str()]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    profile.dedup();
    vec![
        ("profile", profile.join(" · ")),
        ("email", user.email.clone()),
        ("groups", said.clone()),
        ("offline_access", "Until you withdraw it or sign out everywhere".to_owned()),
    ]
}
