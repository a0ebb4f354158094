//! Mail over a loopback socket, to a minimal SMTP server.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
use base64::{Engine, engine::general_purpose::STANDARD};
use signet_base::outbound::{Mail, MailOAuth, MailSecurity, MailServer, Mailer};
use signet_base::ports::FrozenClock;
use signet_base::{Error, Ports, Secret, Timestamp};
use signet_outbound::{HttpClient, Smtp};
use signet_testnet::{Authority, Site};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// What the server received: the commands and the message.
#[derive(Default)]
struct Seen {
    commands: Vec<String>,
    message: String,
}

/// A server for one message. It answers the command `refuse` with 550.
async fn sink(refuse: &'static str) -> (u16, Arc<Mutex<Seen>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let kept = seen.clone();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 sink\r\n").await.unwrap();
        let mut in_message = false;
        while let Ok(Some(line)) = lines.next_line().await {
            if in_message {
                if line == "." {
                    in_message = false;
                    write.write_all(b"250 taken\r\n").await.unwrap();
                } else {
                    let mut seen = kept.lock().unwrap();
                    seen.message.push_str(&line);
                    seen.message.push('\n');
                }
                continue;
            }
            kept.lock().unwrap().commands.push(line.clone());
            let word = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let answer = match word.as_str() {
                word if !refuse.is_empty() && word == refuse => "550 not here\r\n",
                "EHLO" => "250-sink\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n",
                "AUTH" => "235 welcome\r\n",
                "DATA" => {
                    in_message = true;
                    "354 go on\r\n"
                }
                "QUIT" => "221 bye\r\n",
                _ => "250 ok\r\n",
            };
            if write.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    });
    (port, seen)
}

fn server(port: u16) -> MailServer {
    MailServer {
        host: "127.0.0.1".into(),
        port,
        username: String::new(),
        password: Secret::new(""),
        oauth: None,
        security: MailSecurity::Plain,
        timeout: Duration::from_secs(2),
    }
}
fn smtp() -> Smtp {
    let (ports, _) = Ports::frozen(Timestamp::parse("2026-11-23T20:00:00Z").unwrap(), 7);
    Smtp::new(ports.clock.clone(), ports.random.clone(), Arc::new(HttpClient::default()))
}
fn mail() -> Mail {
    Mail {
        from: "Signet <signet@id.test>".into(),
        to: vec!["Ada <ada@example.test>".into()],
        bcc: vec!["log@example.test".into()],
        subject: "Grüße\r\nBcc: evil@example.test".into(),
        text: ".a line with a dot\nhttps://id.test/x?flow_token=abc".into(),
        html: "<p>Hello</p>".into(),
        ..Mail::default()
    }
}

