//! Carries what was committed from the write-ahead log into the file. A thread of its own does most of it
//! beside the writer, so that nobody who waits for a commit waits for a whole log to be copied.
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Bytes of a page of the log.
const PAGE: u64 = 4_096;
const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";

pub(super) struct Checkpoints {
    path: PathBuf,
    /// Pages of the log at the last commit.
    pages: Arc<AtomicUsize>,
    before: usize,
    /// From so many pages on the writer copies the rest itself: only then the log begins anew.
    whole: usize,
    /// Pages of the log after which the thread begins, and again after so many more.
    step: usize,
    /// The count at which the next step is due.
    due: usize,
    /// The thread, once there was something to do.
    helper: Option<(SyncSender<()>, JoinHandle<()>)>,
}

impl Drop for Checkpoints {
    /// Its connection goes before the writer's, which is to be the last one and to leave a whole file.
    fn drop(&mut self) {
        if let Some((inbox, thread)) = self.helper.take() {
            drop(inbox);
            let _ = thread.join();
        }
    }
}

impl Checkpoints {
    /// For the writer's connection, which no longer does it by itself.
    /// `log`: bytes that the log may have.
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

    /// After the answers of a commit.
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
            // The thread may be at it: tried again soon.
            self.due = pages + self.step / 16;
            copy(conn);
        }
    }

    /// The disk is full: copies what can be copied and gives the log's space back.
    pub(super) fn make_room(&mut self, conn: &Connection) {
        // An answer of 1 means that readers hold the log: the next write tries again.
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
            // One that is under way is enough.
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
