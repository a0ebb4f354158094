//! Look-alikes of redirect URIs that must not match.
use super::*;

fn uri(mode: MatchingMode, url: &str) -> RedirectUri {
    RedirectUri { matching_mode: mode, url: url.to_owned(), redirect_uri_type: UriType::Authorization }
}
fn exact(url: &str) -> Matcher {
    Matcher::new(&[uri(MatchingMode::Strict, url)]).unwrap()
}
fn regex(url: &str) -> Matcher {
    Matcher::new(&[uri(MatchingMode::Regex, url)]).unwrap()
}

const LOOK_ALIKES: &[&str] = &[
    "https://app.example/CB",
    "https://app.example/cb/",
    "https://app.example/cb?x=1",
    "https://app.example/cb#f",
    "https://app.example/cb#",
    "https://app.example/cb/..;/x",
    "https://app.example/x/../cb",
    "https://app.example/%2e%2e/cb",
    "https://app.example/x/%2e%2e/cb",
    "https://app.example/x/%252e%252e/cb",
    "https://app.example.evil/cb",
    "https://app.example@evil/cb",
    "https://app.example:443@evil/cb",
    "https://app.example:443/cb",
    "https://app.example:/cb",
    "https://app.example:8443/cb",
    "https://user@app.example/cb",
    "https:\\\\app.example\\cb",
    "https://app.example\\cb",
    "https:/app.example/cb",
    "https://app.example/cb\t",
    "https://app.example/\ncb",
    " https://app.example/cb",
    "https://app.example./cb",
    "https://app.exаmple/cb",
    "HTTPS://app.example/cb",
    "https://APP.example/cb",
    "http://app.example/cb",
    "https://[fe80::1%25eth0]/cb",
    "//app.example/cb",
    "javascript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "",
];

#[test]
fn an_exact_address_fits_itself_and_no_look_alike() {
    let matcher = exact("https://app.example/cb");
    assert!(matcher.fits(UriType::Authorization, "https://app.example/cb"));
    for bad in LOOK_ALIKES {
        assert!(!matcher.fits(UriType::Authorization, bad), "{bad:?}");
    }
}

#[test]
fn a_pattern_fits_the_whole_address_only() {
    let matcher = regex(r"https://app\.example/cb");
    assert!(matcher.fits(UriType::Authorization, "https://app.example/cb"));
    for bad in LOOK_ALIKES {
        assert!(!matcher.fits(UriType::Authorization, bad), "{bad:?}");
    }
    let either = regex(r"https://a\.example/|https://b\.example/");
    assert!(either.fits(UriType::Authorization, "https://b.example/"));
    assert!(!either.fits(UriType::Authorization, "https://a.example/evil"));
    assert!(!either.fits(UriType::Authorization, "https://evil/https://b.example/"));
    let lines = regex(r"(?m)^https://a\.example/$");
    assert!(!lines.fits(UriType::Authorization, "https://evil/\nhttps://a.example/"));
    let verbose = regex("(?x) https://a\\.example/ # home");
    assert!(
        verbose.fits(UriType::Authorization, "https://a.example/")
            && !verbose.fits(UriType::Authorization, "https://a.example/x")
    );
}

