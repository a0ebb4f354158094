//! Snippets give CPython's result (`cpython/generate.py`), or an error; never another value.
#![allow(clippy::unwrap_used)]
mod support;
use serde_json::{Value as Json, json};
use signet_expr::*;
use support::*;

#[derive(serde::Deserialize)]
struct Snippet {
    text: String,
    value: Option<Json>,
    raises: Option<String>,
}

/// Snippets that cannot work here, by a substring, with the reason. They are errors.
const LACKING: &[(&str, &str)] = &[
    ("pow(3, -1, 7)", "no inverse"),
    ("cmp_to_key", "the engine asks classes for no order"),
    ("< ipaddress.ip_address", "the engine asks classes for no order"),
    ("sorted([ipaddress", "the engine asks classes for no order"),
    ("a < a", "the engine asks classes for no order"),
    ("m.start('domain')", "positions of groups go by number"),
    ("kind.__name__", "classes of exceptions have no name"),
    ("Exception('a', 'b')", "exceptions take one text"),
    ("def __len__", "the engine asks classes for no length"),
    ("def __bool__", "the engine asks classes for no truth"),
    ("def __getattr__", "the engine asks classes for no attributes that are not there"),
];

fn plain(value: &Value) -> Json {
    match value {
        Value::List(items) => items.iter().map(plain).collect(),
        Value::Dict(dict) => dict
            .iter()
            .map(|(key, value)| (key.to_owned(), plain(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Bytes(bytes) => {
            json!({"bytes": bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()})
        }
        other => other.to_json().unwrap_or_else(|error| json!({"no form": error.to_string()})),
    }
}

async fn found(program: &Program) -> Result<Json, String> {
    run(program, inputs(), TestHost::new(), &Limits::default())
        .await
        .map(|outcome| plain(&outcome.value))
        .map_err(|error| format!("{}: {}", error.exception, error.message))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn field_29_snippets_give_what_cpython_gives() {
    let table: Vec<Snippet> = serde_json::from_str(include_str!("cpython/expected.json")).unwrap();
    assert!(table.len() > 250);
    compare(&table, false).await;
}

/// Methods, formats, slices, times and patterns over the values that real texts have. Not all of it is there; nothing
/// gives another value.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn combinations_give_what_cpython_gives_or_an_error() {
    let table: Vec<Snippet> = serde_json::from_str(include_str!("cpython/combinations.json")).unwrap();
    assert!(table.len() > 2500);
    compare(&table, true).await;
}

/// Empty matches of patterns, and keys that are equal without being the same, such as `1` and `True`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empty_matches_and_equal_keys_are_those_of_cpython() {
    let table: Vec<Snippet> = serde_json::from_str(include_str!("cpython/exact.json")).unwrap();
    assert!(table.len() > 3500);
    compare(&table, false).await;
}

async fn compare(table: &[Snippet], errors_pass: bool) {
    let (mut errors, mut runs) = (0, 0);
    let mut wrong = Vec::new();
    for snippet in table {
        let program = match Program::parse(&snippet.text, &[]) {
            Ok(program) => program,
            Err(_) if errors_pass => continue,
            Err(_) if LACKING.iter().any(|(part, _)| snippet.text.contains(part)) => continue,
            Err(error) => {
                wrong.push(format!("{}\n  refused: {error}", snippet.text));
                continue;
            }
        };
        let mut results = vec![found(&program.interpreted()).await];
        if program.is_direct() {
            results.push(found(&program).await);
        }
        for result in results {
            let right = match (&snippet.raises, &result) {
                (None, Ok(value)) => snippet.value.as_ref().unwrap_or(&Json::Null) == value,
                // `re.error` is the former name of `re.PatternError`.
                (Some(wanted), Err(error)) => error
                    .starts_with(&format!("{}:", if wanted == "error" { "re.PatternError" } else { wanted })),
                _ => false,
            };
            runs += 1;
            errors += usize::from(!right && result.is_err());
            if errors_pass && result.is_err() {
                continue;
            }
            let lacking = result.is_err() && LACKING.iter().any(|(part, _)| snippet.text.contains(part));
            if !right && !lacking {
                let wanted = snippet
                    .raises
                    .clone()
                    .unwrap_or_else(|| snippet.value.clone().unwrap_or_default().to_string());
                wrong.push(format!(
                    "{}\n  gave {}\n  not  {wanted}",
                    snippet.text,
                    result.map_or_else(|error| error, |value| value.to_string())
                ));
            }
        }
    }
    // An error is right where CPython has one too.
    assert!(errors * 20 < runs, "{errors} of {runs} are errors");
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), table.len(), wrong.join("\n"));
}
