//! Port to stored files: media (pictures of applications, flows and brands) and reports. `signet-storage`
//! implements it.
use crate::{Error, Result, Span, Timestamp};
use async_trait::async_trait;
use std::fmt;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Placeholder in names: there is one file for each theme.
pub const THEME: &str = "%(theme)s";

/// Name of a stored file: a relative path of letters, digits, `.`, `_`, `-` and `/`, in which `%(theme)s` may
/// stand. No part is empty or begins with a dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(String);

impl FileName {
    /// Longest name and longest part of it, in bytes.
    const MAX: usize = 1024;
    const MAX_PART: usize = 255;

    /// # Errors
    /// `Invalid` with a message for `name`.
    pub fn parse(text: &str) -> Result<Self> {
        let plain = text.replace(THEME, "theme");
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        let wrong = if text.is_empty() {
            "The name of a file cannot be empty."
        } else if !plain.chars().all(allowed) {
            "The name of a file consists of letters (a-z, A-Z), digits, dots, hyphens, underscores and slashes."
        } else if plain.split('/').any(|part| part.is_empty() || part.starts_with('.')) {
            "The name of a file is a relative path, no part of which is empty or begins with a dot."
        } else if text.len() > Self::MAX || text.split('/').any(|part| part.len() > Self::MAX_PART) {
            "The name of a file is too long: 1024 characters, and 255 in each part."
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(Error::invalid("name", wrong))
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The file of a theme (`light`, `dark`); the name itself if it has no placeholder.
    #[must_use]
    pub fn themed(&self, theme: &str) -> Self {
        Self(self.0.replace(THEME, theme))
    }
    pub fn is_themed(&self) -> bool {
        self.0.contains(THEME)
    }
    /// The media type, by the extension.
    pub fn content_type(&self) -> &'static str {
        let extension = self.0.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
        match extension.as_deref() {
            Some("png") => "image/png",
            Some("jpg" | "jpeg") => "image/jpeg",
            Some("gif") => "image/gif",
            Some("webp") => "image/webp",
            Some("avif") => "image/avif",
            Some("svg") => "image/svg+xml",
            Some("ico") => "image/vnd.microsoft.icon",
            Some("bmp") => "image/bmp",
            Some("tif" | "tiff") => "image/tiff",
            Some("csv") => "text/csv",
            Some("txt") => "text/plain",
            Some("html" | "htm") => "text/html",
            Some("css") => "text/css",
            Some("js") => "text/javascript",
            Some("json") => "application/json",
            Some("pdf") => "application/pdf",
            Some("zip") => "application/zip",
            _ => "application/octet-stream",
        }
    }
}
impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A file in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInfo {
    pub name: FileName,
    /// Bytes.
    pub size: u64,
    pub modified: Timestamp,
}

/// A file that is read.
pub struct StoredFile {
    /// Bytes.
    pub size: u64,
    pub content: Box<dyn AsyncRead + Send + Unpin>,
}
impl StoredFile {
    /// The whole content.
    pub async fn bytes(mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self.content.read_to_end(&mut bytes).await;
        read.map_err(|error| Error::unavailable(format!("reading a stored file: {error}")))?;
        Ok(bytes)
    }
}

/// Files of one use, on this machine or in an object store. `Error::Unavailable`: the store cannot be reached, or
/// refuses.
#[async_trait]
pub trait Storage: Send + Sync {
    /// Largest file that is accepted, in bytes.
    fn max_size(&self) -> usize;
    /// Writes a whole file: readers see the old one or the new one. The media type is that of the name's
    /// extension. Of two that create the same name at the same instant one stays.
    ///
    /// # Errors
    /// `Conflict` if the name exists and is not to be replaced, `Invalid` (`file`) if the content is too large.
    async fn put(&self, name: &FileName, content: Vec<u8>, replace: bool) -> Result<()>;
    /// # Errors
    /// `NotFound`
    async fn get(&self, name: &FileName) -> Result<StoredFile>;
    /// Removes a file. One that does not exist is no error.
    async fn delete(&self, name: &FileName) -> Result<()>;
    /// Files whose names begin with `prefix`, by name.
    async fn list(&self, prefix: &str) -> Result<Vec<FileInfo>>;
    /// URL from which a browser can read the file for a time, `None` for the configured one: a path on this server,
    /// or an absolute URL. It stays the same for a part of that time, so that browsers need not load it again.
    fn url(&self, name: &FileName, valid: Option<Span>) -> String;
    /// Scheme and host of the URLs, where they are another server's.
    fn origin(&self) -> Option<String> {
        None
    }
    /// Whether `token` is from an unexpired URL of this file on this server.
    fn admits(&self, _name: &FileName, _token: &str) -> bool {
        false
    }
}

/// The default of `Ports`: holds and accepts nothing.
pub struct NoStorage;
#[async_trait]
impl Storage for NoStorage {
    fn max_size(&self) -> usize {
        0
    }
    async fn put(&self, _: &FileName, _: Vec<u8>, _: bool) -> Result<()> {
        Err(Error::unavailable("no storage is set up"))
    }
    async fn get(&self, _: &FileName) -> Result<StoredFile> {
        Err(Error::NotFound)
    }
    async fn delete(&self, _: &FileName) -> Result<()> {
        Err(Error::unavailable("no storage is set up"))
    }
    async fn list(&self, _: &str) -> Result<Vec<FileInfo>> {
        Ok(Vec::new())
    }
    fn url(&self, _: &FileName, _: Option<Span>) -> String {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_below_their_folder() {
        for good in ["a.png", "application-icons/app_1.svg", "logo-%(theme)s.svg", "a/b/c..d", "a..png"] {
            assert_eq!(FileName::parse(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(256);
        let deep = format!("{}a", "abc/".repeat(300));
        for bad in [
            "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/..", "./a", "a/./b", ".a", "a/.b",
            "a\\b", "a b", "a%2fb", "a\0", "ä.png", "a?b", "a#b", "%(user)s", &long, &deep,
        ] {
            assert!(matches!(FileName::parse(bad), Err(Error::Invalid(f)) if f.contains("name")), "{bad:?}");
        }
    }

    #[test]
    fn a_theme_names_its_own_file() {
        let name = FileName::parse("logo-%(theme)s.SVG").unwrap();
        assert_eq!((name.is_themed(), name.content_type()), (true, "image/svg+xml"));
        let dark = name.themed("dark");
        assert_eq!((dark.as_str(), dark.is_themed()), ("logo-dark.SVG", false));
    }
}
