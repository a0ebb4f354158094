//! Filters on strings.

pub fn capfirst(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// `title`: capitalises each word; a letter after an apostrophe stays lower case.
pub fn title(text: &str) -> String {
    let (mut out, mut inside, mut last) = (String::new(), false, ' ');
    for c in text.chars() {
        let goes_on = inside || (last == '\'' && !out.is_empty()) || last.is_ascii_digit();
        if c.is_alphabetic() && !goes_on {
            out.extend(c.to_uppercase())
        } else {
            out.extend(c.to_lowercase())
        }
        inside = c.is_alphabetic();
        last = c;
    }
    out
}

/// `slugify`: lower-case letters, digits, `-` and `_`.
pub fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().flat_map(plain).collect::<String>().trim().to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' | '_' => out.push(c),
            '-' | ' ' | '\t' | '\n' if !out.ends_with('-') => out.push('-'),
            _ => {}
        }
    }
    out.trim_matches(['-', '_']).to_owned()
}
/// The letter without diacritics.
fn plain(c: char) -> Vec<char> {
    const FROM: &str = "àáâãäåçèéêëìíîïñòóôõöùúûüýÿÀÁÂÃÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÕÖÙÚÛÜÝ";
    const TO: &str = "aaaaaaceeeeiiiinooooouuuuyyAAAAAACEEEEIIIINOOOOOUUUUY";
    match FROM.chars().position(|f| f == c) {
        Some(at) => TO.chars().nth(at).into_iter().collect(),
        None => vec![c],
    }
}

/// Truncates to `limit` characters, including the ellipsis.
pub fn truncate(text: &str, limit: usize, mark: &str) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let keep = limit.saturating_sub(mark.chars().count());
    text.chars().take(keep).chain(mark.chars()).collect()
}
pub fn truncate_words(text: &str, limit: usize) -> String {
    let split_words: Vec<&str> = text.split_whitespace().collect();
    if split_words.len() <= limit {
        split_words.join(" ")
    } else {
        format!("{} …", split_words[..limit].join(" "))
    }
}

/// Truncates HTML to a number of characters or words and closes open elements.
pub fn truncate_html(text: &str, limit: usize, split_words: bool) -> String {
    const EMPTY: [&str; 9] = ["br", "hr", "img", "input", "link", "meta", "col", "area", "base"];
    let plain = super::html::striptags(text);
    let count = if split_words { plain.split_whitespace().count() } else { plain.chars().count() };
    if count <= limit {
        return text.to_owned();
    }
    let limit = if split_words { limit } else { limit.saturating_sub(1) };
    let (mut out, mut open, mut seen, mut inside) = (String::new(), Vec::new(), 0, false);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(end) = rest.find('>').filter(|_| c == '<') {
            let tag = &rest[..=end];
            let name: String =
                tag.trim_start_matches(['<', '/']).chars().take_while(|c| c.is_alphanumeric()).collect();
            if tag.starts_with("</") {
                open.pop();
            } else if !tag.ends_with("/>") && !EMPTY.contains(&name.as_str()) {
                open.push(name);
            }
            out.push_str(tag);
            rest = &rest[end + 1..];
            continue;
        }
        let starts = split_words && !c.is_whitespace() && !inside;
        inside = !c.is_whitespace();
        if (starts || !split_words) && seen == limit {
            break;
        }
        seen += usize::from(starts || !split_words);
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    let mut out = out.trim_end().to_owned() + if split_words { " …" } else { "…" };
    while let Some(name) = open.pop() {
        out.push_str(&format!("</{name}>"));
    }
    out
}

/// `wordwrap`: breaks lines at spaces after at most `width` characters.
pub fn wrap(text: &str, width: usize) -> String {
    let mut out = Vec::new();
    for line in text.split('\n') {
        let mut now = String::new();
        for word in line.split(' ') {
            if !now.is_empty() && now.chars().count() + 1 + word.chars().count() > width {
                out.push(std::mem::take(&mut now));
            } else if !now.is_empty() {
                now.push(' ');
            }
            now.push_str(word);
        }
        out.push(now);
    }
    out.join("\n")
}

/// `escapejs`: escapes for a JavaScript string literal.
pub fn escapejs(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' | '\'' | '"' | '<' | '>' | '&' | '=' | '-' | ';' | '`' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04X}", c as u32))
            }
            c if (c as u32) < 32 => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out
}

pub fn phone(text: &str) -> String {
    text.to_lowercase()
        .chars()
        .map(|c| {
            "22233344455566677778889999".chars().nth((c as usize).wrapping_sub('a' as usize)).unwrap_or(c)
        })
        .collect()
}
