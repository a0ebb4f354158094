//! Requests to Duo's Auth and Admin APIs, signed with HMAC-SHA512 over date, method, host, path and
//! parameters.
use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use signet_base::outbound::HttpRequest;
use signet_base::vault::hex;
use signet_base::{Error, Json, Result, Secret, Timestamp, query};
use signet_core::Core;
use std::time::Duration;

/// Keys of a Duo application.
pub struct Keys<'a> {
    pub host: &'a str,
    pub id: &'a str,
    pub secret: &'a Secret,
}

/// The date in RFC 5322 §3.3 format.
fn date(now: Timestamp) -> String {
    let at = now.to_offset();
    let (weekday, month) = (at.weekday().to_string(), at.month().to_string());
    format!(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} -0000",
        &weekday[..3],
        at.day(),
        &month[..3],
        at.year(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// Parameters in signature order.
fn canonical(params: &[(&str, &str)]) -> String {
    let mut encoded: Vec<(String, String)> =
        params.iter().map(|(k, v)| (query::encode(k), query::encode(v))).collect();
    encoded.sort();
    encoded.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join("&")
}

fn authorization(keys: &Keys<'_>, date: &str, method: &str, path: &str, params: &str) -> String {
    let text = [date, &method.to_uppercase(), &keys.host.to_lowercase(), path, params].join("\n");
    let tag =
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA512, keys.secret.reveal().as_bytes()), text.as_bytes());
    format!("Basic {}", STANDARD.encode(format!("{}:{}", keys.id, hex(tag.as_ref()))))
}

/// The member `response` of a successful response.
pub async fn call(
    core: &Core,
    keys: &Keys<'_>,
    method: &str,
    path: &str,
    params: &[(&str, &str)],
    timeout: Duration,
) -> Result<Json> {
    Ok(exchange(core, keys, method, path, params, timeout).await?.0)
}
/// A page of a list, and the offset of the next one.
pub async fn page(
    core: &Core,
    keys: &Keys<'_>,
    path: &str,
    params: &[(&str, &str)],
    timeout: Duration,
) -> Result<(Json, Option<i64>)> {
    exchange(core, keys, "GET", path, params, timeout).await
}

async fn exchange(
    core: &Core,
    keys: &Keys<'_>,
    method: &str,
    path: &str,
    params: &[(&str, &str)],
    timeout: Duration,
) -> Result<(Json, Option<i64>)> {
    let (date, params) = (date(core.now()), canonical(params));
    let proof = authorization(keys, &date, method, path, &params);
    let base = format!("https://{}{path}", keys.host);
    let request = match method {
        "GET" => HttpRequest::new("GET", format!("{base}?{params}")),
        _ => HttpRequest::new(method, base).body("application/x-www-form-urlencoded", params),
    };
    let request = HttpRequest { timeout, ..request.header("authorization", proof).header("date", date) };
    let answer = core.ports.http.send(request).await?;
    let body: Json = serde_json::from_slice(&answer.body)
        .map_err(|_| Error::unavailable(format!("Duo answered {} without JSON", answer.status)))?;
    let text = |name: &str| body.get(name).and_then(Json::as_str).unwrap_or_default();
    if answer.status != 200 || text("stat") != "OK" {
        return Err(Error::unavailable(format!(
            "Duo answered {}: {} {}",
            answer.status,
            text("message"),
            text("message_detail")
        )));
    }
    let next = body.pointer("/metadata/next_offset").and_then(Json::as_i64);
    Ok((body.get("response").cloned().unwrap_or_default(), next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_mail() {
        assert_eq!(date(Timestamp::from_secs(0)), "Thu, 01 Jan 1970 00:00:00 -0000");
        assert_eq!(
            date(Timestamp::parse("2026-11-24T09:05:07Z").unwrap()),
            "Tue, 24 Nov 2026 09:05:07 -0000"
        );
    }
    #[test]
    fn parameters_are_sorted_and_encoded() {
        assert_eq!(
            canonical(&[("username", "ro ot~"), ("realname", "Fürst & Co"), ("a*", "/")]),
            "a%2A=%2F&realname=F%C3%BCrst%20%26%20Co&username=ro%20ot~"
        );
    }
    /// The expected value comes from Python's `hmac`.
    #[test]
    fn a_signature_covers_the_request() {
        let keys = Keys { host: "API-1.Example.Test", id: "DI1", secret: &"a secret".into() };
        let signed = authorization(
            &keys,
            "Thu, 01 Jan 1970 00:00:00 -0000",
            "post",
            "/auth/v2/auth",
            "factor=auto&user_id=D",
        );
        let plain =
            String::from_utf8(STANDARD.decode(signed.strip_prefix("Basic ").unwrap()).unwrap()).unwrap();
        assert_eq!(
            plain,
            "DI1:aa9ab2f9bbf528850506a0615376f9d5a140b7464fc9f832b2853a9fd093b1d3d7f24e950edc8535d0481f90b6d2fbff6955b1f8af064464fe79ff070753eab6"
        );
    }
}
