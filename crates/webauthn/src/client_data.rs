//! Client data (§5.8.1).
use crate::{Expect, WebAuthnError, b64_decode, sha256};
use signet_base::Json;

/// Checks the client data and returns its SHA-256 hash.
pub fn check(bytes: &[u8], kind: &str, expect: &Expect<'_>) -> Result<[u8; 32], WebAuthnError> {
    let data: Json = serde_json::from_slice(bytes).map_err(|_| WebAuthnError::Member("clientDataJSON"))?;
    let text = |name| data.get(name).and_then(Json::as_str);
    if text("type") != Some(kind) {
        return Err(WebAuthnError::Type);
    }
    let challenge = text("challenge").and_then(b64_decode).ok_or(WebAuthnError::Challenge)?;
    if expect.challenge.len() < 16
        || aws_lc_rs::constant_time::verify_slices_are_equal(&challenge, expect.challenge).is_err()
    {
        return Err(WebAuthnError::Challenge);
    }
    if text("origin") != Some(expect.origin) {
        return Err(WebAuthnError::Origin);
    }
    // `crossOrigin`: in a frame of another site's page, users cannot see which site they sign in to.
    let crosses = match data.get("crossOrigin") {
        None | Some(Json::Bool(false)) => false,
        Some(_) => true,
    };
    let framed = match data.get("topOrigin") {
        None | Some(Json::Null) => false,
        Some(top) => top.as_str() != Some(expect.origin),
    };
    if crosses || framed {
        return Err(WebAuthnError::Origin);
    }
    Ok(sha256(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::b64;
    use signet_base::json;

    const CHALLENGE: [u8; 32] = [7; 32];
    const EXPECT: Expect<'_> = Expect {
        challenge: &CHALLENGE,
        origin: "https://id.example.test",
        rp_id: "id.example.test",
        user_verification: false,
    };

    fn judge(change: &[(&str, Json)]) -> Result<[u8; 32], WebAuthnError> {
        let mut data = json!({"type": "webauthn.get", "challenge": b64(&CHALLENGE), "origin": "https://id.example.test", "crossOrigin": false});
        for (name, value) in change {
            data[*name] = value.clone();
        }
        check(data.to_string().as_bytes(), "webauthn.get", &EXPECT)
    }

    #[test]
    fn only_the_own_origin_and_the_own_challenge_pass() {
        assert!(judge(&[]).is_ok() && judge(&[("other", json!("members are ignored"))]).is_ok());
        assert!(judge(&[("topOrigin", json!("https://id.example.test"))]).is_ok());
        for origin in [
            "https://badid.example.test",
            "https://example.test",
            "http://id.example.test",
            "https://id.example.test:8443",
            "https://id.example.test/",
            "https://id.example.test.evil.test",
            "https://ID.example.test",
            "android:apk-key-hash:AAAA",
            "",
        ] {
            assert_eq!(judge(&[("origin", json!(origin))]), Err(WebAuthnError::Origin), "{origin}");
        }
        for wrong in [json!(true), json!("false"), json!(null), json!(0)] {
            assert_eq!(judge(&[("crossOrigin", wrong)]), Err(WebAuthnError::Origin));
        }
        assert_eq!(judge(&[("topOrigin", json!("https://evil.test"))]), Err(WebAuthnError::Origin));
        for kind in [json!("webauthn.create"), json!("WEBAUTHN.GET"), json!(null), json!("payment.get")] {
            assert_eq!(judge(&[("type", kind)]), Err(WebAuthnError::Type));
        }
        for wrong in [
            json!(b64(&[8; 32])),
            json!(b64(&[7; 31])),
            json!(""),
            json!(null),
            json!(format!("{}=", b64(&CHALLENGE))),
        ] {
            assert_eq!(judge(&[("challenge", wrong)]), Err(WebAuthnError::Challenge));
        }
        for wrong in ["", "[]x", "\u{feff}{}"] {
            assert!(check(wrong.as_bytes(), "webauthn.get", &EXPECT).is_err());
        }
        let empty = Expect { challenge: b"", ..EXPECT };
        assert_eq!(
            check(
                json!({"type": "webauthn.get", "challenge": "", "origin": EXPECT.origin})
                    .to_string()
                    .as_bytes(),
                "webauthn.get",
                &empty
            ),
            Err(WebAuthnError::Challenge)
        );
    }
}
