//! The location of the database file: permissions, file system, and whether the path still leads to the same
//! file.
use signet_base::error::because;
use signet_base::machine::{self, Disk};
use signet_base::{Error, Result};
use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Free space below which the disk counts as full: no WAL page fits.
const FULL: u64 = 64 * 1024;

/// An open file, identified independently of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DatabaseFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl DatabaseFile {
    /// The file at this path, which must exist.
    pub(super) fn of(path: &Path) -> Result<Self> {
        let found =
            std::fs::metadata(path).map_err(|e| Error::unavailable(format!("{}: {e}", path.display())))?;
        Ok(Self { path: path.to_owned(), device: found.dev(), inode: found.ino() })
    }
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
    /// Whether the path still leads to this file. Writes to a file that was moved away would be lost.
    pub(super) fn check(&self) -> Result<()> {
        match Self::of(&self.path) {
            Ok(now) if now == *self => Ok(()),
            _ => Err(Error::unavailable(format!(
                "the database file {} was moved or replaced: restart the server",
                self.path.display()
            ))),
        }
    }
}

/// Creates an empty file with mode 0600 if there is none. Used by the first opening only.
pub(super) fn make(path: &Path) -> Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(Error::unavailable(format!("{}: {e}", path.display()))),
    }
}

/// Removes other users' permissions from an existing database's files.
pub(super) fn keep_private(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let file = with_end(path, end);
        let Ok(found) = std::fs::metadata(&file) else { continue };
        if found.mode() & 0o077 != 0
            && let Err(error) = std::fs::set_permissions(&file, Permissions::from_mode(0o600))
        {
            tracing::warn!(file = %file.display(), %error, "others may read this file of the database, and that cannot be changed");
        }
    }
}

/// The path of a companion file (`-wal`, `-shm`).
pub(super) fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// SQLite needs locks and shared memory, which network file systems do not provide.
pub(super) fn refuse_network(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (Ok(folder), Ok(mounts)) =
        (std::fs::canonicalize(folder), std::fs::read_to_string("/proc/self/mountinfo"))
    else {
        return Ok(());
    };
    match file_system(&mounts, &folder) {
        Some(kind) if is_network(kind) => Err(Error::unavailable(format!(
            "{} is on a network file system ({kind}), where the embedded database can be damaged: use a local disk, or PostgreSQL",
            folder.display()
        ))),
        _ => Ok(()),
    }
}

fn is_network(kind: &str) -> bool {
    const KINDS: [&str; 22] = [
        "nfs",
        "nfs4",
        "cifs",
        "smb",
        "smb2",
        "smb3",
        "smbfs",
        "afs",
        "ncpfs",
        "coda",
        "ceph",
        "lustre",
        "gpfs",
        "beegfs",
        "orangefs",
        "pvfs2",
        "davfs",
        "fuse.sshfs",
        "fuse.glusterfs",
        "fuse.ceph",
        "fuse.rclone",
        "fuse.s3fs",
    ];
    KINDS.contains(&kind)
}

/// The file system type of a path. `mounts` is `/proc/self/mountinfo`: the fifth field of a line is the mount
/// point, the first one after ` - ` the type. The last mount at a path counts.
fn file_system<'a>(mounts: &'a str, path: &Path) -> Option<&'a str> {
    let mut best: Option<(usize, &str)> = None;
    for line in mounts.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let (Some(point), Some(kind)) = (left.split(' ').nth(4), right.split(' ').next()) else { continue };
        let point =
            point.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\");
        if path.starts_with(&point) && best.is_none_or(|(length, _)| point.len() >= length) {
            best = Some((point.len(), kind));
        }
    }
    best.map(|(_, kind)| kind)
}

/// Maximum size of the write-ahead log in bytes: on a small disk it must leave room for the database.
pub(super) fn longest_log(path: &Path) -> u64 {
    log_for(path.parent().and_then(machine::disk))
}

