//! One account, many sign-ins at the same moment, on two servers.
use signet_base::json;
use signet_testkit::{App, Browser, DbKind, Setup, TestResponse};
use std::time::Duration;

const PATH: &str = "/api/v3/flows/executor/default-authentication-flow/?query=";
const RIGHT: &str = "Correct-Horse-9";

/// The answers to a password that a crowd gives at the same moment, half of it at each server. Whoever is told to come
/// again does so.
async fn crowd(nodes: [&App; 2], name: &str, password: &'static str) -> Vec<TestResponse> {
    let mut browsers: Vec<Browser> = Vec::new();
    for n in 0..24 {
        let mut browser = nodes[n % 2].browser();
        let named = json!({"component": "ak-stage-identification", "uid_field": name});
        assert_eq!(browser.post(PATH, named).await.status, 302);
        browsers.push(browser);
    }
    let tasks: Vec<_> = browsers
        .into_iter()
        .map(|mut browser| {
            tokio::spawn(async move {
                loop {
                    let body = json!({"component": "ak-stage-password", "password": password});
                    let answer = browser.post(PATH, body).await;
                    if answer.status != 503 {
                        return answer;
                    }
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn scale_b3_right_passwords_at_two_servers_at_once_are_not_called_wrong_and_wrong_ones_stay_limited() {
    if std::env::var("SIGNET_TEST_SKIP_POSTGRES").is_ok() {
        return;
    }
    let setup = Setup::new(DbKind::Postgres).await.with("AUTHENTIK_THROTTLE__PROOF_OF_WORK", "0");
    let (one, two) = (setup.start().await.unwrap(), setup.start().await.unwrap());
    for name in ["grace", "ada"] {
        one.user(name, RIGHT).await;
    }
    for answer in crowd([&one, &two], "grace", RIGHT).await {
        assert_eq!(answer.status, 302, "{}", answer.text());
    }
    // Five of the wrong ones are judged, over both; after them the right one is not looked at.
    for answer in crowd([&one, &two], "ada", "wrong").await {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let judged = "SELECT count(*) FROM event WHERE action = 'login_failed'";
    let row = one.core.db.query_one(judged, Vec::new()).await.unwrap().unwrap();
    assert_eq!(row.int(0).unwrap(), 5);
    for answer in crowd([&one, &two], "ada", RIGHT).await {
        assert!(answer.text().contains("Too many wrong passwords"), "{}", answer.text());
    }
    for node in [one, two] {
        node.halt().await;
    }
    setup.remove();
}
