//! Python modules that the engine lacks, written in the supported subset. A program gets those that it
//! imports.
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::LazyLock;

/// A part of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Library(pub &'static str);

impl Library {
    /// Support for modules.
    pub(crate) const MODULES: Self = Self("");
    /// Iterators, and callbacks that may call the host.
    pub(crate) const ITERATORS: Self = Self("iterators");
    /// Methods and functions with more features than the engine's.
    pub(crate) const METHODS: Self = Self("methods");
    /// Functions of `re` with Python's empty matches.
    pub(crate) const PATTERNS: Self = Self("patterns");
    /// Dictionaries that keep the first of equal keys.
    pub(crate) const DICTS: Self = Self("dicts");
    /// What takes a format.
    pub(crate) const FORMATS: Self = Self("formats");
    /// Exceptions of one's own.
    pub(crate) const EXCEPTIONS: Self = Self("exceptions");
    /// Built-in names that the engine lacks.
    pub(crate) const BUILTINS: Self = Self("builtins");
}

/// A module: source, exported names, and the modules it imports.
pub(crate) struct Module {
    pub name: &'static str,
    text: &'static str,
    pub names: &'static [&'static str],
    needs: &'static [&'static str],
}

const MODULES_TEXT: &str = r#"
class _signet_module:
    def __init__(self, names):
        for name, value in names.items():
            setattr(self, name, value)
def _signet_lacks(module, name):
    raise ImportError("cannot import name '" + name + "' from '" + module + "'")
"#;

/// Built-in names that the engine lacks, and their replacements.
pub(crate) const BUILTINS: [(&str, &str); 8] = [
    (
        "callable",
        "def callable(obj):\n    return type(obj).__name__ in ('function', 'builtin_function_or_method', 'type', 'method', 'functools.partial') or hasattr(type(obj), '__call__')\n",
    ),
    (
        "issubclass",
        "def issubclass(cls, kinds):\n    return any([issubclass(cls, kind) for kind in kinds]) if isinstance(kinds, tuple) else cls is kinds or kinds is object or kinds in getattr(cls, '_signet_bases', [])\n",
    ),
    (
        "ascii",
        "def ascii(obj):\n    return ''.join([c if ord(c) < 128 else '\\\\x%02x' % ord(c) if ord(c) < 256 else '\\\\u%04x' % ord(c) if ord(c) < 65536 else '\\\\U%08x' % ord(c) for c in repr(obj)])\n",
    ),
    ("IOError", "IOError = OSError\n"),
    ("EnvironmentError", "EnvironmentError = OSError\n"),
    ("ConnectionError", "ConnectionError = NotADirectoryError\n"),
    ("UnicodeError", "UnicodeError = (UnicodeDecodeError, UnicodeEncodeError)\n"),
    ("EOFError", "EOFError = FileExistsError\n"),
];

macro_rules! module {
    ($name:literal, $file:literal, [$($part:literal),* $(,)?] $(, needs $($other:literal),*)?) => {
        Module { name: $name, text: include_str!(concat!("library/", $file, ".py")), names: &[$($part),*], needs: &[$($($other),*)?] }
    };
}

