//! Where files are kept: `AUTHENTIK_STORAGE__*`, and for one use `AUTHENTIK_STORAGE__MEDIA__*` and
//! `AUTHENTIK_STORAGE__REPORTS__*`, which go first.
use super::Config;
use signet_base::{Secret, Span};
use signet_storage::{AccessKey, BucketSettings, Usage};
use std::path::PathBuf;
use url::Url;

/// The store of one use.
#[derive(Debug, Clone)]
pub enum StorageOptions {
    Folder { path: PathBuf, url_expiry: Span },
    Bucket(Box<BucketSettings>),
}

/// Prefixes of the settings of one use; those of all begin with `STORAGE__`.
pub(super) const OF_ONE_USE: [&str; 2] = ["STORAGE__MEDIA__", "STORAGE__REPORTS__"];

/// Rules over several variables.
pub(super) fn judge(config: &Config, wrong: &mut impl FnMut(&str, &str)) {
    for usage in [Usage::Media, Usage::Reports] {
        if let Err((name, message)) = storage(config, usage) {
            wrong(&name, message);
        }
    }
}

/// # Errors
/// The setting that is missing or wrong, with the reason.
pub(super) fn storage(c: &Config, usage: Usage) -> Result<StorageOptions, (String, &'static str)> {
    let given = Given { c, usage };
    let expiry = |name: &str| match Span::parse(given.text(name)) {
        Ok(span) if span >= Span::from_secs(60) => Ok(span),
        _ => Err((given.name(name), "Give a time of at least one minute.")),
    };
    if given.text("BACKEND").trim().eq_ignore_ascii_case("s3") {
        return bucket(&given, expiry("S3__URL_EXPIRY")?)
            .map(|bucket| StorageOptions::Bucket(Box::new(bucket)));
    }
    let path = match given.text("FILE__PATH") {
        "" => c.text("DATA_DIR"),
        path => path,
    };
    Ok(StorageOptions::Folder { path: PathBuf::from(path), url_expiry: expiry("FILE__URL_EXPIRY")? })
}

struct Given<'a> {
    c: &'a Config,
    usage: Usage,
}
impl Given<'_> {
    /// The setting that holds: the one of the use if it is given, else the one of all.
    fn name(&self, name: &str) -> String {
        let own = format!("STORAGE__{}__{name}", self.usage.name().to_ascii_uppercase());
        if self.c.given(&own) { own } else { format!("STORAGE__{name}") }
    }
    fn text(&self, name: &str) -> &str {
        self.c.text(&self.name(name))
    }
    fn flag(&self, name: &str) -> bool {
        self.c.flag(&self.name(name))
    }
    /// A URL, or the setting that is wrong.
    fn url(&self, name: &str, text: &str) -> Result<Url, (String, &'static str)> {
        Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .filter(|url| url.username().is_empty() && url.query().is_none() && url.fragment().is_none())
            .ok_or_else(|| (self.name(name), "The value is not an http or https address."))
    }
}

fn bucket(given: &Given<'_>, url_expiry: Span) -> Result<BucketSettings, (String, &'static str)> {
    let bucket = given.text("S3__BUCKET_NAME").to_owned();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if bucket.is_empty() || !bucket.chars().all(plain) || bucket.starts_with('.') {
        return Err((given.name("S3__BUCKET_NAME"), "is needed for the backend s3: the name of the bucket."));
    }
    let region = match given.text("S3__REGION") {
        "" => "us-east-1",
        region => region,
    };
    let own_endpoint = given.text("S3__ENDPOINT");
    let style = given.text("S3__ADDRESSING_STYLE").trim().to_ascii_lowercase();
    // A dot would make two labels, which no certificate of the store covers. Stores that are not Amazon's often have
    // no names of buckets in the DNS.
    let path_style =
        style == "path" || (style == "auto" && (!own_endpoint.is_empty() || bucket.contains('.')));
    let scheme = if given.flag("S3__USE_SSL") { "https" } else { "http" };
    let amazon = format!("{scheme}://s3.{region}.amazonaws.com");
    let mut endpoint =
        given.url("S3__ENDPOINT", if own_endpoint.is_empty() { &amazon } else { own_endpoint })?;
    if !path_style {
        let host = format!("{bucket}.{}", endpoint.host_str().unwrap_or_default());
        let set = endpoint.set_host(Some(&host));
        set.map_err(|_| (given.name("S3__BUCKET_NAME"), "The name is no part of a host name."))?;
    }
    let public_url = match given.text("S3__CUSTOM_DOMAIN").trim_end_matches('/') {
        "" => None,
        domain if domain.contains("://") => {
            return Err((given.name("S3__CUSTOM_DOMAIN"), "Give the domain without a scheme."));
        }
        domain => {
            let scheme = if given.flag("S3__SECURE_URLS") { "https" } else { "http" };
            Some(given.url("S3__CUSTOM_DOMAIN", &format!("{scheme}://{domain}"))?)
        }
    };
    let (region, key) = (region.to_owned(), access_key(given)?);
    Ok(BucketSettings { endpoint, bucket, path_style, region, key, public_url, url_expiry })
}

