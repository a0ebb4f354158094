//! Settings from environment variables: all are read and validated, then all errors are reported by name.
mod database;
mod docs;
mod options;
mod outbound;
mod setting;
mod storage;
mod table;
mod worker;

pub use docs::table as manual;
pub use options::{Bootstrap, Database, Options};
pub use setting::{Setting, SettingKind, Use, addresses, networks};
pub use storage::StorageOptions;
pub use table::{TABLE, find};

use signet_storage::AccessKey;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// An invalid variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingError {
    pub variable: String,
    pub message: String,
}
impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.message)
    }
}

/// The given values, by name without prefix.
#[derive(Clone, Default)]
pub struct Config {
    values: BTreeMap<String, String>,
    /// The variable that each value came from.
    origin: BTreeMap<String, String>,
    /// Variables of other programs that count here, by their own names.
    others: BTreeMap<&'static str, String>,
    /// Unknown variables, and values that have no effect.
    pub warnings: Vec<String>,
}

impl fmt::Debug for Config {
    /// Names only: values may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

const PREFIXES: [&str; 2] = ["AUTHENTIK_", "SIGNET_"];
/// Variables without prefix that are read.
const OTHERS: [&str; 8] = [
    "AWS_SHARED_CREDENTIALS_FILE",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "https_proxy",
    "http_proxy",
    "no_proxy",
];
/// Maximum size of a file referenced by `file://`, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

impl Config {
    /// Reads the process's environment.
    pub fn from_process() -> Result<Self, Vec<SettingError>> {
        #[allow(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        let all = std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .collect();
        Self::read(&all)
    }

    /// Reads and validates variables. Returns all errors.
    pub fn read(environment: &BTreeMap<String, String>) -> Result<Self, Vec<SettingError>> {
        let mut me = Self::default();
        let mut mistakes = Vec::new();
        let mut unused: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        me.others = OTHERS.iter().filter_map(|name| Some((*name, environment.get(*name)?.clone()))).collect();
        for (variable, raw) in environment {
            let Some(name) = PREFIXES.iter().find_map(|p| variable.strip_prefix(p)) else { continue };
            let name = if name == "COOKIE__DOMAIN" { "COOKIE_DOMAIN" } else { name };
            let Some(setting) = find(name) else {
                me.warnings.push(unknown(variable, name));
                continue;
            };
            let value = match resolve(raw, environment) {
                Ok(value) => value,
                Err(message) => {
                    mistakes.push(SettingError { variable: variable.clone(), message });
                    continue;
                }
            };
            if value.is_empty() {
                continue;
            }
            if !setting.kind.fits(&value) {
                let shown = if setting.secret { "The value".to_owned() } else { format!("{value:?}") };
                mistakes.push(SettingError {
                    variable: variable.clone(),
                    message: format!("{shown} is not {}.", setting.kind.expected()),
                });
                continue;
            }
            if let (Some(other), Some(first)) = (me.values.get(name), me.origin.get(name))
                && *other != value
            {
                mistakes.push(SettingError {
                    variable: variable.clone(),
                    message: format!("{first} has another value: set one of them."),
                });
                continue;
            }
            match setting.used {
                Use::Later(what) if value != setting.default => {
                    unused.entry(what).or_default().push(variable.clone())
                }
                Use::Never(why) => unused.entry(why).or_default().push(variable.clone()),
                _ => {}
            }
            me.values.insert(name.to_owned(), value);
            me.origin.insert(name.to_owned(), variable.clone());
        }
        for (what, variables) in unused {
            let later = TABLE.iter().any(|s| s.used == Use::Later(what));
            let verb = if variables.len() == 1 { "has" } else { "have" };
            me.warnings.push(if later {
                format!("{} {verb} no effect yet: nothing uses {what}.", variables.join(", "))
            } else {
                format!("{} {verb} no effect: {what}.", variables.join(", "))
            });
        }
        options::judge(&me, &mut mistakes);
        if mistakes.is_empty() { Ok(me) } else { Err(mistakes) }
    }

    /// The value, or the default.
    pub fn text(&self, name: &str) -> &str {
        self.values.get(name).map_or_else(|| find(name).map_or("", |s| s.default), String::as_str)
    }
    pub fn given(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }
    /// The variable that set a value, or the one that would set it.
    pub fn variable(&self, name: &str) -> String {
        if OTHERS.contains(&name) {
            return name.to_owned();
        }
        self.origin
            .get(name)
            .cloned()
            .unwrap_or_else(|| format!("{}{name}", if name == "DATA_DIR" { "SIGNET_" } else { "AUTHENTIK_" }))
    }
    pub fn flag(&self, name: &str) -> bool {
        setting::flag(self.text(name)).unwrap_or_default()
    }
    pub fn number(&self, name: &str) -> i64 {
        self.text(name).trim().parse().unwrap_or_default()
    }