static MODULES: [Module; 28] = [
    module!(
        "uuid",
        "uuid",
        [
            "UUID",
            "uuid1",
            "uuid3",
            "uuid4",
            "uuid5",
            "getnode",
            "NAMESPACE_DNS",
            "NAMESPACE_URL",
            "NAMESPACE_OID",
            "NAMESPACE_X500",
            "RFC_4122",
            "RESERVED_NCS",
            "RESERVED_MICROSOFT",
            "RESERVED_FUTURE"
        ]
    ),
    module!("hmac", "hmac", ["new", "digest", "compare_digest", "HMAC"]),
    module!(
        "string",
        "string",
        [
            "ascii_letters",
            "ascii_lowercase",
            "ascii_uppercase",
            "digits",
            "hexdigits",
            "octdigits",
            "punctuation",
            "printable",
            "whitespace",
            "capwords",
            "Template"
        ]
    ),
    module!("textwrap", "textwrap", ["dedent", "indent", "wrap", "fill", "shorten"]),
    module!("secrets", "secrets", ["token_bytes", "token_hex", "token_urlsafe", "choice", "randbelow", "randbits", "compare_digest"], needs "hmac"),
    module!("html", "html", ["escape", "unescape"]),
    module!(
        "zoneinfo",
        "zoneinfo",
        ["ZoneInfo", "ZoneInfoNotFoundError", "available_timezones", "at", "made", "plus", "minus"]
    ),
    module!(
        "operator",
        "operator",
        [
            "itemgetter",
            "attrgetter",
            "methodcaller",
            "add",
            "sub",
            "mul",
            "truediv",
            "floordiv",
            "mod",
            "neg",
            "eq",
            "ne",
            "lt",
            "le",
            "gt",
            "ge",
            "and_",
            "or_",
            "xor",
            "not_",
            "truth",
            "is_",
            "is_not",
            "contains",
            "concat",
            "getitem",
            "countOf"
        ]
    ),
    module!("fnmatch", "fnmatch", ["fnmatch", "fnmatchcase", "filter", "translate"]),
    module!("contextlib", "contextlib", ["suppress", "nullcontext"]),
    module!("json", "json", ["dumps", "loads", "JSONDecodeError"]),
    module!("email.utils", "email_utils", ["parseaddr", "formataddr"]),
    module!(
        "urllib.parse",
        "urllib_parse",
        [
            "quote",
            "quote_plus",
            "quote_from_bytes",
            "unquote",
            "unquote_plus",
            "unquote_to_bytes",
            "urlencode",
            "urlparse",
            "urlsplit",
            "urlunparse",
            "urlunsplit",
            "urljoin",
            "urldefrag",
            "parse_qs",
            "parse_qsl"
        ]
    ),
    module!(
        "ipaddress",
        "ipaddress_module",
        [
            "ip_address",
            "ip_network",
            "IPv4Address",
            "IPv6Address",
            "IPv4Network",
            "IPv6Network",
            "AddressValueError",
            "NetmaskValueError"
        ]
    ),
    module!("requests.sessions", "requests_sessions", ["Session", "session"]),
    module!("requests.auth", "requests_auth", ["HTTPBasicAuth"]),
    module!("jwt", "jwt", ["decode", "encode", "get_unverified_header", "PyJWTError", "InvalidTokenError", "DecodeError"], needs "hmac"),
    module!("django.utils.timezone", "django_timezone", ["now", "localtime", "localdate", "make_aware", "make_naive", "is_aware", "is_naive", "get_current_timezone", "get_default_timezone", "get_current_timezone_name", "get_fixed_timezone", "datetime", "timedelta", "timezone"], needs "zoneinfo"),
    module!("django.utils.html", "django_html", ["escape", "conditional_escape", "format_html", "format_html_join", "strip_tags", "mark_safe", "linebreaks"], needs "html"),
    module!("django.utils.safestring", "django_html", ["mark_safe"], needs "html"),
    module!(
        "django.utils.text",
        "django_text",
        [
            "slugify",
            "capfirst",
            "normalize_newlines",
            "get_valid_filename",
            "camel_case_to_spaces",
            "phone2numeric",
            "Truncator"
        ]
    ),
    module!(
        "django.utils.encoding",
        "django_encoding",
        ["force_str", "force_bytes", "smart_str", "smart_bytes", "iri_to_uri", "escape_uri_path"]
    ),
    module!("django.utils.crypto", "django_crypto", ["get_random_string", "constant_time_compare", "RANDOM_STRING_CHARS"], needs "hmac", "secrets"),
    module!(
        "django.utils.dateparse",
        "django_dateparse",
        ["parse_date", "parse_datetime", "parse_time", "parse_duration"]
    ),
    module!("django.utils.http", "django_http", ["urlencode", "urlsafe_base64_encode", "urlsafe_base64_decode", "url_has_allowed_host_and_scheme"], needs "urllib.parse"),
    module!(
        "django.utils.translation",
        "django_translation",
        ["gettext", "gettext_lazy", "gettext_noop", "pgettext", "pgettext_lazy", "ngettext", "ngettext_lazy"]
    ),
    module!("django.core.validators", "django_validators", ["validate_email", "validate_slug", "validate_ipv4_address", "validate_ipv6_address"], needs "ipaddress"),
    module!(
        "django.core.exceptions",
        "django_exceptions",
        ["ValidationError", "ObjectDoesNotExist", "MultipleObjectsReturned", "PermissionDenied"]
    ),
];

