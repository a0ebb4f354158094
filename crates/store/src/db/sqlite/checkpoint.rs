//! Checkpoints: copies committed pages from the write-ahead log into the database file. A thread does most of
//! it, so that no commit waits for a whole log.
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Size of a WAL page in bytes.
const PAGE: u64 = 4_096;
const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";

pub(super) struct Checkpoints {
    path: PathBuf,
    /// Pages in the log at the last commit.
    pages: Arc<AtomicUsize>,
    before: usize,
    /// Number of pages from which the writer checkpoints fully: only that restarts the log.
    whole: usize,
    /// Number of pages after which the thread starts, and starts again.
    step: usize,
    /// The page count of the next step.
    due: usize,
    /// The thread, once it was needed.
    helper: Option<(SyncSender<()>, JoinHandle<()>)>,
}

impl Drop for Checkpoints {
    /// Its connection is closed before the writer's, which must be the last to leave a complete file.
    fn drop(&mut self) {
        if let Some((inbox, thread)) = self.helper.take() {
            drop(inbox);
            let _ = thread.join();
        }
    }
}

impl Checkpoints {
    /// Takes over checkpointing from the writer's connection. `log`: maximum size of the log in bytes.
    pub(super) fn new(path: &Path, conn: &mut Connection, log: u64) -> rusqlite::Result<Self> {
        let whole = usize::try_from(log / PAGE).unwrap_or(usize::MAX).max(64);
        let step = whole / 4;
        let pages = Arc::new(AtomicUsize::new(0));
        let seen = pages.clone();
        conn.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, count| {
            seen.store(usize::try_from(count).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self { path: path.to_owned(), pages, before: 0, whole, step, due: step, helper: None })
    }

    /// Called after a commit's results were delivered.
    pub(super) fn step(&mut self, conn: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if pages < self.before {
            self.due = self.step;
        }
        self.before = pages;
        if pages < self.due {
            return;
        }
        self.due = pages + self.step;
        if pages < self.whole {
            self.ask();
        } else {
            // The thread may be busy: try again soon.
            self.due = pages + self.step / 16;
            copy(conn);
        }
    }

    /// The disk is full: checkpoints what it can and truncates the log.
    pub(super) fn make_room(&mut self, conn: &Connection) {
        // Result 1 means that readers hold the log: the next write tries again.
        if let Err(error) = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
            tracing::warn!(%error, "the disk is full, and the write-ahead log could not be copied back");
        }
        self.due = self.step;
    }

    fn ask(&mut self) {
        if self.helper.is_none() {
            let (helper, inbox) = sync_channel(1);
            let path = self.path.clone();
            match std::thread::Builder::new().name("sqlite-copy".into()).spawn(move || help(&path, &inbox)) {
                Ok(thread) => self.helper = Some((helper, thread)),
                Err(error) => {
                    return tracing::warn!(%error, "no thread for checkpoints; the writer does them");
                }
            }
        }
        if let Some((helper, _)) = &self.helper {
            // One request in progress suffices.
            let _ = helper.try_send(());
        }
    }
}

fn help(path: &Path, inbox: &Receiver<()>) {
    let mut conn = None;
    while inbox.recv().is_ok() {
        if conn.is_none() {
            conn = super::connect(path)
                .inspect_err(|error| tracing::warn!(%error, "no connection for checkpoints"))
                .ok();
        }
        if let Some(conn) = &conn {
            copy(conn);
        }
    }
}

fn copy(conn: &Connection) {
    let done = conn.prepare_cached(PASSIVE).and_then(|mut s| s.query_row([], |_| Ok(())));
    if let Err(error) = done {
        tracing::warn!(%error, "the write-ahead log could not be copied into the database file");
    }
}
