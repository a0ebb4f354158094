//! Password hashes: Argon2id (RFC 9106; default 64 MiB, 3 passes). Django's `pbkdf2_sha256` is verified, so
//! that migrated users keep their passwords.
mod cost;

use crate::pool::{Pool, PoolTurn};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::pbkdf2;
use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::STANDARD_NO_PAD};
use cost::{Costs, Work};
use signet_base::{Error, Ports, Result, Secret};
use std::cell::RefCell;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// Maximum length of a password in bytes; longer ones are refused before hashing.
pub const MAX_PASSWORD: usize = 512;
const LONGEST_WAIT: Duration = Duration::from_secs(2);
const MAX_PBKDF2: u32 = 5_000_000;
/// Cost of a hash. One lane: a hash uses one core, and as many run concurrently as there are cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashCost {
    pub memory_kib: u32,
    pub passes: u32,
}
impl HashCost {
    /// OWASP's minimum: for small machines and tests.
    pub const LEAST: Self = Self { memory_kib: 19 * 1024, passes: 2 };
    /// KiB times passes.
    fn units(self) -> u64 {
        u64::from(self.memory_kib) * u64::from(self.passes)
    }
}
impl Default for HashCost {
    /// The second recommended option of RFC 9106 §4.
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 3 }
    }
}

