//! Templates of letters: the built-in ones, and those of the administrator's folder, which go first.
use signet_base::{Error, Map, Result, Timestamp};
use signet_template::Engine;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

/// The layout of all emails.
const BASE: &str = "email/base.html";
/// Name, HTML, plain text, description.
const BUILT_IN: &[(&str, &str, &str, &str)] = &[
    (
        "email/password_reset.html",
        include_str!("templates/password_reset.html"),
        include_str!("templates/password_reset.txt"),
        "Password Reset",
    ),
    (
        "email/account_confirmation.html",
        include_str!("templates/account_confirmation.html"),
        include_str!("templates/account_confirmation.txt"),
        "Account Confirmation",
    ),
    (
        "email/email_otp.html",
        include_str!("templates/email_otp.html"),
        include_str!("templates/email_otp.txt"),
        "Email OTP",
    ),
    (
        "email/event_notification.html",
        include_str!("templates/event_notification.html"),
        include_str!("templates/event_notification.txt"),
        "Event Notification",
    ),
    (
        "email/invitation.html",
        include_str!("templates/invitation.html"),
        include_str!("templates/invitation.txt"),
        "Invitation",
    ),
    (
        "email/welcome.html",
        include_str!("templates/welcome.html"),
        include_str!("templates/welcome.txt"),
        "Welcome",
    ),
    (
        "email/setup.html",
        include_str!("templates/setup.html"),
        include_str!("templates/setup.txt"),
        "Test message",
    ),
];
/// What the server writes by itself; no stage chooses it.
const ADDRESS_IN_USE: (&str, &str) =
    (include_str!("templates/address_in_use.html"), include_str!("templates/address_in_use.txt"));
const MAX_SIZE: u64 = 256 * 1024;
/// Maximum number of steps per rendering.
const FUEL: u64 = 200_000;

/// Folders in use, so that a stage's template can be validated when the stage is written.
static FOLDERS: RwLock<Vec<PathBuf>> = RwLock::new(Vec::new());

pub(crate) fn announce(folder: &Path) {
    let mut all = FOLDERS.write().unwrap_or_else(PoisonError::into_inner);
    if !all.iter().any(|f| f == folder) {
        all.push(folder.to_owned());
    }
}

/// Validates a template when it is chosen, so that it cannot fail when an email is due.
pub fn check(name: &str) -> Result<(), String> {
    let folders = FOLDERS.read().unwrap_or_else(PoisonError::into_inner).clone();
    if !is_name(name, "html") || name == BASE {
        return Err(format!("Invalid template '{name}' specified."));
    }
    // Installations in one process have different folders; the one that has the file counts.
    let folder = folders.iter().find(|f| f.join(name).is_file()).or(folders.first());
    let load = |name: &str| match folder {
        Some(folder) => source(folder, name),
        None => built_in(name).map(str::to_owned),
    };
    if load(name).is_none() {
        return Err(format!("Invalid template '{name}' specified."));
    }
    let engine = Engine { load: &load, now: Timestamp::from_secs(0), base_url: "", fuel: FUEL };
    let twin = twin(name);
    let twin = load(&twin).map(|_| twin);
    for name in [Some(name), twin.as_deref()].into_iter().flatten() {
        engine.check(name).map_err(|e| format!("The template cannot be used: {e}."))?;
    }
    Ok(())
}
/// The name of the plain text variant of an HTML template.
fn twin(name: &str) -> String {
    format!("{}txt", name.strip_suffix("html").unwrap_or(name))
}

/// All templates: name and description.
pub fn list(folder: &Path) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> =
        BUILT_IN.iter().map(|(name, _, _, what)| ((*name).to_owned(), (*what).to_owned())).collect();
    let mut own = Vec::new();
    collect(folder, "", 0, &mut own);
    own.sort();
    for name in own {
        if built_in(&name).is_none() {
            all.push((name.clone(), format!("Custom template {name}")));
        }
    }
    all
}
fn collect(folder: &Path, prefix: &str, depth: usize, found: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder.join(prefix)) else { return };
    for entry in entries.flatten().take(1000) {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            if depth < 3 {
                collect(folder, &format!("{name}/"), depth + 1, found);
            }
        } else if is_name(&name, "html") && name != BASE {
            found.push(name);
        }
    }
}