#[tokio::test]
async fn a_message_arrives_whole_and_nobody_else_gets_it() {
    let (port, seen) = sink("").await;
    smtp()
        .send(&MailServer { username: "me".into(), password: Secret::new("pw"), ..server(port) }, &mail())
        .await
        .unwrap();
    let seen = seen.lock().unwrap();
    let said = |start: &str| {
        seen.commands
            .iter()
            .filter(|c| c.to_ascii_uppercase().starts_with(start))
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!((said("RCPT").len(), said("AUTH PLAIN").len()), (2, 1), "{:?}", seen.commands);
    assert!(
        said("MAIL")[0].contains("<signet@id.test>") && said("EHLO")[0].ends_with("id.test"),
        "{:?}",
        seen.commands
    );
    let text = &seen.message;
    assert!(
        text.contains("From: \"Signet\" <signet@id.test>") || text.contains("From: Signet <signet@id.test>"),
        "{text}"
    );
    assert!(
        text.contains("multipart/alternative")
            && text.contains("flow_token")
            && text.contains("<p>Hello</p>"),
        "{text}"
    );
    // Neither the injected header nor Bcc appears among the headers.
    assert!(!text.lines().any(|l| l.to_ascii_lowercase().starts_with("bcc:")), "{text}");
    assert!(
        text.contains("Message-ID: <")
            && text.contains("@id.test>")
            && text.contains("Date: Mon, 23 Nov 2026 20:00:00"),
        "{text}"
    );
}

#[tokio::test]
async fn what_goes_wrong_is_said_in_the_servers_words() {
    let (port, _) = sink("RCPT").await;
    match smtp().send(&server(port), &mail()).await {
        Err(Error::Unavailable(why)) => {
            assert!(why.to_string().contains("550") || why.to_string().contains("not here"), "{why}")
        }
        other => panic!("{other:?}"),
    }
    let (port, _) = sink("AUTH").await;
    let wrong = MailServer { username: "me".into(), password: Secret::new("secret-pw"), ..server(port) };
    match smtp().send(&wrong, &mail()).await {
        Err(Error::Unavailable(why)) => assert!(!why.to_string().contains("secret-pw"), "{why}"),
        other => panic!("{other:?}"),
    }
    // Required STARTTLS that the server does not offer: nothing is sent in clear text.
    let (port, seen) = sink("").await;
    let strict = MailServer { security: MailSecurity::StartTls, username: "me".into(), ..server(port) };
    assert!(matches!(smtp().send(&strict, &mail()).await, Err(Error::Unavailable(_))));
    assert!(!seen.lock().unwrap().commands.iter().any(|c| c.starts_with("AUTH") || c.starts_with("MAIL")));
}

#[tokio::test]
async fn nobody_there_or_nobody_who_speaks_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = listener.local_addr().unwrap().port();
    let begun = tokio::time::Instant::now();
    let impatient = MailServer { timeout: Duration::from_millis(200), ..server(silent) };
    assert!(matches!(smtp().send(&impatient, &mail()).await, Err(Error::Unavailable(_))));
    assert!(begun.elapsed() < Duration::from_secs(3));
    drop(listener);
    assert!(matches!(smtp().send(&server(silent), &mail()).await, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn wrong_addresses_are_named_before_anything_is_sent() {
    for (field, mail) in [
        ("to", Mail { to: vec!["nobody".into()], ..mail() }),
        ("to", Mail { to: vec!["a@b.test, c@d.test".into()], ..mail() }),
        ("to", Mail { to: vec!["a@b.test\r\nRCPT TO:<evil@b.test>".into()], ..mail() }),
        ("from", Mail { from: "x".into(), ..mail() }),
        ("bcc", Mail { bcc: vec![String::new()], ..mail() }),
        ("to", Mail { to: vec![], bcc: vec![], ..mail() }),
    ] {
        match smtp().send(&server(1), &mail).await {
            Err(Error::Invalid(fields)) => assert!(fields.contains(field), "{fields:?}"),
            other => panic!("{field}: {other:?}"),
        }
    }
}

/// A mail server over TLS that takes these tokens and no other. Returns its port and the tokens that it saw.
async fn token_server(authority: &Authority, valid: &'static str) -> (u16, Arc<Mutex<Vec<String>>>) {
    let config = authority.server(&authority.issue(&["localhost"]), false);
    let acceptor = tokio_rustls::TlsAcceptor::from(config);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let kept = seen.clone();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(tcp).await else { continue };
            let (read, mut write) = tokio::io::split(stream);
            let mut lines = BufReader::new(read).lines();
            let mut answer = "220 sink\r\n";
            let mut in_message = false;
            while write.write_all(answer.as_bytes()).await.is_ok() {
                let Ok(Some(mut line)) = lines.next_line().await else { break };
                while in_message && line != "." {
                    line = lines.next_line().await.ok().flatten().unwrap_or(".".into());
                }
                answer = match line.split([' ', ':']).next().unwrap_or_default() {
                    "." => "250 taken\r\n",
                    "EHLO" => "250-sink\r\n250-AUTH PLAIN LOGIN XOAUTH2\r\n250 8BITMIME\r\n",
                    "AUTH" => {
                        let sent = line.strip_prefix("AUTH XOAUTH2 ").unwrap_or_default();
                        let text = String::from_utf8(STANDARD.decode(sent).unwrap()).unwrap();
                        kept.lock().unwrap().push(text.replace('\x01', "|"));
                        if text == format!("user=id@example.test\x01auth=Bearer {valid}\x01\x01") {
                            "235 welcome\r\n"
                        } else {
                            "535 5.7.8 refused\r\n"
                        }
                    }
                    "DATA" => "354 go on\r\n",
                    "QUIT" => "221 bye\r\n",
                    _ => "250 ok\r\n",
                };
                in_message = answer.starts_with("354");
            }
        }
    });
    (port, seen)
}
/// A token endpoint whose tokens are `t1`, `t2`, …, valid for an hour.
async fn token_endpoint() -> Site {
    let count = AtomicU64::new(0);
    Site::start(None, move |visit| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        let form = String::from_utf8(visit.body.clone()).unwrap();
        if !form.contains("client_secret=s%26cret") {
            return (401, Vec::new(), br#"{"error": "invalid_client"}"#.to_vec());
        }
        let answer = format!(
            r#"{{"access_token": "t{number}", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "r{number}"}}"#
        );
        (200, Vec::new(), answer.into_bytes())
    })
    .await
}
fn with_token(port: u16, endpoint: &Site, refresh: &str) -> MailServer {
    let oauth = MailOAuth {
        token_url: format!("http://127.0.0.1:{}/token", endpoint.port),
        client_id: "mail".into(),
        client_secret: Secret::new("s&cret"),
        scope: "https://mail.test/.default".into(),
        refresh_token: Secret::new(refresh),
    };
    MailServer {
        host: "localhost".into(),
        username: "id@example.test".into(),
        password: Secret::new("unused"),
        security: MailSecurity::Tls,
        oauth: Some(oauth),
        timeout: Duration::from_secs(10),
        ..server(port)
    }
}
fn trusting(authority: &Authority) -> (Smtp, Arc<FrozenClock>) {
    let (ports, clock) = Ports::frozen(Timestamp::parse("2026-11-23T20:00:00Z").unwrap(), 7);
    let smtp = Smtp::new(ports.clock.clone(), ports.random.clone(), Arc::new(HttpClient::default()));
    (smtp.with_authorities(vec![authority.der()]), clock)
}

