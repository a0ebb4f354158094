//! Parses a `User-Agent` header for session lists. For display only.
use signet_base::{Json, json};

/// Device, operating system and program; `Other` if unknown.
pub(crate) fn parse(text: &str) -> Json {
    let (family, version) = program(text);
    let mut numbers = version
        .split('.')
        .map(|n| n.chars().take_while(char::is_ascii_digit).collect::<String>())
        .map(|n| (!n.is_empty()).then_some(n));
    let mut next = || numbers.next().flatten();
    // For scripts, clients expect two version numbers.
    let (major, minor, patch) = (next(), next(), next().filter(|_| family != "Python Requests"));
    let (device, brand) = device(text);
    json!({
        "device": {"brand": brand, "family": device, "model": brand.map(|_| device)},
        "os": {"family": system(text), "major": null, "minor": null, "patch": null, "patch_minor": null},
        "user_agent": {"family": family, "major": major.unwrap_or_default(), "minor": minor.unwrap_or_default(), "patch": patch},
        "string": text,
    })
}

fn program(text: &str) -> (&'static str, &str) {
    const KNOWN: [(&str, &str); 9] = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("CriOS/", "Chrome Mobile iOS"),
        ("Chrome/", "Chrome"),
        ("Version/", "Safari"),
        ("python-requests/", "Python Requests"),
        ("curl/", "curl"),
        ("PowerShell/", "PowerShell"),
    ];
    for (mark, name) in KNOWN {
        if let Some((_, rest)) = text.split_once(mark) {
            return (name, rest.split([' ', ';', ')']).next().unwrap_or_default());
        }
    }
    ("Other", "")
}
fn system(text: &str) -> &'static str {
    const KNOWN: [(&str, &str); 7] = [
        ("Windows", "Windows"),
        ("iPhone", "iOS"),
        ("iPad", "iOS"),
        ("Mac OS X", "Mac OS X"),
        ("Android", "Android"),
        ("CrOS", "Chrome OS"),
        ("Linux", "Linux"),
    ];
    KNOWN.iter().find(|(mark, _)| text.contains(mark)).map_or("Other", |(_, name)| name)
}
fn device(text: &str) -> (&'static str, Option<&'static str>) {
    const KNOWN: [(&str, &str); 3] = [("iPhone", "iPhone"), ("iPad", "iPad"), ("Macintosh", "Mac")];
    KNOWN
        .iter()
        .find(|(mark, _)| text.contains(mark))
        .map_or(("Other", None), |(_, name)| (name, Some("Apple")))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn programs_and_systems_are_told_apart() {
        let edge = parse(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.1.2",
        );
        assert_eq!(
            (&edge["user_agent"]["family"], &edge["user_agent"]["major"], &edge["os"]["family"]),
            (&json!("Edge"), &json!("141"), &json!("Windows"))
        );
        let script = parse("python-requests/2.32.5");
        assert_eq!(
            script["user_agent"],
            json!({"family": "Python Requests", "major": "2", "minor": "32", "patch": null})
        );
        assert_eq!(parse("")["user_agent"]["family"], "Other");
    }
}
