//! Recurring jobs of one server and of several.
use signet_base::Uuid;
use signet_store::jobs::{self, DONE, JobRow};
use signet_store::{params, schedules, tokens};
use signet_testkit::{App, DbKind, MailSink, Setup, each_database, json};
use std::time::{Duration, Instant};

const CLEAN: &str = "authentik.core.tasks.clean_expired_models";

fn often(setup: Setup) -> Setup {
    setup.with("AUTHENTIK_WORKER__SCHEDULER_INTERVAL", "seconds=1")
}
/// The last run of a schedule when it is over and another one than `before`; panics after ten seconds.
async fn run_of(app: &App, identifier: &str, before: Option<Uuid>) -> JobRow {
    let schedule = schedules::by_identifier(&app.core.db, identifier).await.unwrap().unwrap();
    for _ in 0..1000 {
        let last = jobs::last_of_schedule(&app.core.db, schedule.id).await.unwrap();
        if let Some(job) = last.filter(|job| job.state == DONE && Some(job.id) != before) {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{identifier} does not run")
}
async fn runs(app: &App, kind: &str) -> usize {
    let rows = app.core.db.query("SELECT id FROM job WHERE kind = ?", params![kind]).await.unwrap();
    rows.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn core_jobs_schedules_run_at_their_time_and_remove_what_has_expired() {
    each_database(|kind| async move {
        let app = often(Setup::new(kind).await).start().await.unwrap();
        let owner = app.user("ada", "a long enough password").await;
        let mut token =
            tokens::Token::new(app.core.ports.uuid(), "soon", "app_password", owner.id, app.core.now());
        (token.expiring, token.expires) = (true, Some(app.core.now().plus_secs(60)));
        tokens::insert(&app.core.db, &app.core.vault, &token, &"a key".into()).await.unwrap();
        app.clock.advance_secs(301);
        let run = run_of(&app, CLEAN, None).await;
        assert!(tokens::by_id(&app.core.db, token.id).await.unwrap().is_none());
        assert!(run.log[0]["event"].as_str().unwrap().contains("expired rows removed"), "{}", run.log);
        // The row of the run is removed as well, a day later.
        app.clock.advance_secs(86_400);
        run_of(&app, CLEAN, Some(run.id)).await;
        assert!(jobs::by_id(&app.core.db, run.id).await.unwrap().is_none());
        let live = schedules::workers(&app.core.db, app.core.now()).await.unwrap();
        assert!(live.len() <= 1, "{live:?}");
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn core_jobs_of_three_nodes_one_runs_what_is_due() {
    if std::env::var("SIGNET_TEST_SKIP_POSTGRES").is_ok() {
        return;
    }
    let setup = often(Setup::new(DbKind::Postgres).await);
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(setup.start().await.unwrap());
    }
    // Each announces itself soon after its start.
    let all_live = async {
        while schedules::workers(&nodes[0].core.db, nodes[0].core.now()).await.unwrap().len() < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), all_live).await.expect("three workers");
    for node in &nodes {
        node.clock.advance_secs(301);
    }
    run_of(&nodes[1], CLEAN, None).await;
    // Each has looked at the schedules a few times by then.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(runs(&nodes[2], CLEAN).await, 1);
    for node in nodes {
        node.halt().await;
    }
    setup.remove();
}

fn mails_to(setup: Setup, port: u16) -> Setup {
    setup
        .with("AUTHENTIK_EMAIL__HOST", "127.0.0.1")
        .with("AUTHENTIK_EMAIL__PORT", &port.to_string())
        .with("AUTHENTIK_WEB__BASE_URL", "http://id.test")
}
/// Asks for a letter to somebody.
async fn ask(app: &App, user: i64) {
    let sent = json!({"user": user, "template": "email/setup.html"});
    let said = app.admin().await.post("/api/v3/stages/email/send/", sent).await;
    assert_eq!(said.status, 204, "{}", said.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn core_jobs_a_letter_outlives_its_process_and_goes_by_the_server_that_is_set_then() {
    each_database(|kind| async move {
        // Nobody listens there.
        let app = mails_to(Setup::new(kind).await, 1).start().await.unwrap();
        let ada = app.user("ada", "a long enough password").await;
        ask(&app, ada.id).await;
        for _ in 0..500 {
            if app
                .core
                .metrics
                .render()
                .contains("authentik_tasks_retries_total{actor_name=\"authentik.stages.email")
            {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let setup = app.halt().await;
        let sink = MailSink::start(Duration::ZERO).await;
        let app = mails_to(setup, sink.port).start().await.unwrap();
        app.clock.advance_secs(3);
        let letter = sink.next().await.expect("the letter of the process before");
        assert!(letter.contains("ada@example.test"), "{letter}");
        let job = app.core.db.query_one("SELECT id, attempts FROM job WHERE queue = 'mail'", vec![]).await;
        let job = job.unwrap().unwrap();
        let message_id = format!("Message-ID: <{}@localhost>", job.uuid(0).unwrap().simple());
        assert!(letter.contains(&message_id) && job.int(1).unwrap() == 2, "{message_id}\n{letter}");
        app.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn core_jobs_what_one_node_is_asked_for_another_does_within_a_second() {
    if std::env::var("SIGNET_TEST_SKIP_POSTGRES").is_ok() {
        return;
    }
    let sink = MailSink::start(Duration::ZERO).await;
    let setup = mails_to(Setup::new(DbKind::Postgres).await, sink.port);
    let front = setup.clone().with("AUTHENTIK_WORKER__EMBEDDED", "false").start().await.unwrap();
    let ada = front.user("ada", "a long enough password").await;
    ask(&front, ada.id).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(sink.take().is_empty(), "it carries no jobs out");
    let worker = setup.start().await.unwrap();
    assert!(sink.next().await.is_some());
    for _ in 0..5 {
        ask(&front, ada.id).await;
        let asked = Instant::now();
        while sink.take().is_empty() {
            assert!(asked.elapsed() < Duration::from_secs(1), "not within a second");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    front.halt().await;
    worker.halt().await;
    setup.remove();
}
