//! The part of the query language that lists understand: `field = "value"`, joined by `and`. Everything else is plain
//! text to search for.
use signet_base::Json;

/// The equalities of a query, or none when the text is not one.
pub(crate) fn equalities(text: &str) -> Option<Vec<(String, Json)>> {
    let mut tokens = tokens(text)?.into_iter();
    let mut all = Vec::new();
    loop {
        let (Token::Word(field), Token::Equals) = (tokens.next()?, tokens.next()?) else { return None };
        let value = match tokens.next()? {
            Token::Text(text) => Json::String(text),
            Token::Word(word) => match word.as_str() {
                "True" => Json::Bool(true),
                "False" => Json::Bool(false),
                number => Json::from(number.parse::<i64>().ok()?),
            },
            Token::Equals => return None,
        };
        all.push((field, value));
        match tokens.next() {
            None => return Some(all),
            Some(Token::Word(word)) if word == "and" => {}
            Some(_) => return None,
        }
    }
}

enum Token {
    Word(String),
    Equals,
    Text(String),
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut chars = text.chars().peekable();
    let mut all = Vec::new();
    while let Some(&c) = chars.peek() {
        match c {
            c if c.is_whitespace() => drop(chars.next()),
            '=' => {
                chars.next();
                all.push(Token::Equals);
            }
            '"' => {
                chars.next();
                let mut value = String::new();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => value.push(chars.next()?),
                        c => value.push(c),
                    }
                }
                all.push(Token::Text(value));
            }
            c if c.is_alphanumeric() || matches!(c, '_' | '.' | '-') => {
                let mut word = String::new();
                while let Some(&c) = chars.peek().filter(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-')) {
                    word.push(c);
                    chars.next();
                }
                all.push(Token::Word(word));
            }
            _ => return None,
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::json;
    #[test]
    fn equalities_are_read_and_anything_else_is_text() {
        assert_eq!(equalities("username = \"a b\"").unwrap(), vec![("username".to_owned(), json!("a b"))]);
        let two = equalities(r#"is_active = True and attributes.x = "q\"q""#).unwrap();
        assert_eq!(two, vec![("is_active".to_owned(), json!(true)), ("attributes.x".to_owned(), json!("q\"q"))]);
        for text in ["", "ada", "username ==== x", "username = ", "a = \"b", "a = \"b\" or", "a = \"b\" or c = 1", "= =", "a ~ \"b\""] {
            assert!(equalities(text).is_none(), "{text}");
        }
    }
}
