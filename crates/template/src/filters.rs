//! The filters by name.
use crate::condition::order;
use crate::dates;
use crate::html;
use crate::markup;
use crate::numbers::{self, whole};
use crate::python;
use crate::render::{MAX_TEXT, RenderError, Renderer};
use crate::text;
use crate::value::{Value, member};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use signet_base::{Json, Timestamp, json};

/// A filter and its arity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Filter {
    name: &'static str,
    argument: Argument,
}
#[derive(Debug, Clone, Copy, PartialEq)]
enum Argument {
    No,
    May,
    Must,
}
use Argument::{May, Must, No};

const ALL: &[(&str, Argument)] = &[
    ("add", Must),
    ("addslashes", No),
    ("apnumber", No),
    ("capfirst", No),
    ("center", Must),
    ("cut", Must),
    ("date", May),
    ("default", Must),
    ("default_if_none", Must),
    ("dictsort", Must),
    ("dictsortreversed", Must),
    ("divisibleby", Must),
    ("escape", No),
    ("escapejs", No),
    ("escapeseq", No),
    ("filesizeformat", No),
    ("first", No),
    ("floatformat", May),
    ("force_escape", No),
    ("get_digit", Must),
    ("intcomma", May),
    ("intword", No),
    ("iriencode", No),
    ("join", Must),
    ("json_script", May),
    ("last", No),
    ("length", No),
    ("length_is", Must),
    ("linebreaks", No),
    ("linebreaksbr", No),
    ("linenumbers", No),
    ("ljust", Must),
    ("localize", No),
    ("localtime", No),
    ("lower", No),
    ("make_list", No),
    ("naturalday", May),
    ("naturaltime", No),
    ("ordinal", No),
    ("phone2numeric", No),
    ("pluralize", May),
    ("pprint", No),
    ("rjust", Must),
    ("safe", No),
    ("safeseq", No),
    ("slice", Must),
    ("slugify", No),
    ("stringformat", Must),
    ("striptags", No),
    ("time", May),
    ("timesince", May),
    ("timeuntil", May),
    ("title", No),
    ("truncatechars", Must),
    ("truncatechars_html", Must),
    ("truncatewords", Must),
    ("truncatewords_html", Must),
    ("unlocalize", No),
    ("unordered_list", No),
    ("upper", No),
    ("urlencode", May),
    ("urlize", No),
    ("urlizetrunc", Must),
    ("utc", No),
    ("wordcount", No),
    ("wordwrap", Must),
    ("yesno", May),
];

pub fn find(name: &str) -> Result<Filter, String> {
    match ALL.iter().find(|(known, _)| *known == name) {
        Some((name, argument)) => Ok(Filter { name, argument: *argument }),
        None => Err(format!("there is no filter called “{name}”")),
    }
}
/// Checks the number of arguments.
pub fn fits(filter: &Filter, argument: bool) -> Result<(), String> {
    match (filter.argument, argument) {
        (No, true) => Err(format!("{} takes no value", filter.name)),
        (Must, false) => Err(format!("{} needs a value", filter.name)),
        _ => Ok(()),
    }
}

const URL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const WITH_SLASH: &AsciiSet = &URL.remove(b'/');
const IRI: &AsciiSet = &WITH_SLASH
    .remove(b'#')
    .remove(b'%')
    .remove(b'[')
    .remove(b']')
    .remove(b'=')
    .remove(b':')
    .remove(b';')
    .remove(b'$')
    .remove(b'&')
    .remove(b'(')
    .remove(b')')
    .remove(b'+')
    .remove(b',')
    .remove(b'!')
    .remove(b'?')
    .remove(b'*')
    .remove(b'@')
    .remove(b'\'');
/// Maximum column width of `ljust`, `rjust` and `center`.
const WIDTH: usize = 10_000;

pub fn time_of(value: &Value, now: Timestamp) -> Option<Timestamp> {
    match value.json.as_str()? {
        "now" => Some(now),
        text => Timestamp::parse(text).ok(),
    }
}

