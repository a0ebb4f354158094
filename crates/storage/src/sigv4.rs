//! Signatures of requests to an object store (AWS Signature Version 4).
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use signet_base::vault::{hex, sha256_hex};
use signet_base::{Secret, Timestamp};

/// Every byte is encoded but the unreserved characters.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Credentials of an object store.
#[derive(Debug, Clone)]
pub struct AccessKey {
    pub id: String,
    pub secret: Secret,
    /// Of temporary credentials; empty for others.
    pub session_token: Secret,
}

/// What is signed. The path is percent-encoded, the query is not.
pub(crate) struct Unsigned<'a> {
    pub method: &'a str,
    /// As in the header `Host`.
    pub host: &'a str,
    pub path: &'a str,
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(&'a str, String)>,
}

pub(crate) struct Signer<'a> {
    pub key: &'a AccessKey,
    pub region: &'a str,
    pub at: Timestamp,
}

impl Signer<'_> {
    /// All headers of a request with this body, `Host` apart.
    pub(crate) fn headers<'r>(&self, request: &Unsigned<'r>, body: &[u8]) -> Vec<(&'r str, String)> {
        let payload = sha256_hex(body);
        let mut headers = request.headers.clone();
        headers.push(("x-amz-content-sha256", payload.clone()));
        headers.push(("x-amz-date", self.time()));
        if !self.key.session_token.is_empty() {
            headers.push(("x-amz-security-token", self.key.session_token.reveal().to_owned()));
        }
        let mut signed = headers.clone();
        signed.push(("host", request.host.to_owned()));
        signed.sort();
        let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let signature = self.signature(request, &query(&request.query), &signed, &names, &payload);
        let credential = format!("{}/{}", self.key.id, self.scope());
        headers.push((
            "authorization",
            format!("{ALGORITHM} Credential={credential},SignedHeaders={names},Signature={signature}"),
        ));
        headers
    }

    /// The query of a presigned URL for this request, which anybody may send for a time in seconds.
    pub(crate) fn presigned(&self, request: &Unsigned<'_>, expires: i64) -> String {
        let mut all = request.query.clone();
        let mut add = |name: &str, value: String| all.push((format!("X-Amz-{name}"), value));
        add("Algorithm", ALGORITHM.to_owned());
        add("Credential", format!("{}/{}", self.key.id, self.scope()));
        add("Date", self.time());
        add("Expires", expires.to_string());
        add("SignedHeaders", "host".to_owned());
        if !self.key.session_token.is_empty() {
            add("Security-Token", self.key.session_token.reveal().to_owned());
        }
        let query = query(&all);
        let signed = [("host", request.host.to_owned())];
        let signature = self.signature(request, &query, &signed, "host", "UNSIGNED-PAYLOAD");
        format!("{query}&X-Amz-Signature={signature}")
    }

    fn signature(
        &self,
        request: &Unsigned<'_>,
        query: &str,
        signed: &[(&str, String)],
        names: &str,
        payload: &str,
    ) -> String {
        let headers: String =
            signed.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let canonical =
            format!("{}\n{}\n{query}\n{headers}\n{names}\n{payload}", request.method, request.path);
        let text =
            format!("{ALGORITHM}\n{}\n{}\n{}", self.time(), self.scope(), sha256_hex(canonical.as_bytes()));
        let first = format!("AWS4{}", self.key.secret.reveal());
        let mut key = first.into_bytes();
        for part in [self.day().as_str(), self.region, "s3", "aws4_request"] {
            key = mac(&key, part);
        }
        hex(&mac(&key, &text))
    }
    fn scope(&self) -> String {
        format!("{}/{}/s3/aws4_request", self.day(), self.region)
    }
    /// `20261123T200000Z`
    fn time(&self) -> String {
        Timestamp::from_secs(self.at.secs()).to_string().replace(['-', ':'], "")
    }
    fn day(&self) -> String {
        self.time().chars().take(8).collect()
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    sign(&Key::new(HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

/// The query, encoded and in the order of the encoded names.
pub(crate) fn query(pairs: &[(String, String)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, QUERY).to_string();
    let mut all: Vec<String> = pairs.iter().map(|(n, v)| format!("{}={}", encode(n), encode(v))).collect();
    all.sort();
    all.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> AccessKey {
        AccessKey {
            id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
            session_token: Secret::default(),
        }
    }
    fn request(headers: Vec<(&'static str, String)>, query: &[(&str, &str)]) -> Unsigned<'static> {
        Unsigned {
            method: "GET",
            host: "examplebucket.s3.amazonaws.com",
            path: if query.is_empty() { "/test.txt" } else { "/" },
            query: query.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            headers,
        }
    }

    /// The examples of Amazon's "Authenticating Requests (AWS Signature Version 4)".
    #[test]
    fn published_examples_get_the_published_signatures() {
        let (key, at) = (key(), Timestamp::parse("2013-05-24T00:00:00Z").unwrap());
        let signer = Signer { key: &key, region: "us-east-1", at };
        let signature = |request: &Unsigned<'_>| {
            let headers = signer.headers(request, b"");
            headers.last().unwrap().1.rsplit_once("Signature=").unwrap().1.to_owned()
        };
        assert_eq!(
            signature(&request(vec![("range", "bytes=0-9".into())], &[])),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
        assert_eq!(
            signature(&request(Vec::new(), &[("max-keys", "2"), ("prefix", "J")])),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        );
        assert_eq!(
            signer.presigned(&request(Vec::new(), &[]), 86_400),
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
    }
}
