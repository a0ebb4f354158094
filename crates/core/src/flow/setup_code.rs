//! The setup code, asked before the first-run setup unless it is opened on this machine.
use super::{Challenge, FlowRun, FlowStep, Key, Plan, Planned, ResponseErrors, StageKind, StageRef};
use crate::setup::{self, Judged};
use async_trait::async_trait;
use signet_base::{Json, Map, Result, json};

/// A built-in stage, part of no flow's configuration.
const KIND: &str = "signet.setup_code";
const COMPONENT: &str = "ak-stage-prompt";
const FIELD: &str = "setup_code";
/// The code has been entered in this run.
const GIVEN: Key<bool> = Key::new("goauthentik.io/setup/code");
const WHERE: &str = "This server has no administrator yet. To set it up from another machine, type the set-up code. It stands in the server’s log, \
    and this command prints it where the server runs: signet setup_code (with Docker: docker compose exec server ak setup_code).";

/// Inserts the stage before a run that has not passed it. Returns whether it did.
pub(super) fn ask_first(plan: &mut Plan) -> bool {
    let asked = plan
        .stages
        .front()
        .is_some_and(|s| matches!(&s.stage, StageRef::BuiltIn { kind, .. } if kind == KIND));
    if asked || plan.context.get(&GIVEN) == Some(true) {
        return false;
    }
    plan.stages.push_front(Planned {
        stage: StageRef::BuiltIn { kind: KIND.to_owned(), settings: Json::Null },
        binding: None,
        re_evaluate: false,
    });
    plan.total += 1;
    plan.shown = false;
    true
}

pub(crate) struct SetupCode;

#[async_trait]
impl StageKind for SetupCode {
    fn id(&self) -> &'static str {
        KIND
    }
    fn component(&self) -> &'static str {
        COMPONENT
    }
    async fn show(&self, _: &mut FlowRun<'_>) -> Result<FlowStep> {
        let field = |key: &str, label: &str, kind: &str, required: bool, initial: &str, order: i64| {
            json!({
                "field_key": key, "label": label, "type": kind, "required": required, "placeholder": "", "initial_value": initial,
                "order": order, "sub_text": "", "choices": null,
            })
        };
        let fields = [
            field("setup_code_where", "", "static", false, WHERE, 0),
            field(FIELD, "Set-up code", "text", true, "", 1),
        ];
        Ok(FlowStep::Show(Challenge::new(COMPONENT).with("fields", json!(fields))))
    }
    async fn answer(&self, flow: &mut FlowRun<'_>, answer: &Map) -> Result<FlowStep> {
        let typed = answer.get(FIELD).and_then(Json::as_str).unwrap_or_default().trim();
        if typed.is_empty() {
            return Ok(FlowStep::Invalid(ResponseErrors::required(FIELD)));
        }
        let said = match setup::judge_code(flow.core, flow.client, typed).await? {
            Judged::Right => {
                flow.context().set(&GIVEN, true);
                return Ok(FlowStep::Next);
            }
            Judged::Wrong => {
                "That is not the set-up code. Look into the server’s log, or ask the server by the command."
            }
            Judged::TooMany => "Too many tries from your network. Wait five minutes and try again.",
        };
        Ok(FlowStep::Invalid(ResponseErrors::one(FIELD, said, "invalid")))
    }
}
