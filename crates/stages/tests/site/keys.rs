//! Devices of people, made without a stage.
#![allow(clippy::unwrap_used)]
use crate::site::Site;
use signet_base::{Json, Uuid, json};
use signet_stages::authenticators::otp::{Algorithm, Shape};
use signet_store::devices::{self, Device, Kind};
use signet_webauthn::soft::{Lie, SoftKey};
use signet_webauthn::{CreationOptions, Expect, b64, register};

pub const ORIGIN: &str = "https://id.example.test";
pub const RP: &str = "id.example.test";
const TOTP_KEY: &[u8] = b"12345678901234567890";

impl Site {
    /// A passkey of the person, registered beside the stage. It verifies whoever holds it.
    pub async fn passkey(&self, user: i64, change: impl Fn(&mut Device)) -> (SoftKey, i64) {
        let handle = self.core.uid(user);
        let challenge = [5; 32];
        let options = CreationOptions {
            challenge: &challenge,
            rp_id: RP,
            rp_name: "x",
            user_handle: handle.as_bytes(),
            user_name: "x",
            display_name: "x",
            timeout: 1,
            exclude: &[],
            attachment: None,
            resident_key: "required",
            user_verification: "required",
            attestation: "none",
            hints: &[],
        }
        .json();
        let (key, answer) = SoftKey::create(&options, ORIGIN, &Lie::default()).unwrap();
        let made = register(&answer, &Expect { challenge: &challenge, origin: ORIGIN, rp_id: RP, user_verification: true }).unwrap();
        let mut device = Device::new(&self.core.ports, Kind::Webauthn, user, "Key");
        device.credential = Some(b64(&made.credential_id));
        device.counter = i64::from(made.counter);
        device.data = json!({"public_key": b64(&made.public_key), "aaguid": Uuid::from_bytes(made.aaguid), "transports": ["internal"]}).as_object().cloned().unwrap();
        change(&mut device);
        let id = devices::insert(&self.core.db, &device).await.unwrap();
        (key, id)
    }
    /// An authenticator app of the person.
    pub async fn totp(&self, user: i64, change: impl Fn(&mut Device)) -> i64 {
        let mut device = Device::new(&self.core.ports, Kind::Totp, user, "App");
        device.data = json!({"algorithm": "SHA1", "digits": 6, "period": 30}).as_object().cloned().unwrap();
        device.seal(&self.core.vault, &signet_stages::authenticators::otp::base32(TOTP_KEY).as_str().into()).unwrap();
        change(&mut device);
        devices::insert(&self.core.db, &device).await.unwrap()
    }
    /// The code of that app, some steps away from now.
    pub fn totp_code(&self, steps: i64) -> String {
        let shape = Shape { algorithm: Algorithm::Sha1, digits: 6, period: 30 };
        shape.code(TOTP_KEY, shape.step(self.core.now()) + steps)
    }
    /// Recovery codes of the person.
    pub async fn codes(&self, user: i64, codes: &[&str]) -> i64 {
        let device = Device::new(&self.core.ports, Kind::Static, user, "Codes");
        let digests: Vec<String> = codes.iter().map(|c| device.code_digest(&self.core.vault, c)).collect();
        devices::insert_with_codes(&self.core.db, &device, &digests).await.unwrap()
    }
    pub async fn device(&self, kind: Kind, id: i64) -> Device {
        devices::get(&self.core.db, kind, id).await.unwrap().unwrap()
    }
}

/// The challenge of the class inside a validation challenge.
pub fn of_class<'a>(challenge: &'a Json, class: &str) -> &'a Json {
    let list = challenge["device_challenges"].as_array().unwrap();
    list.iter().find(|d| d["device_class"] == class).map_or(&Json::Null, |d| &d["challenge"])
}
