//! Matches of a pattern in Python's order. The engine's `re` skips an empty match that follows another one, which
//! Python (since 3.7) gives.
use crate::{CallError, Value};
use fancy_regex::{Captures, Regex, RegexBuilder};
use std::time::{Duration, Instant};

/// `_signet_matches(pattern, flags, text, limit)`: the names of the groups, and for each match the positions of
/// its groups (start, end; -1 for one that took no part), at most `limit` matches unless 0. `None` if the
/// pattern cannot match the empty string, or does not compile: the engine's own `re` does the same.
pub(super) const MATCHES: &str = "_signet_matches";

/// `_signet_anchored(pattern)`: see [`anchored`].
pub(super) const ANCHORED: &str = "_signet_anchored";

/// Flags of `re` that the engine knows.
const FLAGS: [(i64, char); 3] = [(2, 'i'), (8, 'm'), (16, 's')];
/// Backtracking steps of one search.
const BACKTRACK: usize = 200_000;
/// Positions in a result.
const MAX_POSITIONS: usize = 100_000;
/// A search cannot be interrupted, many can.
const TIME: Duration = Duration::from_millis(100);

/// Whether the pattern may match the empty string. Look-around and back references are not analysed: they may.
pub(crate) fn may_be_empty(pattern: &str) -> bool {
    regex_syntax::parse(pattern).map_or(true, |hir| hir.properties().minimum_len() == Some(0))
}

/// A pattern in the engine's words, if it is another one: Python's `$` is also before a line break at the end,
/// its `\\Z` is not.
pub(crate) fn anchored(pattern: &str) -> Option<String> {
    with_anchors(pattern, |_| "(?:$|(?=\\n\\z))")
}

/// The same for a pattern of which only is asked whether it matches: without look-around, where it can be.
pub(crate) fn anchored_test(pattern: &str) -> Option<String> {
    with_anchors(pattern, |rest| match rest.bytes().next() {
        None | Some(b'|' | b')') => "(?:$|\\n\\z)",
        _ => "(?:$|(?=\\n\\z))",
    })
}

fn with_anchors(pattern: &str, dollar: impl Fn(&str) -> &'static str) -> Option<String> {
    if !pattern.contains('$') && !pattern.contains("\\Z") {
        return None;
    }
    let mut out = String::with_capacity(pattern.len() + 16);
    let (mut letters, mut in_class) = (pattern.char_indices().peekable(), false);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => {
                let escaped = letters.next().map(|(_, letter)| letter);
                out.push('\\');
                out.extend(escaped.map(|letter| if letter == 'Z' && !in_class { 'z' } else { letter }));
                continue;
            }
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                out.extend(letters.next_if(|(_, next)| *next == '^').map(|(_, next)| next));
                // At the start it stands for itself.
                out.extend(letters.next_if(|(_, next)| *next == ']').map(|(_, next)| next));
                continue;
            }
            ']' => in_class = false,
            '$' if !in_class => {
                out.push_str(dollar(pattern.get(at + 1..).unwrap_or_default()));
                continue;
            }
            _ => {}
        }
        out.push(letter);
    }
    Some(out)
}

pub(super) fn of_text(args: &[Value]) -> Result<Value, CallError> {
    match args {
        [Value::Str(pattern)] => Ok(anchored(pattern).map_or_else(|| args[0].clone(), Value::from)),
        _ => Err(CallError::Type("a pattern is a text".into())),
    }
}

pub(super) fn matches(args: &[Value]) -> Result<Value, CallError> {
    let [Value::Str(pattern), Value::Int(flags), Value::Str(text), Value::Int(limit)] = args else {
        return Err(CallError::Type("expected string or bytes-like object".into()));
    };
    let prefix: String =
        FLAGS.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, letter)| *letter).collect();
    let prefix = if prefix.is_empty() { prefix } else { format!("(?{prefix})") };
    let Some(regex) = may_be_empty(pattern).then(|| compiled(&format!("{prefix}{pattern}"))).flatten() else {
        return Ok(Value::None);
    };
    // A match that does not end where the search began. A comment of `(?x)` ends with its line.
    let further = compiled(&format!("(?:{prefix}{pattern}(?x)\n)(?!\\G)"))
        .ok_or_else(|| CallError::Value("the pattern is not supported".into()))?;
    let limit = usize::try_from(*limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let (mut found, mut positions, mut at, mut after_empty) = (Vec::new(), Positions::of(text), 0, false);
    let began = Instant::now();
    while found.len() < limit {
        let search = if after_empty { &further } else { &regex };
        let next = search.captures_from_pos(text, at).map_err(|error| CallError::Value(error.to_string()))?;
        let Some((captures, whole)) = next.as_ref().and_then(|captures| Some((captures, captures.get(0)?)))
        else {
            break;
        };
        if began.elapsed() > TIME || found.len() * regex.captures_len() * 2 > MAX_POSITIONS {
            return Err(CallError::Value("the pattern matches too often or takes too long".into()));
        }
        found.push(spans(captures, regex.captures_len(), &mut positions));
        (after_empty, at) = (whole.start() == whole.end(), whole.end());
    }
    let names: Vec<Value> = regex.capture_names().skip(1).map(Value::from).collect();
    Ok(Value::list([Value::list(names), Value::list(found)]))
}

fn compiled(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).backtrack_limit(BACKTRACK).build().ok()
}

fn spans(captures: &Captures<'_>, groups: usize, positions: &mut Positions) -> Value {
    let place = |index| match captures.get(index) {
        Some(group) => [positions.letter(group.start()), positions.letter(group.end())],
        None => [-1, -1],
    };
    Value::list((0..groups).flat_map(place).collect::<Vec<_>>())
}

/// Letters before each byte, unless all letters have one byte.
struct Positions(Option<Vec<u32>>);

impl Positions {
    fn of(text: &str) -> Self {
        if text.is_ascii() {
            return Self(None);
        }
        let mut letters = vec![0; text.len() + 1];
        let mut count = 0;
        for (byte, letter) in text.char_indices() {
            letters[byte] = count;
            count += 1;
            letters[byte + letter.len_utf8()] = count;
        }
        Self(Some(letters))
    }
    fn letter(&self, byte: usize) -> i64 {
        let letter = self.0.as_ref().and_then(|letters| letters.get(byte)).copied();
        letter.map_or_else(|| i64::try_from(byte).unwrap_or(i64::MAX), i64::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_empty_is_left_to_the_engine() {
        for pattern in ["a", "a+", "[^a-z]+", "a|b", "(a)(b)?", "\\s+", "(?i)x", "^a", "a{2,}", "é"] {
            assert!(!may_be_empty(pattern), "{pattern}");
        }
        assert_eq!(
            anchored("a$|[$\\Z]\\$\\Z|[^]$]").as_deref(),
            Some("a(?:$|(?=\\n\\z))|[$\\Z]\\$\\z|[^]$]")
        );
        assert_eq!(
            anchored_test("a$|(b$)$c").as_deref(),
            Some("a(?:$|\\n\\z)|(b(?:$|\\n\\z))(?:$|(?=\\n\\z))c")
        );
        for pattern in ["", "a*", "a?", "a|", "()", "^", "\\b", "(?=a)", "(a)?\\1", "a{0,2}", "x*|b"] {
            assert!(may_be_empty(pattern), "{pattern}");
        }
    }
}
