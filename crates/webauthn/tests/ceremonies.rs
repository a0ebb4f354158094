//! Registration and assertion against the software authenticator, valid and invalid.
#![allow(clippy::unwrap_used)]
use signet_base::{Json, json};
use signet_webauthn::soft::{ResponseOverrides, SoftKey};
use signet_webauthn::{
    Assertion, Attestation, CreationOptions, Descriptor, Expect, NewCredential, RequestOptions,
    WebAuthnError, b64, b64_decode, register,
};

const ORIGIN: &str = "https://id.example.test";
const CHALLENGE: [u8; 32] = [42; 32];
const EXPECT: Expect<'_> =
    Expect { challenge: &CHALLENGE, origin: ORIGIN, rp_id: "id.example.test", user_verification: false };

fn creation() -> Json {
    CreationOptions {
        challenge: &CHALLENGE,
        rp_id: "id.example.test",
        rp_name: "Signet",
        user_handle: b"handle",
        user_name: "ada",
        display_name: "Ada",
        timeout: 60_000,
        exclude: &[],
        attachment: Some("platform"),
        resident_key: "required",
        user_verification: "preferred",
        attestation: "none",
        hints: &["client-device"],
    }
    .json()
}
fn request() -> Json {
    let allow = [Descriptor { id: vec![1, 2], transports: vec!["usb".into()] }];
    RequestOptions {
        challenge: &CHALLENGE,
        rp_id: "id.example.test",
        timeout: 60_000,
        allow: &allow,
        user_verification: "preferred",
        hints: &[],
    }
    .json()
}
fn made(lie: &ResponseOverrides) -> (SoftKey, NewCredential) {
    let (key, answer) = SoftKey::create(&creation(), ORIGIN, lie).unwrap();
    let registered = register(&answer, &EXPECT).unwrap();
    (key, registered)
}

#[test]
fn options_have_the_form_of_the_specification() {
    let options = creation();
    assert_eq!(options["user"], json!({"id": b64(b"handle"), "name": "ada", "displayName": "Ada"}));
    assert_eq!(options["pubKeyCredParams"][0], json!({"type": "public-key", "alg": -7}));
    assert_eq!(
        options["authenticatorSelection"],
        json!({"residentKey": "required", "requireResidentKey": true, "userVerification": "preferred", "authenticatorAttachment": "platform"})
    );
    assert_eq!(
        request()["allowCredentials"],
        json!([{"id": "AQI", "type": "public-key", "transports": ["usb"]}])
    );
    assert_eq!(
        (&request()["rpId"], &request()["challenge"]),
        (&json!("id.example.test"), &json!(b64(&CHALLENGE)))
    );
}

#[test]
fn a_credential_is_made_and_signs_in() {
    let lie = ResponseOverrides {
        transports: vec!["usb".into(), "internal".into(), "bogus".into(), "usb".into()],
        ..ResponseOverrides::default()
    };
    let (mut key, registered) = made(&lie);
    assert_eq!(
        (registered.credential_id.as_slice(), registered.counter, registered.attestation),
        (key.id.as_slice(), 1, Attestation::None)
    );
    assert_eq!(
        (registered.public_key.as_slice(), &registered.transports),
        (key.cose().as_slice(), &vec!["internal".to_owned(), "usb".to_owned()])
    );
    assert!(registered.flags.user_verified() && !registered.flags.backed_up());
    let answer = key.get(&request(), ORIGIN, &ResponseOverrides::default()).unwrap();
    let assertion = Assertion::read(&answer).unwrap();
    assert_eq!(
        (assertion.credential_id.as_slice(), assertion.user_handle.as_deref()),
        (key.id.as_slice(), Some(&b"handle"[..]))
    );
    let asserted = assertion.verify(&EXPECT, &registered.public_key, registered.counter).unwrap();
    assert_eq!(asserted.counter, 2);
    assert_eq!(assertion.verify(&EXPECT, &registered.public_key, 2), Err(WebAuthnError::Counter));
    assert_eq!(assertion.verify(&EXPECT, &registered.public_key, 3), Err(WebAuthnError::Counter));
    assert_eq!(
        made(&ResponseOverrides { packed: true, ..ResponseOverrides::default() }).1.attestation,
        Attestation::SelfSigned
    );
}

#[test]
fn authenticators_that_do_not_count_are_accepted_until_they_counted_once() {
    let (mut key, registered) = made(&ResponseOverrides::default());
    key.counter = None;
    let assertion =
        Assertion::read(&key.get(&request(), ORIGIN, &ResponseOverrides::default()).unwrap()).unwrap();
    assert_eq!(assertion.verify(&EXPECT, &registered.public_key, 0).unwrap().counter, 0);
    assert_eq!(assertion.verify(&EXPECT, &registered.public_key, 1), Err(WebAuthnError::Counter));
}

