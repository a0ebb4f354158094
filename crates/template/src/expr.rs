//! Filter expressions: `user.name|default:"you"`.
use crate::filters::{self, Filter};
use crate::render::{RenderError, Renderer, SUPER};
use crate::value::{Value, member};
use signet_base::Json;

#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    Fixed(Value),
    Name(Vec<String>),
}

#[derive(Debug, Clone)]
pub struct Expr {
    operand: Operand,
    filters: Vec<(Filter, Option<Operand>)>,
}

/// Parses a name, a number or a quoted string at the start of `text`; returns the remaining text as well.
fn operand(text: &str) -> Result<(Operand, &str), String> {
    let translated = text.strip_prefix("_(");
    let text = translated.unwrap_or(text);
    let (operand, rest) = match text.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let (mut out, mut chars) = (String::new(), text.char_indices().skip(1));
            loop {
                match chars.next() {
                    Some((_, '\\')) => match chars.next() {
                        Some((_, c)) if c == quote || c == '\\' => out.push(c),
                        other => out.extend(['\\'].into_iter().chain(other.map(|(_, c)| c))),
                    },
                    Some((at, c)) if c == quote => break (Operand::Fixed(Value::safe(out)), &text[at + 1..]),
                    Some((_, c)) => out.push(c),
                    None => return Err(format!("{text} has no closing quote")),
                }
            }
        }
        Some(c) if c.is_alphanumeric() || matches!(c, '_' | '-' | '+' | '.') => {
            let end = text
                .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '+')))
                .unwrap_or(text.len());
            (named(&text[..end])?, &text[end..])
        }
        _ => return Err(format!("expected a name or a value, not “{text}”")),
    };
    match translated {
        Some(_) => Ok((operand, rest.strip_prefix(')').ok_or("expected )")?)),
        None => Ok((operand, rest)),
    }
}

fn named(word: &str) -> Result<Operand, String> {
    if let Ok(n) = word.parse::<i64>() {
        return Ok(Operand::Fixed(Json::from(n).into()));
    }
    if word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) && !word.ends_with('.') {
        return match word.parse::<f64>() {
            Ok(n) if n.is_finite() => Ok(Operand::Fixed(Json::from(n).into())),
            _ => Err(format!("{word} is no number")),
        };
    }
    let literal = match word {
        "None" => Json::Null,
        "True" => Json::Bool(true),
        "False" => Json::Bool(false),
        _ => {
            let parts: Vec<String> = word.split('.').map(str::to_owned).collect();
            let broken =
                word.contains(['-', '+']) || parts.iter().any(|p| p.is_empty() || p.starts_with('_'));
            return if broken { Err(format!("{word} cannot be a name")) } else { Ok(Operand::Name(parts)) };
        }
    };
    Ok(Operand::Fixed(literal.into()))
}

impl Expr {
    pub fn parse(text: &str) -> Result<Self, String> {
        let (operand, mut rest) = operand(text.trim())?;
        let mut filters = Vec::new();
        while let Some(more) = rest.trim_start().strip_prefix('|') {
            let more = more.trim_start();
            let end = more.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(more.len());
            let filter = filters::find(&more[..end])?;
            rest = &more[end..];
            let argument = match rest.strip_prefix(':') {
                Some(after) => {
                    let (argument, after) = self::operand(after)?;
                    rest = after;
                    Some(argument)
                }
                None => None,
            };
            filters::fits(&filter, argument.is_some())?;
            filters.push((filter, argument));
        }
        if !rest.trim().is_empty() {
            return Err(format!(
                "“{}” cannot be read after “{}”",
                rest.trim(),
                &text[..text.len() - rest.len()]
            ));
        }
        Ok(Self { operand, filters })
    }
    /// The value of a literal.
    pub fn literal(&self) -> Option<&str> {
        match &self.operand {
            Operand::Fixed(value) if self.filters.is_empty() => value.json.as_str(),
            _ => None,
        }
    }
    /// Evaluates the expression; `None` for an undefined name without filters.
    pub fn value(&self, run: &mut Renderer<'_>) -> Result<Option<Value>, RenderError> {
        let mut value = lookup(&self.operand, run);
        for (filter, argument) in &self.filters {
            run.step(1)?;
            // Filters get an empty string for an undefined name.
            let given = value.unwrap_or_else(|| Value::text(""));
            let argument = argument.as_ref().map(|a| lookup(a, run).unwrap_or_else(|| Value::text("")));
            value = Some(filters::apply(filter, given, argument, run)?);
        }
        Ok(value)
    }
    /// The value as text, escaped if autoescape is on.
    pub fn output(&self, run: &mut Renderer<'_>) -> Result<String, RenderError> {
        let Some(value) = self.value(run)? else { return Ok(String::new()) };
        Ok(run.escaped(&value))
    }
}

fn lookup(operand: &Operand, run: &Renderer<'_>) -> Option<Value> {
    match operand {
        Operand::Fixed(value) => Some(value.clone()),
        Operand::Name(parts) => {
            let (first, rest) = parts.split_first()?;
            if first == "block" && rest == ["super"] {
                return run.get(SUPER).cloned();
            }
            let value = run.get(first)?;
            if rest.is_empty() {
                return Some(value.clone());
            }
            let mut json = member(&value.json, &rest[0])?;
            for part in &rest[1..] {
                json = member(&json, part)?;
            }
            Some(json.into())
        }
    }
}
