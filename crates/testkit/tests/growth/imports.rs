//! Blueprints with thousands of entries.
use signet_base::thread::process_cpu_time;
use signet_blueprints::{Source, apply};
use signet_core::Core;
use signet_core::directory::Author;
use signet_testkit::{App, DbKind};
use std::fmt::Write;

/// The entries of one thing, with its number and a prefix for its name.
type Entries = fn(&mut String, usize, &str);

fn policy(out: &mut String, n: usize, prefix: &str) {
    let _ = write!(
        out,
        "- model: authentik_policies_expression.expressionpolicy\n  identifiers: {{name: {prefix} {n}}}\n  attrs: {{expression: return True}}\n"
    );
}
fn person(out: &mut String, n: usize, prefix: &str) {
    let _ = write!(
        out,
        "- model: authentik_core.user\n  identifiers: {{username: {prefix}{n}}}\n  attrs: {{name: Person {n}, email: {prefix}{n}@example.test}}\n"
    );
}
/// A group, and a person in it and without an address.
fn group(out: &mut String, n: usize, prefix: &str) {
    let _ = write!(
        out,
        "- model: authentik_core.group\n  id: group{n}\n  identifiers: {{name: group {prefix} {n}}}\n\
         - model: authentik_core.user\n  identifiers: {{email: '', username: member-{prefix}{n}}}\n  attrs: {{name: Member {n}, groups: [!KeyOf group{n}]}}\n"
    );
}
/// A provider and its application, with a group of all and a policy of all bound to it.
fn application(out: &mut String, n: usize, prefix: &str) {
    if n == 0 {
        let _ = write!(
            out,
            "- model: authentik_core.group\n  id: everybody\n  identifiers: {{name: everybody {prefix}}}\n\
             - model: authentik_policies_expression.expressionpolicy\n  id: shared\n  identifiers: {{name: shared {prefix}}}\n  attrs: {{expression: return True}}\n"
        );
    }
    let _ = write!(
        out,
        "- model: authentik_providers_oauth2.oauth2provider\n  id: provider{n}\n  identifiers: {{name: {prefix} {n}}}\n  attrs:\n    authorization_flow: !Find [authentik_flows.flow, [slug, default-provider-authorization-implicit-consent]]\n    invalidation_flow: !Find [authentik_flows.flow, [slug, default-provider-invalidation-flow]]\n    redirect_uris: [{{matching_mode: strict, url: 'https://{n}.example.test/'}}]\n\
         - model: authentik_core.application\n  id: app{n}\n  identifiers: {{slug: {prefix}-{n}}}\n  attrs: {{name: Application {n}, provider: !KeyOf provider{n}}}\n\
         - model: authentik_policies.policybinding\n  identifiers: {{order: 0, group: !KeyOf everybody, target: !KeyOf app{n}}}\n\
         - model: authentik_policies.policybinding\n  identifiers: {{order: 1, policy: !KeyOf shared, target: !KeyOf app{n}}}\n"
    );
}
/// A flow with a stage of its own and one of all, and a policy of all bound to its own.
fn flow(out: &mut String, n: usize, prefix: &str) {
    if n == 0 {
        let _ = write!(
            out,
            "- model: authentik_stages_deny.denystage\n  id: deny\n  identifiers: {{name: deny {prefix}}}\n\
             - model: authentik_policies_expression.expressionpolicy\n  id: shared\n  identifiers: {{name: of stages {prefix}}}\n  attrs: {{expression: return True}}\n"
        );
    }
    let _ = write!(
        out,
        "- model: authentik_flows.flow\n  id: flow{n}\n  identifiers: {{slug: flow-{prefix}-{n}}}\n  attrs: {{name: Flow {n}, title: Flow, designation: stage_configuration}}\n\
         - model: authentik_stages_user_login.userloginstage\n  id: stage{n}\n  identifiers: {{name: login {prefix} {n}}}\n\
         - model: authentik_flows.flowstagebinding\n  id: own{n}\n  identifiers: {{order: 0, stage: !KeyOf stage{n}, target: !KeyOf flow{n}}}\n\
         - model: authentik_flows.flowstagebinding\n  identifiers: {{order: 1, stage: !KeyOf deny, target: !KeyOf flow{n}}}\n\
         - model: authentik_policies.policybinding\n  identifiers: {{order: 0, policy: !KeyOf shared, target: !KeyOf own{n}}}\n"
    );
}
/// A policy, bound to one and the same flow as all others.
fn binding(out: &mut String, n: usize, prefix: &str) {
    policy(out, n, &format!("bound {prefix}"));
    let _ = write!(
        out,
        "- model: authentik_policies.policybinding\n  identifiers:\n    order: {n}\n    target: !Find [authentik_flows.flow, [slug, default-invalidation-flow]]\n    policy: !Find [authentik_policies_expression.expressionpolicy, [name, bound {prefix} {n}]]\n"
    );
}

const KINDS: [(&str, Entries); 6] = [
    ("expression policies", policy),
    ("people", person),
    ("groups with a person each", group),
    ("applications with provider and two bindings", application),
    ("flows with two stages and a policy", flow),
    ("policies bound to one flow", binding),
];

/// A file of at least so many entries, and how many it has.
fn file(of: Entries, entries: usize, prefix: &str) -> (String, usize) {
    let mut text = "version: 1\nentries:\n".to_owned();
    let (mut n, mut count) = (0, 0);
    while count < entries {
        let before = text.len();
        of(&mut text, n, prefix);
        count += text[before..].matches("- model: ").count();
        n += 1;
    }
    (text, count)
}

/// Processor time of one import, in milliseconds for each entry.
async fn import(core: &Core, of: Entries, entries: usize, prefix: &str) -> f64 {
    let (text, count) = file(of, entries, prefix);
    let before = process_cpu_time();
    let report = apply(core, &Source::new("growth.yaml", &text), &Author::system()).await.unwrap();
    assert_eq!(report.created, count);
    (process_cpu_time() - before).as_secs_f64() * 1000.0 / f64::from(u32::try_from(count).unwrap())
}

pub async fn grow_linearly() {
    let app = App::start(DbKind::Sqlite).await;
    for (kind, of) in KINDS {
        // What is made once only is not counted as growth.
        import(&app.core, of, 50, "first").await;
        let few = import(&app.core, of, 400, "few").await;
        let many = import(&app.core, of, 3200, "many").await;
        println!("{kind}: {few:.3} ms an entry of 400, {many:.3} ms of 3200");
        // Growth by the square would be eight times as much for each.
        assert!(many < 2.0 * few, "{kind}: {few:.3} ms an entry of 400, {many:.3} ms of 3200");
        // Again: everything is found, nothing is written.
        let (text, count) = file(of, 3200, "many");
        let again = apply(&app.core, &Source::new("again.yaml", &text), &Author::system()).await.unwrap();
        assert_eq!(again.unchanged, count, "{kind}");
    }
    app.stop().await;
}

/// The figures of `docs/performance.md`.
pub async fn ten_thousand() {
    for (kind, of) in KINDS {
        let app = App::start(DbKind::Sqlite).await;
        import(&app.core, of, 50, "first").await;
        let few = import(&app.core, of, 1_000, "few").await;
        let many = import(&app.core, of, 10_000, "many").await;
        println!("| {kind} | {few:.3} ms | {many:.3} ms | {:.1} s |", many * 10.0);
        app.stop().await;
    }
}
