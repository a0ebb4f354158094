//! The `print()` buffer. The interpreter calls it while a program runs, which allows watching memory.
use monty_types::{ExcType, MontyException, PrintWriter, PrintWriterCallback};
use signet_base::memory::resident_bytes;
use std::borrow::Cow;
use std::time::{Duration, Instant};

/// Shorter turns are never checked; longer ones at this interval.
const INTERVAL: Duration = Duration::from_millis(3);

/// The printed output, and the memory watch of the current turn.
///
/// The engine limits single allocations only. Many medium ones are limited here, by the growth of the process
/// during a turn. A program could catch an exception and continue to grow, so it is blocked until its time is
/// up: that end cannot be caught.
pub(crate) struct Output {
    pub(crate) text: String,
    cap: usize,
    growth: usize,
    time: Duration,
    turn: Instant,
    looked: Instant,
    base: Option<usize>,
    /// The turn was ended because of its memory.
    pub(crate) exceeded: bool,
}

impl Output {
    pub(crate) fn new(cap: usize, growth: usize, time: Duration) -> Self {
        let now = Instant::now();
        Self { text: String::new(), cap, growth, time, turn: now, looked: now, base: None, exceeded: false }
    }

    /// The writer of one turn.
    pub(crate) fn turn(&mut self) -> PrintWriter<'_> {
        self.turn = Instant::now();
        self.looked = self.turn;
        self.base = None;
        PrintWriter::Callback(self)
    }

    fn push(&mut self, text: &str) -> Result<(), MontyException> {
        if self.text.len() + text.len() > self.cap {
            let why = format!("more than {} bytes of printed text", self.cap);
            return Err(MontyException::new(ExcType::MemoryError, Some(why)));
        }
        self.text.push_str(text);
        Ok(())
    }

    fn watch(&mut self) {
        let now = Instant::now();
        if now.duration_since(self.looked) < INTERVAL {
            return;
        }
        self.looked = now;
        let Some(resident) = resident_bytes() else { return };
        let base = *self.base.get_or_insert(resident);
        if resident.saturating_sub(base) > self.growth {
            self.exceeded = true;
            let end = self.turn + self.time + INTERVAL;
            while let Some(rest) = end.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero()) {
                std::thread::park_timeout(rest);
            }
        }
    }
}

impl PrintWriterCallback for Output {
    fn stdout_write(&mut self, output: Cow<'_, str>) -> Result<(), MontyException> {
        self.push(&output)
    }
    fn stdout_push(&mut self, end: char) -> Result<(), MontyException> {
        self.push(end.encode_utf8(&mut [0; 4]))
    }
    fn poll_flush(&mut self) -> Result<(), MontyException> {
        self.watch();
        Ok(())
    }
}