#[tokio::test]
async fn mail_an_access_token_is_fetched_once_and_again_when_it_expires_or_is_refused() {
    let authority = Authority::new();
    let endpoint = token_endpoint().await;
    let (port, seen) = token_server(&authority, "t1").await;
    let (smtp, clock) = trusting(&authority);
    let server = with_token(port, &endpoint, "");
    smtp.send(&server, &mail()).await.unwrap();
    smtp.send(&server, &mail()).await.unwrap();
    let visits = endpoint.visits();
    let form = String::from_utf8(visits[0].body.clone()).unwrap();
    assert_eq!(visits.len(), 1, "kept until it expires");
    assert!(form.contains("grant_type=client_credentials") && form.contains("scope=https%3A%2F%2Fmail.test"));
    assert_eq!(seen.lock().unwrap()[0], "user=id@example.test|auth=Bearer t1||");
    clock.advance_secs(3541);
    match smtp.send(&server, &mail()).await {
        Err(Error::Unavailable(why)) => {
            assert!(why.to_string().contains("535") && !why.to_string().contains("t2"), "{why}")
        }
        other => panic!("the second token is refused: {other:?}"),
    }
    assert!(smtp.send(&server, &mail()).await.is_err());
    let refused: Vec<String> = seen.lock().unwrap().iter().skip(2).cloned().collect();
    assert!(
        refused[0].contains("t2") && refused.last().unwrap().contains("t3"),
        "not used again: {refused:?}"
    );
}

#[tokio::test]
async fn mail_a_refresh_token_is_replaced_by_its_successor() {
    let authority = Authority::new();
    let endpoint = token_endpoint().await;
    let (port, _) = token_server(&authority, "t1").await;
    let (smtp, clock) = trusting(&authority);
    let server = with_token(port, &endpoint, "r0");
    smtp.send(&server, &mail()).await.unwrap();
    clock.advance_secs(3600);
    let _ = smtp.send(&server, &mail()).await;
    let forms: Vec<String> =
        endpoint.visits().into_iter().map(|visit| String::from_utf8(visit.body).unwrap()).collect();
    assert!(forms[0].contains("grant_type=refresh_token") && forms[0].contains("refresh_token=r0"));
    assert!(forms[1].contains("refresh_token=r1"), "{forms:?}");
}

#[tokio::test]
async fn mail_a_token_needs_tls_and_an_endpoint_that_gives_it() {
    let authority = Authority::new();
    let endpoint = token_endpoint().await;
    let (port, seen) = token_server(&authority, "t1").await;
    let (smtp, _) = trusting(&authority);
    let plain = MailServer { security: MailSecurity::Plain, ..with_token(port, &endpoint, "") };
    match smtp.send(&plain, &mail()).await {
        Err(Error::Unavailable(why)) => assert!(why.to_string().contains("over TLS only"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert!(endpoint.visits().is_empty());
    let mut wrong = with_token(port, &endpoint, "");
    wrong.oauth.as_mut().unwrap().client_secret = Secret::new("other-hidden");
    match smtp.send(&wrong, &mail()).await {
        Err(Error::Unavailable(why)) => {
            assert!(
                why.to_string().contains("401 invalid_client") && !why.to_string().contains("hidden"),
                "{why}"
            );
        }
        other => panic!("{other:?}"),
    }
    // A server of an authority that nobody here trusts gets neither token nor letter.
    let (stranger, _) = trusting(&Authority::new());
    assert!(stranger.send(&with_token(port, &endpoint, ""), &mail()).await.is_err());
    assert!(seen.lock().unwrap().is_empty());
}
