//! Regular expressions for redirect URIs. The contract is Python's syntax, with look-around and back
//! references; backtracking is limited. Patterns often match more than intended, so the host of a URI must
//! match the part of the pattern that stands for the host: `https://.*\.corp\.test/cb` never matches
//! `https://evil.test/x.corp.test/cb`.
use fancy_regex::{Regex, RegexBuilder};

/// Maximum compiled size of one pattern in bytes.
const MAX_SIZE: usize = 1 << 20;
/// Maximum backtracking steps of one match; a match that needs more fails.
const MAX_STEPS: usize = 100_000;
/// Maximum number of alternatives into which one pattern is split.
const MAX_ALTERNATIVES: usize = 64;

pub struct Pattern {
    whole: Regex,
    hosts: HostRule,
}

/// How the host of a URI is checked.
enum HostRule {
    /// Scheme and host against the first pattern, the rest against the second; any pair may match.
    HeadAndRest(Vec<(Regex, Regex)>),
    /// The pattern does not delimit the host: it must match the URI up to the host's end as well.
    HeadOnly,
    /// The pattern cannot be split.
    Unknown,
}

impl Pattern {
    /// The pattern must match the whole URI. It is compiled without anchors first, so that an unbalanced
    /// bracket cannot escape them.
    pub fn new(text: &str) -> Result<Self, String> {
        let wrong = |_| format!("Invalid Regex Pattern: {text}");
        build(text).map_err(wrong)?;
        let whole = anchored(text).map_err(wrong)?;
        Ok(Self { whole, hosts: hosts(text) })
    }
    /// Whether the pattern could match a part of the path as host.
    pub fn is_loose(&self) -> bool {
        matches!(self.hosts, HostRule::Unknown)
    }
    /// `head` is scheme and host of `url`, `rest` what follows. `None` for schemes other than http(s).
    pub fn fits(&self, url: &str, parts: Option<(&str, &str)>) -> bool {
        let is = |regex: &Regex, text: &str| regex.is_match(text).unwrap_or(false);
        if !is(&self.whole, url) {
            return false;
        }
        let Some((head, rest)) = parts else { return true };
        match &self.hosts {
            HostRule::HeadAndRest(all) => {
                all.iter().any(|(before, after)| is(before, head) && is(after, rest))
            }
            HostRule::HeadOnly => is(&self.whole, head) || is(&self.whole, &format!("{head}/")),
            HostRule::Unknown => true,
        }
    }
}

fn build(text: &str) -> Result<Regex, Box<fancy_regex::Error>> {
    RegexBuilder::new(text).backtrack_limit(MAX_STEPS).delegate_size_limit(MAX_SIZE).build().map_err(Box::new)
}
fn anchored(text: &str) -> Result<Regex, Box<fancy_regex::Error>> {
    // In verbose mode white space is ignored, and the line break ends a comment.
    build(&format!(r"\A(?:{text})\z")).or_else(|_| build(&format!("\\A(?:{text}\n)\\z")))
}

fn hosts(text: &str) -> HostRule {
    // `\/` and `/` are equal.
    let text = unescaped(text);
    let (flags, text) = flags(&text);
    let verbose = flags.trim_start_matches("(?").split('-').next().is_some_and(|on| on.contains('x'));
    if verbose || has_references(text) {
        return HostRule::Unknown;
    }
    let mut apart = Vec::new();
    let mut alone = false;
    let mut open = vec![text.to_owned()];
    let mut taken = 0;
    while let Some(one) = open.pop() {
        taken += 1;
        if taken > MAX_ALTERNATIVES {
            return HostRule::Unknown;
        }
        match split(&one) {
            HostSplit::HeadAndRest(before, after) => {
                match (anchored(&format!("{flags}{before}")), anchored(&format!("{flags}{after}"))) {
                    (Ok(before), Ok(after)) => apart.push((before, after)),
                    _ => return HostRule::Unknown,
                }
            }
            HostSplit::Alternatives(all) => open.extend(all),
            HostSplit::HeadOnly => alone = true,
            HostSplit::NotWeb => {}
            HostSplit::Unknown => return HostRule::Unknown,
        }
    }
    match (apart.is_empty(), alone) {
        (false, false) => HostRule::HeadAndRest(apart),
        (true, true) => HostRule::HeadOnly,
        _ => HostRule::Unknown,
    }
}

enum HostSplit {
    HeadAndRest(String, String),
    Alternatives(Vec<String>),
    /// The pattern does not delimit the host.
    HeadOnly,
    /// Not an http(s) URI.
    NotWeb,
    Unknown,
}

