//! What the events of sign-ins cost: processor time of this process, client included, with the cheapest hash. Where they are
//! left out the database ignores their rows; that they are made, and sent in the same commit, still counts.
use signet_base::json;
use signet_base::thread::process_cpu_time;
use signet_testkit::{App, DbKind};

const FLOW: &str = "default-authentication-flow";
const COUNT: u32 = 400;

/// Sign-ins, or refused ones, in a second of processor time.
async fn rate(app: &App, password: &str, end: &str) -> f64 {
    let before = process_cpu_time();
    for _ in 0..COUNT {
        let mut browser = app.browser();
        browser.challenge(FLOW, "").await;
        browser.answer(FLOW, "", json!({"component": "ak-stage-identification", "uid_field": "ada"})).await;
        let last =
            browser.answer(FLOW, "", json!({"component": "ak-stage-password", "password": password})).await;
        assert_eq!(last["component"], end, "{last}");
        app.clock.advance_secs(600);
    }
    f64::from(COUNT) / (process_cpu_time() - before).as_secs_f64()
}

pub async fn measure() {
    let app = App::start(DbKind::Sqlite).await;
    app.user("ada", "right").await;
    let ignore = "CREATE TRIGGER ignored BEFORE INSERT ON event BEGIN SELECT RAISE(IGNORE); END";
    for round in 0..3 {
        for (what, password, end) in
            [("signed in", "right", "xak-flow-redirect"), ("refused", "wrong", "ak-stage-password")]
        {
            let with = rate(&app, password, end).await;
            app.core.db.execute(ignore, Vec::new()).await.unwrap();
            let without = rate(&app, password, end).await;
            app.core.db.execute("DROP TRIGGER ignored", Vec::new()).await.unwrap();
            println!("{round} {what}: {with:.0} a second with the rows of events, {without:.0} without");
        }
    }
    app.stop().await;
}
