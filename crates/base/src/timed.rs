//! Random identifiers with a time prefix, and their digests. Rows created at about the same time are then
//! adjacent in every index, so a commit of many rows changes few pages.
use crate::{Ports, Timestamp, Uuid, Vault};

/// Number of hexadecimal digits that hold milliseconds since the Unix epoch.
const DIGITS: usize = 12;

impl Ports {
    /// A version 7 UUID (RFC 9562 §5.7).
    pub fn uuid_v7(&self) -> Uuid {
        let mut bytes: [u8; 16] = self.bytes();
        bytes[..6].copy_from_slice(&time_bytes(self.now()));
        bytes[6] = bytes[6] & 0x0f | 0x70;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Uuid::from_bytes(bytes)
    }
    /// A secret: time prefix, hyphen, `length` random letters and digits.
    pub fn timed_secret(&self, length: usize) -> String {
        let mut text = crate::vault::hex(&time_bytes(self.now()));
        text.push('-');
        text.push_str(&self.alphanumeric(length));
        text
    }
}

impl Vault {
    /// [`Vault::digest`] prefixed with the secret's time, if it has one. The prefix is not trusted: a
    /// modified secret has another digest.
    pub fn timed_digest(&self, purpose: &str, secret: &str) -> String {
        let time = time_of(secret).filter(|_| secret.as_bytes().get(DIGITS) == Some(&b'-'));
        join(time, &self.digest(purpose, secret))
    }
    /// Like `timed_digest`, for a secret whose time is in its version 7 `id`.
    pub fn digest_beside(&self, purpose: &str, id: &str, secret: &str) -> String {
        join(time_of(id), &self.digest(purpose, secret))
    }
}

fn time_bytes(at: Timestamp) -> [u8; 6] {
    let millis = u64::try_from(at.0 / 1000).unwrap_or_default().to_be_bytes();
    [millis[2], millis[3], millis[4], millis[5], millis[6], millis[7]]
}

fn join(time: Option<&str>, digest: &str) -> String {
    [time.unwrap_or_default(), digest].concat()
}

fn time_of(text: &str) -> Option<&str> {
    text.get(..DIGITS).filter(|time| time.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    #[test]
    fn digests_sort_by_the_time_of_their_secrets() {
        let (ports, clock) = Ports::frozen(Timestamp::from_secs(1_900_000_000), 7);
        let vault = Vault::new(&Secret::new("k"), ports.clone()).unwrap();
        let (first, id) = (ports.timed_secret(40), ports.uuid_v7().simple().to_string());
        clock.advance_secs(1);
        let second = ports.timed_secret(40);
        assert_eq!((first.len(), &first[..12], &id[..12]), (53, "01ba60d33800", "01ba60d33800"));
        let digest = vault.timed_digest("p", &first);
        assert!(digest.starts_with("01ba60d33800") && digest < vault.timed_digest("p", &second));
        assert_ne!(digest, vault.timed_digest("q", &first));
        assert!(vault.digest_beside("p", &id, "text").starts_with("01ba60d33800"));
    }
    #[test]
    fn other_texts_have_their_plain_digest() {
        let vault = Vault::new(&Secret::new("k"), Ports::system()).unwrap();
        for other in ["0191f0c2a3b4AbC", "0191F0C2A3B4-x", "0191f0c2a3b", "", "éééééééé", "AbCdEfGhIjKl-x"]
        {
            assert_eq!(vault.timed_digest("p", other), vault.digest("p", other), "{other}");
        }
        assert_eq!(vault.digest_beside("p", "no time", "x"), vault.digest("p", "x"));
    }
}
