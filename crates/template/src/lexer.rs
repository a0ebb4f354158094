//! Lexer: splits a template into text, `{{ values }}` and `{% tags %}`. `{# comments #}` are dropped.

#[derive(Debug, Clone, PartialEq)]
pub enum TokenKind {
    Text(String),
    Value(String),
    Tag(String),
}
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    pub kind: TokenKind,
    pub line: usize,
}

/// Splits a template. An opening delimiter that is not closed on its line is text, as in Django.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let (mut rest, mut line) = (source, 1);
    let mut text = (String::new(), 1);
    let mut verbatim: Option<String> = None;
    while !rest.is_empty() {
        let Some(at) = rest.find('{').filter(|_| rest.len() > 1) else { break };
        text.0.push_str(&rest[..at]);
        line += rest[..at].matches('\n').count();
        rest = &rest[at..];
        let close = match rest.as_bytes().get(1) {
            Some(b'{') => "}}",
            Some(b'%') => "%}",
            Some(b'#') => "#}",
            _ => "",
        };
        let end = rest
            .get(2..)
            .filter(|_| !close.is_empty())
            .and_then(|inner| inner.find(close))
            .filter(|end| !rest[2..2 + end].contains('\n'));
        let Some(end) = end else {
            text.0.push('{');
            rest = &rest[1..];
            continue;
        };
        let whole = &rest[..end + 4];
        let inner = rest[2..2 + end].trim().to_owned();
        rest = &rest[end + 4..];
        if let Some(name) = &verbatim {
            if close == "%}" && inner == *name {
                verbatim = None;
            } else {
                text.0.push_str(whole);
            }
            continue;
        }
        if !text.0.is_empty() {
            out.push(Token { kind: TokenKind::Text(std::mem::take(&mut text.0)), line: text.1 });
        }
        match close {
            "}}" => out.push(Token { kind: TokenKind::Value(inner), line }),
            "%}" if inner == "verbatim" || inner.starts_with("verbatim ") => {
                verbatim = Some(format!("end{inner}"))
            }
            "%}" => out.push(Token { kind: TokenKind::Tag(inner), line }),
            _ => {}
        }
        text.1 = line;
    }
    text.0.push_str(rest);
    if !text.0.is_empty() {
        out.push(Token { kind: TokenKind::Text(text.0), line: text.1 });
    }
    if verbatim.is_some() {
        out.push(Token { kind: TokenKind::Tag("verbatim".to_owned()), line });
    }
    out
}

/// The words of a tag, split at spaces outside of quotes.
pub fn split_words(text: &str) -> Vec<String> {
    let (mut out, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match quote {
            Some(q) => {
                word.push(c);
                if c == '\\' {
                    word.extend(chars.next());
                } else if c == q {
                    quote = None;
                }
            }
            None if c.is_whitespace() => {
                if !word.is_empty() {
                    out.push(std::mem::take(&mut word));
                }
            }
            None => {
                if c == '"' || c == '\'' {
                    quote = Some(c);
                }
                word.push(c);
            }
        }
    }
    if !word.is_empty() {
        out.push(word);
    }
    out
}
