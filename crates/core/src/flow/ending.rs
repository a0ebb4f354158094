//! The end of a run, and members that all challenges have.
use super::executor::{Executor, Reply};
use super::{Challenge, Plan, keys};
use crate::authorize::{self, Ending};
use crate::models::{DeniedAction, Flow};
use signet_base::{Json, Map, json, query};
use signet_model::Object;
use std::sync::Arc;

impl Executor<'_> {
    pub(super) fn finish(&mut self, flow: &Arc<Object>, plan: Plan) -> Reply {
        let redirect = plan.context.get(&keys::REDIRECT);
        let next = query::value(&self.session.state.query, "next");
        match (redirect, next) {
            (Some(to), _) => {
                self.close();
                Reply::Away(to)
            }
            (None, Some(next)) if !next.is_empty() => match query::local_path(&next) {
                Some(to) => {
                    self.close();
                    Reply::Done(to)
                }
                // No redirect: a scheme that browsers execute or open by themselves.
                None if !is_web(&next) => {
                    self.close();
                    let error = Challenge::new("ak-stage-flow-error")
                        .with("request_id", self.client.request_id.as_str());
                    Reply::Challenge(error.0)
                }
                None => {
                    self.session.state.plan = Some(plan);
                    let reply = self.refusal(flow, Some("Invalid next URL".to_owned()));
                    self.close();
                    reply
                }
            },
            _ => {
                self.close();
                Reply::Done("/".to_owned())
            }
        }
    }

    /// Ends the run and keeps its last page for reading again.
    pub(super) fn end_with(&mut self, shown: Map) {
        let now = self.core.now();
        if let Some(plan) = &mut self.session.state.plan {
            plan.end(shown, now);
        }
        self.session.touch();
    }

    pub(super) fn close(&mut self) {
        self.session.state.plan = None;
        self.session.state.query.clear();
        self.session.touch();
    }

    /// Hands a refusal to the protocol that the run is about, where the flow leaves it to it and there is a checked way
    /// back. Before a sign-in, and where the flow wants its message read, our page shows it, with a link to that way.
    fn hand_back(&mut self, flow: &Arc<Object>, action: DeniedAction, text: &str) -> Option<Reply> {
        let plan = self.session.state.plan.as_ref().filter(|plan| plan.flow == flow.pk)?;
        let pending = plan.authorization.as_ref()?;
        let hands_on = match action {
            DeniedAction::Message => false,
            DeniedAction::MessageContinue => pending.user.is_some(),
            DeniedAction::Continue => true,
        };
        // An error says that there is no checked way back any more.
        let request = authorize::open(self.core, self.client, pending).ok();
        if hands_on
            && let Some(request) = &request
            && let Some(answer) = request.end(&Ending::Denied(text.to_owned()))
        {
            return Some(self.end_by(flow, answer.challenge(request.application().name())));
        }
        let back = request.and_then(|request| authorize::way_back(request.as_ref(), text));
        let context = &mut self.session.state.plan.as_mut()?.context;
        match back {
            Some(back) => context.set(&keys::DECLINE_URL, back),
            None => context.remove(&keys::DECLINE_URL),
        }
        None
    }

    /// Ends the run with a challenge that is its last page.
    pub(super) fn end_by(&mut self, flow: &Arc<Object>, challenge: Challenge) -> Reply {
        let last = match challenge.component() {
            "xak-flow-redirect" => challenge.0,
            _ => self.dress(flow, challenge),
        };
        self.end_with(last.clone());
        ending(last)
    }

    /// Ends with a refusal, by the flow's `denied_action`.
    pub(super) fn denied(&mut self, flow: &Arc<Object>, text: Option<String>) -> Reply {
        let action = flow.get::<Flow>().map_or(DeniedAction::Message, |f| f.denied_action);
        if let Some(reply) = self.hand_back(flow, action, text.as_deref().unwrap_or_default()) {
            return reply;
        }
        let next = query::value(self.query, "next")
            .or_else(|| query::value(&self.session.state.query, "next"))
            .as_deref()
            .and_then(query::local_path);
        let reply = match (action, next) {
            (DeniedAction::Continue, next) => Reply::Done(next.unwrap_or_else(|| "/".to_owned())),
            (DeniedAction::MessageContinue, Some(next)) if text.is_none() => Reply::Done(next),
            _ => self.refusal(flow, text),
        };
        match &reply {
            Reply::Challenge(shown)
                if !self.session.is_unstored()
                    && self.session.state.plan.as_ref().is_some_and(|p| p.flow == flow.pk) =>
            {
                self.end_with(shown.clone())
            }
            _ => self.close(),
        }
        reply
    }

    fn refusal(&mut self, flow: &Arc<Object>, text: Option<String>) -> Reply {
        let mut challenge = Challenge::new("ak-stage-access-denied")
            .with("error_message", text.unwrap_or_else(|| "Unknown error".to_owned()));
        challenge = self.about(challenge);
        let mut out = self.dress(flow, challenge);
        if let Some(Json::Object(info)) = out.get_mut("flow_info") {
            info.insert("cancel_url".into(), json!("/flows/-/cancel/"));
        }
        Reply::Challenge(out)
    }

    fn about(&self, challenge: Challenge) -> Challenge {
        let pending = self.session.state.plan.as_ref().and_then(|p| p.context.get(&keys::PENDING_USER));
        match pending.or_else(|| self.session.principal().map(crate::Principal::pending)) {
            Some(u) => {
                let avatar = crate::rows::avatar(self.core, &u.name, &u.username, &u.email);
                challenge.with("pending_user", u.username).with("pending_user_avatar", avatar)
            }
            None => challenge.with("pending_user", "").with("pending_user_avatar", crate::rows::NO_AVATAR),
        }
    }

    /// A title with its placeholders filled: the run's application, and the user as they identified
    /// themselves.
    fn title(&self, title: &str, application: Option<&Object>) -> String {
        let Some(plan) = &self.session.state.plan else { return title.to_owned() };
        let typed = plan.context.get(&keys::PENDING_USER_IDENTIFIER);
        let user = typed
            .or_else(|| plan.context.get(&keys::PENDING_USER).map(|u| u.username))
            .or_else(|| self.session.principal().map(|p| p.user.username.clone()));
        filled(title, &[("app", Some(application.map_or("", Object::name))), ("user", user.as_deref())])
    }

    /// Adds `flow_info`.
    pub fn dress(&self, flow: &Object, challenge: Challenge) -> Map {
        let mut out = challenge.0;
        let settings = flow.get::<Flow>();
        let application = self
            .session
            .state
            .plan
            .as_ref()
            .and_then(|p| p.context.get(&keys::APPLICATION))
            .and_then(|pk| self.core.config().get(pk).cloned());
        let title = settings.map_or("", |f| f.title.as_str());
        let title = self.title(title, application.as_deref());
        let background = match flow.text("background") {
            "" => crate::brand::look(self.core, self.client).background,
            own => crate::media::url(self.core, own),
        };
        let next = query::value(self.query, "next").filter(|n| !n.is_empty());
        let cancel = next.map_or_else(
            || "/flows/-/cancel/".to_owned(),
            |n| format!("/flows/-/cancel/?next={}", query::encode(&n)),
        );
        out.insert(
            "flow_info".into(),
            json!({
                "title": title,
                "background": background,
                "background_themed_urls": null,
                "cancel_url": cancel,
                "layout": settings.map_or("stacked", |f| f.layout.as_str()),
            }),
        );
        out
    }
}

