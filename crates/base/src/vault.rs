//! Encryption at rest: AES-256-GCM with table, row and column as associated data, so that a ciphertext copied
//! to another row does not decrypt. Keyed digests for token lookup.
use crate::{Error, Ports, Result, Secret};
use aws_lc_rs::{aead, hkdf, hmac};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};

pub struct Vault {
    seal: aead::LessSafeKey,
    digest: hmac::Key,
    sign: hmac::Key,
    ports: Ports,
}

struct Length(usize);
impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl Vault {
    /// Derives all keys from the installation's secret key (HKDF-SHA256, RFC 5869).
    pub fn new(secret_key: &Secret, ports: Ports) -> Result<Self> {
        let prk =
            hkdf::Salt::new(hkdf::HKDF_SHA256, b"signet/vault/1").extract(secret_key.reveal().as_bytes());
        let derive = |purpose: &'static [u8]| -> Result<[u8; 32]> {
            let mut key = [0; 32];
            prk.expand(&[purpose], Length(32))
                .and_then(|okm| okm.fill(&mut key))
                .map_err(|_| Error::internal("key derivation"))?;
            Ok(key)
        };
        let seal = aead::UnboundKey::new(&aead::AES_256_GCM, &derive(b"seal")?)
            .map_err(|_| Error::internal("AES key"))?;
        Ok(Self {
            seal: aead::LessSafeKey::new(seal),
            digest: hmac::Key::new(hmac::HMAC_SHA256, &derive(b"digest")?),
            sign: hmac::Key::new(hmac::HMAC_SHA256, &derive(b"sign")?),
            ports,
        })
    }
    /// Encrypts for a place, such as `("token", "<uuid>", "key")`.
    pub fn seal(&self, place: (&str, &str, &str), text: &Secret) -> Result<String> {
        let nonce: [u8; 12] = self.ports.bytes();
        let mut data = text.reveal().as_bytes().to_vec();
        self.seal
            .seal_in_place_append_tag(
                aead::Nonce::assume_unique_for_key(nonce),
                aead::Aad::from(aad(place)),
                &mut data,
            )
            .map_err(|_| Error::internal("seal"))?;
        let mut all = nonce.to_vec();
        all.append(&mut data);
        Ok(format!("v1:{}", STANDARD_NO_PAD.encode(all)))
    }
    /// Decrypts the output of `seal` for the same place.
    pub fn open(&self, place: (&str, &str, &str), sealed: &str) -> Result<Secret> {
        let wrong = || {
            Error::internal(format!(
                "a stored secret of {} does not open: was the secret key changed?",
                place.0
            ))
        };
        let mut all =
            STANDARD_NO_PAD.decode(sealed.strip_prefix("v1:").ok_or_else(wrong)?).map_err(|_| wrong())?;
        if all.len() < 28 {
            return Err(wrong());
        }
        let mut data = all.split_off(12);
        let nonce = aead::Nonce::try_assume_unique_for_key(&all).map_err(|_| wrong())?;
        let text =
            self.seal.open_in_place(nonce, aead::Aad::from(aad(place)), &mut data).map_err(|_| wrong())?;
        Ok(Secret::new(std::str::from_utf8(text).map_err(|_| wrong())?))
    }
    /// Keyed digest (hex) for looking up a random token. The database holds no token in clear.
    pub fn digest(&self, purpose: &str, token: &str) -> String {
        hex(hmac_of(&self.digest, purpose, token.as_bytes()).as_ref())
    }
    /// A signature of a value that is stored in the browser (Base64url without padding).
    pub fn sign(&self, purpose: &str, data: &[u8]) -> String {
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hmac_of(&self.sign, purpose, data))
    }
    pub fn signature_fits(&self, purpose: &str, data: &[u8], signature: &str) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(
            self.sign(purpose, data).as_bytes(),
            signature.as_bytes(),
        )
        .is_ok()
    }
}

fn aad(place: (&str, &str, &str)) -> Vec<u8> {
    format!("{}\0{}\0{}", place.0, place.1, place.2).into_bytes()
}
fn hmac_of(key: &hmac::Key, purpose: &str, data: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(purpose.as_bytes());
    context.update(&[0]);
    context.update(data);
    context.sign()
}
/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}
/// SHA-256 of the bytes as lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref())
}
/// SHA-512 of the bytes as lower-case hexadecimal.
pub fn sha512_hex(bytes: &[u8]) -> String {
    hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, bytes).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    fn vault(key: &str) -> Vault {
        Vault::new(&Secret::new(key), Ports::system()).unwrap()
    }
    #[test]
    fn a_sealed_secret_opens_only_at_its_place_and_with_its_key() {
        let v = vault("k");
        let sealed = v.seal(("token", "1", "key"), &"s3cret".into()).unwrap();
        assert!(!sealed.contains("s3cret"));
        assert_eq!(v.open(("token", "1", "key"), &sealed).unwrap().reveal(), "s3cret");
        assert!(v.open(("token", "2", "key"), &sealed).is_err());
        assert!(vault("other").open(("token", "1", "key"), &sealed).is_err());
        assert!(v.open(("token", "1", "key"), "v1:AAAA").is_err());
    }
    #[test]
    fn digests_and_signatures_differ_by_purpose() {
        let v = vault("k");
        assert_ne!(v.digest("a", "t"), v.digest("b", "t"));
        let s = v.sign("csrf", b"x");
        assert!(v.signature_fits("csrf", b"x", &s) && !v.signature_fits("csrf", b"y", &s));
    }
}
