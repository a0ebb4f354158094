//! Devices of people, made without a stage.
#![allow(dead_code, clippy::unwrap_used)]
use crate::site::Site;
use signet_base::{Json, Uuid, json};
use signet_model::Model;
use signet_stages::authenticator_validate::AuthenticatorValidateStage;
use signet_stages::authenticators::otp::{Algorithm, Shape};
use signet_stages::identification::IdentificationStage;
use signet_stages::password::PasswordStage;
use signet_stages::user_login::UserLoginStage;
use signet_store::devices::{self, Device, DeviceKind};
use signet_store::users;
use signet_webauthn::soft::{ResponseOverrides, SoftKey};
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
        let (key, answer) = SoftKey::create(&options, ORIGIN, &ResponseOverrides::default()).unwrap();
        let made = register(
            &answer,
            &Expect { challenge: &challenge, origin: ORIGIN, rp_id: RP, user_verification: true },
        )
        .unwrap();
        let mut device = Device::new(&self.core.ports, DeviceKind::Webauthn, user, "Key");
        device.credential = Some(b64(&made.credential_id));
        device.counter = i64::from(made.counter);
        device.data = json!({"public_key": b64(&made.public_key), "aaguid": Uuid::from_bytes(made.aaguid), "transports": ["internal"]}).as_object().cloned().unwrap();
        change(&mut device);
        let id = devices::insert(&self.core.db, &device).await.unwrap();
        (key, id)
    }
    /// An authenticator app of the person.
    pub async fn totp(&self, user: i64, change: impl Fn(&mut Device)) -> i64 {
        let mut device = Device::new(&self.core.ports, DeviceKind::Totp, user, "App");
        device.data = json!({"algorithm": "SHA1", "digits": 6, "period": 30}).as_object().cloned().unwrap();
        device
            .seal(&self.core.vault, &signet_stages::authenticators::otp::base32(TOTP_KEY).as_str().into())
            .unwrap();
        change(&mut device);
        devices::insert(&self.core.db, &device).await.unwrap()
    }
    /// The code of that app, some steps away from now.
    pub fn totp_code(&self, steps: i64) -> String {
        let shape = Shape { algorithm: Algorithm::Sha1, digits: 6, period: 30, drift: 1 };
        shape.code(TOTP_KEY, shape.step(self.core.now()) + steps)
    }
    /// Recovery codes of the person.
    pub async fn codes(&self, user: i64, codes: &[&str]) -> i64 {
        let device = Device::new(&self.core.ports, DeviceKind::Static, user, "Codes");
        let digests: Vec<String> = codes.iter().map(|c| device.code_digest(&self.core.vault, c)).collect();
        devices::insert_with_codes(&self.core.db, &device, &digests).await.unwrap()
    }
    pub async fn device(&self, kind: DeviceKind, id: i64) -> Device {
        devices::get(&self.core.db, kind, id).await.unwrap().unwrap()
    }
}

/// The challenge of the class inside a validation challenge.
pub fn of_class<'a>(challenge: &'a Json, class: &str) -> &'a Json {
    let list = challenge["device_challenges"].as_array().unwrap();
    list.iter().find(|d| d["device_class"] == class).map_or(&Json::Null, |d| &d["challenge"])
}

pub const VALIDATE: &str = "ak-stage-authenticator-validate";

pub fn with(mut base: Json, extra: Json) -> Json {
    base.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    base
}
pub async fn validate(site: &Site, extra: Json) -> Uuid {
    site.make(
        AuthenticatorValidateStage::DEF,
        with(json!({"name": "mfa", "not_configured_action": "deny"}), extra),
    )
    .await
}
pub async fn identification(site: &Site, extra: Json) -> Uuid {
    site.make(
        IdentificationStage::DEF,
        with(json!({"name": "identification", "user_fields": ["username"]}), extra),
    )
    .await
}
pub async fn password(site: &Site) -> Uuid {
    site.make(
        PasswordStage::DEF,
        json!({"name": "password", "backends": ["authentik.core.auth.InbuiltBackend"]}),
    )
    .await
}
pub async fn login(site: &Site) -> Uuid {
    site.make(UserLoginStage::DEF, json!({"name": "login"})).await
}
pub fn code(text: &str) -> Json {
    json!({"component": VALIDATE, "code": text})
}
pub fn key(answer: Json) -> Json {
    json!({"component": VALIDATE, "webauthn": answer})
}
pub async fn deactivate(site: &Site, id: i64) {
    let mut user = site.user(id).await;
    user.is_active = false;
    users::update(&site.core.db, &user, None, None, site.core.now()).await.unwrap();
}
