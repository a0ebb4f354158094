//! Ports for the clock, randomness, mail, outbound HTTP and stored files. Tests replace them.
use crate::outbound::{Dialer, Http, Mailer, NoOutbound};
use crate::storage::{NoStorage, Storage};
use crate::{Timestamp, Uuid};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use zeroize::Zeroize;

pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}
pub trait Random: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);
}

/// The ports, cheap to clone, for code that needs time, randomness or the network.
#[derive(Clone)]
pub struct Ports {
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub mail: Arc<dyn Mailer>,
    pub http: Arc<dyn Http>,
    /// Connections of other protocols.
    pub dialer: Arc<dyn Dialer>,
    /// Pictures of applications, flows and brands.
    pub media: Arc<dyn Storage>,
    /// Exports.
    pub reports: Arc<dyn Storage>,
}

impl Ports {
    /// The system clock and the cryptographic random generator. Mail, HTTP and stored files are
    /// refused until `signet_outbound` and `signet_storage` are installed.
    pub fn system() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            mail: Arc::new(NoOutbound),
            http: Arc::new(NoOutbound),
            dialer: Arc::new(NoOutbound),
            media: Arc::new(NoStorage),
            reports: Arc::new(NoStorage),
        }
    }
    #[must_use]
    pub fn with_mail(self, mail: Arc<dyn Mailer>) -> Self {
        Self { mail, ..self }
    }
    #[must_use]
    pub fn with_http(self, http: Arc<dyn Http>) -> Self {
        Self { http, ..self }
    }
    #[must_use]
    pub fn with_dialer(self, dialer: Arc<dyn Dialer>) -> Self {
        Self { dialer, ..self }
    }
    #[must_use]
    pub fn with_storage(self, media: Arc<dyn Storage>, reports: Arc<dyn Storage>) -> Self {
        Self { media, reports, ..self }
    }
    /// A clock that a test advances, and a repeatable byte sequence.
    pub fn frozen(at: Timestamp, seed: u64) -> (Self, Arc<FrozenClock>) {
        let clock = Arc::new(FrozenClock(AtomicI64::new(at.0)));
        (
            Self {
                clock: clock.clone(),
                random: Arc::new(SeededRandom(AtomicU64::new(seed))),
                ..Self::system()
            },
            clock,
        )
    }
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes);
        bytes
    }
    /// A random (version 4) UUID.
    pub fn uuid(&self) -> Uuid {
        let mut bytes: [u8; 16] = self.bytes();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Uuid::from_bytes(bytes)
    }
    /// `length` random letters and digits, unbiased.
    pub fn alphanumeric(&self, length: usize) -> String {
        const SET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let mut text = String::with_capacity(length);
        while text.len() < length {
            let block: [u8; 64] = self.bytes();
            for byte in block {
                if byte < 248 && text.len() < length {
                    text.push(char::from(SET[usize::from(byte % 62)]));
                }
            }
        }
        text
    }
    /// `bytes` random bytes as lower-case hexadecimal.
    pub fn hex(&self, bytes: usize) -> String {
        let mut raw = vec![0; bytes];
        self.random.fill(&mut raw);
        crate::vault::hex(&raw)
    }
}

struct SystemClock;
impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}
struct SystemRandom;

/// Per-thread buffer of random bytes, filled by one call of the generator. Bytes are erased when used.
struct RandomBuffer {
    bytes: [u8; 512],
    used: usize,
}
thread_local! {
    static BUFFER: RefCell<RandomBuffer> = const { RefCell::new(RandomBuffer { bytes: [0; 512], used: 512 }) };
}

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        if bytes.len() > 64 {
            return generate(bytes);
        }
        BUFFER.with_borrow_mut(|buffer| {
            if buffer.used + bytes.len() > buffer.bytes.len() {
                generate(&mut buffer.bytes);
                buffer.used = 0;
            }
            let next = &mut buffer.bytes[buffer.used..buffer.used + bytes.len()];
            bytes.copy_from_slice(next);
            next.zeroize();
            buffer.used += bytes.len();
        });
    }
}

#[allow(clippy::disallowed_methods, reason = "the one place that asks the system for randomness")]
fn generate(bytes: &mut [u8]) {
    if aws_lc_rs::rand::fill(bytes).is_err() {
        // Without randomness, keys and sessions would be predictable: abort.
        std::process::abort();
    }
}

/// A clock for tests; it moves only when told.
pub struct FrozenClock(AtomicI64);
impl FrozenClock {
    pub fn advance_secs(&self, secs: i64) {
        self.0.fetch_add(secs * 1_000_000, Ordering::SeqCst);
    }
    pub fn set(&self, at: Timestamp) {
        self.0.store(at.0, Ordering::SeqCst);
    }
}
impl Clock for FrozenClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}
struct SeededRandom(AtomicU64);
impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            // SplitMix64: repeatable, not cryptographic; for tests only.
            let mut z =
                self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst).wrapping_add(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let word = (z ^ (z >> 31)).to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn bytes_of_the_system_do_not_repeat() {
        let ports = Ports::system();
        let mut seen: Vec<[u8; 24]> = (0..200).map(|_| ports.bytes()).collect();
        let long: [u8; 100] = ports.bytes();
        assert!(long.iter().any(|b| *b != 0));
        seen.sort_unstable();
        seen.dedup();
        assert_eq!((seen.len(), seen.contains(&[0; 24])), (200, false));
    }
    #[test]
    fn frozen_ports_repeat_themselves_and_the_clock_moves_only_by_hand() {
        let (a, clock) = Ports::frozen(Timestamp::from_secs(100), 7);
        let (b, _) = Ports::frozen(Timestamp::from_secs(100), 7);
        assert_eq!(a.alphanumeric(60), b.alphanumeric(60));
        clock.advance_secs(1);
        assert_eq!(a.now().secs(), 101);
        assert_eq!(a.uuid().get_version_num(), 4);
    }
}
