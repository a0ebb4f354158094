//! The flows that ship: they apply, once and again, and come back unchanged from an export.
use signet_base::Error;
use signet_blueprints::{DEFAULTS, EXAMPLES, Source, apply, export_flow, shipped};
use signet_core::directory::Author;
use signet_core::models::Flow;
use signet_testkit::{App, DbKind, each_database};

async fn import(app: &App, name: &str, text: &str) -> signet_blueprints::Report {
    let outcome = apply(&app.core, &Source::new(name, text), &Author::system()).await;
    outcome.unwrap_or_else(|e| match e {
        Error::Invalid(fields) => panic!("{name}: {}\n{text}", fields.to_json()),
        other => panic!("{name}: {other}\n{text}"),
    })
}

fn slugs(app: &App) -> Vec<String> {
    let mut all: Vec<String> =
        app.core.config().all::<Flow>().map(|(o, _)| o.text("slug").to_owned()).collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flow_exports_and_imports_into_an_empty_installation_unchanged() {
    each_database(|kind| async move {
        let one = App::start(kind).await;
        for (name, text) in EXAMPLES {
            let made = import(&one, name, text).await;
            assert!(made.created > 2 && made.notes.is_empty(), "{name}: {made:?}");
            let again = import(&one, name, text).await;
            assert!(again.is_empty(), "{name} again: {again:?}");
        }
        for slug in slugs(&one) {
            let text = export_flow(&one.core, &slug).await.unwrap();
            // Into the installation it came from: nothing to do.
            let same = import(&one, &slug, &text).await;
            assert!(same.is_empty(), "{slug}: {same:?}\n{text}");
        }
        let two = App::start(DbKind::Sqlite).await;
        // Flows that another one leads to are there first; groups too, as people make them themselves.
        for (name, text) in EXAMPLES {
            let own: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix("    slug: ")).collect();
            for slug in own {
                let exported = export_flow(&one.core, slug).await.unwrap();
                prepare(&two, &exported).await;
                import(&two, slug, &exported).await;
                assert_eq!(
                    numbered(&export_flow(&two.core, slug).await.unwrap()),
                    numbered(&exported),
                    "{name}: {slug}"
                );
                let again = import(&two, slug, &exported).await;
                assert!(again.is_empty(), "{slug}: {again:?}");
            }
        }
        one.stop().await;
        two.stop().await;
    })
    .await;
}

/// The text with keys replaced by the order in which they come: what both installations had before has other
/// keys.
fn numbered(text: &str) -> String {
    let mut seen: Vec<String> = Vec::new();
    let mut out = String::new();
    let is_key = |t: &str| t.len() == 36 && t.is_char_boundary(36) && signet_base::Uuid::parse_str(t).is_ok();
    // A key that begins with a letter is written bare, any other in quotes.
    let bare = text.replace('"', "");
    let mut rest = bare.as_str();
    while let Some(first) = rest.chars().next() {
        match rest.get(..36).filter(|t| is_key(t)) {
            Some(key) => {
                let at = seen.iter().position(|k| k == key).unwrap_or_else(|| {
                    seen.push(key.to_owned());
                    seen.len() - 1
                });
                out.push_str(&format!("#{at}"));
                rest = &rest[36..];
            }
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}

/// Groups that a file looks for.
async fn prepare(app: &App, text: &str) {
    for line in text.lines() {
        let Some(name) = line
            .trim()
            .strip_prefix("group: !Find [authentik_core.group, [name, ")
            .and_then(|rest| rest.strip_suffix("]]"))
        else {
            continue;
        };
        let group = format!(
            "version: 1\nentries:\n- {{model: authentik_core.group, identifiers: {{name: {name}}}}}\n"
        );
        import(app, "group", &group).await;
    }
}

#[test]
fn files_in_the_binary_are_found_by_their_name() {
    for (name, text) in DEFAULTS.iter().chain(EXAMPLES) {
        assert_eq!(shipped(name), Some(*text));
    }
    assert!(shipped("example/../secret").is_none() && shipped("").is_none());
}