/// Whether it is a relative path without `..`.
fn is_name(name: &str, ending: &str) -> bool {
    name.len() <= 200
        && name.strip_suffix(ending).is_some_and(|stem| stem.ends_with('.') && stem.len() > 1)
        && name.split('/').all(|part| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ' '))
        })
}
fn built_in(name: &str) -> Option<&'static str> {
    match name {
        BASE => return Some(include_str!("templates/base.html")),
        "email/address_in_use.html" => return Some(ADDRESS_IN_USE.0),
        "email/address_in_use.txt" => return Some(ADDRESS_IN_USE.1),
        _ => {}
    }
    BUILT_IN.iter().find_map(|(html_name, html, text, _)| {
        if *html_name == name {
            Some(*html)
        } else {
            (html_name.strip_suffix("html") == name.strip_suffix("txt")).then_some(*text)
        }
    })
}
fn own(folder: &Path, name: &str) -> Option<String> {
    let path = folder.join(name);
    let meta = std::fs::metadata(&path).ok()?;
    if !meta.is_file() || meta.len() > MAX_SIZE {
        return None;
    }
    std::fs::read_to_string(&path).ok()
}
fn source(folder: &Path, name: &str) -> Option<String> {
    if !is_name(name, "html") && !is_name(name, "txt") {
        return None;
    }
    own(folder, name).or_else(|| built_in(name).map(str::to_owned))
}

/// Renders a template; returns HTML and plain text. The plain text is the `.txt` variant, else derived from
/// the HTML.
///
/// # Errors
/// `Invalid` for field `template` when the template does not exist, cannot be parsed or takes too long.
pub fn render(folder: &Path, now: Timestamp, name: &str, values: &Map) -> Result<(String, String)> {
    let wrong = |why: String| Error::invalid("template", format!("{name}: {why}"));
    if !is_name(name, "html") {
        return Err(wrong("there is no such template.".to_owned()));
    }
    let load = |name: &str| source(folder, name);
    let base_url = values.get("base_url").and_then(signet_base::Json::as_str).unwrap_or_default();
    let engine = Engine { load: &load, now, base_url, fuel: FUEL };
    let filled = |name: &str, escape: bool| {
        engine.render(name, values, escape).map_err(|e| Error::invalid("template", e.to_string()))
    };
    let html = filled(name, true)?;
    // A `.txt` variant counts only beside a custom HTML template: the built-in one would have another text.
    let twin = twin(name);
    let replaced = own(folder, name).is_some() && own(folder, &twin).is_none();
    let text = match (!replaced).then(|| source(folder, &twin)).flatten() {
        Some(_) => filled(&twin, false)?,
        None => words(&html),
    };
    Ok((html, text))
}