/// Splits one pattern at the first slash after `://`.
fn split(text: &str) -> HostSplit {
    let delimiters = delimiters(text);
    if delimiters.iter().any(|m| m.depth == 0 && m.byte == b'|') {
        return HostSplit::Alternatives(alternatives(text, &delimiters));
    }
    let Some(colon) = text.find("://") else {
        return if text.bytes().any(|b| matches!(b, b'.' | b'[' | b'\\' | b'(')) && !text.contains(":/") {
            HostSplit::Unknown
        } else {
            HostSplit::NotWeb
        };
    };
    let at = colon + 3;
    let inside = |place: usize| {
        delimiters.iter().rev().find(|m| m.place <= place).is_none_or(|m| m.depth_after > 0 || m.class_after)
    };
    if delimiters.iter().any(|m| m.place < colon) && inside(colon) {
        return expand(text, &delimiters, colon);
    }
    let delimiters = &delimiters;
    for (place, byte) in text.bytes().enumerate().skip(at) {
        if byte != b'/' {
            continue;
        }
        let state = delimiters.iter().rev().find(|m| m.place < place);
        if state.is_some_and(|m| m.class_after) {
            // Character classes such as `[^/]` describe the host.
            continue;
        }
        if state.is_none_or(|m| m.depth_after == 0) {
            return HostSplit::HeadAndRest(
                text[..place].to_owned(),
                text[place..].trim_end_matches('$').to_owned(),
            );
        }
        // A slash inside a group. A group that starts with the slash starts the path.
        let Some(group) = enclosing(delimiters, place) else { return HostSplit::Unknown };
        let inner = &text[group..];
        let body = inner
            .strip_prefix("(?:")
            .or_else(|| inner.strip_prefix("(?").map_or_else(|| inner.strip_prefix('('), |_| None));
        return match body {
            Some(body) if body.starts_with('/') => HostSplit::HeadAndRest(
                text[..group].to_owned(),
                text[group..].trim_end_matches('$').to_owned(),
            ),
            Some(_) => expand(text, delimiters, place),
            None => HostSplit::Unknown,
        };
    }
    HostSplit::HeadOnly
}

/// One pattern for each alternative of the outermost group around `place`. Repeated groups are not split.
fn expand(text: &str, delimiters: &[Delimiter], place: usize) -> HostSplit {
    let Some(start) = enclosing(delimiters, place) else { return HostSplit::Unknown };
    let Some(end) =
        delimiters.iter().find(|m| m.place > start && m.byte == b')' && m.depth_after == 0).map(|m| m.place)
    else {
        return HostSplit::Unknown;
    };
    let inner = &text[start + 1..end];
    let inner = match inner.strip_prefix("?:") {
        Some(inner) => inner,
        None if inner.starts_with('?') => return HostSplit::Unknown,
        None => inner,
    };
    let after = &text[end + 1..];
    if after.starts_with(['*', '+', '?', '{']) {
        return HostSplit::Unknown;
    }
    let own = self::delimiters(inner);
    HostSplit::Alternatives(
        alternatives(inner, &own).into_iter().map(|one| format!("{}{one}{after}", &text[..start])).collect(),
    )
}

fn alternatives(text: &str, delimiters: &[Delimiter]) -> Vec<String> {
    let mut out = Vec::new();
    let mut from = 0;
    for bar in delimiters.iter().filter(|m| m.depth == 0 && m.byte == b'|') {
        out.push(text[from..bar.place].to_owned());
        from = bar.place + 1;
    }
    out.push(text[from..].to_owned());
    out
}

/// A bracket or `|` with syntactic meaning, with the nesting depth before and after it.
struct Delimiter {
    place: usize,
    byte: u8,
    depth: usize,
    depth_after: usize,
    class_after: bool,
}

fn delimiters(text: &str) -> Vec<Delimiter> {
    let bytes = text.as_bytes();
    let (mut out, mut depth, mut class, mut place) = (Vec::new(), 0usize, false, 0);
    while place < bytes.len() {
        let byte = bytes[place];
        let before = depth;
        match byte {
            b'\\' => {
                place += 2;
                continue;
            }
            b']' if class => class = false,
            _ if class => {
                place += 1;
                continue;
            }
            b'[' => class = true,
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b'|' => {}
            _ => {
                place += 1;
                continue;
            }
        }
        out.push(Delimiter { place, byte, depth: before, depth_after: depth, class_after: class });
        place += 1;
        // `[]…]` and `[^]…]`: a bracket in first position is a literal.
        if byte == b'[' {
            place += usize::from(bytes.get(place) == Some(&b'^'));
            place += usize::from(bytes.get(place) == Some(&b']'));
        }
    }
    out
}

/// Start of the outermost group around `place`.
fn enclosing(delimiters: &[Delimiter], place: usize) -> Option<usize> {
    delimiters.iter().rev().find(|m| m.place < place && m.byte == b'(' && m.depth == 0).map(|m| m.place)
}

/// Replaces `\/` by `/` and removes the anchors at both ends.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('/') => out.push('/'),
                Some(next) => out.extend(['\\', next]),
                None => out.push('\\'),
            },
            _ => out.push(c),
        }
    }
    let out = out.strip_prefix("\\A").or_else(|| out.strip_prefix('^')).unwrap_or(&out).to_owned();
    let out = out.strip_suffix("\\Z").or_else(|| out.strip_suffix("\\z")).unwrap_or(&out).to_owned();
    match out.strip_suffix('$') {
        Some(rest) if !rest.ends_with('\\') => rest.to_owned(),
        _ => out,
    }
}

/// Global flags (`(?i)`), and the rest.
fn flags(text: &str) -> (&str, &str) {
    let Some(inner) = text.strip_prefix("(?") else { return ("", text) };
    match inner.find(|c: char| !c.is_ascii_alphabetic() && c != '-') {
        Some(end) if inner[end..].starts_with(')') => {
            let (flags, rest) = text.split_at(end + 3);
            (flags, rest.strip_prefix('^').unwrap_or(rest))
        }
        _ => ("", text),
    }
}

/// Back references count groups over the whole pattern, so such a pattern cannot be split.
fn has_references(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut place = 0;
    while place + 1 < bytes.len() {
        if bytes[place] == b'\\' {
            if matches!(bytes[place + 1], b'1'..=b'9' | b'k' | b'g') {
                return true;
            }
            place += 1;
        }
        place += 1;
    }
    text.contains("(?P=") || text.contains("(?(")
}