#[test]
fn every_lie_is_refused_at_both_ceremonies() {
    let with = |change: &dyn Fn(&mut ResponseOverrides)| {
        let mut lie = ResponseOverrides::default();
        change(&mut lie);
        lie
    };
    let lies = [
        (with(&|l| l.origin = Some("https://badid.example.test".into())), WebAuthnError::Origin),
        (with(&|l| l.origin = Some("http://id.example.test".into())), WebAuthnError::Origin),
        (with(&|l| l.cross_origin = true), WebAuthnError::Origin),
        (with(&|l| l.rp_id = Some("example.test".into())), WebAuthnError::RelyingParty),
        (with(&|l| l.challenge = Some(vec![43; 32])), WebAuthnError::Challenge),
        (with(&|l| l.kind = Some("webauthn.other".into())), WebAuthnError::Type),
        (with(&|l| l.flags = Some(0x04)), WebAuthnError::UserPresence),
        (with(&|l| l.flags = Some(0x11)), WebAuthnError::Backup),
    ];
    let (mut key, registered) = made(&ResponseOverrides::default());
    for (lie, error) in lies {
        let (_, answer) = SoftKey::create(&creation(), ORIGIN, &lie).unwrap();
        assert_eq!(register(&answer, &EXPECT).unwrap_err(), error);
        let answer = key.get(&request(), ORIGIN, &lie).unwrap();
        assert_eq!(
            Assertion::read(&answer).unwrap().verify(&EXPECT, &registered.public_key, 0).unwrap_err(),
            error
        );
    }
    let strict = Expect { user_verification: true, ..EXPECT };
    let touched = with(&|l| l.flags = Some(0x01));
    let answer = key.get(&request(), ORIGIN, &touched).unwrap();
    assert_eq!(
        Assertion::read(&answer).unwrap().verify(&strict, &registered.public_key, 0),
        Err(WebAuthnError::UserVerification)
    );
    assert!(Assertion::read(&answer).unwrap().verify(&EXPECT, &registered.public_key, 0).is_ok());
    let (_, answer) = SoftKey::create(&creation(), ORIGIN, &touched).unwrap();
    assert_eq!(register(&answer, &strict).unwrap_err(), WebAuthnError::UserVerification);
}

#[test]
fn another_key_and_swapped_ceremonies_do_not_pass() {
    let (mut key, _) = made(&ResponseOverrides::default());
    let (_, other) = made(&ResponseOverrides::default());
    let answer = key.get(&request(), ORIGIN, &ResponseOverrides::default()).unwrap();
    assert_eq!(
        Assertion::read(&answer).unwrap().verify(&EXPECT, &other.public_key, 0),
        Err(WebAuthnError::Signature)
    );
    assert!(register(&answer, &EXPECT).is_err());
    let swapped = key
        .get(
            &request(),
            ORIGIN,
            &ResponseOverrides { kind: Some("webauthn.create".into()), ..ResponseOverrides::default() },
        )
        .unwrap();
    assert_eq!(Assertion::read(&swapped).unwrap().verify(&EXPECT, &key.cose(), 0), Err(WebAuthnError::Type));
}

/// Truncated responses and responses with one flipped bit are refused; nothing panics.
#[test]
fn damaged_answers_are_refused_without_a_panic() {
    let (mut key, registered) = made(&ResponseOverrides { packed: true, ..ResponseOverrides::default() });
    let made = key
        .register(&creation(), ORIGIN, &ResponseOverrides { packed: true, ..ResponseOverrides::default() })
        .unwrap();
    let signed = key.get(&request(), ORIGIN, &ResponseOverrides::default()).unwrap();
    let judge_made = |answer: &Json| register(answer, &EXPECT).is_ok();
    let judge_signed = |answer: &Json| {
        Assertion::read(answer).is_ok_and(|a| a.verify(&EXPECT, &registered.public_key, 0).is_ok())
    };
    assert!(judge_made(&made) && judge_signed(&signed));
    let mut tried = 0;
    for (answer, members, judge) in [
        (&made, &["attestationObject", "clientDataJSON"][..], &judge_made as &dyn Fn(&Json) -> bool),
        (&signed, &["authenticatorData", "signature", "clientDataJSON"][..], &judge_signed),
    ] {
        for member in members {
            let whole = b64_decode(answer["response"][*member].as_str().unwrap()).unwrap();
            for length in 0..whole.len() {
                let mut wrong = answer.clone();
                wrong["response"][*member] = json!(b64(&whole[..length]));
                assert!(!judge(&wrong), "{member} cut to {length}");
                for bit in [0x01, 0x20, 0x80] {
                    let mut bytes = whole.clone();
                    bytes[length] ^= bit;
                    wrong["response"][*member] = json!(b64(&bytes));
                    assert!(!judge(&wrong), "{member} with bit {bit:#x} of byte {length} changed");
                    tried += 1;
                }
                let mut longer = whole.clone();
                longer.insert(length, 0);
                wrong["response"][*member] = json!(b64(&longer));
                assert!(!judge(&wrong), "{member} with a byte more at {length}");
            }
            for other in [json!(null), json!(1), json!([]), json!({}), json!(""), json!("=")] {
                let mut wrong = answer.clone();
                wrong["response"][*member] = other;
                assert!(!judge(&wrong));
            }
        }
    }
    assert!(tried > 1000);
}

/// Stored public keys: damaged ones are refused.
#[test]
fn damaged_keys_are_refused_without_a_panic() {
    let (mut key, registered) = made(&ResponseOverrides::default());
    let answer =
        Assertion::read(&key.get(&request(), ORIGIN, &ResponseOverrides::default()).unwrap()).unwrap();
    for i in 0..registered.public_key.len() {
        assert!(answer.verify(&EXPECT, &registered.public_key[..i], 0).is_err());
        let mut wrong = registered.public_key.clone();
        wrong[i] ^= 1;
        assert!(answer.verify(&EXPECT, &wrong, 0).is_err());
    }
    assert!(answer.verify(&EXPECT, &[registered.public_key.as_slice(), &[0]].concat(), 0).is_err());
}
