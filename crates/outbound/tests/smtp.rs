//! Mail over a loopback socket, to a minimal SMTP server.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
use signet_base::outbound::{Mail, MailSecurity, MailServer, Mailer};
use signet_base::{Error, Ports, Secret, Timestamp};
use signet_outbound::Smtp;
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
        security: MailSecurity::Plain,
        timeout: Duration::from_secs(2),
    }
}
fn smtp() -> Smtp {
    let (ports, _) = Ports::frozen(Timestamp::parse("2026-11-23T20:00:00Z").unwrap(), 7);
    Smtp::new(ports.clock.clone(), ports.random.clone())
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
        Err(Error::Unavailable(why)) => assert!(why.contains("550") || why.contains("not here"), "{why}"),
        other => panic!("{other:?}"),
    }
    let (port, _) = sink("AUTH").await;
    let wrong = MailServer { username: "me".into(), password: Secret::new("secret-pw"), ..server(port) };
    match smtp().send(&wrong, &mail()).await {
        Err(Error::Unavailable(why)) => assert!(!why.contains("secret-pw"), "{why}"),
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
