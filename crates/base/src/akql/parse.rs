//! Parser of AKQL.
use super::{MAX_LENGTH, MAX_TERMS, Operator, Query, Term};
use crate::Json;

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A dotted name or a keyword.
    Word(String),
    Value(Json),
    Sign(&'static str),
    Open,
    Close,
}

/// Longest first, so that `>=` is not read as `>`.
const SIGNS: [&str; 8] = ["!=", "!~", ">=", "<=", "=", ">", "<", "~"];

pub(super) fn parse(text: &str) -> Option<Query> {
    if text.len() > MAX_LENGTH {
        return None;
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, terms: 0, depth: 0 };
    let query = parser.query()?;
    (parser.next == parser.tokens.len()).then_some(query)
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    terms: usize,
    depth: usize,
}

impl Parser {
    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).cloned();
        self.next += 1;
        token
    }
    fn word(&mut self, wanted: &str) -> bool {
        let found = matches!(self.tokens.get(self.next), Some(Token::Word(word)) if word == wanted);
        self.next += usize::from(found);
        found
    }

    fn query(&mut self) -> Option<Query> {
        let left = match self.take()? {
            Token::Open => {
                self.depth += 1;
                if self.depth > MAX_TERMS {
                    return None;
                }
                let inner = self.query()?;
                self.depth -= 1;
                if self.take()? != Token::Close {
                    return None;
                }
                inner
            }
            Token::Word(name) => Query::Term(self.term(&name)?),
            _ => return None,
        };
        if self.word("and") {
            return Some(Query::And(Box::new(left), Box::new(self.query()?)));
        }
        if self.word("or") {
            return Some(Query::Or(Box::new(left), Box::new(self.query()?)));
        }
        Some(left)
    }

    fn term(&mut self, name: &str) -> Option<Term> {
        self.terms += 1;
        if self.terms > MAX_TERMS || RESERVED.contains(&name) {
            return None;
        }
        let path: Vec<String> = name.split('.').map(str::to_owned).collect();
        if path.iter().any(String::is_empty) {
            return None;
        }
        let mut negated = self.word("not");
        let operator = match self.take()? {
            Token::Word(word) => match word.as_str() {
                "startswith" => Operator::StartsWith,
                "endswith" => Operator::EndsWith,
                "in" => Operator::In,
                _ => return None,
            },
            // `not` precedes keywords only (`not in`), not signs.
            Token::Sign(_) if negated => return None,
            Token::Sign(sign) => {
                negated = sign.starts_with('!');
                match sign {
                    "=" | "!=" => Operator::Equal,
                    ">" => Operator::Greater,
                    ">=" => Operator::GreaterEqual,
                    "<" => Operator::Less,
                    "<=" => Operator::LessEqual,
                    _ => Operator::Contains,
                }
            }
            _ => return None,
        };
        let value = if operator == Operator::In { self.list()? } else { self.value()? };
        let fits = match operator {
            Operator::Equal | Operator::In => true,
            Operator::Contains | Operator::StartsWith | Operator::EndsWith => value.is_string(),
            _ => value.is_string() || value.is_number(),
        };
        fits.then_some(Term { path, operator, value, negated })
    }

    fn value(&mut self) -> Option<Json> {
        match self.take()? {
            Token::Value(value) => Some(value),
            _ => None,
        }
    }

    /// `(a, b)`. The tokenizer drops commas.
    fn list(&mut self) -> Option<Json> {
        if self.take()? != Token::Open {
            return None;
        }
        let mut all = Vec::new();
        loop {
            match self.take()? {
                Token::Value(value) => all.push(value),
                Token::Close if !all.is_empty() => return Some(Json::Array(all)),
                _ => return None,
            }
        }
    }
}

/// Keywords that cannot be names.
const RESERVED: [&str; 4] = ["and", "or", "not", "in"];

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut rest = text;
    let mut all = Vec::new();
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() || first == ',' {
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (token, used) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '"' => quoted(rest)?,
            c if c.is_ascii_digit() || c == '-' => {
                let used = rest
                    .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+')))
                    .unwrap_or(rest.len());
                (Token::Value(number(&rest[..used])?), used)
            }
            c if c.is_alphabetic() || c == '_' => {
                let used = rest
                    .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '-')))
                    .unwrap_or(rest.len());
                (word(&rest[..used]), used)
            }
            _ => {
                let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign))?;
                (Token::Sign(sign), sign.len())
            }
        };
        all.push(token);
        rest = &rest[used..];
    }
    Some(all)
}

fn word(text: &str) -> Token {
    match text {
        "True" => Token::Value(Json::Bool(true)),
        "False" => Token::Value(Json::Bool(false)),
        "None" => Token::Value(Json::Null),
        name => Token::Word(name.to_owned()),
    }
}

/// A JSON number.
fn number(text: &str) -> Option<Json> {
    serde_json::from_str(text).ok().filter(Json::is_number)
}

/// A double-quoted string with JSON escapes; returns the number of bytes consumed.
fn quoted(text: &str) -> Option<(Token, usize)> {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find_map(|(at, c)| {
        let found = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        found.then_some(at)
    })?;
    // PostgreSQL text cannot contain NUL.
    let value = serde_json::from_str::<Json>(&text[..=end])
        .ok()
        .filter(|value| value.as_str().is_some_and(|text| !text.contains('\0')))?;
    Some((Token::Value(value), end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn value(text: &str) -> Json {
        parse(text)
            .and_then(|query| query.terms().first().map(|term| term.value.clone()))
            .unwrap_or_else(|| json!({"no query": text}))
    }

    #[test]
    fn values_are_texts_numbers_truth_values_none_and_lists() {
        assert_eq!(value("a = \"q\\\"q \\u00e4\""), json!("q\"q ä"));
        assert_eq!(
            [value("a=-1"), value("a = 1.5e3"), value("a=True"), value("a != None")],
            [json!(-1), json!(1500.0), json!(true), json!(null)]
        );
        assert_eq!(value("a not in (1,\"b\", None )"), json!([1, "b", null]));
        assert_eq!(parse("attributes.a-b.0 = 1").unwrap().terms()[0].path, ["attributes", "a-b", "0"]);
    }

    #[test]
    fn what_is_no_query_is_a_text() {
        for text in [
            "",
            " ",
            "ada",
            "ada lovelace",
            "username ==== x",
            "username = ",
            "a = \"b",
            "a = \"b\" or",
            "a = \"b\" xor c = 1",
            "= =",
            "a = b",
            "a ~ 1",
            "a > True",
            "a < None",
            "a in 1",
            "a in ()",
            "a in (b)",
            "a not = 1",
            "not a = 1",
            "(a = 1",
            "a = 1)",
            "a. = 1",
            ".a = 1",
            "a = 01",
            "a = 1x",
            "and = 1",
            "a = 'b'",
            "a startswith 1",
            "a = \"\u{1}\"",
            "a = \"\\u0000\"",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn length_terms_and_depth_have_bounds() {
        let many = |n: usize| vec!["a = 1"; n].join(" and ");
        assert!(parse(&many(MAX_TERMS)).is_some() && parse(&many(MAX_TERMS + 1)).is_none());
        let deep = |n: usize| format!("{}a = 1{}", "(".repeat(n), ")".repeat(n));
        assert!(parse(&deep(MAX_TERMS)).is_some() && parse(&deep(MAX_TERMS + 1)).is_none());
        assert!(parse(&format!("a = \"{}\"", "x".repeat(MAX_LENGTH))).is_none());
    }
}
