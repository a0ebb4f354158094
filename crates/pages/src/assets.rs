//! URLs of the built browser files.

use std::collections::BTreeMap;

/// Maps logical file names (`flow.css`, `portal.js`) to the URLs they are served at.
pub trait Assets: Sync {
    /// The URL of a file; `None` if the build has no such file. Pages work without it.
    fn url(&self, name: &str) -> Option<String>;
}

/// The manifest that the build of `web/` writes: `{"flow.css": "assets/flow-style-….css", …}`.
#[derive(Debug, Clone, Default)]
pub struct Manifest {
    files: BTreeMap<String, String>,
}

impl Manifest {
    /// Parses a manifest. `base` is the URL of its folder, such as `/static/dist/`.
    ///
    /// # Errors
    /// The text is not a JSON object of strings.
    pub fn parse(json: &str, base: &str) -> Result<Self, serde_json::Error> {
        let names: BTreeMap<String, String> = serde_json::from_str(json)?;
        let files = names.into_iter().map(|(name, file)| (name, format!("{base}{file}"))).collect();
        Ok(Self { files })
    }
}

impl Assets for Manifest {
    fn url(&self, name: &str) -> Option<String> {
        self.files.get(name).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::{Assets, Manifest};

    #[test]
    fn maps_names_to_addresses() {
        let manifest = Manifest::parse(r#"{"flow.css":"assets/flow-1.css"}"#, "/static/dist/").unwrap();
        assert_eq!(manifest.url("flow.css").as_deref(), Some("/static/dist/assets/flow-1.css"));
        assert_eq!(manifest.url("other.css"), None);
        assert!(Manifest::parse("[1]", "/").is_err());
    }
}