#[test]
fn a_wide_pattern_cannot_be_led_astray() {
    let matcher = regex(r"https://.*\.a\.test/cb");
    assert!(matcher.fits(UriType::Authorization, "https://x.a.test/cb"));
    for bad in [
        "https://evil@x.a.test/cb",
        "https://x.a.test./cb",
        "https://evil\\.a.test/cb",
        "https://x.a.test/../.a.test/cb",
        "https://evil%2f.a.test/cb",
        "https://evil#.a.test/cb",
    ] {
        assert!(!matcher.fits(UriType::Authorization, bad), "{bad:?}");
    }
    let any = regex(".*");
    for bad in
        ["javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "vbscript:x", "relative", "//evil"]
    {
        assert!(!any.fits(UriType::Authorization, bad), "{bad:?}");
    }
}

#[test]
fn only_the_port_of_a_loopback_literal_may_vary_and_only_when_none_was_registered() {
    let free = exact("http://127.0.0.1/cb");
    for good in ["http://127.0.0.1/cb", "http://127.0.0.1:49152/cb"] {
        assert!(free.fits(UriType::Authorization, good), "{good}");
    }
    for bad in [
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:080/cb",
        "http://127.0.0.1:99999/cb",
        "http://127.0.0.1:80@evil/cb",
        "http://127.0.0.1:80x/cb",
        "http://127.0.0.1.evil/cb",
        "http://127.0.0.1:80/cb/",
    ] {
        assert!(!free.fits(UriType::Authorization, bad), "{bad}");
    }
    let fixed = exact("http://127.0.0.1:8080/cb");
    assert!(
        fixed.fits(UriType::Authorization, "http://127.0.0.1:8080/cb")
            && !fixed.fits(UriType::Authorization, "http://127.0.0.1:8081/cb")
    );
    assert!(!exact("http://localhost/cb").fits(UriType::Authorization, "http://localhost:1/cb"));
    assert!(exact("http://[::1]/cb").fits(UriType::Authorization, "http://[::1]:5000/cb"));
}

#[test]
fn purposes_do_not_mix_and_nothing_registered_fits_nothing() {
    let matcher = Matcher::new(&[RedirectUri {
        redirect_uri_type: UriType::Logout,
        ..uri(MatchingMode::Strict, "https://app.example/bye")
    }])
    .unwrap();
    assert!(
        matcher.fits(UriType::Logout, "https://app.example/bye")
            && !matcher.fits(UriType::Authorization, "https://app.example/bye")
    );
    assert!(!Matcher::new(&[]).unwrap().fits(UriType::Authorization, "https://app.example/cb"));
}

#[test]
fn what_may_be_registered() {
    for good in ["https://app.example/cb", "http://localhost:9/cb", "com.example.app:/cb", "myapp://cb"] {
        assert_eq!(acceptable(&uri(MatchingMode::Strict, good)), Ok(()), "{good}");
    }
    for bad in [
        "javascript:alert(1)",
        "JAVASCRIPT:x",
        "data:x",
        "vbscript:x",
        "/cb",
        "cb",
        "https://a/#x",
        "https://a/ b",
        "https://a\\b",
    ] {
        assert!(acceptable(&uri(MatchingMode::Strict, bad)).is_err(), "{bad}");
    }
    assert_eq!(acceptable(&uri(MatchingMode::Regex, "(")), Err("Invalid Regex Pattern: (".to_owned()));
    for bad in ["a)|(b", "^javascript:.*", "(?=x", "(?P<a>x)(?P=b)"] {
        assert!(acceptable(&uri(MatchingMode::Regex, bad)).is_err(), "{bad}");
    }
}

#[test]
fn origins_are_those_of_exact_addresses() {
    let matcher = exact("https://App.example:443/cb");
    assert!(matcher.allows_origin("https://app.example"));
    assert!(
        !matcher.allows_origin("http://app.example")
            && !matcher.allows_origin("null")
            && !matcher.allows_origin("")
    );
    assert!(!regex("https://.*").allows_origin("https://.*"));
}

#[test]
fn redteam_24_a_path_is_never_taken_for_a_host() {
    let evil = [
        "https://evil.test/x.corp.test/cb",
        "https://evil.test?.corp.test/cb",
        "https://evil.test:443/.corp.test/cb",
        "https://evil.test/.corp.test/cb?x",
        "https://evil.test/?a=https://x.corp.test/cb",
    ];
    for (text, fine) in [
        (r"https://.*\.corp\.test/cb", "https://x.corp.test/cb"),
        (r"^https://.*\.corp\.test/cb$", "https://x.y.corp.test/cb"),
        (r"https:\/\/.*\.corp\.test\/cb", "https://x.corp.test/cb"),
        (r"https?://.+\.corp\.test/.*", "http://x.corp.test/any/thing?x=1"),
        (r"https://[^/]*\.corp\.test(/.*)?", "https://x.corp.test/a"),
        (r"https://.*\.corp\.test(/.*)?", "https://x.corp.test"),
        (r"https://.*\.corp\.test.*", "https://x.corp.test/cb"),
        (r"https://(.*\.corp\.test/cb|other\.test/cb)", "https://other.test/cb"),
        (r"(https://.*\.corp\.test/cb)|(http://localhost/cb)", "http://localhost/cb"),
        (r"(?i)https://.*\.CORP\.test/cb", "https://x.corp.test/cb"),
        (r"https://.*\.corp\.test(:\d+)?/cb", "https://x.corp.test:8443/cb"),
    ] {
        let matcher = regex(text);
        assert!(matcher.fits(UriType::Authorization, fine), "{text} {fine}");
        for bad in evil {
            assert!(!matcher.fits(UriType::Authorization, bad), "{text} {bad}");
        }
    }
    // A pattern part without a host keeps its meaning.
    assert!(
        regex(".*").fits(UriType::Authorization, "https://any.test/cb")
            && regex("com\\.app:.*").fits(UriType::Authorization, "com.app:/cb")
    );
    assert!(
        regex(r"https://app\.example\.com.*").fits(UriType::Authorization, "https://app.example.com/cb?x=1")
    );
    assert!(regex(r"https://app\.example\.com.+").fits(UriType::Authorization, "https://app.example.com/cb"));
}

#[test]
fn field_31_patterns_look_around_and_refer_back() {
    let ahead = regex(r"https://(?!admin\.)[a-z]+\.example\.com/cb");
    assert!(ahead.fits(UriType::Authorization, "https://good.example.com/cb"));
    assert!(!ahead.fits(UriType::Authorization, "https://admin.example.com/cb"));
    let whole = regex(r"https://(?!.*/admin)[a-z]+\.example\.com/.*");
    assert!(
        whole.fits(UriType::Authorization, "https://a.example.com/x")
            && !whole.fits(UriType::Authorization, "https://a.example.com/admin")
    );
    let behind = regex(r"https://[a-z.]+(?<=\.example\.com)/cb");
    assert!(
        behind.fits(UriType::Authorization, "https://a.example.com/cb")
            && !behind.fits(UriType::Authorization, "https://a.example.org/cb")
    );
    let twice = regex(r"https://([a-z]+)\.example\.com/\1/cb");
    assert!(
        twice.fits(UriType::Authorization, "https://a.example.com/a/cb")
            && !twice.fits(UriType::Authorization, "https://a.example.com/b/cb")
    );
    // Backtracking is limited: a match that needs more steps fails.
    let begun = std::time::Instant::now();
    let costly = regex(r"https://app\.example/(?=(a+)+$)(a+)+b\2");
    assert!(!costly.fits(UriType::Authorization, &format!("https://app.example/{}c", "a".repeat(200))));
    assert!(begun.elapsed() < std::time::Duration::from_secs(2), "{:?}", begun.elapsed());
}