fn log_for(disk: Option<Disk>) -> u64 {
    const MOST: u64 = 64 << 20;
    const LEAST: u64 = 2 << 20;
    disk.map_or(MOST, |disk| (disk.total / 32).clamp(LEAST, MOST))
}

/// Some errors on a full disk do not say that it is full.
pub(super) fn name_full_disk(path: &Path, error: Error) -> Error {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    on_disk(machine::disk(folder), folder, error)
}
fn on_disk(disk: Option<Disk>, folder: &Path, error: Error) -> Error {
    match (disk, error) {
        (Some(disk), Error::Unavailable(why)) if disk.free < FULL => {
            let text = format!("{}: the disk is full ({why})", folder.display());
            Error::unavailable(because(text, why))
        }
        (_, error) => error,
    }
}
/// The same for the opening: other errors name the file.
pub(super) fn explain(path: &Path, error: Error) -> Error {
    match name_full_disk(path, error) {
        Error::Unavailable(why) if !why.to_string().contains("the disk is full") => {
            let text = format!("{}: {why}", path.display());
            Error::unavailable(because(text, why))
        }
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::Conflict;

    #[test]
    fn the_kind_of_file_system_is_that_of_the_nearest_mount() {
        let mounts = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
            30 22 0:45 / /srv/with\\040space rw shared:5 - nfs4 host:/x rw\n\
            31 22 0:46 / /srv/data rw - cifs //h/x rw\n\
            32 31 0:47 / /srv/data rw - xfs /dev/sdb rw\n";
        for (path, kind) in [
            ("/var", "ext4"),
            ("/srv/with space/a", "nfs4"),
            ("/srv/with", "ext4"),
            ("/srv/data/deep", "xfs"),
            ("/srv/database", "ext4"),
        ] {
            assert_eq!(file_system(mounts, Path::new(path)), Some(kind), "{path}");
        }
        assert!(["nfs4", "cifs", "smb3", "fuse.sshfs", "ceph"].iter().all(|kind| is_network(kind)));
        assert!(
            ["ext4", "xfs", "btrfs", "overlay", "tmpfs", "zfs", "fuse.lxcfs", "virtiofs"]
                .iter()
                .all(|kind| !is_network(kind))
        );
        assert_eq!(file_system("junk", Path::new("/")), None);
        refuse_network(&std::env::temp_dir().join("x")).unwrap();
    }

    #[test]
    fn scale_b9_the_log_is_short_on_a_small_disk() {
        let disk = |mib: u64| Some(Disk { total: mib << 20, free: 1 << 20 });
        assert_eq!(
            [log_for(None), log_for(disk(1 << 20)), log_for(disk(320)), log_for(disk(8))].map(|b| b >> 20),
            [64, 64, 10, 2]
        );
    }

    #[test]
    fn scale_b9_a_start_on_a_full_disk_says_full() {
        let said = |free: u64, error: Error| {
            on_disk(Some(Disk { total: 1 << 30, free }), Path::new("/srv/data"), error).to_string()
        };
        let error = || Error::Unavailable("disk I/O error".into());
        assert!(said(8192, error()).contains("/srv/data: the disk is full (disk I/O error)"));
        // The twin: where there is room something else is wrong, and of another error nothing is said of the disk.
        assert!(!said(1 << 20, error()).contains("full"));
        assert!(!said(8192, Error::Conflict(Conflict::Unique("users.username_key".into()))).contains("full"));
    }

    #[test]
    fn a_file_that_was_moved_or_replaced_is_another() {
        let path = std::env::temp_dir().join(format!("signet-place-{}", std::process::id()));
        make(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let place = DatabaseFile::of(&path).unwrap();
        place.check().unwrap();
        let aside = with_end(&path, "-aside");
        std::fs::rename(&path, &aside).unwrap();
        assert!(place.check().is_err());
        std::fs::write(&path, "").unwrap();
        assert!(place.check().is_err());
        std::fs::rename(&aside, &path).unwrap();
        place.check().unwrap();
        std::fs::remove_file(&path).unwrap();
    }
}
