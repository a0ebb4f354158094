//! The process under load and signals. The long ones are run by `make long`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a failure in a test is a failed test")]
use signet_jose::x509::{Generate, KeyAlgorithm, generate};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A running server with a data folder of its own; ends with the value.
struct Server {
    child: Child,
    address: String,
    log: Arc<Mutex<Vec<String>>>,
    folder: PathBuf,
}
impl Server {
    /// `descriptors`: the hard limit of open files.
    fn start(name: &str, descriptors: Option<usize>, variables: &[(&str, &str)]) -> Self {
        let folder = std::env::temp_dir().join(format!("signet-process-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let limit = descriptors.map(|count| format!("ulimit -n {count}; ")).unwrap_or_default();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{limit}exec \"$0\" server"), env!("CARGO_BIN_EXE_signet")]);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("SIGNET_DATA_DIR", &folder);
        command.env("AUTHENTIK_LOG_FORMAT", "json").env("AUTHENTIK_BOOTSTRAP_PASSWORD", PASSWORD);
        for name in ["HTTP", "HTTPS", "METRICS"] {
            command.env(format!("AUTHENTIK_LISTEN__{name}"), "127.0.0.1:0");
        }
        command.envs(variables.iter().map(|(name, value)| (format!("AUTHENTIK_{name}"), value)));
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let ready = lines
            .by_ref()
            .map(|l| l.unwrap())
            .find(|l| l.contains("\"ready\""))
            .expect("the server gets ready");
        let address = ready.split("\"http\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let log = Arc::<Mutex<Vec<String>>>::default();
        let kept = log.clone();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| kept.lock().unwrap().push(line))
        });
        Self { child, address, log, folder }
    }
    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }
    fn send(&self, head: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(
            stream,
            "{head}\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }
    fn get(&self, path: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1"), "")
    }
    /// Waits for a line of the log.
    fn logs(&self, wanted: impl Fn(&str) -> bool) -> bool {
        for _ in 0..100 {
            if self.log.lock().unwrap().iter().any(|line| wanted(line)) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }
    /// Goes through the default sign-in.
    fn sign_in(&self) -> bool {
        const FLOW: &str = "/api/v3/flows/executor/default-authentication-flow/?query=";
        let mut cookie = String::new();
        let mut post = |body: &str| {
            let answer = self.send(
                &format!("POST {FLOW} HTTP/1.1\r\nContent-Type: application/json\r\nCookie: {cookie}"),
                body,
            );
            if let Some(new) = answer.lines().find_map(|l| l.strip_prefix("set-cookie: authentik_session=")) {
                cookie = format!("authentik_session={}", new.split(';').next().unwrap());
            }
            answer.starts_with("HTTP/1.1 302")
        };
        let named = post(r#"{"component": "ak-stage-identification", "uid_field": "akadmin"}"#);
        named && post(&format!(r#"{{"component": "ak-stage-password", "password": "{PASSWORD}"}}"#))
    }
}
impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
const PASSWORD: &str = "Correct-Horse-9";

#[test]
fn scale_b9_hup_reads_the_log_level_again() {
    let file = std::env::temp_dir().join(format!("signet-level-{}", std::process::id()));
    std::fs::write(&file, "info\n").unwrap();
    let server = Server::start("level", None, &[("LOG_LEVEL", &format!("file://{}", file.display()))]);
    let is_request =
        |line: &str| line.contains("\"message\":\"request\"") && line.contains("/-/health/live/");
    server.get("/-/health/live/");
    std::fs::write(&file, "debug\n").unwrap();
    server.signal("-HUP");
    assert!(server.logs(|line| line.contains("the log level is read again")));
    assert!(!server.log.lock().unwrap().iter().any(|line| is_request(line)), "at info it is not logged");
    server.get("/-/health/live/");
    assert!(server.logs(is_request));
    // A level that is none changes nothing, and is said.
    std::fs::write(&file, "loud\n").unwrap();
    server.signal("-HUP");
    assert!(server.logs(|line| line.contains("the log level stays") && line.contains("LOG_LEVEL")));
    assert!(server.get("/-/health/live/").starts_with("HTTP/1.1 200"));
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn core_signals_hup_reads_the_folder_of_certificates() {
    let folder = std::env::temp_dir().join(format!("signet-hup-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let token = "t0ken".repeat(12);
    let certificates = folder.display().to_string();
    let variables = [("CERT_DISCOVERY_DIR", certificates.as_str()), ("BOOTSTRAP_TOKEN", &token)];
    let server = Server::start("certificates", None, &variables);
    let is_there = |name: &str| {
        let path = format!("GET /api/v3/crypto/certificatekeypairs/?name={name} HTTP/1.1");
        let answer = server.send(&format!("{path}\r\nAuthorization: Bearer {token}"), "");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer.contains(&format!("goauthentik.io/crypto/discovered/{name}"))
    };
    let names = ["found"];
    let pair = generate(&Generate {
        common_name: "found",
        subject_alt_names: &names,
        validity_days: 90,
        alg: KeyAlgorithm::Ecdsa,
        now: 1_790_000_000,
    });
    std::fs::write(folder.join("found.pem"), pair.unwrap().certificate_pem).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert!(!is_there("found"), "nobody said that there is a new one");
    server.signal("-HUP");
    let asked = Instant::now();
    while !is_there("found") {
        assert!(asked.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(50));
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn redteam_14_the_log_names_the_route_and_no_secret_of_a_path() {
    let server = Server::start("route", None, &[("LOG_LEVEL", "debug")]);
    let key = "k3y".repeat(20);
    let short = "sh0rtk3y";
    for key in [key.as_str(), short] {
        for path in [
            format!("/recovery/use-token/{key}/"),
            format!("/recovery/use-token/{key}"),
            format!("//recovery//use-token//{key}/"),
            format!("/recovery/use-token%2F{key}/"),
            format!("/Recovery/Use-Token/{key}/x"),
            format!("/elsewhere/{key}"),
            format!("/api/v3/elsewhere/{key}/"),
            format!("/api/v3/stages/invitation/invitations/{key}/"),
        ] {
            server.get(&path);
        }
    }
    server.get("/if/flow/no-such-flow/");
    assert!(server.logs(|line| line.contains("\"path\":\"/if/flow/no-such-flow/\"")));
    let log = server.log.lock().unwrap().join("\n");
    assert!(
        log.contains("\"path\":\"/recovery/use-token/{key}/\"") && log.contains("\"path\":\"(no route)\""),
        "{log}"
    );
    assert!(!log.contains(&key) && !log.contains(short), "{log}");
}

/// A server whose outputs are these; it tells its address to nobody, so that it gets a port that was free just now.
fn with_outputs(name: &str, out: Stdio, err: Stdio) -> Server {
    let folder = std::env::temp_dir().join(format!("signet-process-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_signet"));
    command.arg("server").env_clear().env("PATH", "/usr/bin:/bin").env("SIGNET_DATA_DIR", &folder);
    command.env("AUTHENTIK_LOG_LEVEL", "trace").env("AUTHENTIK_BOOTSTRAP_PASSWORD", PASSWORD);
    command.env("AUTHENTIK_LISTEN__HTTP", &address);
    for name in ["HTTPS", "METRICS"] {
        command.env(format!("AUTHENTIK_LISTEN__{name}"), "127.0.0.1:0");
    }
    let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().unwrap();
    let server = Server { child, address, log: Arc::default(), folder };
    let began = Instant::now();
    while TcpStream::connect(&server.address).is_err() {
        assert!(began.elapsed() < Duration::from_secs(60), "the server does not start");
        std::thread::sleep(Duration::from_millis(50));
    }
    server
}

/// Every answer is whole, whatever it makes the server log.
fn answers_all(server: &Server) {
    for (path, status) in [
        ("/nothing/", 404),
        ("/api/v3/nothing/", 404),
        ("/api/v3/core/users/", 403),
        ("/application/o/authorize/?client_id=x", 400),
        ("/if/flow/default-authentication-flow/", 200),
        ("/-/health/ready/", 200),
    ] {
        let answer = server.get(path);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
    }
    for _ in 0..3 {
        assert!(server.sign_in());
    }
    let counted = server.get("/-/metrics/");
    let lost = counted.lines().find_map(|l| l.strip_prefix("authentik_log_lines_dropped_total "));
    assert!(lost.expect("a counter").parse::<u64>().unwrap() >= 10, "{lost:?}");
}

#[test]
fn scale_b2_a_log_on_a_full_disk_harms_no_answer() {
    let full = || Stdio::from(std::fs::File::options().write(true).open("/dev/full").unwrap());
    let mut server = with_outputs("full", full(), full());
    answers_all(&server);
    // Neither does it delay the end, which is logged too.
    server.signal("-TERM");
    assert!(server.child.wait().unwrap().success());
}

#[test]
fn scale_b2_a_log_that_is_closed_harms_no_answer() {
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        Stdio::from(writer)
    };
    let mut server = with_outputs("closed", closed(), closed());
    answers_all(&server);
    server.signal("-TERM");
    assert!(server.child.wait().unwrap().success());
}

/// Lasting faults log a line a second, with the number of those that were left out.
#[test]
fn scale_b9_a_lasting_fault_logs_one_line_a_second() {
    let server = Server::start("lasting", None, &[]);
    const READY: &str = "/-/health/ready/";
    assert!(server.get(READY).starts_with("HTTP/1.1 200"));
    // The database file is away: every such request fails, and warns.
    let (file, aside) = (server.folder.join("signet.sqlite"), server.folder.join("aside"));
    std::fs::rename(&file, &aside).unwrap();
    let (began, mut failed) = (Instant::now(), 0);
    while failed < 60 && began.elapsed() < Duration::from_secs(60) {
        failed += usize::from(server.get(READY).starts_with("HTTP/1.1 503"));
    }
    assert!(failed >= 60, "{failed}");
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap() + 1;
    // After a pause the next line of a place says how many were left out.
    std::thread::sleep(Duration::from_millis(1_100));
    server.get(READY);
    assert!(server.logs(|line| line.contains("more lines like this one were left out")));
    let log = server.log.lock().unwrap();
    let mut places: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    for line in log.iter().filter(|l| l.contains("\"WARN\"") && !l.contains("left out")) {
        let message = line.split("\"message\":\"").nth(1).unwrap_or(line).split('"').next().unwrap();
        *places.entry(message.to_owned()).or_default() += 1;
    }
    assert!(!places.is_empty(), "{failed} faults and no line");
    assert!(places.values().all(|count| *count <= seconds + 2), "{failed} faults in {seconds} s: {places:?}");
    drop(log);
    std::fs::rename(&aside, &file).unwrap();
    assert!(server.sign_in(), "it comes back");
}

/// Opens a connection that sends part of a request, or nothing.
fn hang(address: &str, with_head: bool) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).ok()?;
    if with_head {
        let _ = stream.write_all(
            b"POST /application/o/token/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\na",
        );
    }
    Some(stream)
}

#[test]
#[ignore = "long: run by make long"]
fn redteam_07_two_thousand_slow_bodies_and_idle_connections_leave_sign_ins_alone() {
    assert!(signet_base::memory::raise_descriptors() >= 4096, "this test opens 2,000 connections itself");
    let server = Server::start("slow", Some(1024), &[]);
    assert!(server.sign_in());
    let crowd: Vec<_> = (0..2000).filter_map(|n| hang(&server.address, n % 2 == 0)).collect();
    let (began, mut longest) = (Instant::now(), Duration::ZERO);
    let mut sign_ins = 0;
    while began.elapsed() < Duration::from_secs(90) {
        let asked = Instant::now();
        assert!(server.sign_in(), "after {:?}", began.elapsed());
        longest = longest.max(asked.elapsed());
        sign_ins += 1;
        std::thread::sleep(Duration::from_millis(200));
    }
    println!("{} connections, {sign_ins} sign-ins in 90 s, the longest {longest:?}", crowd.len());
    assert!(longest < Duration::from_secs(5));
}

#[test]
#[ignore = "long: run by make long"]
fn scale_a2_a_hundred_thousand_anonymous_requests_leave_bounded_rows() {
    let count: usize =
        std::env::var("SIGNET_ANONYMOUS_GETS").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let server = Server::start("gets", None, &[]);
    // What is stored, with what waits in the write-ahead log: the log's own size follows its limit, not the rows.
    let size = || -> u64 {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let database =
            rusqlite::Connection::open_with_flags(server.folder.join("signet.sqlite"), flags).unwrap();
        let pages = |pragma: &str| {
            database.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).unwrap().cast_unsigned()
        };
        (pages("page_count") - pages("freelist_count")) * pages("page_size")
    };
    server.get("/-/health/ready/");
    let before = size();
    let mut stream = TcpStream::connect(&server.address).unwrap();
    let paths = [
        "/api/v3/flows/executor/default-authentication-flow/?query=",
        "/if/flow/default-authentication-flow/?next=/a",
        "/api/v3/flows/executor/default-user-settings-flow/?query=",
        "/api/v3/root/config/",
    ];
    let mut answer = vec![0; 64 * 1024];
    for n in 0..count {
        // In one write: several wait for the acknowledgement of the first.
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n",
            paths[n % paths.len()]
        );
        stream.write_all(request.as_bytes()).unwrap();
        let (mut text, mut length) = (Vec::new(), None);
        loop {
            let read = stream.read(&mut answer).unwrap();
            assert!(read > 0, "{n}");
            text.extend_from_slice(&answer[..read]);
            if length.is_none()
                && let Some(end) = text.windows(4).position(|w| w == b"\r\n\r\n")
            {
                let head = String::from_utf8_lossy(&text[..end]).to_lowercase();
                let body =
                    head.split("content-length: ").nth(1).and_then(|r| r.split("\r\n").next()?.parse().ok());
                length = Some(end + 4 + body.unwrap_or(0));
            }
            if length.is_some_and(|length| text.len() >= length) {
                break;
            }
        }
    }
    std::thread::sleep(Duration::from_secs(2));
    let grown = size().saturating_sub(before);
    println!("{count} requests, {} KiB more", grown / 1024);
    assert!(grown <= 1024 * 1024, "{grown} bytes");
}

#[test]
fn core_jobs_a_worker_beside_sqlite_is_refused_by_name_and_reason() {
    let folder = std::env::temp_dir().join(format!("signet-process-{}-worker", std::process::id()));
    let run = |command: &str, embedded: &str| {
        let mut run = Command::new(env!("CARGO_BIN_EXE_signet"));
        run.arg(command)
            .env_clear()
            .env("SIGNET_DATA_DIR", &folder)
            .env("AUTHENTIK_WORKER__EMBEDDED", embedded);
        let out = run.output().unwrap();
        (out.status.code(), String::from_utf8(out.stderr).unwrap())
    };
    let (code, said) = run("worker", "true");
    assert!(code == Some(1) && said.contains("SQLite"), "{said}");
    assert!(said.contains("AUTHENTIK_POSTGRESQL__HOST"), "{said}");
    let (code, said) = run("server", "false");
    assert!(code == Some(2) && said.contains("AUTHENTIK_WORKER__EMBEDDED"), "{said}");
    assert!(!folder.exists(), "no data folder is made");
}

#[test]
fn ops7_a_stop_lets_a_running_request_finish() {
    const PATH: &str = "/api/v3/flows/executor/default-authentication-flow/?query=";
    let mut server = Server::start("stop", None, &[("LOG_LEVEL", "info")]);
    let body = r#"{"component": "ak-stage-identification", "uid_field": "akadmin"}"#;
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json");
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{}", body.len(), &body[..20]).unwrap();
    // Another connection is idle, and holds nothing up. Its answer says that the first one was accepted.
    let mut idle = TcpStream::connect(&server.address).unwrap();
    write!(idle, "GET /-/health/live/ HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert!(idle.read(&mut [0; 64]).unwrap() > 0);
    server.signal("-TERM");
    assert!(server.logs(|line| line.contains("running requests finish")));
    write!(stream, "{}", &body[20..]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 302"), "{answer}");
    let began = Instant::now();
    let status = loop {
        if let Some(status) = server.child.try_wait().unwrap() {
            break status;
        }
        assert!(began.elapsed() < Duration::from_secs(25), "it does not end");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(status.success(), "{status}");
    assert!(TcpStream::connect(&server.address).is_err());
}

#[test]
fn a_command_whose_output_nobody_takes_does_not_panic() {
    let folder = std::env::temp_dir().join(format!("signet-output-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_signet"));
        command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").env("SIGNET_DATA_DIR", &folder);
        command
    };
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        Stdio::from(writer)
    };
    let full = || Stdio::from(std::fs::File::options().write(true).open("/dev/full").unwrap());
    let commands: [&[&str]; 10] = [
        &["version"],
        &["--help"],
        &["settings_table"],
        &["check"],
        &["dump_config"],
        &["migrate"],
        &["setup_code"],
        &["create_admin_user"],
        &["explain", "--user", "akadmin", "--flow", "default-authentication-flow"],
        &["explain-permission", "akadmin", "authentik_core.view_user"],
    ];
    for command in commands {
        // As in `signet … | head -0`: the reader has seen enough.
        let gone = run(command).stdout(closed()).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&gone.stderr).into_owned();
        assert!(gone.status.success() && !said.contains("panicked"), "{command:?}: {:?} {said}", gone.status);
        // Nobody has read it since there was no room: that is a failure, and is said.
        let lost = run(command).stdout(full()).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&lost.stderr).into_owned();
        if command != ["--help"] {
            assert_eq!(lost.status.code(), Some(1), "{command:?}: {said}");
            assert!(said.contains("standard output cannot be written"), "{command:?}: {said}");
        }
        assert!(!said.contains("panicked"), "{command:?}: {said}");
        // Neither output: the exit code is left.
        for nothing in [closed, full] {
            let alone = run(command).stdout(nothing()).stderr(nothing()).status().unwrap();
            assert!(matches!(alone.code(), Some(0 | 1)), "{command:?}: {alone:?}");
        }
    }
    // The twin: who reads gets it, and it is a success.
    let read = run(&["version"]).output().unwrap();
    assert!(read.status.success() && String::from_utf8_lossy(&read.stdout).starts_with("Signet "));
    // What is wrong is not lost with the output.
    let wrong = run(&["check"]).env("AUTHENTIK_LISTEN__HTTP", "nowhere").stderr(closed()).status().unwrap();
    assert_eq!(wrong.code(), Some(2));
    std::fs::remove_dir_all(&folder).unwrap();
}
