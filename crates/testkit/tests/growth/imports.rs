//! Blueprints with thousands of entries.
use signet_base::thread::process_cpu_time;
use signet_blueprints::{Source, apply};
use signet_core::Core;
use signet_core::directory::Author;
use signet_testkit::{App, DbKind};
use std::fmt::Write;

fn policies(count: usize, prefix: &str) -> String {
    let mut text = "version: 1\nentries:\n".to_owned();
    for n in 0..count {
        let _ = write!(
            text,
            "- model: authentik_policies_expression.expressionpolicy\n  identifiers: {{name: {prefix} {n}}}\n  attrs: {{expression: return True}}\n"
        );
    }
    text
}
fn people(count: usize, prefix: &str) -> String {
    let mut text = "version: 1\nentries:\n".to_owned();
    for n in 0..count {
        let _ = write!(
            text,
            "- model: authentik_core.user\n  identifiers: {{username: {prefix}{n}}}\n  attrs: {{name: Person {n}, email: {prefix}{n}@example.test}}\n"
        );
    }
    text
}

/// Processor time of one import, in milliseconds.
async fn import(core: &Core, text: &str, count: usize) -> f64 {
    let before = process_cpu_time();
    let report = apply(core, &Source::new("growth.yaml", text), &Author::system()).await.unwrap();
    assert_eq!(report.created, count);
    (process_cpu_time() - before).as_secs_f64() * 1000.0
}

pub async fn grow_linearly() {
    let app = App::start(DbKind::Sqlite).await;
    for (kind, text) in [("policies", policies as fn(usize, &str) -> String), ("people", people)] {
        let few = import(&app.core, &text(500, "few"), 500).await;
        let many = import(&app.core, &text(4000, "many"), 4000).await;
        println!("{kind}: 500 in {few:.0} ms, 4000 in {many:.0} ms");
        // Eight times as many; growth by the square would be 64 times.
        assert!(many < 16.0 * few, "{kind}: 500 in {few:.0} ms, 4000 in {many:.0} ms");
        // Again: everything is found, nothing is written.
        let text = text(4000, "many");
        let again = apply(&app.core, &Source::new("again.yaml", &text), &Author::system()).await.unwrap();
        assert_eq!(again.unchanged, 4000);
    }
    app.stop().await;
}
