//! Tests of the binary as operators use it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a failure in a test is a failed test")]
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

struct Place(PathBuf);
impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("signet-command-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_signet"));
        command.args(arguments);
        self.dressed(command)
    }
    /// A server with this file descriptor limit.
    fn with_descriptors(&self, count: usize) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {count}; exec \"$0\" server"), env!("CARGO_BIN_EXE_signet")]);
        self.dressed(command)
    }
    fn dressed(&self, mut command: Command) -> Command {
        command.env_clear().env("PATH", "/usr/bin:/bin").env("SIGNET_DATA_DIR", &self.0);
        for name in ["HTTP", "HTTPS", "METRICS"] {
            command.env(format!("AUTHENTIK_LISTEN__{name}"), "127.0.0.1:0");
        }
        command
    }
    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}
impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
fn lines(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn wrong_settings_are_listed_together_with_exit_code_2() {
    let place = Place::new("wrong");
    let out = place
        .command(&["server"])
        .env("AUTHENTIK_LISTEN__HTTP", "nowhere")
        .env("AUTHENTIK_POSTGRESQL__PORT", "99999")
        .env("SIGNET_SESSIONS__UNAUTHENTICATED_AGE", "a while")
        .env("AUTHENTIK_SECRET_KEY", "file:///not/there")
        .env("AUTHENTIK_LISTEN__TRUSTED_PROXY_CIDRS", "10.0.0.0/99")
        .env("AUTHENTIK_LOG_LEVEL", "loud")
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(2));
    let text = lines(&out);
    for name in [
        "AUTHENTIK_LISTEN__HTTP",
        "AUTHENTIK_POSTGRESQL__PORT",
        "SIGNET_SESSIONS__UNAUTHENTICATED_AGE",
        "AUTHENTIK_SECRET_KEY",
        "AUTHENTIK_LISTEN__TRUSTED_PROXY_CIDRS",
        "AUTHENTIK_LOG_LEVEL",
    ] {
        assert!(text.contains(name), "{name} is not in\n{text}");
    }
    assert_eq!(place.run(&["no_such_command"]).status.code(), Some(2));
}

#[test]
fn settings_are_checked_and_shown_without_secrets() {
    let place = Place::new("dump");
    let out = place.command(&["check"]).env("AUTHENTIK_LISTEN_HTTP", "x").output().unwrap();
    assert!(out.status.success() && lines(&out).contains("Did you mean AUTHENTIK_LISTEN__HTTP?"));
    let out = place.command(&["dump_config"]).env("AUTHENTIK_SECRET_KEY", "hush-hush-hush").output().unwrap();
    assert!(lines(&out).contains("AUTHENTIK_SECRET_KEY=********") && !lines(&out).contains("hush"));
    assert!(!place.0.join("signet.sqlite").exists(), "neither makes a database");
}

#[test]
fn the_manual_has_the_table_of_the_declarations() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
    let manual = std::fs::read_to_string(path).unwrap();
    let (begin, end) = ("<!-- settings: begin -->\n", "<!-- settings: end -->");
    let (start, stop) = (manual.find(begin).unwrap() + begin.len(), manual.find(end).unwrap());
    let table = signet_server::config::manual();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, format!("{}{table}{}", &manual[..start], &manual[stop..])).unwrap();
        return;
    }
    assert!(manual[start..stop] == table, "docs/operations.md is behind: run this test with UPDATE=1");
}

