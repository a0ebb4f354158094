//! First-run setup: `initial-setup` works once, whatever is deleted later. Remote clients need the setup
//! code, which is in the log and printed by `signet setup_code`.
use crate::{Client, Core};
use signet_base::{Error, Json, Result, Secret, Span, json};
use signet_store::attempts::{self, AttemptOutcome};
use signet_store::kv;
use std::net::IpAddr;

const KEY: &str = "setup";
/// Key of the encrypted setup code, shared by all nodes.
const CODE: &str = "setup_code";
/// 32 unambiguous letters and digits: five bits each.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Three groups of five: 75 bits.
const LENGTH: usize = 15;
/// Attempts per network, and the window in seconds.
const TRIES: i64 = 10;
const WINDOW_SECS: i64 = 300;

/// Whether the setup is complete.
pub async fn is_done(core: &Core) -> Result<bool> {
    Ok(kv::get(&core.db, KEY).await?.is_some_and(|(v, _)| v.get("done") == Some(&Json::Bool(true))))
}
/// Completes the setup for ever. Called when the administrator's password is set, by any means.
pub async fn finish(core: &Core) -> Result<()> {
    kv::put(&core.db, &core.ports, KEY, &json!({"done": true}), None).await?;
    kv::delete(&core.db, CODE).await
}

/// The setup code, created at first use. `None`: the setup is complete.
pub async fn code(core: &Core) -> Result<Option<Secret>> {
    // A second iteration finds the code that another node has stored.
    for _ in 0..3 {
        if is_done(core).await? {
            return Ok(None);
        }
        let kept = kv::get(&core.db, CODE).await?;
        if let Some(code) = kept
            .as_ref()
            .and_then(|(value, _)| value.as_str())
            .and_then(|sealed| core.vault.open(("kv", CODE, "code"), sealed).ok())
        {
            return Ok(Some(code));
        }
        let fresh = Secret::new(make(&core.ports.bytes::<LENGTH>()));
        let sealed = Json::String(core.vault.seal(("kv", CODE, "code"), &fresh)?);
        match kv::put(&core.db, &core.ports, CODE, &sealed, Some(kept.map_or(0, |(_, version)| version)))
            .await
        {
            Ok(_) => return Ok(Some(fresh)),
            Err(Error::Conflict(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::Unavailable("the set-up code could not be kept".into()))
}

fn make(chance: &[u8; LENGTH]) -> String {
    let letters: Vec<char> = chance.iter().map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect();
    letters.chunks(5).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// The result of checking a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    Right,
    Wrong,
    /// The network's limit is reached: the code was not compared.
    TooMany,
}

/// Checks a code; case, spaces and hyphens are ignored.
pub async fn judge_code(core: &Core, client: &Client, typed: &str) -> Result<Judged> {
    let network = match client.ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        // A host can use all addresses of its /64.
        IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) >> 64 << 64).into()),
    };
    let name = core.vault.digest("attempt", &format!("setup code\n{network}"));
    let AttemptOutcome::Allowed { .. } =
        attempts::take(&core.db, &name, TRIES, Span::from_secs(WINDOW_SECS), core.now()).await?
    else {
        return Ok(Judged::TooMany);
    };
    let plain = |text: &str| {
        text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase()
    };
    let Some(code) = code(core).await? else { return Ok(Judged::Wrong) };
    if typed.len() <= 64 && Secret::new(plain(code.reveal())).matches(&plain(typed)) {
        attempts::clear(&core.db, &name).await?;
        return Ok(Judged::Right);
    }
    Ok(Judged::Wrong)
}

/// The claimed setup: the version of its record.
pub struct Claim(i64);
/// Claims the setup: of any number of callers one succeeds.
pub async fn claim(core: &Core) -> Result<Option<Claim>> {
    let version = match kv::get(&core.db, KEY).await? {
        Some((value, _)) if value.get("done") == Some(&Json::Bool(true)) => return Ok(None),
        Some((_, version)) => version,
        None => 0,
    };
    match kv::put(&core.db, &core.ports, KEY, &json!({"done": true}), Some(version)).await {
        Ok(version) => Ok(Some(Claim(version))),
        Err(Error::Conflict(_)) => Ok(None),
        Err(e) => Err(e),
    }
}
/// Gives the chance back: the claimed write did not happen. Nothing changes when the first run was closed
/// meanwhile.
pub async fn release(core: &Core, claim: Claim) -> Result<()> {
    match kv::put(&core.db, &core.ports, KEY, &json!({"done": false}), Some(claim.0)).await {
        Ok(_) | Err(Error::Conflict(_)) => Ok(()),
        Err(e) => Err(e),
    }
}
/// The account that the first run is about, under the name that it has until then.
pub const ADMINISTRATOR: &str = "akadmin";
/// The flow of the first run.
pub const FLOW: &str = "initial-setup";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_three_groups_that_can_be_read_aloud() {
        assert_eq!(make(&[0, 1, 2, 3, 31, 32, 255, 0, 0, 0, 7, 8, 9, 10, 11]), "ABCD9-A9AAA-HJKLM");
        let other: std::collections::BTreeSet<_> = LETTERS.iter().collect();
        assert_eq!(other.len(), 32);
    }
}