    /// A variable without prefix; empty if it is not set.
    fn other(&self, name: &str) -> &str {
        self.others.get(name).map_or("", String::as_str)
    }
    /// Keys from a profile of the credentials file that Amazon's tools use.
    fn aws_profile(&self, name: &str) -> Option<AccessKey> {
        let path = match self.others.get("AWS_SHARED_CREDENTIALS_FILE") {
            Some(path) => path.into(),
            None => Path::new(self.others.get("HOME")?).join(".aws/credentials"),
        };
        storage::profile(&read_file(&path).ok()?, name)
    }

    /// Every setting with its effective value, secrets hidden; settings of one use only where they are given.
    pub fn dump(&self) -> String {
        let general = TABLE.iter().map(|setting| setting.name).filter(|name| !name.ends_with('*'));
        let own = self.values.keys().map(String::as_str);
        let own = own.filter(|name| storage::OF_ONE_USE.iter().any(|start| name.starts_with(start)));
        let mut out = String::new();
        for name in general.chain(own) {
            let value = self.text(name);
            let secret = find(name).is_some_and(|setting| setting.secret);
            let shown = if secret && !value.is_empty() { "********" } else { value };
            out.push_str(&format!("{}={shown}\n", self.variable(name)));
        }
        out
    }
}

/// Resolves `file:///path` and `env://NAME`, each with optional `?default`.
fn resolve(raw: &str, environment: &BTreeMap<String, String>) -> Result<String, String> {
    let split = |rest: &str| {
        rest.split_once('?').map_or((rest.to_owned(), None), |(a, b)| (a.to_owned(), Some(b.to_owned())))
    };
    if let Some(rest) = raw.strip_prefix("env://") {
        let (name, default) = split(rest);
        return environment
            .get(&name)
            .cloned()
            .or(default)
            .ok_or_else(|| format!("the variable {name} is not set."));
    }
    if let Some(rest) = raw.strip_prefix("file://") {
        let (path, default) = split(rest);
        return match (read_file(Path::new(&path)), default) {
            (Ok(text), _) => {
                Ok(text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).unwrap_or(&text).to_owned())
            }
            (Err(_), Some(default)) => Ok(default),
            (Err(error), None) => Err(format!("cannot read {path}: {error}.")),
        };
    }
    Ok(raw.to_owned())
}

fn read_file(path: &Path) -> std::io::Result<String> {
    if std::fs::metadata(path)?.len() > MAX_FILE {
        return Err(std::io::Error::other("larger than 1 MiB"));
    }
    std::fs::read_to_string(path)
}

fn unknown(variable: &str, name: &str) -> String {
    let near =
        TABLE.iter().filter(|s| !s.name.ends_with('*')).map(|s| (distance(name, s.name), s.name)).min();
    match near {
        Some((far, close)) if far <= 1 + name.len() / 5 => {
            format!("{variable} is unknown and has no effect. Did you mean AUTHENTIK_{close}?")
        }
        _ => format!("{variable} is unknown and has no effect."),
    }
}