type Log = std::io::Lines<BufReader<std::process::ChildStderr>>;
fn start(place: &Place) -> (Child, String) {
    let (child, address, _) = start_with_log(place);
    (child, address)
}
/// Starts a server; returns the log lines up to its readiness.
fn start_with_log(place: &Place) -> (Child, String, Vec<String>) {
    let mut child = place
        .command(&["server"])
        .env("AUTHENTIK_LOG_FORMAT", "json")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut log = Vec::new();
    let line = lines
        .by_ref()
        .map(|l| l.unwrap())
        .inspect(|l| log.push(l.clone()))
        .find(|l| l.contains("\"ready\""))
        .expect("the server gets ready");
    // Drains the rest, so that the server never blocks on the pipe.
    std::thread::spawn(move || lines.for_each(drop));
    let address = line.split("\"http\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    (child, address, log)
}
fn begin(mut command: Command) -> (Child, String, Log) {
    let mut child = command.env("AUTHENTIK_LOG_FORMAT", "json").stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line =
        lines.by_ref().map(|l| l.unwrap()).find(|l| l.contains("\"ready\"")).expect("the server gets ready");
    let address = line.split("\"http\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    (child, address, lines)
}
fn get(address: &str, path: &str) -> String {
    get_with(address, path, "")
}
fn get_with(address: &str, path: &str, cookies: &str) -> String {
    exchange(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookies}\r\nConnection: close\r\n\r\n"),
    )
}
fn post(address: &str, path: &str, cookies: &str, body: &str) -> String {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nCookie: {cookies}\r\nContent-Length: {}\r\nConnection: close",
        body.len()
    );
    exchange(address, &format!("{head}\r\n\r\n{body}"))
}
fn exchange(address: &str, request: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
fn end(mut child: Child) {
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let asked = Instant::now();
    while asked.elapsed() < Duration::from_secs(20) {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    panic!("the server did not end");
}

/// A mail server for one message.
fn mail_server() -> (u16, std::thread::JoinHandle<String>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut write = stream.try_clone().unwrap();
        write.write_all(b"220 sink\r\n").unwrap();
        let (mut text, mut message) = (String::new(), false);
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            text.push_str(&format!("{line}\n"));
            let answer = match line.get(..4).unwrap_or_default() {
                _ if message && line == "." => "250 taken\r\n",
                _ if message => continue,
                "DATA" => "354 go on\r\n",
                "QUIT" => "221 bye\r\n",
                _ => "250 ok\r\n",
            };
            message = line == "DATA";
            let _ = write.write_all(answer.as_bytes());
        }
        text
    });
    (port, seen)
}

#[test]
fn a_test_mail_says_what_the_mail_server_answers() {
    let place = Place::new("mail");
    let (port, seen) = mail_server();
    let mut command = place.command(&["test_email", "ada@example.test"]);
    let out = command
        .env("AUTHENTIK_EMAIL__HOST", "127.0.0.1")
        .env("AUTHENTIK_EMAIL__PORT", port.to_string())
        .env("AUTHENTIK_EMAIL__FROM", "Signet <signet@id.test>")
        .output()
        .unwrap();
    assert!(out.status.success() && lines(&out).contains("has taken the message"), "{}", lines(&out));
    let seen = seen.join().unwrap();
    assert!(
        seen.contains("RCPT TO:<ada@example.test>")
            && seen.contains("MAIL FROM:<signet@id.test>")
            && seen.contains("Mail works"),
        "{seen}"
    );
    // Unknown user, invalid address, unknown stage.
    let out = place
        .command(&["test_email", "ada@example.test"])
        .env("AUTHENTIK_EMAIL__HOST", "127.0.0.1")
        .env("AUTHENTIK_EMAIL__PORT", port.to_string())
        .output()
        .unwrap();
    assert!(
        out.status.code() == Some(1) && lines(&out).contains(&format!("127.0.0.1:{port}")),
        "{}",
        lines(&out)
    );
    assert_eq!(place.run(&["test_email", "nobody"]).status.code(), Some(1));
    let out = place.run(&["test_email", "-S", "none", "ada@example.test"]);
    assert!(out.status.code() == Some(1) && lines(&out).contains("no e-mail stage"), "{}", lines(&out));
}