thread_local! {
    /// Each worker reuses its arena, so memory depends on the pool's size, not on the number of sign-ins.
    static ARENA: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

#[derive(Clone)]
pub struct Hasher {
    pool: Pool,
    ports: Ports,
    cost: HashCost,
    /// Verified if the account does not exist, so that the response takes the same time.
    dummy: Arc<str>,
    costs: Arc<Costs>,
}

impl Hasher {
    pub fn new(threads: usize, cost: HashCost, ports: Ports) -> Result<Self> {
        // Jobs that would wait longer than two seconds are refused at once.
        let pool = Pool::new("hash", threads, threads.max(1) * 500)?.no_longer_than(LONGEST_WAIT);
        let dummy = encode(cost, &ports.bytes::<16>(), &[0; 32]).into();
        let costs = Arc::new(Costs::new(Work::Argon2(cost.units())));
        Ok(Self { pool, ports, cost, dummy, costs })
    }
    /// Records an account's hash: from now on every check takes at least as long.
    pub fn learn(&self, stored: &str) {
        if let Some(work) = work(stored) {
            self.costs.learn(work);
        }
    }
    /// The maximum cost of known hashes (Argon2id: KiB times passes; PBKDF2: rounds), for storing across
    /// restarts. `None`: new hashes are the costliest.
    pub fn costliest(&self) -> Option<(u64, u64)> {
        let (argon2, pbkdf2) = self.costs.most();
        (pbkdf2 > 0 || argon2 > self.cost.units()).then_some((argon2, pbkdf2))
    }
    /// Restores the value of [`Hasher::costliest`].
    pub fn recall(&self, (argon2, pbkdf2): (u64, u64)) {
        self.costs.learn(Work::Argon2(argon2.min(256 * 1024 * 16)));
        self.costs.learn(Work::Pbkdf2(pbkdf2.min(u64::from(MAX_PBKDF2))));
    }
    pub async fn hash(&self, password: Secret) -> Result<String> {
        self.hash_in_turn(PoolTurn::OWN, password).await
    }
    /// [`Hasher::hash`] for an anonymous client.
    pub async fn hash_in_turn(&self, turn: PoolTurn, password: Secret) -> Result<String> {
        if password.reveal().len() > MAX_PASSWORD {
            return Err(Error::invalid("password", format!("Use at most {MAX_PASSWORD} bytes.")));
        }
        let salt: [u8; 16] = self.ports.bytes();
        let cost = self.cost;
        self.pool
            .run_in_turn(turn, move || {
                Ok(encode(
                    cost,
                    &salt,
                    &with_params(password.reveal().as_bytes(), &salt, cost.memory_kib, cost.passes, 1)?,
                ))
            })
            .await?
    }
    /// Whether the password is right. `None` (no account, unusable hash) takes as long as a wrong password.
    pub async fn verify(&self, stored: Option<&str>, password: &Secret) -> Result<bool> {
        self.verify_in_turn(PoolTurn::OWN, stored, password).await
    }
    /// [`Hasher::verify`] for an anonymous client.
    pub async fn verify_in_turn(
        &self,
        turn: PoolTurn,
        stored: Option<&str>,
        password: &Secret,
    ) -> Result<bool> {
        if password.reveal().len() > MAX_PASSWORD {
            return Ok(false);
        }
        let known = stored.is_some_and(is_well_formed);
        let stored = stored.filter(|_| known).unwrap_or(&self.dummy).to_owned();
        let work = work(&stored).ok_or_else(|| Error::internal("a hash without a cost"))?;
        self.costs.learn(work);
        let (password, costs) = (password.clone(), self.costs.clone());
        let fits = self
            .pool
            .run_in_turn(turn, move || costs.evenly(work, || check(&stored, password.reveal().as_bytes())))
            .await??;
        Ok(fits && known)
    }
    /// Whether the hash should be replaced after a successful sign-in: another kind, or weaker than
    /// configured.
    pub fn is_outdated(&self, hash: &str) -> bool {
        parse_argon2(hash)
            .is_none_or(|phc| phc.memory < self.cost.memory_kib || phc.passes < self.cost.passes)
    }
    /// The pool, for benchmarks.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }
}

/// Whether any password can match; the prefix `!` marks an unusable hash.
pub fn is_usable(hash: &str) -> bool {
    hash.starts_with("$argon2id$") || hash.starts_with("pbkdf2_sha256$")
}
/// Whether an administrator's hash has a supported format.
pub fn is_well_formed(hash: &str) -> bool {
    is_usable(hash) && (parse_argon2(hash).is_some() || parse_pbkdf2(hash).is_some())
}

fn with_params(password: &[u8], salt: &[u8], memory: u32, passes: u32, lanes: u32) -> Result<[u8; 32]> {
    let params = Params::new(memory, passes, lanes, Some(32)).map_err(Error::internal)?;
    let blocks = params.block_count();
    let engine = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut out = [0; 32];
    ARENA.with_borrow_mut(|arena| {
        if arena.len() < blocks {
            arena.resize(blocks, Block::default());
        }
        engine
            .hash_password_into_with_memory(password, salt, &mut out, &mut arena[..blocks])
            .map_err(Error::internal)
    })?;
    Ok(out)
}
fn encode(cost: HashCost, salt: &[u8], hash: &[u8]) -> String {
    format!(
        "$argon2id$v=19$m={},t={},p=1${}${}",
        cost.memory_kib,
        cost.passes,
        STANDARD_NO_PAD.encode(salt),
        STANDARD_NO_PAD.encode(hash)
    )
}
struct Phc {
    memory: u32,
    passes: u32,
    lanes: u32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}
fn parse_argon2(text: &str) -> Option<Phc> {
    let mut parts = text.strip_prefix("$argon2id$v=19$")?.split('$');
    let (params, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
    let mut numbers = params.split(',').map(|p| p.split_once('=').and_then(|(_, n)| n.parse::<u32>().ok()));
    let (memory, passes, lanes) = (numbers.next()??, numbers.next()??, numbers.next()??);
    // Limits the cost of verifying an imported hash.
    (memory <= 256 * 1024 && passes <= 16 && lanes <= 16).then_some(())?;
    let (salt, hash) = (STANDARD_NO_PAD.decode(salt).ok()?, STANDARD_NO_PAD.decode(hash).ok()?);
    (hash.len() == 32 && salt.len() >= 8).then_some(Phc { memory, passes, lanes, salt, hash })
}
fn parse_pbkdf2(text: &str) -> Option<(NonZeroU32, String, Vec<u8>)> {
    let mut parts = text.strip_prefix("pbkdf2_sha256$")?.split('$');
    let (rounds, salt, hash) =
        (parts.next()?.parse().ok()?, parts.next()?.to_owned(), STANDARD.decode(parts.next()?).ok()?);
    (rounds <= MAX_PBKDF2 && hash.len() == 32 && parts.next().is_none()).then_some(())?;
    Some((NonZeroU32::new(rounds)?, salt, hash))
}
/// The work of verifying a hash.
fn work(stored: &str) -> Option<Work> {
    match parse_argon2(stored) {
        Some(phc) => Some(Work::Argon2(u64::from(phc.memory) * u64::from(phc.passes))),
        None => parse_pbkdf2(stored).map(|(rounds, ..)| Work::Pbkdf2(rounds.get().into())),
    }
}
fn check(stored: &str, password: &[u8]) -> Result<bool> {
    if let Some(phc) = parse_argon2(stored) {
        let made = with_params(password, &phc.salt, phc.memory, phc.passes, phc.lanes)?;
        return Ok(aws_lc_rs::constant_time::verify_slices_are_equal(&made, &phc.hash).is_ok());
    }
    if let Some((rounds, salt, hash)) = parse_pbkdf2(stored) {
        return Ok(
            pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt.as_bytes(), password, &hash).is_ok()
        );
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[tokio::test]
    async fn a_password_fits_its_own_hash_and_no_other() {
        let hasher = Hasher::new(1, HashCost::LEAST, Ports::system()).unwrap();
        let hash = hasher.hash("correct horse".into()).await.unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
                && !hasher.is_outdated(&hash)
                && is_well_formed(&hash)
        );
        assert!(hasher.verify(Some(&hash), &"correct horse".into()).await.unwrap());
        assert!(!hasher.verify(Some(&hash), &"correct horsf".into()).await.unwrap());
        assert!(!hasher.verify(None, &"correct horse".into()).await.unwrap());
        assert!(!hasher.verify(Some("!unusable"), &"".into()).await.unwrap());
    }
    #[tokio::test]
    async fn django_hashes_are_understood_and_marked_for_renewal() {
        let hasher = Hasher::new(1, HashCost::LEAST, Ports::system()).unwrap();
        // Made with hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", 1000).
        let mut out = [0; 32];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            NonZeroU32::new(1000).unwrap(),
            b"salt",
            b"secret",
            &mut out,
        );
        let hash = format!("pbkdf2_sha256$1000$salt${}", STANDARD.encode(out));
        assert!(hasher.verify(Some(&hash), &"secret".into()).await.unwrap() && hasher.is_outdated(&hash));
        assert!(!hasher.verify(Some(&hash), &"secreu".into()).await.unwrap());
        assert!(!is_well_formed("plain") && !is_well_formed("pbkdf2_sha256$x$y$z"));
    }
    #[tokio::test]
    async fn redteam_18_a_wrong_password_costs_the_same_whatever_kind_of_hash_is_stored() {
        let hasher = Hasher::new(1, HashCost::LEAST, Ports::system()).unwrap();
        let of = |rounds: u32| {
            let mut out = [0; 32];
            pbkdf2::derive(
                pbkdf2::PBKDF2_HMAC_SHA256,
                NonZeroU32::new(rounds).unwrap(),
                b"salt",
                b"secret",
                &mut out,
            );
            format!("pbkdf2_sha256${rounds}$salt${}", STANDARD.encode(out))
        };
        let native = hasher.hash("secret".into()).await.unwrap();
        let kinds = [None, Some(native), Some(of(20_000)), Some(of(900_000))];
        hasher.learn(kinds[3].as_deref().unwrap());
        let mut took: Vec<Vec<u64>> = vec![Vec::new(); kinds.len()];
        for _ in 0..9 {
            for (kind, took) in kinds.iter().zip(&mut took) {
                let (costs, known) =
                    (hasher.costs.clone(), kind.clone().unwrap_or_else(|| hasher.dummy.to_string()));
                let spent = hasher.pool.run(move || {
                    let before = signet_base::thread::cpu_time();
                    costs.evenly(work(&known).unwrap(), || check(&known, b"wrong")).unwrap();
                    signet_base::thread::cpu_time() - before
                });
                took.push(u64::try_from(spent.await.unwrap().as_micros()).unwrap());
            }
        }
        let middle: Vec<u64> = took
            .iter_mut()
            .map(|all| {
                all.sort_unstable();
                all[all.len() / 2]
            })
            .collect();
        let (least, most) = (middle.iter().min().unwrap(), middle.iter().max().unwrap());
        assert!(most * 10 < least * 13, "{middle:?}");
        assert!(
            hasher.verify(kinds[2].as_deref(), &"secret".into()).await.unwrap()
                && !hasher.verify(kinds[2].as_deref(), &"wrong".into()).await.unwrap()
        );
    }
    #[tokio::test]
    async fn a_very_long_password_is_refused_before_hashing() {
        let hasher = Hasher::new(1, HashCost::LEAST, Ports::system()).unwrap();
        assert!(matches!(hasher.hash("x".repeat(513).into()).await, Err(Error::Invalid(_))));
        assert!(!hasher.verify(None, &"x".repeat(100_000).into()).await.unwrap());
    }
    #[tokio::test]
    async fn a_hash_of_a_lower_cost_fits_and_is_marked_for_renewal_and_one_of_a_higher_stays() {
        let before = Hasher::new(1, HashCost::LEAST, Ports::system()).unwrap();
        let now = Hasher::new(1, HashCost { memory_kib: 32 * 1024, passes: 2 }, Ports::system()).unwrap();
        let (weak, strong) = (before.hash("pw".into()).await.unwrap(), now.hash("pw".into()).await.unwrap());
        assert!(now.verify(Some(&weak), &"pw".into()).await.unwrap() && now.is_outdated(&weak));
        assert!(strong.starts_with("$argon2id$v=19$m=32768,t=2,p=1$"), "{strong}");
        assert!(
            before.verify(Some(&strong), &"pw".into()).await.unwrap()
                && !before.is_outdated(&strong)
                && !now.is_outdated(&strong)
        );
    }
}