/// Levenshtein distance, for suggestions.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = before + usize::from(x != *y);
            before = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(before + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    fn read(pairs: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        Config::read(&pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
            .map_err(|m| m.iter().map(ToString::to_string).collect())
    }
    #[test]
    fn all_mistakes_are_reported_together_with_what_was_expected() {
        let said = read(&[
            ("AUTHENTIK_LISTEN__HTTP", "nowhere"),
            ("AUTHENTIK_POSTGRESQL__PORT", "x"),
            ("SIGNET_DEBUG", "maybe"),
            ("AUTHENTIK_SECRET_KEY", "file:///does/not/exist"),
        ])
        .err()
        .unwrap();
        assert_eq!(said.len(), 4, "{said:?}");
        assert!(said.iter().any(|m| m.starts_with("AUTHENTIK_LISTEN__HTTP: ") && m.contains("address:port")));
        assert!(said.iter().any(|m| m.starts_with("SIGNET_DEBUG: ") && m.contains("true or false")));
    }
    #[test]
    fn both_prefixes_and_both_spellings_are_read() {
        assert_eq!(read(&[("SIGNET_COOKIE__DOMAIN", ".a.test")]).unwrap().text("COOKIE_DOMAIN"), ".a.test");
        assert_eq!(read(&[("AUTHENTIK_COOKIE_DOMAIN", ".b.test")]).unwrap().text("COOKIE_DOMAIN"), ".b.test");
        assert!(read(&[("AUTHENTIK_LOG_LEVEL", "info"), ("SIGNET_LOG_LEVEL", "debug")]).is_err());
    }
    #[test]
    fn values_come_from_other_variables_and_files_with_defaults() {
        let config = read(&[
            ("AUTHENTIK_POSTGRESQL__PASSWORD", "env://PG_PASS"),
            ("PG_PASS", "sesame"),
            ("AUTHENTIK_AVATARS", "env://NOT_THERE?initials"),
            ("AUTHENTIK_COOKIE_DOMAIN", "file:///not/there?x.test"),
        ])
        .unwrap();
        assert_eq!(
            (config.text("POSTGRESQL__PASSWORD"), config.text("AVATARS"), config.text("COOKIE_DOMAIN")),
            ("sesame", "initials", "x.test")
        );
        assert!(read(&[("AUTHENTIK_AVATARS", "env://NOT_THERE")]).is_err());
        assert!(
            !config.dump().contains("sesame")
                && config.dump().contains("AUTHENTIK_POSTGRESQL__PASSWORD=********")
        );
    }
    #[test]
    fn guide_g17_numbers_of_workers_are_named_as_not_needed() {
        let all = [("AUTHENTIK_WEB__WORKERS", "2"), ("AUTHENTIK_WORKER__CONCURRENCY", "4")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()));
        let warnings = Config::read(&all.into()).unwrap().warnings;
        for name in ["AUTHENTIK_WEB__WORKERS", "AUTHENTIK_WORKER__CONCURRENCY"] {
            assert!(warnings.iter().any(|w| w.contains(name) && w.contains("no effect")), "{warnings:?}");
        }
    }
    #[test]
    fn unknown_and_unused_variables_are_warned_about_once() {
        let config = read(&[
            ("AUTHENTIK_LISTEN_HTTP", "x"),
            ("AUTHENTIK_REDIS__HOST", "redis"),
            ("AUTHENTIK_REDIS__PORT", "1"),
            ("AUTHENTIK_QQQ", "1"),
            ("PATH", "/bin"),
        ])
        .unwrap();
        assert_eq!(config.warnings.len(), 3, "{:?}", config.warnings);
        assert!(config.warnings[0].contains("Did you mean AUTHENTIK_LISTEN__HTTP?"));
        assert!(
            config
                .warnings
                .iter()
                .any(|w| w.contains("AUTHENTIK_REDIS__HOST, AUTHENTIK_REDIS__PORT have no effect yet"))
        );
    }
    #[test]
    fn names_are_declared_once_and_defaults_fit() {
        let mut seen = std::collections::HashSet::new();
        for s in TABLE {
            assert!(seen.insert(s.name), "{} twice", s.name);
            assert!(s.default.is_empty() || s.kind.fits(s.default), "{}", s.name);
        }
    }
    #[test]
    fn every_variable_of_the_guides_reference_is_known() {
        for name in [
            "SECRET_KEY",
            "LOG_LEVEL",
            "ERROR_REPORTING__ENABLED",
            "POSTGRESQL__HOST",
            "POSTGRESQL__PORT",
            "POSTGRESQL__NAME",
            "POSTGRESQL__USER",
            "POSTGRESQL__PASSWORD",
            "POSTGRESQL__USE_PGBOUNCER",
            "REDIS__HOST",
            "REDIS__PORT",
            "REDIS__DB",
            "REDIS__PASSWORD",
            "EMAIL__HOST",
            "EMAIL__PORT",
            "EMAIL__USERNAME",
            "EMAIL__PASSWORD",
            "EMAIL__USE_TLS",
            "EMAIL__USE_SSL",
            "EMAIL__TIMEOUT",
            "EMAIL__FROM",
            "LISTEN__HTTP",
            "LISTEN__HTTPS",
            "LISTEN__METRICS",
            "WEB__WORKERS",
            "DISABLE_UPDATE_CHECK",
            "AVATARS",
            "DOMAIN",
            "SECURITY__CSRF__TRUSTED_ORIGINS",
        ] {
            assert!(find(name).is_some(), "{name}");
        }
        assert!(
            read(&[
                ("AUTHENTIK_COOKIE__DOMAIN", ".example.com"),
                ("AUTHENTIK_EMAIL__FROM", "Authentik <authentik@example.com>")
            ])
            .is_ok()
        );
    }
}
