//! HTML: escaping, links, and texts without their tags.

pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            c => out.push(c),
        }
    }
    out
}

/// Removes white space between tags (`spaceless`).
pub fn spaceless(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text.trim());
    while let Some(at) = rest.find('>') {
        out.push_str(&rest[..=at]);
        rest = &rest[at + 1..];
        let space = rest.trim_start();
        if space.starts_with('<') {
            rest = space;
        }
    }
    out + rest
}

/// Removes tags (`striptags`).
pub fn striptags(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('<') {
        let opens =
            rest[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
        match rest[at..].find('>') {
            Some(end) if opens => {
                out.push_str(&rest[..at]);
                rest = &rest[at + end + 1..];
            }
            _ => {
                out.push_str(&rest[..=at]);
                rest = &rest[at + 1..];
            }
        }
    }
    out + rest
}

/// Turns URLs and e-mail addresses into links (`urlize`). `limit`: maximum length of a link's text.
pub fn urlize(text: &str, limit: Option<usize>, escaped: bool) -> String {
    let to_text = |t: &str| if escaped { escape(t) } else { t.to_owned() };
    let mut out = String::new();
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        let space = &piece[word.len()..];
        let body = word.trim_end_matches(['.', ',', ':', ';', '!', '?', ')', ']', '"', '\'']);
        let lead = body.len() - body.trim_start_matches(['(', '[', '"', '\'']).len();
        let (before, body, after) = (&word[..lead], &body[lead..], &word[body.len()..]);
        let address = if body.starts_with("http://") || body.starts_with("https://") {
            Some(body.to_owned())
        } else if body.starts_with("www.") && body.len() > 8 {
            Some(format!("http://{body}"))
        } else if body
            .split_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains('@'))
        {
            Some(format!("mailto:{body}"))
        } else {
            None
        };
        match address {
            Some(address) => {
                let text = limit.map_or_else(|| body.to_owned(), |n| crate::text::truncate(body, n, "…"));
                let relation = if address.starts_with("mailto:") { "" } else { " rel=\"nofollow\"" };
                out.push_str(&format!(
                    "{}<a href=\"{}\"{relation}>{}</a>{}",
                    to_text(before),
                    escape(&address),
                    to_text(&text),
                    to_text(after)
                ));
            }
            None => out.push_str(&to_text(word)),
        }
        out.push_str(space);
    }
    out
}

/// Paragraphs at blank lines, `<br>` at line breaks (`linebreaks`).
pub fn linebreaks(text: &str, escaped: bool) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut parts = vec![String::new()];
    for line in text.split('\n') {
        match parts.last_mut() {
            Some(last) if !line.trim().is_empty() => {
                if !last.is_empty() {
                    last.push('\n');
                }
                last.push_str(line);
            }
            Some(last) if !last.is_empty() => parts.push(String::new()),
            _ => {}
        }
    }
    let parts = parts
        .iter()
        .filter(|p| !p.is_empty())
        .map(|p| format!("<p>{}</p>", (if escaped { escape(p) } else { p.clone() }).replace('\n', "<br>")));
    parts.collect::<Vec<_>>().join("\n\n")
}
