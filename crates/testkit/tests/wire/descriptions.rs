//! What the API browser says about operations.
use signet_testkit::{App, DbKind};

#[tokio::test]
async fn pages_b27_every_operation_says_what_it_does_to_what() {
    let app = App::start(DbKind::Sqlite).await;
    let schema = app.browser().get("/api/v3/schema/?format=json").await.json();
    let mut count = 0;
    for (path, methods) in schema["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let said = operation["description"].as_str().unwrap_or_default();
            let words: Vec<&str> = said.split_whitespace().collect();
            // What it is done to, by name; the page has no place for marks.
            let pronoun = |at: usize| {
                words.get(at).is_some_and(|word| ["it", "it,", "it.", "them", "such"].contains(word))
            };
            assert!(
                words.len() > 1
                    && !pronoun(1)
                    && !pronoun(words.len() - 1)
                    && said.starts_with(char::is_uppercase)
                    && said.ends_with('.')
                    && !said.contains('`'),
                "{method} {path}: {said}"
            );
            count += 1;
        }
    }
    assert!(count > 400, "{count}");
    app.stop().await;
}
