//! Stored files: a folder, or a bucket of an S3-compatible object store, behind the port of `signet_base`.
mod bucket;
mod folder;
mod link;
mod listing;
mod sigv4;

pub use bucket::{Bucket, BucketSettings};
pub use folder::Folder;
pub use sigv4::AccessKey;

/// What files are for. Each use has its own place, and may have its own store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    Media,
    Reports,
}
impl Usage {
    /// Its name in paths and settings.
    pub fn name(self) -> &'static str {
        match self {
            Usage::Media => "media",
            Usage::Reports => "reports",
        }
    }
    /// Largest file, in bytes.
    pub fn max_size(self) -> usize {
        match self {
            Usage::Media => 25 << 20,
            Usage::Reports => 256 << 20,
        }
    }
    /// Path of the files below a folder or bucket. `public` is the tenant.
    pub(crate) fn prefix(self) -> String {
        format!("{}/public", self.name())
    }
}

/// The refusal of a file that is too large.
pub(crate) fn check_size(content: &[u8], max: usize) -> signet_base::Result<()> {
    if content.len() <= max {
        return Ok(());
    }
    let message = format!("The file has {} bytes; at most {max} are accepted.", content.len());
    Err(signet_base::Error::invalid("file", message))
}
