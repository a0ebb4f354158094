//! Answers to the executor, at whatever stage the run is.
use super::{PASSWORD, PATIENCE, Run, start};
use http::Method;
use signet_base::{Json, json};
use signet_blueprints::{EXAMPLES, Source, apply};
use signet_core::directory::Author;
use tokio::time::timeout;

const CORPUS: &str = include_str!("corpus/answers.txt");

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_the_executor() {
    let app = start().await;
    for (name, text) in EXAMPLES {
        apply(&app.core, &Source::new(name, text), &Author::system()).await.unwrap();
    }
    let def = app.core.registry.find("authentik_flows.flow").unwrap();
    // A captcha asks a service elsewhere.
    let slugs: Vec<String> = app
        .core
        .config()
        .of(def)
        .map(|f| f.text("slug").to_owned())
        .filter(|slug| !slug.contains("captcha"))
        .collect();
    let known = app.login("alice", PASSWORD).await;
    let saved: Vec<&str> = CORPUS.lines().filter(|line| !line.is_empty()).collect();
    let mut run = Run::new();
    let mut next = 0;
    while next < saved.len() || !run.is_over() {
        let slug = run.dice.pick(&slugs).clone();
        let path = format!(
            "/api/v3/flows/executor/{slug}/?query={}",
            if run.dice.one_in(4) { "next%3D%2Fif%2Fuser%2F" } else { "" }
        );
        let mut browser = if run.dice.one_in(3) { known.clone() } else { app.browser() };
        browser.headers.push(("x-forwarded-for".to_owned(), run.dice.ip()));
        for _ in 0..4 {
            let shown =
                timeout(PATIENCE, browser.get(&path)).await.unwrap_or_else(|_| panic!("no answer: {path}"));
            run.judge(shown.status.as_u16(), &path);
            let shown = shown.json();
            // Each saved one as it is, in turn; then changed ones.
            let mut body = if next < saved.len() {
                next += 1;
                saved[next - 1].as_bytes().to_vec()
            } else {
                changed(&mut run, &saved, &shown)
            };
            if next == saved.len() && run.dice.one_in(6) {
                run.dice.spoil(&mut body);
            }
            let said = String::from_utf8_lossy(&body).into_owned();
            let answer = timeout(
                PATIENCE,
                browser.send(Method::POST, &path, &[("content-type", "application/json")], body),
            )
            .await;
            run.judge(
                answer.unwrap_or_else(|_| panic!("no answer: {path} {said}")).status.as_u16(),
                &format_args!("{path} {said}"),
            );
        }
    }
    run.end(app, "answers").await;
}

/// A saved answer with other values, as an answer to what is shown.
fn changed(run: &mut Run, saved: &[&str], shown: &Json) -> Vec<u8> {
    let mut answer: Json = serde_json::from_str(run.dice.pick::<&str>(saved)).unwrap_or_else(|_| json!({}));
    let Some(members) = answer.as_object_mut() else { return answer.to_string().into_bytes() };
    if !run.dice.one_in(5) {
        for name in ["component", "token"] {
            if let Some(value) = shown.get(name) {
                members.insert(name.to_owned(), value.clone());
            }
        }
        // The fields that a form has.
        for field in shown["fields"].as_array().into_iter().flatten() {
            let value = if run.dice.one_in(2) { run.dice.value(0) } else { json!("Correct-Horse-9") };
            members.insert(field["field_key"].as_str().unwrap_or_default().to_owned(), value);
        }
    }
    let names: Vec<String> = members.keys().cloned().collect();
    for name in names {
        match run.dice.below(6) {
            0 => drop(members.insert(name, run.dice.value(0))),
            1 if name != "component" => drop(members.remove(&name)),
            _ => {}
        }
    }
    if run.dice.one_in(8) {
        members.insert(run.dice.text(), run.dice.value(0));
    }
    answer.to_string().into_bytes()
}
