//! Edits of a source by position, and the lines that they add.
use ruff_text_size::{TextRange, TextSize};

/// A range of the source and its replacement.
struct Edit {
    start: usize,
    end: usize,
    text: String,
    /// A closing edit: at the same position it precedes opening ones.
    closes: bool,
}

/// The edits of one source.
pub(super) struct Edits<'a> {
    source: &'a str,
    edits: Vec<Edit>,
}

impl<'a> Edits<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self { source, edits: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    pub(super) fn source(&self) -> &'a str {
        self.source
    }

    pub(super) fn text(&self, range: TextRange) -> &'a str {
        // The parser's ranges are character boundaries of its input.
        self.source.get(range.start().to_usize()..range.end().to_usize()).unwrap_or_default()
    }

    pub(super) fn replace(&mut self, range: TextRange, text: impl Into<String>) {
        self.edits.push(Edit {
            start: range.start().to_usize(),
            end: range.end().to_usize(),
            text: text.into(),
            closes: false,
        });
    }

    /// Outer edits open before inner ones at the same position.
    pub(super) fn open(&mut self, at: TextSize, text: impl Into<String>) {
        self.edits.push(Edit { start: at.to_usize(), end: at.to_usize(), text: text.into(), closes: false });
    }

    /// Inner edits close before outer ones at the same position; called after the inside was visited.
    pub(super) fn close(&mut self, at: TextSize, text: impl Into<String>) {
        self.edits.push(Edit { start: at.to_usize(), end: at.to_usize(), text: text.into(), closes: true });
    }

    /// Removes an edited range from the source and replaces it.
    pub(super) fn take(&mut self, range: TextRange, instead: &str) -> String {
        let (start, end) = (range.start().to_usize(), range.end().to_usize());
        let (inside, rest): (Vec<Edit>, Vec<Edit>) = std::mem::take(&mut self.edits)
            .into_iter()
            .partition(|edit| edit.start >= start && edit.end <= end);
        self.edits = rest;
        let text = applied(self.source, start..end, inside).0;
        self.replace(range, instead);
        text
    }

    /// The edited source, and for each of its lines the original line, from 1.
    pub(super) fn finish(self) -> (String, Vec<u32>) {
        applied(self.source, 0..self.source.len(), self.edits)
    }
}

fn applied(source: &str, within: std::ops::Range<usize>, mut edits: Vec<Edit>) -> (String, Vec<u32>) {
    edits.sort_by_key(|edit| (edit.start, !edit.closes));
    let mut out = String::with_capacity(within.len() + edits.len() * 24);
    let (mut rest, mut line, mut origins) = (within.start, 1_u32, vec![1_u32]);
    let lines = |text: &str| u32::try_from(text.matches('\n').count()).unwrap_or(u32::MAX);
    let keep = |out: &mut String, line: &mut u32, origins: &mut Vec<u32>, text: &str| {
        out.push_str(text);
        origins.extend((1..=lines(text)).map(|more| *line + more));
        *line += lines(text);
    };
    for edit in edits {
        if edit.start < rest {
            // An enclosing range was replaced.
            continue;
        }
        keep(&mut out, &mut line, &mut origins, source.get(rest..edit.start).unwrap_or_default());
        out.push_str(&edit.text);
        origins.extend((0..lines(&edit.text)).map(|_| line));
        line += lines(source.get(edit.start..edit.end).unwrap_or_default());
        rest = edit.end;
    }
    keep(&mut out, &mut line, &mut origins, source.get(rest..within.end).unwrap_or_default());
    (out, origins)
}
