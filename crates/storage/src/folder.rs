//! Files in a folder of this machine, or of a network file system that all nodes see.
use crate::link::Links;
use crate::{Usage, check_size};
use async_trait::async_trait;
use signet_base::storage::{FileInfo, FileName, Storage, StoredFile};
use signet_base::{Conflict, Error, Ports, Result, Secret, Span, Timestamp};
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Most files in a list, and deepest nesting.
const MAX_FILES: usize = 10_000;
const MAX_DEPTH: usize = 16;

/// The files of one use: `<folder>/<usage>/public/<name>`.
pub struct Folder {
    root: PathBuf,
    usage: Usage,
    links: Links,
    ports: Ports,
}

impl Folder {
    /// `expiry`: validity of URLs. The folder is created with the first file.
    pub fn new(path: &Path, usage: Usage, secret: &Secret, expiry: Span, ports: Ports) -> Result<Self> {
        let links = Links::new(usage, secret, expiry, ports.clock.clone())?;
        Ok(Self { root: path.join(usage.prefix()), usage, links, ports })
    }
    fn path(&self, name: &FileName) -> String {
        format!("{}/{name}", self.usage.prefix())
    }
}

#[async_trait]
impl Storage for Folder {
    fn max_size(&self) -> usize {
        self.usage.max_size()
    }
    async fn put(&self, name: &FileName, content: Vec<u8>, replace: bool) -> Result<()> {
        check_size(&content, self.max_size())?;
        let (root, target) = (self.root.clone(), self.root.join(name.as_str()));
        let temporary = self.root.join(format!(".{}.tmp", self.ports.hex(16)));
        let name = name.clone();
        blocking(move || {
            let written = write(&root, &target, &temporary, &content, replace);
            if written.is_err() {
                // It may not exist yet.
                let _ = std::fs::remove_file(&temporary);
            }
            match written {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    Err(Error::Conflict(Conflict::File(name.to_string())))
                }
                other => other.map_err(unavailable),
            }
        })
        .await
    }
    async fn get(&self, name: &FileName) -> Result<StoredFile> {
        let (root, path) = (self.root.clone(), self.root.join(name.as_str()));
        let (file, size) = blocking(move || open(&root, &path).map_err(missing)).await?;
        Ok(StoredFile { size, content: Box::new(tokio::fs::File::from_std(file)) })
    }
    async fn delete(&self, name: &FileName) -> Result<()> {
        let (root, path) = (self.root.clone(), self.root.join(name.as_str()));
        blocking(move || {
            // The folder of the file must be inside; the file itself may be a link, which is what goes.
            let removed =
                inside(&root, path.parent().unwrap_or(&root)).and_then(|_| std::fs::remove_file(&path));
            match removed.map_err(missing) {
                Err(Error::NotFound) => Ok(()),
                other => other,
            }
        })
        .await
    }
    async fn list(&self, prefix: &str) -> Result<Vec<FileInfo>> {
        let (root, prefix) = (self.root.clone(), prefix.to_owned());
        let mut found = blocking(move || {
            let mut found = Vec::new();
            walk(&root, &root, 0, &mut found).map_err(unavailable)?;
            found.retain(|file: &FileInfo| file.name.as_str().starts_with(&prefix));
            Ok(found)
        })
        .await?;
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }
    fn url(&self, name: &FileName, valid: Option<Span>) -> String {
        self.links.url(&self.path(name), valid)
    }
    fn admits(&self, name: &FileName, token: &str) -> bool {
        self.links.admits(&self.path(name), token)
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}

fn missing(error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Error::NotFound,
        _ => unavailable(error),
    }
}
fn unavailable(error: io::Error) -> Error {
    Error::unavailable(format!("the folder of files: {error}"))
}

/// The path without links. `NotFound` if it is not below `root`: a link that an administrator placed may lead to
/// another part of the folder, and nowhere else.
fn inside(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let path = path.canonicalize()?;
    if path.starts_with(root.canonicalize()?) { Ok(path) } else { Err(ErrorKind::NotFound.into()) }
}

fn open(root: &Path, path: &Path) -> io::Result<(std::fs::File, u64)> {
    let file = std::fs::File::open(inside(root, path)?)?;
    let found = file.metadata()?;
    if found.is_file() { Ok((file, found.len())) } else { Err(ErrorKind::NotFound.into()) }
}

fn write(root: &Path, target: &Path, temporary: &Path, content: &[u8], replace: bool) -> io::Result<()> {
    let parent = target.parent().unwrap_or(root);
    DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    inside(root, parent)?;
    if !replace && target.symlink_metadata().is_ok() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(temporary, target)
}

/// Adds the files below `folder`. Hidden ones, and those with names that cannot be asked for, are left out.
fn walk(root: &Path, folder: &Path, depth: usize, found: &mut Vec<FileInfo>) -> io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let relative = path.strip_prefix(root).ok().and_then(Path::to_str);
        let Some(Ok(name)) = relative.map(FileName::parse) else { continue };
        // A link to nowhere, or out of the folder.
        let Some(meta) = inside(root, &path).and_then(std::fs::metadata).ok() else { continue };
        if meta.is_dir() && depth < MAX_DEPTH {
            walk(root, &path, depth + 1, found)?;
        } else if meta.is_file() {
            let since = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            let modified = Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
            found.push(FileInfo { name, size: meta.len(), modified });
            if found.len() > MAX_FILES {
                return Err(io::Error::other(format!("it has more than {MAX_FILES} files")));
            }
        }
    }
    Ok(())
}
