//! The data folder: accessible to its owner only, used by one server.
use crate::config::{Database, Options};
use signet_base::{Error, Result};
use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Creates the folder if missing, and removes other users' access to it and to the key in it.
pub fn prepare(folder: &Path) -> Result<()> {
    let wrong = |e: std::io::Error| Error::unavailable(format!("{}: {e}", folder.display()));
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(wrong)?;
    let found = std::fs::metadata(folder).map_err(wrong)?;
    // A shared folder with the sticky bit (/tmp) is refused as a data folder.
    let shared = found.mode() & 0o1000 != 0 || folder.parent().is_none();
    if found.mode() & 0o077 != 0
        && (shared || std::fs::set_permissions(folder, Permissions::from_mode(0o700)).is_err())
    {
        tracing::warn!(folder = %folder.display(), "others may look into the data folder: give it to this account alone (mode 0700)");
    }
    let key = folder.join("secret_key");
    if std::fs::metadata(&key).is_ok_and(|found| found.mode() & 0o077 != 0)
        && std::fs::set_permissions(&key, Permissions::from_mode(0o600)).is_err()
    {
        tracing::warn!(file = %key.display(), "others may read the secret key: make it readable for this account alone (mode 0600)");
    }
    Ok(())
}

/// Held by the server or worker of a data folder. The operating system releases it when the process ends.
pub struct Lock {
    _file: File,
}

/// Locks the folder of the SQLite database; `None` with PostgreSQL, which nodes share.
pub fn lock(options: &Options) -> Result<Option<Lock>> {
    let Database::Sqlite(path) = &options.database else { return Ok(None) };
    let folder = path.parent().unwrap_or(Path::new("."));
    prepare(folder)?;
    let name = folder.join("server.lock");
    let wrong = |e: std::io::Error| Error::unavailable(format!("{}: {e}", name.display()));
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&name)
        .map_err(wrong)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            let who = if pid.trim().is_empty() {
                "another process".to_owned()
            } else {
                format!("process {}", pid.trim())
            };
            return Err(Error::unavailable(format!(
                "the data folder {} is in use by {who}. One server works in a folder, and does the work of a worker too; several nodes share a PostgreSQL database.",
                folder.display()
            )));
        }
        Err(TryLockError::Error(e)) => return Err(wrong(e)),
    }
    file.set_len(0).map_err(wrong)?;
    writeln!(file, "{}", std::process::id()).map_err(wrong)?;
    Ok(Some(Lock { _file: file }))
}
