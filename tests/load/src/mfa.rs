//! Sign-in with a password and a one-time code (RFC 6238). A code counts once, so there are more people than
//! connections: each takes part again only when there is a code that they have not used.
use crate::client::{Jar, Result};
use crate::runner::{Log, Work};
use crate::signet::Admin;
use crate::site::{Person, Site};
use aws_lc_rs::hmac;
use serde_json::json;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

const SET_UP: &str = "default-authenticator-totp-setup";
/// Seconds of one code.
pub const PERIOD: u64 = 30;

/// Somebody with a TOTP device.
pub struct Holder {
    name: String,
    password: String,
    secret: Vec<u8>,
    /// The last step whose code was used.
    last: u64,
}

/// People who are free to sign in.
pub type People = Arc<Mutex<VecDeque<Holder>>>;

pub struct TotpLogin {
    person: Person,
    people: People,
}

impl TotpLogin {
    pub fn new(site: &Arc<Site>, people: &People) -> Self {
        Self { person: Person::new(site), people: people.clone() }
    }
}

impl Work for TotpLogin {
    async fn turn(&mut self, log: &mut Log) -> Result<()> {
        let mut holder = self
            .people
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
            .ok_or("more connections than people")?;
        // Codes of the step before and after count as well.
        // Two seconds on, so that a code does not grow too old on its way.
        let step = (holder.last + 1).max((now() + 2) / PERIOD - 1);
        if step > now() / PERIOD + 1 {
            return Err("too few people: every code of this half minute is used".into());
        }
        holder.last = step;
        self.person.jar = Jar::default();
        self.person.code = Some(code(&holder.secret, step));
        let done = self.person.sign_in(Some((&holder.name, &holder.password)), log).await.map(drop);
        self.people.lock().unwrap_or_else(PoisonError::into_inner).push_back(holder);
        done
    }
}

/// `count` people with passwords and devices, each set up by themselves in the flow for it.
pub async fn people(admin: &mut Admin, site: &Arc<Site>, count: usize) -> Result<People> {
    let mut all = VecDeque::new();
    for n in 0..count {
        let (name, password) = admin.person(&format!("totp-{n}")).await?;
        let mut person = Person::new(site);
        let mut log = Log::default();
        person.sign_in(Some((&name, &password)), &mut log).await?;
        person.library().await?;
        let challenge = person.challenge(SET_UP, "", None, &mut log).await?;
        let url = challenge["config_url"].as_str().ok_or_else(|| format!("no TOTP set-up: {challenge}"))?;
        let text = crate::client::parameter(url.split_once('?').map_or("", |(_, query)| query), "secret")
            .ok_or("a set-up without a secret")?;
        let secret = base32(&text).ok_or("the secret is no Base32")?;
        let step = now() / PERIOD - 1;
        let answer = json!({"component": "ak-stage-authenticator-totp", "code": code(&secret, step)});
        let last = person.challenge(SET_UP, "", Some(&answer), &mut log).await?;
        if last["component"] != "xak-flow-redirect" {
            return Err(format!("the set-up of a TOTP device does not end: {last}"));
        }
        all.push_back(Holder { name, password, secret, last: step });
    }
    Ok(Arc::new(Mutex::new(all)))
}

#[allow(clippy::disallowed_methods, reason = "one-time codes follow the machine's clock")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |t| t.as_secs())
}

/// Six digits (RFC 4226 §5.3).
fn code(secret: &[u8], step: u64) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret), &step.to_be_bytes());
    let bytes = tag.as_ref();
    let at = usize::from(bytes[19] & 15);
    let number = u32::from_be_bytes([bytes[at] & 0x7f, bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    format!("{:06}", number % 1_000_000)
}

fn base32(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for c in text.trim_end_matches('=').bytes() {
        let value = match c.to_ascii_uppercase() {
            c @ b'A'..=b'Z' => c - b'A',
            c @ b'2'..=b'7' => c - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u32::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_specification() {
        // RFC 6238 appendix B, shortened to six digits.
        assert_eq!(code(b"12345678901234567890", 59 / 30), "287082");
        assert_eq!(code(b"12345678901234567890", 1_111_111_109 / 30), "081804");
        assert_eq!(base32("GEZDGNBVGY3TQOJQ").unwrap(), b"1234567890");
        assert!(base32("1").is_none());
    }
}