/// A duration in words, rounded up in its largest unit.
pub fn duration(secs: i64) -> String {
    let secs = secs.max(0);
    let (count, unit) = match secs {
        0..60 => (secs, "second"),
        60..3600 => ((secs + 59) / 60, "minute"),
        3600..86_400 => ((secs + 3599) / 3600, "hour"),
        _ => ((secs + 86_399) / 86_400, "day"),
    };
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

/// The text of HTML, line by line.
fn words(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        let tag = &rest[at..];
        let lower = tag.get(..8.min(tag.len())).unwrap_or_default().to_ascii_lowercase();
        let end = ["style", "script", "head", "title"]
            .iter()
            .find(|n| lower.starts_with(&format!("<{n}")))
            .map(|n| format!("</{n}>"));
        let skipped = match end {
            Some(end) => tag.to_ascii_lowercase().find(&end).map_or(tag.len(), |i| i + end.len()),
            None => tag.find('>').map_or(tag.len(), |i| i + 1),
        };
        if let Some(address) = tag
            .get(..skipped)
            .filter(|t| t.starts_with("<a "))
            .and_then(|t| t.split("href=\"").nth(1))
            .and_then(|t| t.split('"').next())
        {
            out.push_str(&format!("{address} "));
        }
        if ["<p", "<br", "<tr", "<h", "<div", "<li"].iter().any(|n| lower.starts_with(n)) {
            out.push('\n');
        }
        rest = &tag[skipped..];
    }
    out.push_str(rest);
    for (entity, sign) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#x27;", "'"),
        ("&#x2f;", "/"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ] {
        out = out.replace(entity, sign);
    }
    let lines: Vec<String> = out
        .lines()
        .map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|l| !l.is_empty())
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::json;

    fn values() -> Map {
        let all = json!({"subject": "S", "brand": {"branding_title": "Acme <b>", "logo_url": null, "color": "#2a3d6c", "ink": "#fff"}, "base_url": "https://id.test", "url": "https://id.test/x?a=1&b=2", "expires": "2026-01-01T00:30:00Z",
            "expires_in": "30 minutes", "user": {"username": "ada", "name": "Ada <script>", "email": "a@x.test"}, "code": "123456", "token": "123456",
            "title": "Something happened", "wide": "x".repeat(9999), "body": "Look at it", "key_value": {"a": "b"}});
        all.as_object().cloned().unwrap()
    }

    #[test]
    fn every_built_in_template_fills_and_escapes() {
        let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        for (name, _, _, _) in BUILT_IN {
            let (html, text) = render(Path::new("/nonexistent"), now, name, &values()).unwrap();
            assert!(
                html.contains("<!doctype html>")
                    && !html.contains("<script>")
                    && html.contains("Acme &lt;b&gt;"),
                "{name}: {html}"
            );
            assert!(!text.contains("<p") && !text.contains("&lt;") && !text.contains("{{"), "{name}: {text}");
        }
        let (html, text) =
            render(Path::new("/nonexistent"), now, "email/password_reset.html", &values()).unwrap();
        assert!(
            html.contains("https://id.test/x?a=1&amp;b=2")
                || html.contains("https:&#x2f;&#x2f;id.test&#x2f;x?a=1&amp;b=2"),
            "{html}"
        );
        assert!(text.contains("https://id.test/x?a=1&b=2") && text.contains("30 minutes"), "{text}");
    }

    #[test]
    fn a_folder_goes_before_the_built_in_ones_and_cannot_be_left() {
        let folder = std::env::temp_dir().join(format!("signet-templates-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("email")).unwrap();
        std::fs::write(
            folder.join("email/setup.html"),
            "{% load i18n %}{% extends 'email/base.html' %}{% block content %}<p>{% trans 'Own text' %} {{ user.name|default:'you' }}</p>{% endblock %}",
        )
        .unwrap();
        std::fs::write(folder.join("own.html"), "<p>Hi {{ user.name }}</p><a href=\"{{ url }}\">go</a>")
            .unwrap();
        std::fs::write(
            folder.join("loop.html"),
            "{% for a in wide|make_list %}{% for b in wide|make_list %}x{% endfor %}{% endfor %}",
        )
        .unwrap();
        std::fs::write(folder.join("broken.html"), "a\n{% if b %}").unwrap();
        let now = Timestamp::from_secs(0);
        let (html, text) = render(&folder, now, "email/setup.html", &values()).unwrap();
        assert!(
            html.contains("Own text Ada &lt;script&gt;") && text.contains("Own text Ada <script>"),
            "{html}\n{text}"
        );
        let (_, text) = render(&folder, now, "own.html", &values()).unwrap();
        assert!(text.contains("Hi Ada <script>") && text.contains("https://id.test/x"), "{text}");
        for bad in [
            "loop.html",
            "broken.html",
            "none.html",
            "../own.html",
            "/etc/passwd",
            "email/../own.html",
            "own.txt",
            ".html",
            "",
        ] {
            assert!(matches!(render(&folder, now, bad, &values()), Err(Error::Invalid(_))), "{bad}");
        }
        announce(&folder);
        assert!(check("own.html").is_ok() && check("email/password_reset.html").is_ok());
        for bad in ["no/such.html", "../own.html", "email/base.html"] {
            assert_eq!(check(bad), Err(format!("Invalid template '{bad}' specified.")));
        }
        assert_eq!(
            check("broken.html").unwrap_err(),
            "The template cannot be used: broken.html, line 2: endif is missing."
        );
        assert!(
            list(&folder).iter().any(|(n, _)| n == "own.html")
                && list(&folder).iter().filter(|(n, _)| n == "email/setup.html").count() == 1
        );
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn lengths_of_time_read_well() {
        assert_eq!(
            (duration(1), duration(1800), duration(3600), duration(86_400), duration(-5)),
            ("1 second".into(), "30 minutes".into(), "1 hour".into(), "1 day".into(), "0 seconds".into())
        );
    }
}
