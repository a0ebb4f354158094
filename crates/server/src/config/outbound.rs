//! The way to other servers: authorities, proxies, and access tokens for the mail server.
use super::Config;
use signet_base::Secret;
use signet_base::outbound::MailOAuth;
use signet_outbound::{NoProxy, OutboundSettings, Proxies, ProxyServer, certificates};
use std::path::Path;
use url::Url;

/// Rules over several variables.
pub(super) fn judge(config: &Config, wrong: &mut impl FnMut(&str, &str)) {
    if let Err((name, message)) = outbound(config) {
        wrong(name, &message);
    }
    if !config.given("EMAIL__OAUTH__TOKEN_URL") {
        return;
    }
    if !is_token_url(config.text("EMAIL__OAUTH__TOKEN_URL")) {
        wrong("EMAIL__OAUTH__TOKEN_URL", "The value is not an https address.");
    }
    for name in ["EMAIL__OAUTH__CLIENT_ID", "EMAIL__USERNAME"] {
        if config.text(name).is_empty() {
            wrong(name, "is needed beside EMAIL__OAUTH__TOKEN_URL.");
        }
    }
    if !config.flag("EMAIL__USE_TLS") && !config.flag("EMAIL__USE_SSL") {
        wrong("EMAIL__USE_TLS", "must be true, or EMAIL__USE_SSL: an access token is sent over TLS only.");
    }
    if config.text("EMAIL__OAUTH__CLIENT_SECRET").is_empty()
        && config.text("EMAIL__OAUTH__REFRESH_TOKEN").is_empty()
    {
        wrong("EMAIL__OAUTH__CLIENT_SECRET", "is needed, unless EMAIL__OAUTH__REFRESH_TOKEN is set.");
    }
}

/// `https`, or a server on this machine.
fn is_token_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        url.scheme() == "https" || (url.scheme() == "http" && local)
    })
}

/// # Errors
/// The variable that is wrong, with the reason.
pub(super) fn outbound(c: &Config) -> Result<OutboundSettings, (&'static str, String)> {
    let mut authorities = Vec::new();
    let file = c.text("OUTBOUND__CA_FILE");
    if !file.is_empty() {
        let wrong = |why: String| ("OUTBOUND__CA_FILE", why);
        let pem =
            super::read_file(Path::new(file)).map_err(|e| wrong(format!("cannot read {file}: {e}.")))?;
        authorities =
            certificates(&pem).map_err(|_| wrong(format!("{file} contains no certificates in PEM.")))?;
    }
    let proxy = |lower, upper| -> Result<Option<ProxyServer>, (&'static str, String)> {
        let given = |name| Some((name, c.other(name).trim())).filter(|(_, value)| !value.is_empty());
        let Some((name, value)) = given(lower).or_else(|| given(upper)) else { return Ok(None) };
        ProxyServer::parse(value).map(Some).map_err(|why| (name, why.to_owned()))
    };
    let direct = Some(c.other("no_proxy")).filter(|list| !list.is_empty()).unwrap_or(c.other("NO_PROXY"));
    let proxies = Proxies {
        https: proxy("https_proxy", "HTTPS_PROXY")?,
        http: proxy("http_proxy", "HTTP_PROXY")?,
        direct: NoProxy::parse(direct),
    };
    Ok(OutboundSettings { authorities, proxies })
}

/// `AUTHENTIK_EMAIL__OAUTH__*`; `None`: the mail server gets a password, or nothing.
pub(super) fn mail_oauth(c: &Config) -> Option<MailOAuth> {
    let text = |name: &str| c.text(&format!("EMAIL__OAUTH__{name}"));
    c.given("EMAIL__OAUTH__TOKEN_URL").then(|| MailOAuth {
        token_url: text("TOKEN_URL").to_owned(),
        client_id: text("CLIENT_ID").to_owned(),
        client_secret: Secret::new(text("CLIENT_SECRET")),
        scope: text("SCOPE").to_owned(),
        refresh_token: Secret::new(text("REFRESH_TOKEN")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, String> {
        Config::read(&pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
            .map_err(|all| all.iter().map(|m| format!("{m}\n")).collect())
    }

    #[test]
    fn outbound_proxies_come_from_the_usual_variables_and_mistakes_are_named() {
        let config = read(&[("HTTPS_PROXY", "proxy.test:3128"), ("NO_PROXY", ".lan")]).unwrap();
        let found = outbound(&config).unwrap().proxies;
        assert!(found.https.is_some() && found.http.is_none());
        // Lower case goes first, as with other programs.
        let both = [("https_proxy", "http://proxy.test"), ("HTTPS_PROXY", "socks5://ada:hidden@proxy.test")];
        assert!(read(&both).is_ok());
        let said = read(&both[1..]).err().unwrap();
        assert!(said.starts_with("HTTPS_PROXY: Only http and https") && !said.contains("hidden"), "{said}");
    }

    #[test]
    fn outbound_authorities_are_read_when_the_server_starts() {
        let said = |value: &str| read(&[("AUTHENTIK_OUTBOUND__CA_FILE", value)]).err().unwrap();
        assert!(said("/does/not/exist").contains("AUTHENTIK_OUTBOUND__CA_FILE: cannot read"));
        assert!(
            said(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).contains("contains no certificates")
        );
    }

    #[test]
    fn mail_an_access_token_needs_tls_and_a_client() {
        let said = read(&[("AUTHENTIK_EMAIL__OAUTH__TOKEN_URL", "http://login.test/token")]).err().unwrap();
        for name in ["TOKEN_URL: The value is not an https", "CLIENT_ID: is needed", "USERNAME: is needed"] {
            assert!(said.contains(name), "{said}");
        }
        assert!(said.contains("EMAIL__USE_TLS: must be true") && said.contains("CLIENT_SECRET: is needed"));
        let config = read(&[
            ("AUTHENTIK_EMAIL__OAUTH__TOKEN_URL", "https://login.test/token"),
            ("AUTHENTIK_EMAIL__OAUTH__CLIENT_ID", "mail"),
            ("AUTHENTIK_EMAIL__OAUTH__CLIENT_SECRET", "env://KEY"),
            ("AUTHENTIK_EMAIL__USERNAME", "id@example.test"),
            ("AUTHENTIK_EMAIL__USE_TLS", "true"),
            ("KEY", "hidden-word"),
        ]);
        let config = config.unwrap();
        assert_eq!(mail_oauth(&config).unwrap().client_secret.reveal(), "hidden-word");
        assert!(!config.dump().contains("hidden-word"));
        assert!(mail_oauth(&read(&[]).unwrap()).is_none());
    }
}