fn access_key(given: &Given<'_>) -> Result<AccessKey, (String, &'static str)> {
    let profile = given.text("S3__SESSION_PROFILE");
    if !profile.is_empty() {
        let key = given.c.aws_profile(profile);
        return key.ok_or_else(|| {
            (given.name("S3__SESSION_PROFILE"), "The profile is not in the credentials file.")
        });
    }
    for name in ["S3__ACCESS_KEY", "S3__SECRET_KEY"] {
        if given.text(name).is_empty() {
            return Err((given.name(name), "is needed for the backend s3, or STORAGE__S3__SESSION_PROFILE."));
        }
    }
    Ok(AccessKey {
        id: given.text("S3__ACCESS_KEY").to_owned(),
        secret: Secret::new(given.text("S3__SECRET_KEY")),
        session_token: Secret::new(given.text("S3__SESSION_TOKEN")),
    })
}

/// Reads a profile of a credentials file of Amazon's tools (INI).
pub(super) fn profile(text: &str, name: &str) -> Option<AccessKey> {
    let mut inside = false;
    let (mut id, mut secret, mut token) = (None, None, None);
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = section.trim() == name;
        } else if inside && let Some((field, value)) = line.split_once('=') {
            match field.trim().to_ascii_lowercase().as_str() {
                "aws_access_key_id" => id = Some(value.trim().to_owned()),
                "aws_secret_access_key" => secret = Some(Secret::new(value.trim())),
                "aws_session_token" => token = Some(Secret::new(value.trim())),
                _ => {}
            }
        }
    }
    Some(AccessKey { id: id?, secret: secret?, session_token: token.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        Config::read(&pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
            .map_err(|all| all.iter().map(ToString::to_string).collect())
    }
    fn bucket(pairs: &[(&str, &str)], usage: Usage) -> BucketSettings {
        let config = read(pairs).unwrap();
        match storage(&config, usage).unwrap() {
            StorageOptions::Bucket(bucket) => *bucket,
            StorageOptions::Folder { .. } => panic!("a folder"),
        }
    }
    const KEYS: [(&str, &str); 4] = [
        ("AUTHENTIK_STORAGE__BACKEND", "s3"),
        ("AUTHENTIK_STORAGE__S3__ACCESS_KEY", "id"),
        ("AUTHENTIK_STORAGE__S3__SECRET_KEY", "env://KEY"),
        ("KEY", "hidden-key"),
    ];

    #[test]
    fn storage_the_folder_is_the_data_folder_unless_another_is_given() {
        let folder = |pairs: &[(&str, &str)], usage| match storage(&read(pairs).unwrap(), usage).unwrap() {
            StorageOptions::Folder { path, url_expiry } => (path.display().to_string(), url_expiry.secs()),
            StorageOptions::Bucket(_) => panic!("a bucket"),
        };
        assert_eq!(folder(&[("SIGNET_DATA_DIR", "/d")], Usage::Media), ("/d".into(), 900));
        let own = [
            ("AUTHENTIK_STORAGE__FILE__PATH", "/data"),
            ("AUTHENTIK_STORAGE__REPORTS__FILE__PATH", "/reports"),
            ("AUTHENTIK_STORAGE__REPORTS__FILE__URL_EXPIRY", "hours=1"),
        ];
        assert_eq!(folder(&own, Usage::Media), ("/data".into(), 900));
        assert_eq!(folder(&own, Usage::Reports), ("/reports".into(), 3600));
        assert!(read(&[("AUTHENTIK_STORAGE__FILE__URL_EXPIRY", "seconds=1")]).is_err());
    }

    #[test]
    fn storage_a_bucket_is_addressed_as_the_store_needs_it() {
        let mut all = KEYS.to_vec();
        all.push(("AUTHENTIK_STORAGE__S3__BUCKET_NAME", "files"));
        let found = bucket(&all, Usage::Media);
        assert_eq!(found.endpoint.as_str(), "https://files.s3.us-east-1.amazonaws.com/");
        assert_eq!((found.path_style, found.key.secret.reveal()), (false, "hidden-key"));
        all.extend([
            ("AUTHENTIK_STORAGE__S3__ENDPOINT", "http://127.0.0.1:9000"),
            ("AUTHENTIK_STORAGE__S3__CUSTOM_DOMAIN", "cdn.test/files"),
            ("AUTHENTIK_STORAGE__MEDIA__S3__REGION", "eu-1"),
            ("AUTHENTIK_STORAGE__REPORTS__BACKEND", "file"),
        ]);
        let found = bucket(&all, Usage::Media);
        assert_eq!((found.endpoint.as_str(), found.path_style), ("http://127.0.0.1:9000/", true));
        assert_eq!(found.region, "eu-1");
        assert_eq!(found.public_url.unwrap().as_str(), "https://cdn.test/files");
        let config = read(&all).unwrap();
        assert!(matches!(storage(&config, Usage::Reports), Ok(StorageOptions::Folder { .. })));
        let dump = config.dump();
        assert!(
            dump.contains("AUTHENTIK_STORAGE__MEDIA__S3__REGION=eu-1") && !dump.contains("hidden-key"),
            "{dump}"
        );
        all.push(("AUTHENTIK_STORAGE__S3__ADDRESSING_STYLE", "virtual"));
        assert!(read(&all).err().unwrap()[0].contains("BUCKET_NAME: The name is no part of a host name."));
        all.push(("AUTHENTIK_STORAGE__MEDIA__S3__ENDPOINT", "https://s3.test:9000/v1"));
        all.push(("AUTHENTIK_STORAGE__REPORTS__S3__ENDPOINT", "https://s3.test:9000/v1"));
        assert_eq!(bucket(&all, Usage::Media).endpoint.as_str(), "https://files.s3.test:9000/v1");
    }

    #[test]
    fn storage_what_is_missing_is_named() {
        let said = |pairs: &[(&str, &str)]| read(pairs).err().unwrap_or_default().join("\n");
        assert!(said(&KEYS).contains("AUTHENTIK_STORAGE__S3__BUCKET_NAME: is needed"));
        let mut all = vec![("AUTHENTIK_STORAGE__BACKEND", "s3"), ("AUTHENTIK_STORAGE__S3__BUCKET_NAME", "b")];
        assert!(said(&all).contains("AUTHENTIK_STORAGE__S3__ACCESS_KEY: is needed"));
        all.extend(&KEYS[1..]);
        all.push(("AUTHENTIK_STORAGE__S3__CUSTOM_DOMAIN", "https://cdn.test"));
        assert!(
            said(&all).contains("AUTHENTIK_STORAGE__S3__CUSTOM_DOMAIN: Give the domain without a scheme.")
        );
        assert!(said(&[("AUTHENTIK_STORAGE__S3__SIGNATURE_VERSION", "s3")]).contains("SIGNATURE_VERSION"));
        assert!(said(&[("AUTHENTIK_STORAGE__MEDIA__BACKEND", "ftp")]).contains("one of file, s3"));
    }

    #[test]
    fn storage_keys_come_from_a_profile_of_the_credentials_file() {
        let text =
            "[other]\naws_access_key_id = x\n\n[mine]\naws_access_key_id = id\naws_secret_access_key=s=1\n";
        let key = profile(text, "mine").unwrap();
        assert_eq!((key.id.as_str(), key.secret.reveal()), ("id", "s=1"));
        assert!(profile(text, "other").is_none() && profile(text, "none").is_none());
    }
}
