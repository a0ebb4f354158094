//! What the API browser says about operations.
use crate::support::App;
use signet_store::testdb::sqlite;

#[tokio::test]
async fn pages_b27_every_operation_says_what_it_does_to_what() {
    let app = App::start(sqlite().await).await;
    let schema = app.call(None, "GET", "/schema/?format=json", None).await.body;
    let mut count = 0;
    for (path, methods) in schema["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let said = operation["description"].as_str().unwrap_or_default();
            let words: Vec<&str> = said.split_whitespace().collect();
            let verb = words.first().copied().unwrap_or_default();
            // A verb, and what it is done to; the page has no place for marks.
            let object =
                words.get(1).is_some_and(|word| !["it", "it,", "them", "this", "that"].contains(word));
            assert!(
                words.len() > 1
                    && object
                    && verb.starts_with(char::is_uppercase)
                    && verb.ends_with('s')
                    && said.ends_with('.')
                    && !said.contains('`'),
                "{method} {path}: {said}"
            );
            count += 1;
        }
    }
    assert!(count > 400, "{count}");
}
