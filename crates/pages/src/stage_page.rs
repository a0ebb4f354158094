//! The page of a challenge: what a stage gives, and the whole of it.

use maud::{Markup, html};
use serde_json::Value;

use crate::flow::{FlowPage, Heading, Layout, flow_page};
use crate::form::{FormContext, Purpose, cancel_url, text};
use crate::shell::{Page, PagePolicy};
use crate::ui::{self, Person};

/// What a stage gives to the page of its challenge.
#[derive(Debug)]
pub struct StagePage {
    heading: Heading,
    body: Markup,
    above: Option<Markup>,
    with_person: bool,
    wide: bool,
    opens: Option<String>,
    /// What the page needs of other hosts: a captcha's script, a frame, the target of a form that submits itself.
    pub policy: PagePolicy,
}

impl StagePage {
    /// Title and body. The body has the form.
    #[must_use]
    pub fn new(heading: Heading, body: Markup) -> Self {
        Self {
            heading,
            body,
            above: None,
            with_person: true,
            wide: false,
            opens: None,
            policy: PagePolicy::default(),
        }
    }
    /// What stands below the title.
    #[must_use]
    pub fn body(&self) -> &Markup {
        &self.body
    }
    /// The page does not show whom the run is about.
    #[must_use]
    pub fn without_person(mut self) -> Self {
        self.with_person = false;
        self
    }
    /// A picture above the title.
    #[must_use]
    pub fn above(mut self, picture: Markup) -> Self {
        self.above = Some(picture);
        self
    }
    /// A card as wide as the window.
    #[must_use]
    pub fn wide(mut self) -> Self {
        self.wide = true;
        self
    }
    #[must_use]
    pub fn policy(mut self, policy: PagePolicy) -> Self {
        self.policy = policy;
        self
    }
    /// The page opens this URL by itself, and its body has the title.
    #[must_use]
    pub(crate) fn opens(mut self, url: &str) -> Self {
        self.opens = Some(url.to_owned());
        self
    }
}

/// The whole page of a challenge.
#[must_use]
pub fn challenge_page(page: Page, challenge: &Value, form: &FormContext, stage: StagePage) -> Markup {
    let StagePage { mut heading, body, above, with_person, wide, opens, policy: _ } = stage;
    if has_errors(challenge) {
        // Readers hear first that the same step is back, and why.
        heading.plain = format!("Error: {}", heading.plain);
    }
    let info = challenge.get("flow_info").unwrap_or(&Value::Null);
    flow_page(FlowPage {
        page,
        layout: Layout::parse(text(info, "layout")),
        background: text(info, "background"),
        heading,
        show_heading: opens.is_none(),
        above,
        person: person(challenge, form).filter(|_| with_person),
        body: if form.done.is_empty() {
            body
        } else {
            html! { (ui::notice_said(ui::NoticeKind::Ok, form.done, "")) (body) }
        },
        wide,
        refresh: opens.as_deref(),
    })
}

/// Whether something that was typed is wrong. A mail that was sent again and a device that was only chosen
/// are no errors.
fn has_errors(challenge: &Value) -> bool {
    let all = challenge.get("response_errors").and_then(Value::as_object);
    let mut errors = all.into_iter().flatten().filter_map(|(_, list)| list.as_array()).flatten();
    errors.any(|error| text(error, "code") != "email-sent" && text(error, "string") != "Empty response")
}

/// The person of a challenge.
fn person<'a>(challenge: &'a Value, form: &FormContext<'a>) -> Option<Person<'a>> {
    let name = text(challenge, "pending_user");
    // Whoever is signed in and changes something of their own is who they are.
    let not_you_url = match form.purpose {
        Purpose::SetUp | Purpose::Delete => None,
        // A refusal has a button for it.
        _ if text(challenge, "component") == "ak-stage-access-denied" => None,
        _ => form.switch_url.or_else(|| cancel_url(challenge)),
    };
    (!name.is_empty()).then(|| Person {
        name,
        avatar: Some(text(challenge, "pending_user_avatar")).filter(|url| !url.is_empty()),
        not_you_url,
    })
}
