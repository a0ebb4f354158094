//! Recurring jobs of one server and of several.
use signet_store::jobs::{self, DONE, JobRow};
use signet_store::{params, schedules, tokens};
use signet_testkit::{App, DbKind, Setup, each_database};
use std::time::Duration;

const CLEAN: &str = "authentik.core.tasks.clean_expired_models";

fn often(setup: Setup) -> Setup {
    setup.with("AUTHENTIK_WORKER__SCHEDULER_INTERVAL", "seconds=1")
}
/// The last run of a schedule when it is over; panics after ten seconds.
async fn run_of(app: &App, identifier: &str, after: usize) -> JobRow {
    let schedule = schedules::by_identifier(&app.core.db, identifier).await.unwrap().unwrap();
    for _ in 0..1000 {
        let last = jobs::last_of_schedule(&app.core.db, schedule.id).await.unwrap();
        if let Some(job) = last.filter(|job| job.state == DONE)
            && runs(app, identifier).await > after
        {
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
        let run = run_of(&app, CLEAN, 0).await;
        assert!(tokens::by_id(&app.core.db, token.id).await.unwrap().is_none());
        assert!(run.log[0]["event"].as_str().unwrap().contains("expired rows removed"), "{}", run.log);
        // The row of the run is removed as well, a day later.
        app.clock.advance_secs(86_400);
        run_of(&app, CLEAN, 1).await;
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
    assert_eq!(schedules::workers(&nodes[0].core.db, nodes[0].core.now()).await.unwrap().len(), 3);
    for node in &nodes {
        node.clock.advance_secs(301);
    }
    run_of(&nodes[1], CLEAN, 0).await;
    // Each has looked at the schedules a few times by then.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(runs(&nodes[2], CLEAN).await, 1);
    for node in nodes {
        node.halt().await;
    }
    setup.remove();
}
