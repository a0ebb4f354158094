//! Tags that give one value.
use crate::dates;
use crate::expr::Expr;
use crate::lexer::words;
use crate::parse::is_name;
use crate::render::{Fault, Run};
use crate::value::Value;
use signet_base::{Json, json};

#[derive(Debug)]
pub enum Simple {
    /// The first that is true.
    First(Vec<Expr>),
    Now(Expr),
    Ratio(Box<[Expr; 3]>),
    Static(Expr),
    Fixed(&'static str),
    Address(String, Vec<Expr>),
}

/// Words without `as name` at their end, and that name.
pub fn stored(mut parts: Vec<String>) -> (Vec<String>, Option<String>) {
    match parts.as_slice() {
        [.., as_, name] if as_ == "as" && is_name(name) && parts.len() > 2 => {
            let name = parts.pop();
            parts.pop();
            (parts, name)
        }
        _ => (parts, None),
    }
}

/// Pages that a letter may lead to, by the names of the original.
fn address(name: &str) -> Option<&'static str> {
    Some(match name.split_once(':').map_or(name, |(_, name)| name) {
        "root-redirect" => "/",
        "if-user" => "/if/user/",
        "if-admin" => "/if/admin/",
        "if-flow" => "/if/flow/{}/",
        _ => return None,
    })
}

/// Reads a tag that stands alone; the name under which its value is kept.
pub fn simple(name: &str, rest: &str) -> Result<(Simple, Option<String>), String> {
    let (parts, store) = stored(words(rest));
    let all = || parts.iter().map(|w| Expr::parse(w)).collect::<Result<Vec<_>, _>>();
    let one = |what: &str| match parts.as_slice() {
        [word] => Expr::parse(word),
        _ => Err(format!("{name} takes {what}")),
    };
    let tag = match name {
        "firstof" if parts.is_empty() => return Err("firstof needs values".into()),
        "firstof" => Simple::First(all()?),
        "now" => Simple::Now(one("a format")?),
        "widthratio" => match <[Expr; 3]>::try_from(all()?) {
            Ok(numbers) => Simple::Ratio(Box::new(numbers)),
            Err(_) => return Err("widthratio takes three values".into()),
        },
        "static" => Simple::Static(one("a path")?),
        "get_static_prefix" => Simple::Fixed("/static/"),
        "get_media_prefix" => Simple::Fixed("/media/"),
        // A picture is fetched from this installation; the original puts it into the letter.
        "inline_static_binary" => Simple::Static(one("a path")?),
        "inline_static_ascii" => Simple::Fixed(""),
        "templatetag" => Simple::Fixed(match rest {
            "openblock" => "{%",
            "closeblock" => "%}",
            "openvariable" => "{{",
            "closevariable" => "}}",
            "openbrace" => "{",
            "closebrace" => "}",
            "opencomment" => "{#",
            "closecomment" => "#}",
            _ => return Err(format!("templatetag knows no {rest}")),
        }),
        "url" => {
            let name = parts
                .first()
                .and_then(|w| Expr::parse(w).ok())
                .and_then(|e| e.fixed().map(str::to_owned))
                .ok_or("url takes the name of a page")?;
            let path = address(&name).ok_or_else(|| format!("no page is called {name}"))?;
            let arguments: Vec<Expr> = parts[1..]
                .iter()
                .map(|w| Expr::parse(w.split_once('=').filter(|(n, _)| is_name(n)).map_or(w, |(_, v)| v)))
                .collect::<Result<_, _>>()?;
            if arguments.len() != path.matches("{}").count() {
                return Err(format!("{name} takes {} values", path.matches("{}").count()));
            }
            Simple::Address(path.to_owned(), arguments)
        }
        "" => return Err("{% %} has no tag".into()),
        _ if name.starts_with("end") || matches!(name, "else" | "elif" | "empty" | "plural") => {
            return Err(format!("{name} has nothing to end"));
        }
        _ => return Err(format!("there is no tag called {name}")),
    };
    Ok((tag, store))
}

impl Simple {
    pub fn value(&self, run: &mut Run<'_>) -> Result<Value, Fault> {
        Ok(match self {
            Simple::First(all) => {
                for expr in all {
                    if let Some(value) = expr.value(run)?.filter(Value::truth) {
                        return Ok(value);
                    }
                }
                Value::text("")
            }
            Simple::Now(format) => {
                Value::text(dates::date(run.engine.now, &format.value(run)?.unwrap_or_default().shown()))
            }
            Simple::Ratio(parts) => {
                let mut numbers = Vec::new();
                for expr in parts.iter() {
                    let given = expr.value(run)?.unwrap_or_default();
                    numbers.push(given.json.as_f64().or_else(|| given.json.as_str()?.trim().parse().ok()));
                }
                match numbers[..] {
                    [Some(value), Some(most), Some(width)] if most != 0.0 => {
                        Value::text(format!("{:.0}", value / most * width))
                    }
                    [_, Some(_), Some(_)] => Value::text("0"),
                    _ => Value::text(""),
                }
            }
            Simple::Static(path) => {
                let path = path.value(run)?.unwrap_or_default().shown();
                Value::text(format!(
                    "{}/static/{}",
                    run.engine.base_url.trim_end_matches('/'),
                    path.trim_start_matches('/')
                ))
            }
            Simple::Fixed(text) => Value::safe(*text),
            Simple::Address(path, arguments) => {
                let mut out = path.clone();
                for argument in arguments {
                    let text = argument.value(run)?.unwrap_or_default().shown();
                    out = out.replacen(
                        "{}",
                        &percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC)
                            .to_string(),
                        1,
                    );
                }
                Value::text(out)
            }
        })
    }
}

/// What `{% for %}` tells about itself.
pub fn forloop(at: usize, length: usize, parent: Option<&Json>) -> Json {
    json!({"counter": at + 1, "counter0": at, "revcounter": length - at, "revcounter0": length - at - 1, "first": at == 0, "last": at + 1 == length, "length": length,
        "parentloop": parent.cloned().unwrap_or_else(|| json!({}))})
}
