//! A proof of work: where many passwords from one network or for one account were wrong, each further one costs whoever
//! sends it a moment of computing. It needs no service of anybody else; programs solve it as browsers do (docs/operations.md).
//!
//! The answer to a challenge is a nonce for which SHA-256 of `<challenge>:<nonce>` begins with so many zero bits. A challenge
//! is signed, not stored; it is for one network, some minutes, and one use.
use crate::budget::Prefix;
use crate::{Client, Core};
use signet_base::vault::sha256_hex;
use signet_base::{Json, Result, Span, json};
use signet_store::attempts;

/// Seconds for which a challenge is good.
const LIFETIME: i64 = 600;
/// Zero bits: the least, a fraction of a second in a browser, and the most.
const LEAST_BITS: u32 = 17;
const MOST_BITS: u32 = 20;
/// Longest nonce, in letters.
const MAX_NONCE: usize = 32;

/// How many bits are asked for after so many failures, where `from` of them are the first to ask: one more each time that
/// they have doubled.
pub fn bits(failures: i64, from: i64) -> u32 {
    let times = u64::try_from(failures / from.max(1)).unwrap_or_default().max(1);
    (LEAST_BITS + times.ilog2()).min(MOST_BITS)
}

const PURPOSE: &str = "proof of work";
/// What is signed: the head of a challenge, for one network.
fn signed(client: &Client, head: &str) -> Vec<u8> {
    format!("{} {head}", Prefix::of(client.ip)).into_bytes()
}

/// A challenge as clients get it: `<end in seconds>.<bits>.<random>.<signature>`.
pub fn challenge(core: &Core, client: &Client, bits: u32) -> Json {
    let head = format!("{}.{bits}.{}", core.now().secs() + LIFETIME, core.ports.hex(8));
    let text = format!("{head}.{}", core.vault.sign(PURPOSE, &signed(client, &head)));
    json!({"algorithm": "sha256", "challenge": text, "bits": bits})
}

/// Judges `<challenge>:<nonce>`. A challenge is used up by its answer.
pub async fn verify(core: &Core, client: &Client, answer: &str) -> Result<bool> {
    let Some((challenge, nonce)) = answer.split_once(':') else { return Ok(false) };
    if nonce.len() > MAX_NONCE || is_ours(core, client, challenge).is_none_or(|bits| zero_bits(answer) < bits)
    {
        return Ok(false);
    }
    let name = core.vault.digest("attempt", &format!("proof of work\n{challenge}"));
    Ok(attempts::take(&core.db, &name, 1, Span::from_secs(LIFETIME), core.now()).await?.is_allowed())
}

/// The bits of a challenge that this server gave to this network and that is not over.
fn is_ours(core: &Core, client: &Client, challenge: &str) -> Option<u32> {
    let (head, sent) = challenge.rsplit_once('.')?;
    if !core.vault.signature_fits(PURPOSE, &signed(client, head), sent) {
        return None;
    }
    let mut parts = head.split('.');
    let (end, bits) = (parts.next()?.parse::<i64>().ok()?, parts.next()?.parse::<u32>().ok()?);
    (end > core.now().secs()).then_some(bits)
}

/// Zero bits at the beginning of the digest, at most 32.
fn zero_bits(answer: &str) -> u32 {
    let digest = sha256_hex(answer.as_bytes());
    u32::from_str_radix(&digest[..8], 16).map_or(0, u32::leading_zeros)
}

/// Finds the answer to a challenge, as clients do.
pub fn solve(challenge: &str, bits: u32) -> String {
    let answer = |nonce: u64| format!("{challenge}:{nonce}");
    (0..).map(answer).find(|answer| zero_bits(answer) >= bits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn redteam_17_the_work_grows_with_the_failures_and_has_an_end() {
        assert_eq!([10, 19, 20, 39, 40, 80, 100_000].map(|n| bits(n, 10)), [17, 17, 18, 18, 19, 20, 20]);
        assert_eq!(bits(0, 0), 17);
    }
    #[test]
    fn an_answer_is_found_and_counted_in_bits() {
        let answer = solve("x", 8);
        assert!(zero_bits(&answer) >= 8 && zero_bits("x:") < 8);
    }
}
