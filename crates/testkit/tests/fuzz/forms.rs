//! Forms to the endpoints of OAuth 2.0.
use super::{PATIENCE, Run, start};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::Method;
use signet_base::query;
use signet_blueprints::{Source, apply};
use signet_core::directory::Author;
use tokio::time::timeout;

const CORPUS: &str = include_str!("corpus/forms.txt");
const ENDPOINTS: [&str; 8] = [
    "/application/o/token/",
    "/application/o/token/",
    "/application/o/token/",
    "/application/o/introspect/",
    "/application/o/revoke/",
    "/application/o/userinfo/",
    "/application/o/authorize/",
    "/application/o/wiki/end-session/",
];
const APPLICATION: &str = "version: 1\nentries:\n\
    - {model: authentik_providers_oauth2.oauth2provider, id: p, identifiers: {name: Wiki}, attrs: {client_id: wiki, client_secret: a-secret-of-the-wiki-that-is-long-enough, \
      redirect_uris: [{matching_mode: strict, url: 'https://wiki.test/cb'}], grant_types: [authorization_code, implicit, hybrid, refresh_token, client_credentials, password], \
      authorization_flow: !Find [authentik_flows.flow, [slug, default-provider-authorization-implicit-consent]], \
      invalidation_flow: !Find [authentik_flows.flow, [slug, default-provider-invalidation-flow]]}}\n\
    - {model: authentik_core.application, identifiers: {slug: wiki}, attrs: {name: Wiki, provider: !KeyOf p}}\n";

#[tokio::test(flavor = "multi_thread")]
async fn forms_to_the_endpoints_of_oauth() {
    let app = start().await;
    apply(&app.core, &Source::new("wiki", APPLICATION), &Author::system()).await.unwrap();
    let saved: Vec<&str> = CORPUS.lines().filter(|line| !line.is_empty()).collect();
    let mut run = Run::new();
    let mut next = 0;
    while next < saved.len() * ENDPOINTS.len() || !run.is_over() {
        let is_saved = next < saved.len() * ENDPOINTS.len();
        let path = if is_saved { ENDPOINTS[next % ENDPOINTS.len()] } else { *run.dice.pick(&ENDPOINTS) };
        let mut body = if is_saved {
            saved[next / ENDPOINTS.len()].as_bytes().to_vec()
        } else {
            changed(&mut run, &saved)
        };
        next += 1;
        if !is_saved && run.dice.one_in(5) {
            run.dice.spoil(&mut body);
        }
        let said = String::from_utf8_lossy(&body).into_owned();
        let mut browser = app.browser();
        browser.headers.push(("x-forwarded-for".to_owned(), run.dice.ip()));
        let proof = match run.dice.below(4) {
            0 => format!("Basic {}", STANDARD.encode("wiki:a-secret-of-the-wiki-that-is-long-enough")),
            1 => format!("Basic {}", STANDARD.encode(run.dice.text())),
            2 => format!("Bearer {}", query::encode(&run.dice.text())),
            _ => String::new(),
        };
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        if !proof.is_empty() {
            headers.push(("authorization", &proof));
        }
        let answer = timeout(PATIENCE, browser.send(Method::POST, path, &headers, body)).await;
        run.judge(
            answer.unwrap_or_else(|_| panic!("no answer: {path} {said}")).status.as_u16(),
            &format_args!("{path} {proof} {said}"),
        );
        // The same where a browser would carry it.
        if said.is_ascii()
            && said.len() < 4000
            && said.bytes().all(|b| b.is_ascii_graphic())
            && !said.contains('#')
        {
            let path = format!("/application/o/authorize/?{said}");
            let Ok(uri) = path.parse::<http::Uri>() else { continue };
            let answer = timeout(PATIENCE, browser.get(&uri.to_string())).await;
            run.judge(answer.unwrap_or_else(|_| panic!("no answer: {path}")).status.as_u16(), &path);
        }
    }
    run.end(app, "forms").await;
}

/// A saved form with members left out, sent twice, or of another value.
fn changed(run: &mut Run, saved: &[&str]) -> Vec<u8> {
    let mut pairs = query::pairs(run.dice.pick::<&str>(saved));
    if run.dice.one_in(2) {
        pairs.push(("client_id".to_owned(), "wiki".to_owned()));
        pairs.push(("client_secret".to_owned(), "a-secret-of-the-wiki-that-is-long-enough".to_owned()));
    }
    let other = query::pairs(run.dice.pick::<&str>(saved));
    if !other.is_empty() && run.dice.one_in(3) {
        pairs.push(run.dice.pick(&other).clone());
    }
    for _ in 0..run.dice.below(3) {
        let at = run.dice.below(pairs.len());
        match (run.dice.below(3), pairs.get(at).cloned()) {
            (0, Some(_)) => drop(pairs.remove(at)),
            (1, Some(pair)) => pairs.push(pair),
            (_, Some(_)) => pairs[at].1 = run.dice.text(),
            (_, None) => {}
        }
    }
    query::build(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))).into_bytes()
}