pub(crate) fn module(name: &str) -> Option<&'static Module> {
    MODULES.iter().find(|module| module.name == name)
}

/// Whether it is a package.
pub(crate) fn is_package(name: &str) -> bool {
    MODULES.iter().any(|module| module.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

/// The global variable that holds a module.
pub(crate) fn variable(module: &str) -> String {
    format!("_signet_m_{}", module.replace('.', "_"))
}

/// The engine's class for an exception of `requests`, by qualified name.
pub(crate) fn requests_exception(path: &str) -> Option<&'static str> {
    let name = path.strip_prefix("requests.")?;
    Some(match name.strip_prefix("exceptions.").unwrap_or(name) {
        "RequestException" => "OSError",
        "ConnectionError" | "SSLError" | "ProxyError" => "NotADirectoryError",
        "HTTPError" => "FileExistsError",
        "Timeout" | "ConnectTimeout" | "ReadTimeout" => "TimeoutError",
        "JSONDecodeError" | "InvalidJSONError" => "ValueError",
        _ => return None,
    })
}

/// The source of a part that is no module.
fn part(part: Library) -> Option<&'static str> {
    Some(match part {
        Library::ITERATORS => include_str!("library/iterators.py"),
        Library::FORMATS => include_str!("library/formats.py"),
        Library::EXCEPTIONS => include_str!("library/exceptions.py"),
        Library::METHODS => include_str!("library/methods.py"),
        Library::PATTERNS => PATTERNS,
        Library::DICTS => include_str!("library/dicts.py"),
        _ => return None,
    })
}

pub(crate) const PATTERNS: &str = include_str!("library/patterns.py");

/// The source of the library parts, in dependency order.
pub(crate) fn text(wanted: &BTreeSet<Library>, source: &str) -> String {
    let mut out = String::new();
    let mut done = BTreeSet::new();
    let mut modules = false;
    for wanted in wanted {
        match (*wanted, part(*wanted)) {
            (_, Some(text)) => out.push_str(text),
            (Library::BUILTINS, _) => {
                for (_, text) in BUILTINS.iter().filter(|(name, _)| source.contains(name)) {
                    out.push_str(text);
                }
            }
            (Library::MODULES, _) => modules = true,
            (Library(name), _) => {
                modules = true;
                add(name, &mut done, &mut out);
            }
        }
    }
    if modules {
        out.insert_str(0, MODULES_TEXT);
    }
    out
}

fn add(name: &'static str, done: &mut BTreeSet<&'static str>, out: &mut String) {
    let Some(module) = module(name).filter(|_| done.insert(name)) else { return };
    for other in module.needs {
        add(other, done, out);
    }
    let variable = variable(name);
    // A module is the body of a function, so its names are local.
    let _ = writeln!(out, "def {variable}():");
    for line in module.text.lines() {
        let _ = writeln!(out, "    {line}");
    }
    let names: Vec<String> = module.names.iter().map(|name| format!("'{name}': {name}")).collect();
    let _ = writeln!(out, "    return _signet_module({{{}}})\n{variable} = {variable}()", names.join(", "));
}

/// The classes of `ipaddress`, for IPv4 and IPv6.
pub(crate) static ADDRESSES: LazyLock<String> = LazyLock::new(|| {
    let (shared, classes) = include_str!("library/ipaddress.py").split_once("class IPvX").unwrap_or_default();
    let classes = format!("class IPvX{classes}");
    format!(
        "{shared}{}{}{}",
        version(&classes, "4"),
        version(&classes, "6"),
        include_str!("library/ipaddress_functions.py")
    )
});

fn version(classes: &str, number: &str) -> String {
    classes
        .replace("IPvX", &format!("IPv{number}"))
        .replace(" X)", &format!(" {number})"))
        .replace("(X,", &format!("({number},"))
        .replace("== X ", &format!("== {number} "))
}
