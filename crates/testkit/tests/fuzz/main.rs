//! Hostile input: a saved corpus first, then what a seeded generator makes of it, for `SIGNET_FUZZ_SECONDS`
//! (5) for each kind. Nothing may be answered by a 5xx, panic, or stay without an answer; the same seed
//! (`SIGNET_FUZZ_SEED`) makes the same input.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a failure in a test is a failed test; its length is a variable"
)]
mod answers;
mod dice;
mod forms;
mod raw;

use dice::Dice;
use signet_testkit::{App, DbKind, Setup};
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

/// Nothing may take longer to be answered.
const PATIENCE: Duration = Duration::from_secs(10);

/// Panics of this process: also those that a request or a task survives.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());
fn panics() -> Vec<String> {
    PANICS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // A test that fails says so itself.
            if !info.location().is_some_and(|at| at.file().contains("testkit/tests/")) {
                PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(info.to_string());
            }
            usual(info);
        }));
    });
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// A running test: what to do next, and for how long.
struct Run {
    dice: Dice,
    seed: u64,
    until: Instant,
    tried: u64,
}
impl Run {
    fn new() -> Self {
        watch();
        let seed = number("SIGNET_FUZZ_SEED", 1);
        Self {
            dice: Dice::new(seed),
            seed,
            until: Instant::now() + Duration::from_secs(number("SIGNET_FUZZ_SECONDS", 5)),
            tried: 0,
        }
    }
    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
    /// Judges one answer; `sent` says to what.
    fn judge(&mut self, status: u16, sent: &dyn std::fmt::Display) {
        self.tried += 1;
        assert!(status < 500, "{status}: {sent} (seed {}, number {})", self.seed, self.tried);
        let panics = panics();
        assert!(panics.is_empty(), "{panics:?}: {sent} (seed {}, number {})", self.seed, self.tried);
    }
    /// What is looked at in the end: the server still lets people in.
    async fn end(self, app: App, kind: &str) {
        let mut browser = app.browser();
        browser.headers.push(("x-forwarded-for".to_owned(), "203.0.113.9".to_owned()));
        let end = tokio::time::timeout(PATIENCE, browser.login("keeper", PASSWORD))
            .await
            .expect("a sign-in at the end");
        assert_eq!(end["component"], "xak-flow-redirect", "{end}");
        assert_eq!(browser.get("/-/health/ready/").await.status, 200);
        eprintln!("{kind}: {} tried, seed {}", self.tried, self.seed);
        app.stop().await;
        assert!(panics().is_empty(), "{:?}", panics());
    }
}

const PASSWORD: &str = "password of alice";

/// A server with alice, whose account a run may change, and a keeper whom none knows. Letters go nowhere, and
/// passwords are checked as fast as they may be.
async fn start() -> App {
    let setup = Setup::new(DbKind::Sqlite)
        .await
        .with("AUTHENTIK_EMAIL__HOST", "127.0.0.1")
        .with("AUTHENTIK_EMAIL__PORT", "9");
    let app = setup
        .with("AUTHENTIK_PASSWORDS__HASH_MEMORY", "19")
        .with("AUTHENTIK_PASSWORDS__HASH_PASSES", "2")
        .start()
        .await
        .unwrap();
    signet_core::setup::finish(&app.core).await.unwrap();
    app.user("alice", PASSWORD).await;
    app.user("keeper", PASSWORD).await;
    app
}
