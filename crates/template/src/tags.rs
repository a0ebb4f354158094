//! Simple tags: tags without an end tag that give one value.
use crate::dates;
use crate::expr::Expr;
use crate::lexer::split_words;
use crate::parse::is_name;
use crate::render::{RenderError, Renderer};
use crate::value::Value;
use signet_base::{Json, json};

#[derive(Debug)]
pub enum SimpleTag {
    /// `firstof`: the first true value.
    First(Vec<Expr>),
    Now(Expr),
    Ratio(Box<[Expr; 3]>),
    Static(Expr),
    Fixed(&'static str),
    Address(String, Vec<Expr>),
}

/// Splits `as name` off a tag's arguments.
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

/// Paths for `{% url %}`, by authentik's route names.
fn address(name: &str) -> Option<&'static str> {
    Some(match name.split_once(':').map_or(name, |(_, name)| name) {
        "root-redirect" => "/",
        "if-user" => "/if/user/",
        "if-admin" => "/if/admin/",
        "if-flow" => "/if/flow/{}/",
        _ => return None,
    })
}

/// Parses a simple tag; returns it with the variable that stores its value.
pub fn simple(name: &str, rest: &str) -> Result<(SimpleTag, Option<String>), String> {
    let (parts, store) = stored(split_words(rest));
    let all = || parts.iter().map(|w| Expr::parse(w)).collect::<Result<Vec<_>, _>>();
    let one = |what: &str| match parts.as_slice() {
        [word] => Expr::parse(word),
        _ => Err(format!("{name} takes {what}")),
    };
    let tag = match name {
        "firstof" if parts.is_empty() => return Err("firstof needs values".into()),
        "firstof" => SimpleTag::First(all()?),
        "now" => SimpleTag::Now(one("a format")?),
        "widthratio" => match <[Expr; 3]>::try_from(all()?) {
            Ok(numbers) => SimpleTag::Ratio(Box::new(numbers)),
            Err(_) => return Err("widthratio takes three values".into()),
        },
        "static" => SimpleTag::Static(one("a path")?),
        "get_static_prefix" => SimpleTag::Fixed("/static/"),
        "get_media_prefix" => SimpleTag::Fixed("/media/"),
        // Rendered as a URL of this installation; authentik embeds the image.
        "inline_static_binary" => SimpleTag::Static(one("a path")?),
        "inline_static_ascii" => SimpleTag::Fixed(""),
        "templatetag" => SimpleTag::Fixed(match rest {
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
                .and_then(|e| e.literal().map(str::to_owned))
                .ok_or("url takes the name of a page")?;
            let path = address(&name).ok_or_else(|| format!("no page is called {name}"))?;
            let arguments: Vec<Expr> = parts[1..]
                .iter()
                .map(|w| Expr::parse(w.split_once('=').filter(|(n, _)| is_name(n)).map_or(w, |(_, v)| v)))
                .collect::<Result<_, _>>()?;
            if arguments.len() != path.matches("{}").count() {
                return Err(format!("{name} takes {} values", path.matches("{}").count()));
            }
            SimpleTag::Address(path.to_owned(), arguments)
        }
        "" => return Err("{% %} has no tag".into()),
        _ if name.starts_with("end") || matches!(name, "else" | "elif" | "empty" | "plural") => {
            return Err(format!("{name} has nothing to end"));
        }
        _ => return Err(format!("there is no tag called {name}")),
    };
    Ok((tag, store))
}

impl SimpleTag {
    pub fn value(&self, run: &mut Renderer<'_>) -> Result<Value, RenderError> {
        Ok(match self {
            SimpleTag::First(all) => {
                for expr in all {
                    if let Some(value) = expr.value(run)?.filter(Value::is_truthy) {
                        return Ok(value);
                    }
                }
                Value::text("")
            }
            SimpleTag::Now(format) => {
                Value::text(dates::date(run.engine.now, &format.value(run)?.unwrap_or_default().to_text()))
            }
            SimpleTag::Ratio(parts) => {
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
            SimpleTag::Static(path) => {
                let path = path.value(run)?.unwrap_or_default().to_text();
                Value::text(format!(
                    "{}/static/{}",
                    run.engine.base_url.trim_end_matches('/'),
                    path.trim_start_matches('/')
                ))
            }
            SimpleTag::Fixed(text) => Value::safe(*text),
            SimpleTag::Address(path, arguments) => {
                let mut out = path.clone();
                for argument in arguments {
                    let text = argument.value(run)?.unwrap_or_default().to_text();
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

/// The `forloop` variable.
pub fn forloop(at: usize, length: usize, parent: Option<&Json>) -> Json {
    json!({"counter": at + 1, "counter0": at, "revcounter": length - at, "revcounter0": length - at - 1, "first": at == 0, "last": at + 1 == length, "length": length,
        "parentloop": parent.cloned().unwrap_or_else(|| json!({}))})
}
