//! Files that instances name by their path: those in the binary, and those of the operator's folder
//! (`AUTHENTIK_BLUEPRINTS_DIR`). A path of the binary is never one of the folder.
use crate::defaults::{DEFAULTS, EXAMPLES, shipped};
use crate::eval::Environment;
use crate::file::{self, Head};
use signet_base::vault::sha512_hex;
use signet_base::{Error, Result, Timestamp};
use signet_core::Core;
use std::path::{Component, Path};
use std::time::UNIX_EPOCH;

/// Largest file in bytes.
const MAX_FILE: u64 = 4 * 1024 * 1024;
/// Most files of the folder, and deepest folder in it.
const MAX_FILES: usize = 10_000;
const DEPTH: usize = 16;

/// The label that keeps discovery from making an instance.
const INSTANTIATE: &str = "blueprints.goauthentik.io/instantiate";

pub struct LibraryFile {
    /// Relative, with `/`.
    pub path: String,
    pub text: String,
    /// Of files of the binary: the beginning of time.
    pub modified: Timestamp,
    pub is_shipped: bool,
    pub head: Head,
}
impl LibraryFile {
    pub fn hash(&self) -> String {
        sha512_hex(self.text.as_bytes())
    }
    /// Whether discovery makes an instance of it.
    pub fn instantiates(&self) -> bool {
        self.head.labels.get(INSTANTIATE).is_none_or(|label| label.as_str() != Some("false"))
    }
}

/// Environment variables of this process, for files of the operator.
#[allow(clippy::disallowed_methods, reason = "blueprints may read variables of any name")]
pub fn environment() -> Environment {
    let named = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(named).collect()
}

/// Whether a path stays in the folder as it is written.
pub fn is_relative(path: &str) -> bool {
    !path.is_empty()
        && !path.contains(['\\', '\0'])
        && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

/// All files with a valid head, by path; a file that is none is logged.
pub fn list(core: &Core) -> Vec<LibraryFile> {
    let mut all: Vec<LibraryFile> =
        DEFAULTS.iter().chain(EXAMPLES).filter_map(|(path, text)| of_binary(path, text)).collect();
    let mut paths = Vec::new();
    let root = &core.settings.blueprints.folder;
    walk(root, "", 0, &mut paths);
    for path in paths {
        if shipped(&path).is_some() {
            tracing::info!(%path, "a blueprint of the folder has the path of one in the binary, and is left out");
            continue;
        }
        match of_folder(root, &path) {
            Ok(Some(file)) => all.push(file),
            Ok(None) => {}
            Err(error) => tracing::warn!(%path, %error, "a blueprint cannot be read"),
        }
    }
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

/// The file with this path; `NotFound` where there is none.
pub fn read(core: &Core, path: &str) -> Result<LibraryFile> {
    if let Some(text) = shipped(path) {
        return of_binary(path, text).ok_or(Error::NotFound);
    }
    of_folder(&core.settings.blueprints.folder, path)?.ok_or(Error::NotFound)
}

fn of_binary(path: &str, text: &str) -> Option<LibraryFile> {
    let head = file::head(text).ok()??;
    Some(LibraryFile {
        path: path.to_owned(),
        text: text.to_owned(),
        modified: Timestamp(0),
        is_shipped: true,
        head,
    })
}

/// `None`: it is no blueprint of a known version, or not there.
fn of_folder(root: &Path, path: &str) -> Result<Option<LibraryFile>> {
    let Some((text, modified)) = text_within(root, path)? else { return Ok(None) };
    let head = file::head(&text).map_err(|why| Error::invalid("path", why))?;
    let file = |head| LibraryFile { path: path.to_owned(), text, modified, is_shipped: false, head };
    Ok(head.map(file))
}

/// A file's text and time. A link out of the folder leads nowhere.
fn text_within(root: &Path, path: &str) -> Result<Option<(String, Timestamp)>> {
    if !is_relative(path) {
        return Ok(None);
    }
    let (Ok(root), Ok(real)) = (root.canonicalize(), root.join(path).canonicalize()) else { return Ok(None) };
    if !real.starts_with(&root) {
        tracing::warn!(%path, "a blueprint leads out of its folder");
        return Ok(None);
    }
    let unreadable = |error: std::io::Error| Error::unavailable(format!("{path}: {error}"));
    let meta = real.metadata().map_err(unreadable)?;
    if !meta.is_file() {
        return Ok(None);
    }
    if meta.len() > MAX_FILE {
        return Err(Error::invalid("path", format!("{path} has more than {MAX_FILE} bytes")));
    }
    let since = meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let modified = Timestamp(i64::try_from(since.as_micros()).unwrap_or_default());
    Ok(Some((std::fs::read_to_string(&real).map_err(unreadable)?, modified)))
}

/// Paths of all YAML files. What begins with a dot is left out: other programs keep their copies there.
fn walk(root: &Path, below: &str, depth: usize, out: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(root.join(below)) else { return };
    let mut names: Vec<String> = entries.flatten().filter_map(|e| e.file_name().into_string().ok()).collect();
    names.sort();
    for name in names.into_iter().filter(|name| !name.starts_with('.')) {
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        if out.len() == MAX_FILES {
            return;
        }
        if [".yaml", ".yml"].iter().any(|end| name.ends_with(end)) {
            out.push(path);
        } else if depth < DEPTH && root.join(&path).is_dir() {
            walk(root, &path, depth + 1, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_folder() {
        for path in ["a.yaml", "a/b.yaml", "a b/ü.yaml"] {
            assert!(is_relative(path), "{path}");
        }
        for path in ["", "/etc/passwd", "..", "a/../../b", "../a.yaml", "a\\..\\b", "a\0"] {
            assert!(!is_relative(path), "{path:?}");
        }
    }

    #[test]
    fn links_out_of_the_folder_and_large_files_are_refused() {
        let base = std::env::temp_dir().join(format!("signet-library-{}", std::process::id()));
        let root = base.join("root");
        std::fs::create_dir_all(root.join("deep/.hidden")).unwrap();
        let text = "version: 1\nmetadata: {name: N}\nentries: []\n";
        for path in ["root/deep/one.yaml", "root/deep/.hidden/two.yaml", "secret.yaml", "root/other.txt"] {
            std::fs::write(base.join(path), text).unwrap();
        }
        std::os::unix::fs::symlink(base.join("secret.yaml"), root.join("out.yaml")).unwrap();
        std::os::unix::fs::symlink(root.join("deep/one.yaml"), root.join("in.yaml")).unwrap();
        std::fs::File::create(root.join("large.yaml")).unwrap().set_len(MAX_FILE + 1).unwrap();
        let mut paths = Vec::new();
        walk(&root, "", 0, &mut paths);
        assert_eq!(paths, ["deep/one.yaml", "in.yaml", "large.yaml", "out.yaml"]);
        assert!(of_folder(&root, "out.yaml").unwrap().is_none());
        assert!(of_folder(&root, "large.yaml").is_err());
        assert!(of_folder(&root, "../secret.yaml").unwrap().is_none());
        assert_eq!(of_folder(&root, "in.yaml").unwrap().unwrap().head.name, "N");
        std::fs::remove_dir_all(&base).unwrap();
    }
}
