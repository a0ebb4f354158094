//! PEM files of a folder (`AUTHENTIK_CERT_DISCOVERY_DIR`), by the name of the pair that they belong to.
use signet_base::Secret;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Larger files are no certificates.
const MAX_FILE: u64 = 1 << 20;
const MAX_FILES: usize = 2_000;
const MAX_DEPTH: usize = 8;

/// What the folder has of a pair.
#[derive(Default)]
pub struct Found {
    /// PEM, with the chain.
    pub certificate: Option<String>,
    /// PEM.
    pub key: Option<Secret>,
}

/// The pairs of a folder, and what could not be read: path and reason. A folder that does not exist is empty.
///
/// `fullchain.pem` and `privkey.pem` belong to the pair that their folder names, as certbot keeps them below `live`; other
/// files to the pair with their own name without its ending. Folders called `archive` are left out: `live` leads there.
pub fn read(root: &Path) -> (BTreeMap<String, Found>, Vec<(String, String)>) {
    let (mut pairs, mut failures) = (BTreeMap::<String, Found>::new(), Vec::new());
    let Ok(root) = root.canonicalize() else { return (pairs, failures) };
    let mut files = Vec::new();
    walk(&root, 0, &mut files);
    files.sort();
    for path in files {
        let shown = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
        let Some(name) = pair_name(&path) else { continue };
        match text(&root, &path) {
            Ok(text) if text.contains("PRIVATE KEY-----") => {
                pairs.entry(name).or_default().key = Some(Secret::new(text.trim()));
            }
            Ok(text) if text.contains("-----BEGIN CERTIFICATE-----") => {
                pairs.entry(name).or_default().certificate = Some(text);
            }
            Ok(_) => {}
            Err(why) => failures.push((shown, why)),
        }
    }
    (pairs, failures)
}

fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = folder.read_dir() else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if files.len() >= MAX_FILES {
            return;
        }
        // Links to folders are not followed: what they lead to is found where it is, or is outside.
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < MAX_DEPTH && entry.file_name() != "archive" => {
                walk(&path, depth + 1, files);
            }
            Ok(kind) if !kind.is_dir() => files.push(path),
            _ => {}
        }
    }
}

fn pair_name(path: &Path) -> Option<String> {
    let file = path.file_name()?.to_str()?;
    let name = match file {
        "fullchain.pem" | "privkey.pem" => path.parent()?.file_name()?.to_str()?,
        _ => path.file_stem()?.to_str()?,
    };
    // `..data` and other names of Kubernetes begin with a dot.
    (!name.starts_with('.')).then(|| name.to_owned())
}

/// The text of a file that is in the folder, also behind a link.
fn text(root: &Path, path: &Path) -> Result<String, String> {
    let real = path.canonicalize().map_err(|error| error.to_string())?;
    if !real.starts_with(root) {
        return Err("it leads out of the folder".into());
    }
    let file = std::fs::File::open(&real).map_err(|error| error.to_string())?;
    let meta = file.metadata().map_err(|error| error.to_string())?;
    if !meta.is_file() || meta.len() > MAX_FILE {
        return Err("it is no file of at most 1 MiB".into());
    }
    let mut text = String::new();
    file.take(MAX_FILE).read_to_string(&mut text).map_err(|_| "it is no text".to_owned())?;
    Ok(text)
}
