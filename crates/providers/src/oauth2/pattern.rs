//! Patterns of addresses. They are Python's in the contract: look-around and back references are understood,
//! within a bound of work. A pattern is often wider than meant, so that the host of an address must fit the
//! part of the pattern that stands for the host: `https://.*\.corp\.test/cb` never takes
//! `https://evil.test/x.corp.test/cb`.
use fancy_regex::{Regex, RegexBuilder};

/// Compiled size of one pattern, in bytes.
const MAX_SIZE: usize = 1 << 20;
/// Steps back that one comparison may take; one that needs more does not fit.
const MAX_STEPS: usize = 100_000;
/// Most alternatives into which one pattern is taken apart.
const MAX_ALTERNATIVES: usize = 64;

pub struct Pattern {
    whole: Regex,
    hosts: HostRule,
}

/// How the host is held.
enum HostRule {
    /// Scheme and host on one side, what follows on the other: one of these.
    HeadAndRest(Vec<(Regex, Regex)>),
    /// The pattern does not say where the host ends: it has to fit the address up to there as well.
    HeadOnly,
    /// Neither can be said of this pattern.
    Unknown,
}

impl Pattern {
    /// The pattern must fit the whole address. It is compiled alone first, so that no unbalanced bracket can
    /// reach out of the anchors.
    pub fn new(text: &str) -> Result<Self, String> {
        let wrong = |_| format!("Invalid Regex Pattern: {text}");
        build(text).map_err(wrong)?;
        let whole = anchored(text).map_err(wrong)?;
        Ok(Self { whole, hosts: hosts(text) })
    }
    /// Whether nothing keeps the pattern from taking a part of the path for the host.
    pub fn is_loose(&self) -> bool {
        matches!(self.hosts, HostRule::Unknown)
    }
    /// `head` is scheme and host of `url`, `rest` what follows; nothing for addresses that are not of the
    /// web.
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
    // Verbose mode: white space in the pattern means nothing there, and the line break ends a comment.
    build(&format!(r"\A(?:{text})\z")).or_else(|_| build(&format!("\\A(?:{text}\n)\\z")))
}

fn hosts(text: &str) -> HostRule {
    // Slashes are often escaped, and mean the same.
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
    /// Nothing in it ends the host.
    HeadOnly,
    /// No address of the web.
    NotWeb,
    Unknown,
}

/// Takes one pattern apart at the first slash behind `://`.
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
            // `[^/]` and the like say what a host is not.
            continue;
        }
        if state.is_none_or(|m| m.depth_after == 0) {
            return HostSplit::HeadAndRest(
                text[..place].to_owned(),
                text[place..].trim_end_matches('$').to_owned(),
            );
        }
        // Within a group. One that begins with the slash begins the path.
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

/// A pattern for each alternative of the outermost group around a place. Groups that may repeat stay whole.
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

/// A bracket or bar that means something, with the nesting before and after it.
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
        // `[]…]` and `[^]…]`: a bracket that comes first is a member.
        if byte == b'[' {
            place += usize::from(bytes.get(place) == Some(&b'^'));
            place += usize::from(bytes.get(place) == Some(&b']'));
        }
    }
    out
}

/// Where the outermost group around a place begins.
fn enclosing(delimiters: &[Delimiter], place: usize) -> Option<usize> {
    delimiters.iter().rev().find(|m| m.place < place && m.byte == b'(' && m.depth == 0).map(|m| m.place)
}

/// `\/` as `/`, without the anchors at both ends.
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

/// Flags for the whole pattern (`(?i)`), and the rest.
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

/// Back references count groups over the whole pattern.
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
