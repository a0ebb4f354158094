//! The expression corpus: each case runs in both engines, with equal results.
#![allow(clippy::unwrap_used)]
mod site;
use signet_base::{Json, Map};
use signet_core::expression::{self, Outcome, Program, RunError, Value};
use signet_core::models::{Application, Flow};
use signet_core::policy::Question;
use signet_model::{Model, Object};
use signet_policies::expression::ExpressionPolicy;
use site::{Site, map};
use std::sync::Arc;

const FILES: [(&str, &str); 4] = [
    ("policies", include_str!("../../expr/tests/corpus/policies.txt")),
    ("flows", include_str!("../../expr/tests/corpus/flows.txt")),
    ("mappings", include_str!("../../expr/tests/corpus/mappings.txt")),
    ("prompts", include_str!("../../expr/tests/corpus/prompts.txt")),
];

#[derive(Default)]
struct Case {
    name: String,
    text: String,
    gives: Option<Json>,
    says: Vec<String>,
    sets: Map,
    context: Map,
    flow: bool,
    nobody: bool,
    direct: bool,
    ends: Option<String>,
    lacks: Option<String>,
}

fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for (file, text) in FILES {
        for part in text.split("=== ").skip(1) {
            let (name, rest) = part.split_once('\n').unwrap();
            let mut case = Case { name: format!("{file}: {name}"), ..Case::default() };
            for line in rest.lines() {
                let Some(said) = line.strip_prefix("#? ") else {
                    case.text.push_str(line);
                    case.text.push('\n');
                    continue;
                };
                let (key, value) = said.split_once(": ").unwrap_or((said, ""));
                let json = || -> Json {
                    serde_json::from_str(value).unwrap_or_else(|e| panic!("{}: {value}: {e}", case.name))
                };
                match key {
                    "gives" => case.gives = Some(json()),
                    "says" => case.says = serde_json::from_value(json()).unwrap(),
                    "sets" => case.sets = map(json()),
                    "context" => case.context = map(json()),
                    "flow" => case.flow = true,
                    "nobody" => case.nobody = true,
                    "direct" => case.direct = true,
                    "ends" => case.ends = Some(value.to_owned()),
                    "lacks" => case.lacks = Some(value.to_owned()),
                    other => panic!("{}: {other}", case.name),
                }
            }
            all.push(case);
        }
    }
    all
}

struct Fixture {
    site: Site,
    application: Arc<Object>,
    flow: Arc<Object>,
}

impl Fixture {
    async fn run(&self, case: &Case, program: &Program) -> Result<Outcome, RunError> {
        let client = self.site.client();
        let target = if case.flow { &self.flow } else { &self.application };
        let user = (!case.nobody).then_some(&self.site.ada);
        let question = Question {
            core: &self.site.core,
            client: &client,
            user,
            context: &case.context,
            target: Some(target),
        };
        self.site.http.answer(200, "{\"allowed\": true}");
        let extra = vec![provider(&self.application)];
        expression::evaluate(&question, program, extra).await
    }
}

/// A stand-in for a provider, which belongs to another family.
fn provider(application: &Arc<Object>) -> (&'static str, Value) {
    (
        "provider",
        Value::record(
            "Object",
            [("name", Value::from("P")), ("application", expression::object_value(application))],
        ),
    )
}

/// The differences between an outcome and its expectation.
fn judge(case: &Case, found: &Outcome) -> Result<(), String> {
    let value = expression::to_json(&found.value)?;
    let wanted = case.gives.clone().unwrap_or_default();
    if value != wanted {
        return Err(format!("gave {value}, not {wanted}"));
    }
    if found.messages != case.says {
        return Err(format!("said {:?}", found.messages));
    }
    if found.changes != case.sets {
        return Err(format!("set {}", Json::Object(found.changes.clone())));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_corpus_runs_in_both_engines() {
    let site = Site::new().await;
    let application = site.make(Application::DEF, signet_base::json!({"name": "Wiki", "slug": "wiki"})).await;
    let flow = site
        .make(
            Flow::DEF,
            signet_base::json!({"name": "f", "slug": "f", "title": "F", "designation": "enrollment"}),
        )
        .await;
    site.make(ExpressionPolicy::DEF, signet_base::json!({"name": "always", "expression": "return True"}))
        .await;
    let fixture = Fixture { site, application, flow };
    let all = cases();
    let (mut ran, mut direct, mut wrong) = (0, 0, Vec::new());
    for case in &all {
        let lacks = |why: &str| case.lacks.as_ref().is_some_and(|lacks| why.contains(lacks.as_str()));
        let program = match expression::parse(&case.text) {
            Ok(program) => program,
            Err(why) if lacks(&why) => continue,
            Err(why) => {
                wrong.push(format!("{}: {why}", case.name));
                continue;
            }
        };
        for (engine, program) in [("first", program.clone()), ("interpreter", program.interpreted())] {
            match fixture.run(case, &program).await {
                Ok(found) if case.lacks.is_none() && case.ends.is_none() => match judge(case, &found) {
                    Ok(()) if engine == "first" => {
                        ran += 1;
                        direct += usize::from(found.direct);
                        if case.direct && !found.direct {
                            wrong.push(format!("{}: it went to the interpreter", case.name));
                        }
                    }
                    Ok(()) => {}
                    Err(why) => wrong.push(format!("{} ({engine}): {why}", case.name)),
                },
                Ok(_) => wrong.push(format!("{} ({engine}): it ran", case.name)),
                Err(error)
                    if case.ends.as_ref().is_some_and(|why| error.to_string().contains(why.as_str())) =>
                {
                    ran += usize::from(engine == "first")
                }
                Err(error) if lacks(&error.to_string()) => {}
                Err(error) => wrong.push(format!("{} ({engine}): {error}", case.name)),
            }
        }
    }
    let share = ran * 100 / all.len();
    println!("{ran} of {} expressions run ({share} %), {direct} of them without the interpreter", all.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(all.len() >= 60 && share >= 95, "{share} % of {}", all.len());
}

/// The default scope mappings are evaluated at every sign-in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn built_in_scope_mappings_need_no_interpreter() {
    let site = Site::new().await;
    let application = site.make(Application::DEF, signet_base::json!({"name": "Wiki", "slug": "wiki"})).await;
    let (client, context) = (site.client(), Map::new());
    let question = Question {
        core: &site.core,
        client: &client,
        user: Some(&site.ada),
        context: &context,
        target: Some(&application),
    };
    let mut texts: Vec<String> = Vec::new();
    let mut inside = false;
    for line in include_str!("../../../blueprints/system/providers-oauth2.yaml").lines() {
        match line.strip_prefix("      ") {
            _ if line.trim_end() == "    expression: |" => {
                inside = true;
                texts.push(String::new());
            }
            Some(text) if inside => *texts.last_mut().unwrap() += &format!("{text}\n"),
            _ => inside = false,
        }
    }
    assert!(texts.len() >= 5, "{texts:?}");
    let programs = texts.iter().map(|text| expression::parse(text).unwrap()).collect();
    let outcomes = expression::evaluate_many(&question, programs, vec![provider(&application)]).await;
    for (text, outcome) in texts.iter().zip(outcomes) {
        assert!(outcome.unwrap().direct, "{text}");
    }
}