/// The reply with a run's last page, at first and when it is read again.
pub(super) fn ending(shown: Map) -> Reply {
    match shown.get("component").and_then(Json::as_str) {
        Some("xak-flow-redirect") => {
            Reply::Away(shown.get("to").and_then(Json::as_str).unwrap_or("/").to_owned())
        }
        _ => Reply::Challenge(shown),
    }
}

/// Replaces `%(name)s`, and `%%` by `%`. A text with an unknown placeholder stays unchanged.
fn filled(text: &str, values: &[(&str, Option<&str>)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let mark = &rest[at..];
        let found = values.iter().find_map(|(name, value)| {
            Some((*value, mark.strip_prefix("%(")?.strip_prefix(name)?.strip_prefix(")s")?))
        });
        let plain = || {
            if mark.starts_with("%(") {
                None
            } else {
                Some((Some("%"), mark.strip_prefix("%%").unwrap_or(&mark[1..])))
            }
        };
        let Some((Some(value), after)) = found.or_else(plain) else { return text.to_owned() };
        out.push_str(value);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Whether a URL is relative or has the scheme http(s).
fn is_web(address: &str) -> bool {
    let scheme = address.split_once(':').map(|(scheme, _)| scheme).filter(|s| {
        !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    });
    scheme.is_none_or(|s| s.eq_ignore_ascii_case("http") || s.eq_ignore_ascii_case("https"))
}

#[cfg(test)]
mod tests {
    use super::{filled, is_web};
    #[test]
    fn wire_w12_titles_name_application_and_person() {
        let fill = |text: &str| filled(text, &[("app", Some("Wiki %(user)s")), ("user", None)]);
        assert_eq!(fill("You've logged out of %(app)s."), "You've logged out of Wiki %(user)s.");
        assert_eq!(
            (fill("100%% %(app)s, 5%").as_str(), fill("plain").as_str()),
            ("100% Wiki %(user)s, 5%", "plain")
        );
        for raw in ["%(other)s of %(app)s", "%(user)s at %(app)s", "%(app)d"] {
            assert_eq!(fill(raw), raw);
        }
    }
    #[test]
    fn schemes_that_run_something_are_no_addresses_of_the_web() {
        for fine in ["/x", "//host/x", "https://a.test/", "HTTP://a.test", "/a:b", "", "?x=y:z"] {
            assert!(is_web(fine), "{fine}");
        }
        for bad in ["javascript:alert(1)", "data:text/html,x", "JavaScript:x", "vbscript:x", "file:///x"] {
            assert!(!is_web(bad), "{bad}");
        }
    }
}