pub fn apply(
    filter: &Filter,
    value: Value,
    argument: Option<Value>,
    run: &mut Renderer<'_>,
) -> Result<Value, RenderError> {
    let out = one(filter.name, value, argument.as_ref(), run)?;
    if let Json::String(text) = &out.json {
        run.step(text.len() / 256)?;
        if text.len() > MAX_TEXT {
            return Err("a text is too long".into());
        }
    }
    Ok(out)
}

#[allow(clippy::too_many_lines, reason = "a table of short arms")]
fn one(
    name: &str,
    value: Value,
    argument: Option<&Value>,
    run: &mut Renderer<'_>,
) -> Result<Value, RenderError> {
    let now = run.engine.now;
    let to_text = value.to_text();
    // Filters that only change letters keep the value's safe flag.
    let kept = |text: String| Value { json: Json::String(text), safe: value.safe };
    let given = argument.map(Value::to_text).unwrap_or_default();
    let count = argument.and_then(whole).and_then(|n| usize::try_from(n).ok());
    let width = || {
        count
            .filter(|n| *n <= WIDTH)
            .ok_or_else(|| RenderError(format!("{name}: expected a number up to {WIDTH}")))
    };
    let escapes = run.escape && !value.safe;
    Ok(match name {
        "default" => {
            if value.is_truthy() {
                value
            } else {
                argument.cloned().unwrap_or_default()
            }
        }
        "default_if_none" => {
            if value.json.is_null() {
                argument.cloned().unwrap_or_default()
            } else {
                value
            }
        }
        "safe" => Value::safe(to_text),
        "escape" => {
            if value.safe {
                value
            } else {
                Value::safe(html::escape(&to_text))
            }
        }
        "force_escape" => Value::safe(html::escape(&to_text)),
        "upper" => Value::text(to_text.to_uppercase()),
        "lower" => kept(to_text.to_lowercase()),
        "title" => kept(text::title(&to_text)),
        "capfirst" => kept(text::capfirst(&to_text)),
        "addslashes" => kept(to_text.replace('\\', "\\\\").replace('"', "\\\"").replace('\'', "\\'")),
        "cut" => kept(to_text.replace(&given, "")),
        "slugify" => Value::safe(text::slug(&to_text)),
        "striptags" => kept(html::striptags(&to_text)),
        "phone2numeric" => kept(text::phone(&to_text)),
        "truncatechars" => kept(count.map_or(to_text.clone(), |n| text::truncate(&to_text, n, "…"))),
        "truncatewords" => kept(count.map_or(to_text.clone(), |n| text::truncate_words(&to_text, n))),
        "truncatechars_html" => kept(count.map_or(to_text.clone(), |n| text::truncate_html(&to_text, n, false))),
        "truncatewords_html" => kept(count.map_or(to_text.clone(), |n| text::truncate_html(&to_text, n, true))),
        "wordcount" => Json::from(to_text.split_whitespace().count()).into(),
        "wordwrap" => kept(text::wrap(&to_text, width()?)),
        "ljust" => kept(format!("{to_text:<w$}", w = width()?)),
        "rjust" => kept(format!("{to_text:>w$}", w = width()?)),
        "center" => kept(format!("{to_text:^w$}", w = width()?)),
        "linebreaks" => Value::safe(html::linebreaks(&to_text, escapes)),
        "linebreaksbr" => Value::safe((if escapes { html::escape(&to_text) } else { to_text }).replace("\r\n", "\n").replace('\n', "<br>")),
        "linenumbers" => Value::safe(markup::linenumbers(&to_text, escapes)),
        "urlize" => Value::safe(html::urlize(&to_text, None, escapes)),
        "urlizetrunc" => Value::safe(html::urlize(&to_text, count, escapes)),
        "urlencode" => Value::text(match argument {
            None => utf8_percent_encode(&to_text, WITH_SLASH).to_string(),
            Some(_) => to_text.chars().map(|c| if given.contains(c) { c.to_string() } else { utf8_percent_encode(c.encode_utf8(&mut [0; 4]), URL).to_string() }).collect(),
        }),
        "iriencode" => Value::text(utf8_percent_encode(&to_text, IRI).to_string()),
        "escapejs" => Value::safe(text::escapejs(&to_text)),
        "json_script" => Value::safe(markup::json_script(&value.json, &given)),
        "pprint" => Value::text(python::text(&value.json)),
        "stringformat" => kept(python::format(&format!("%{given}"), std::slice::from_ref(&value.json)).unwrap_or_default()),
        "floatformat" => Value::safe(numbers::floatformat(&value, argument)),
        "intcomma" => kept(numbers::intcomma(&to_text)),
        "intword" => kept(numbers::intword(&value)),
        "ordinal" => kept(numbers::ordinal(&value)),
        "apnumber" => kept(numbers::apnumber(&value)),
        "filesizeformat" => Value::safe(numbers::filesize(&value)),
        "add" => markup::add(&value, argument.unwrap_or(&Value::default())),
        "divisibleby" => Json::Bool(matches!((whole(&value), argument.and_then(whole)), (Some(n), Some(by)) if by != 0 && n % by == 0)).into(),
        "get_digit" => markup::digit(value, argument),
        "pluralize" => Value::text(markup::pluralize(&value, argument)),
        "yesno" => Value::text(markup::yesno(&value, argument)),
        "length" => Json::from(markup::length(&value.json)).into(),
        "length_is" => Json::Bool(count == Some(markup::length(&value.json))).into(),
        "first" => member(&value.json, "0").unwrap_or(json!("")).into(),
        "last" => match &value.json {
            Json::Array(list) => list.last().cloned().unwrap_or(json!("")).into(),
            _ => Value::text(to_text.chars().last().map(String::from).unwrap_or_default()),
        },
        "slice" => markup::slice(&value, &given),
        "make_list" => Json::Array(to_text.chars().map(|c| Json::String(c.to_string())).collect()).into(),
        "join" => {
            let parts: Vec<String> = value.json.as_array().into_iter().flatten().map(|v| run.escaped(&Value { json: v.clone(), safe: value.safe })).collect();
            let between = argument.map(|a| run.escaped(a)).unwrap_or_default();
            if value.json.is_array() { Value { json: Json::String(parts.join(&between)), safe: run.escape || value.safe } } else { value }
        }
        "safeseq" => Value { safe: true, ..value },
        "escapeseq" => Value { json: Json::Array(value.json.as_array().into_iter().flatten().map(|v| Json::String(html::escape(&python::text(v)))).collect()), safe: true },
        "dictsort" | "dictsortreversed" => {
            let mut list = value.json.as_array().cloned().unwrap_or_default();
            let key = |item: &Json| given.split('.').try_fold(item.clone(), |item, part| member(&item, part)).unwrap_or_default();
            list.sort_by(|a, b| order(&key(a), &key(b)).unwrap_or(std::cmp::Ordering::Equal));
            if name == "dictsortreversed" {
                list.reverse();
            }
            Json::Array(list).into()
        }
        "unordered_list" => Value::safe(markup::unordered(&value.json, 1, escapes)),
        "date" => Value::text(time_of(&value, now).map(|at| dates::date(at, &given)).unwrap_or_default()),
        "time" => Value::text(time_of(&value, now).map(|at| dates::date(at, if given.is_empty() { "P" } else { &given })).unwrap_or_default()),
        "timesince" | "timeuntil" => {
            let other = argument.and_then(|a| time_of(a, now)).unwrap_or(now);
            let secs = time_of(&value, now).map(|at| if name == "timesince" { other.0 - at.0 } else { at.0 - other.0 });
            // Rounded up to whole seconds, so that 30 minutes stay 30 minutes after some milliseconds.
            Value::text(secs.map(|micros| dates::span((micros + 999_999) / 1_000_000)).unwrap_or_default())
        }
        "naturaltime" => Value::text(time_of(&value, now).map_or(to_text, |at| dates::natural(now, at))),
        "naturalday" => Value::text(time_of(&value, now).map_or(to_text, |at| dates::natural_day(now, at, &given))),
        // Filters for locale and time zone return the value unchanged: the recipient's are unknown.
        _ => value,
    })
}
