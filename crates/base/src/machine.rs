//! Resources of the machine or container: memory, disk space, file mode of new files.
use std::path::Path;

/// Sets the umask to 077: new files and folders are accessible to their owner only.
pub fn keep_new_files_private() {
    #[allow(unsafe_code, reason = "takes a number and cannot fail; called before there are other threads")]
    let _ = unsafe { libc::umask(0o077) };
}

/// Size and free space of a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    pub total: u64,
    /// Space available to this process.
    pub free: u64,
}

/// The file system of a path; `None` if the system does not report it.
pub fn disk(path: &Path) -> Option<Disk> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(path.as_os_str().as_bytes()).ok()?;
    let mut found = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    #[allow(
        unsafe_code,
        reason = "both pointers outlive the call, and the struct is read only after the system says that it filled it"
    )]
    let found = unsafe {
        if libc::statvfs(path.as_ptr(), found.as_mut_ptr()) != 0 {
            return None;
        }
        found.assume_init()
    };
    #[allow(clippy::unnecessary_cast, reason = "the members have other widths on other systems")]
    let (unit, blocks, free) = (found.f_frsize as u64, found.f_blocks as u64, found.f_bavail as u64);
    Some(Disk { total: unit.checked_mul(blocks)?, free: unit.checked_mul(free)? })
}

/// Memory available to this process in bytes: the minimum of the container's limits (cgroup v2 or v1) and the
/// machine's memory.
pub fn memory_bytes() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let whole = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|l| l.strip_prefix("MemTotal:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    });
    limits(Path::new("/sys/fs/cgroup"), &groups).into_iter().chain(whole).min()
}

/// The limits of the process's cgroup and its ancestors. `groups` is the content of `/proc/self/cgroup`:
/// lines of `number:controllers:/path`.
fn limits(root: &Path, groups: &str) -> Vec<u64> {
    let mut found = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let (base, file) = match controllers {
            "" => (root.to_owned(), "memory.max"),
            some if some.split(',').any(|c| c == "memory") => (root.join("memory"), "memory.limit_in_bytes"),
            _ => continue,
        };
        // Inside a container the path may be the host's and not exist; the root always exists.
        let mut folder = Some(Path::new(path.trim_start_matches('/')));
        while let Some(inner) = folder {
            found.extend(
                std::fs::read_to_string(base.join(inner).join(file))
                    .ok()
                    .and_then(|text| text.trim().parse::<u64>().ok()),
            );
            folder = inner.parent();
        }
    }
    // cgroup v1 reports "no limit" as the largest page-aligned number.
    found.retain(|bytes| *bytes < 1 << 60);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_a_container_is_found_by_both_versions_of_cgroups() {
        let root = std::env::temp_dir().join(format!("signet-cgroup-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("memory.max", "max\n");
        write("a/memory.max", "300\n");
        write("a/b/memory.max", "max\n");
        write("memory/x/memory.limit_in_bytes", "128\n");
        write("memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(limits(&root, "0::/a/b\n"), [300]);
        assert_eq!(limits(&root, "0::/\n"), Vec::<u64>::new());
        assert_eq!(limits(&root, "5:cpu,memory:/x\n3:pids:/a\n"), [128]);
        assert_eq!(limits(&root, "0::/of/the/host\njunk\n"), Vec::<u64>::new());
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn the_disk_of_a_folder_is_known_and_that_of_none_is_not() {
        let disk = super::disk(&std::env::temp_dir()).unwrap();
        assert!(disk.total > 0 && disk.free <= disk.total);
        assert_eq!(super::disk(Path::new("/no/such/folder")), None);
    }
}
