//! A software authenticator for tests: creates credentials, signs assertions, and sends wrong responses on
//! request.
use crate::{b64, b64_decode, sha256};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use signet_base::{Json, Ports, json};

/// One credential with its key.
pub struct SoftKey {
    pub id: Vec<u8>,
    pub user_handle: Vec<u8>,
    pub rp_id: String,
    pub aaguid: [u8; 16],
    /// Increases by one at each use; `None` always sends zero.
    pub counter: Option<u32>,
    /// UP 0x01, UV 0x04, BE 0x08, BS 0x10.
    pub flags: u8,
    key: EcdsaKeyPair,
}

/// Fields of a response that a test replaces.
#[derive(Default, Clone)]
pub struct ResponseOverrides {
    pub origin: Option<String>,
    pub rp_id: Option<String>,
    pub kind: Option<String>,
    pub challenge: Option<Vec<u8>>,
    pub flags: Option<u8>,
    pub cross_origin: bool,
    /// Attestation format: `none`, or `packed` with self attestation.
    pub packed: bool,
    pub transports: Vec<String>,
}

fn bytes_of(value: &Json) -> Vec<u8> {
    value.as_str().and_then(b64_decode).unwrap_or_default()
}
/// Writes the initial bytes of a CBOR item.
pub fn head(out: &mut Vec<u8>, major: u8, value: usize) {
    match value {
        0..=23 => out.push(major << 5 | u8::try_from(value).unwrap_or_default()),
        24..=255 => out.extend([major << 5 | 24, u8::try_from(value).unwrap_or_default()]),
        _ => {
            out.push(major << 5 | 25);
            out.extend(u16::try_from(value).unwrap_or_default().to_be_bytes());
        }
    }
}
/// A CBOR byte string.
pub fn bytes(out: &mut Vec<u8>, value: &[u8]) {
    head(out, 2, value.len());
    out.extend(value);
}
/// Writes a CBOR text string.
pub fn text(out: &mut Vec<u8>, value: &str) {
    head(out, 3, value.len());
    out.extend(value.as_bytes());
}

impl SoftKey {
    /// Responds to `PublicKeyCredentialCreationOptionsJSON` with a new credential.
    pub fn create(options: &Json, origin: &str, lie: &ResponseOverrides) -> Option<(Self, Json)> {
        let id: [u8; 32] = Ports::system().bytes();
        let me = Self {
            id: id.to_vec(),
            user_handle: bytes_of(&options["user"]["id"]),
            rp_id: options["rp"]["id"].as_str()?.to_owned(),
            aaguid: [0; 16],
            counter: Some(1),
            flags: 0x05,
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).ok()?,
        };
        let answer = me.register(options, origin, lie)?;
        Some((me, answer))
    }
    /// A credential with the given PKCS #8 key, so that a test can certify it.
    pub fn with_key(options: &Json, pkcs8: &[u8]) -> Option<Self> {
        let (mut me, _) = Self::create(options, "", &ResponseOverrides::default())?;
        me.key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8).ok()?;
        Some(me)
    }
    /// Responds to creation options with this credential.
    pub fn register(&self, options: &Json, origin: &str, lie: &ResponseOverrides) -> Option<Json> {
        if !lie.packed {
            return self.attested(options, origin, lie, "none", |_, _| vec![0xa0]);
        }
        self.attested(options, origin, lie, "packed", |data, hash| {
            let mut out = vec![0xa2];
            text(&mut out, "alg");
            out.push(0x26);
            text(&mut out, "sig");
            bytes(&mut out, &self.sign(&[data, hash].concat()).unwrap_or_default());
            out
        })
    }
    /// Responds to creation options with an attestation statement (CBOR) computed from authenticator data and
    /// client data hash.
    pub fn attested(
        &self,
        options: &Json,
        origin: &str,
        lie: &ResponseOverrides,
        format: &str,
        statement: impl Fn(&[u8], &[u8]) -> Vec<u8>,
    ) -> Option<Json> {
        let client = Self::client_data("webauthn.create", options, origin, lie);
        let mut data = self.auth_data(lie, 0x40, self.counter.unwrap_or(0));
        data.extend(self.aaguid);
        data.extend(u16::try_from(self.id.len()).ok()?.to_be_bytes());
        data.extend(&self.id);
        data.extend(self.cose());
        let mut object = vec![0xa3];
        text(&mut object, "fmt");
        text(&mut object, format);
        text(&mut object, "attStmt");
        object.extend(statement(&data, &sha256(&client)));
        text(&mut object, "authData");
        bytes(&mut object, &data);
        Some(self.credential(json!({"clientDataJSON": b64(&client), "attestationObject": b64(&object), "transports": lie.transports})))
    }
    /// Responds to `PublicKeyCredentialRequestOptionsJSON`.
    pub fn get(&mut self, options: &Json, origin: &str, lie: &ResponseOverrides) -> Option<Json> {
        if let Some(counter) = &mut self.counter {
            *counter += 1;
        }
        let client = Self::client_data("webauthn.get", options, origin, lie);
        let data = self.auth_data(lie, 0, self.counter.unwrap_or(0));
        let signature = self.sign(&[data.as_slice(), &sha256(&client)].concat())?;
        let response = json!({"clientDataJSON": b64(&client), "authenticatorData": b64(&data), "signature": b64(&signature), "userHandle": b64(&self.user_handle)});
        Some(self.credential(response))
    }
    /// The public key in COSE form.
    pub fn cose(&self) -> Vec<u8> {
        let point = self.key.public_key().as_ref();
        let mut out = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21];
        bytes(&mut out, &point[1..33]);
        out.push(0x22);
        bytes(&mut out, &point[33..65]);
        out
    }
    /// X and Y coordinates of the key, 64 bytes.
    pub fn coordinates(&self) -> Vec<u8> {
        self.key.public_key().as_ref()[1..].to_vec()
    }
    fn credential(&self, response: Json) -> Json {
        json!({"id": b64(&self.id), "rawId": b64(&self.id), "type": "public-key", "response": response, "clientExtensionResults": {}})
    }
    fn client_data(kind: &str, options: &Json, origin: &str, lie: &ResponseOverrides) -> Vec<u8> {
        let challenge = lie.challenge.clone().unwrap_or_else(|| bytes_of(&options["challenge"]));
        let kind = lie.kind.as_deref().unwrap_or(kind);
        let origin = lie.origin.as_deref().unwrap_or(origin);
        json!({"type": kind, "challenge": b64(&challenge), "origin": origin, "crossOrigin": lie.cross_origin})
            .to_string()
            .into_bytes()
    }
    fn auth_data(&self, lie: &ResponseOverrides, more: u8, counter: u32) -> Vec<u8> {
        let mut data = sha256(lie.rp_id.as_deref().unwrap_or(&self.rp_id).as_bytes()).to_vec();
        data.push(lie.flags.unwrap_or(self.flags) | more);
        data.extend(counter.to_be_bytes());
        data
    }
    /// A signature by the credential's key.
    pub fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        Some(self.key.sign(&SystemRandom::new(), message).ok()?.as_ref().to_vec())
    }
}