#[test]
fn accounts_are_repaired_on_the_command_line() {
    let place = Place::new("accounts");
    let out = place.run(&["create_admin_user"]);
    assert!(out.status.success() && lines(&out).contains("/recovery/use-token/"), "{}", lines(&out));
    let out = place.run(&["create_recovery_key", "10", "akadmin"]);
    let text = lines(&out);
    let link_in =
        |text: &str| text.lines().find(|l| l.starts_with("/recovery/use-token/")).unwrap().to_owned();
    let old = link_in(&text);
    let mut child = place
        .command(&["changepassword", "akadmin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"Correct-Horse-9\n").unwrap();
    assert!(child.wait().unwrap().success());
    let link = link_in(&lines(&place.run(&["create_recovery_key", "10", "akadmin"])));
    assert_eq!(place.run(&["create_admin_group", "nobody"]).status.code(), Some(1));
    assert!(place.run(&["create_admin_group", "AKADMIN"]).status.success());
    let file = place.0.join("b.yaml");
    std::fs::write(
        &file,
        "version: 1\nentries:\n- {model: authentik_core.group, identifiers: {name: !Env GROUP}}\n",
    )
    .unwrap();
    let out = place.command(&["apply_blueprint", file.to_str().unwrap()]).env("GROUP", "g").output().unwrap();
    assert!(lines(&out).contains("1 created"), "{}", lines(&out));
    std::fs::write(&file, "version: 1\nentries:\n- {model: authentik_core.group, identifiers: {name: ''}}\n")
        .unwrap();
    let out = place.run(&["apply_blueprint", file.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(1));
    assert!(lines(&out).contains("entries[0]: authentik_core.group: name"), "{}", lines(&out));
    let (server, address) = start(&place);
    assert!(get(&address, &old).starts_with("HTTP/1.1 404"), "a new password ends the links of before");
    for _ in 0..2 {
        let asked = get(&address, &link);
        assert!(
            asked.starts_with("HTTP/1.1 200") && asked.contains("<form"),
            "looking at a link does not use it up: {asked}"
        );
    }
    let health = place.command(&["healthcheck"]).env("AUTHENTIK_LISTEN__HTTP", &address).output().unwrap();
    assert!(health.status.success(), "{}", lines(&health));
    let taken = place.command(&["server"]).env("AUTHENTIK_LISTEN__HTTP", &address).output().unwrap();
    assert_eq!(taken.status.code(), Some(1));
    assert!(lines(&taken).contains("Change AUTHENTIK_LISTEN__HTTP"), "{}", lines(&taken));
    end(server);
    assert!(
        !place
            .command(&["healthcheck"])
            .env("AUTHENTIK_LISTEN__HTTP", &address)
            .output()
            .unwrap()
            .status
            .success()
    );
}

#[test]
fn scale_b2_a_log_that_nobody_takes_cuts_no_answer() {
    let place = Place::new("log");
    let (server, address, lines) = begin(place.command(&["server"]));
    drop(lines);
    for path in
        ["/nothing/", "/api/v3/nothing/", "/api/v3/core/users/", "/application/o/authorize/?client_id=x"]
    {
        assert!(get(&address, path).starts_with("HTTP/1.1 4"), "{path}");
    }
    let counted = get(&address, "/-/metrics/");
    let lost = counted
        .lines()
        .find_map(|l| l.strip_prefix("authentik_log_lines_dropped_total "))
        .expect("a counter");
    assert!(lost.parse::<u64>().unwrap() >= 4, "{lost}");
    end(server);
}

#[test]
fn redteam_07_slow_bodies_and_idle_connections_leave_room_for_others() {
    signet_base::memory::raise_descriptors();
    let place = Place::new("crowd");
    let (server, address, lines) = begin(place.with_descriptors(256));
    std::thread::spawn(move || lines.for_each(drop));
    let mut crowd = Vec::new();
    for n in 0..600 {
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        if n % 2 == 0 {
            let _ = stream.write_all(
                b"POST /application/o/token/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\na",
            );
        }
        crowd.push(stream);
        if n % 50 == 0 {
            let asked = Instant::now();
            assert!(get(&address, "/-/health/ready/").starts_with("HTTP/1.1 200"), "after {n}");
            assert!(
                get(&address, "/api/v3/flows/executor/default-authentication-flow/?query=")
                    .starts_with("HTTP/1.1 200"),
                "after {n}"
            );
            assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
        }
    }
    drop(crowd);
    end(server);
}

#[test]
fn it_is_also_called_ak() {
    let place = Place::new("ak");
    let ak = place.0.join("ak");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_signet"), &ak).unwrap();
    let out = Command::new(&ak).arg("version").output().unwrap();
    assert!(out.status.success() && lines(&out).contains(signet_core::system::API_VERSION));
}

#[test]
fn guide_g04_the_administrator_is_made_as_the_guide_writes_it() {
    let place = Place::new("guide");
    for command in ["create_admin_group", "create_admin_user", "create_admin_group"] {
        let out = place.run(&[command]);
        assert!(out.status.success() && lines(&out).contains("akadmin"), "{command}: {}", lines(&out));
    }
}

#[test]
fn redteam_21_the_code_of_the_first_run_is_printed_until_it_is_over() {
    let place = Place::new("code");
    let out = place.run(&["setup_code"]);
    assert!(out.status.success(), "{}", lines(&out));
    let code = String::from_utf8(out.stdout).unwrap().trim().to_owned();
    assert_eq!((code.len(), code.matches('-').count()), (17, 2), "{code}");
    assert_eq!(String::from_utf8(place.run(&["setup-code"]).stdout).unwrap().trim(), code);
    // The server's log shows it too.
    let (server, _, log) = start_with_log(&place);
    assert!(log.iter().any(|line| line.contains(&code)), "{log:?}");
    assert_eq!(
        String::from_utf8(place.run(&["setup_code"]).stdout).unwrap().trim(),
        code,
        "beside a running server too"
    );
    let mut child = place
        .command(&["changepassword", "akadmin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"Correct-Horse-9\n").unwrap();
    assert!(child.wait().unwrap().success());
    let out = place.run(&["setup_code"]);
    assert!(out.status.code() == Some(1) && lines(&out).contains("over"), "{}", lines(&out));
    end(server);
}

#[test]
fn scale_b9_signals_and_a_second_process_leave_the_server_as_it_is() {
    let place = Place::new("signals");
    let (server, address) = start(&place);
    let pid = server.id().to_string();
    for signal in ["-HUP", "-USR1", "-USR2", "-HUP"] {
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        std::thread::sleep(Duration::from_millis(50));
        assert!(get(&address, "/-/health/live/").starts_with("HTTP/1.1 200"), "{signal}");
    }
    let out = place.run(&["server"]);
    assert_eq!(out.status.code(), Some(1), "{}", lines(&out));
    assert!(lines(&out).contains(&format!("process {pid}")), "{}", lines(&out));
    use std::os::unix::fs::PermissionsExt;
    for entry in std::fs::read_dir(&place.0).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0, "{}", path.display());
    }
    end(server);
}

fn write_past_all_writers(place: &Place, statements: &[&'static str]) {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let db = signet_store::Db::open_sqlite(place.0.join("signet.sqlite")).unwrap();
        for sql in statements {
            db.execute(*sql, Vec::new()).await.unwrap();
        }
    });
}

#[test]
fn rescue_opens_an_installation_that_has_locked_everybody_out() {
    let place = Place::new("rescue");
    let file = place.0.join("b.yaml");
    let apply = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let out = place.run(&["apply_blueprint", file.to_str().unwrap()]);
        assert!(out.status.success(), "{}", lines(&out));
    };
    // A sign-in flow that denies everybody.
    apply(
        "version: 1\nentries:\n\
        - {model: authentik_stages_deny.denystage, id: stop, identifiers: {name: nobody}}\n\
        - {model: authentik_flows.flowstagebinding, identifiers: {target: !Find [authentik_flows.flow, [slug, default-authentication-flow]], stage: !KeyOf stop, order: 0}}\n",
    );
    // No writer takes the last administrator away, so that this is written past all of them: a restored or
    // edited database.
    write_past_all_writers(
        &place,
        &[
            "UPDATE user_group SET is_superuser = FALSE",
            "UPDATE users SET is_active = FALSE",
            "DELETE FROM membership",
        ],
    );
    let (server, address) = start(&place);
    let way_in = || get(&address, "/flows/-/default/authentication/");
    // Twice: objects of an earlier rescue do not matter, in whatever state they are.
    for _ in 0..2 {
        let out = place.run(&["rescue"]);
        assert!(out.status.success(), "{}", lines(&out));
        let text = lines(&out);
        let link = text
            .lines()
            .find(|l| l.starts_with("/recovery/use-token/"))
            .unwrap_or_else(|| panic!("{text}"))
            .to_owned();
        std::thread::sleep(Duration::from_millis(1_200));
        assert!(!get(&address, &link).starts_with("HTTP/1.1 404"), "the running server takes the link");
        apply(
            "version: 1\nentries:\n- {model: authentik_stages_password.passwordstage, identifiers: {name: rescue-authentication-password}, attrs: {backends: [authentik.core.auth.TokenBackend]}}\n",
        );
    }
    assert!(place.run(&["rescue"]).status.success());
    let mut child = place
        .command(&["changepassword", "akadmin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"Correct-Horse-9\n").unwrap();
    assert!(child.wait().unwrap().success());
    std::thread::sleep(Duration::from_millis(1_200));
    assert!(way_in().contains("/if/flow/rescue-authentication/"), "{}", way_in());
    // Signs in by name and password, as an administrator.
    let path = "/api/v3/flows/executor/rescue-authentication/?query=";
    let mut cookies = String::new();
    for body in [
        r#"{"component": "ak-stage-identification", "uid_field": "akadmin"}"#,
        r#"{"component": "ak-stage-password", "password": "Correct-Horse-9"}"#,
        "",
        "",
        "",
    ] {
        let answer = if body.is_empty() {
            get_with(&address, path, &cookies)
        } else {
            post(&address, path, &cookies, body)
        };
        for line in answer.lines().filter_map(|l| l.strip_prefix("set-cookie: ")) {
            cookies = format!("{}; {cookies}", line.split(';').next().unwrap());
        }
    }
    let me = get_with(&address, "/api/v3/core/users/me/", &cookies);
    assert!(me.contains("\"is_superuser\":true") || me.contains("\"is_superuser\": true"), "{me}");
    end(server);
}
