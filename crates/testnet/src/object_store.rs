//! An object store that speaks as much of S3 as files need, and verifies signatures from the request as it arrived
//! (AWS Signature Version 4), with code of its own.
use crate::site::{Site, Visit};
use aws_lc_rs::{digest, hmac};
use percent_encoding::percent_decode_str;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

type Objects = Arc<Mutex<BTreeMap<String, (String, Vec<u8>)>>>;

/// One bucket, addressed by path.
pub struct ObjectStore {
    pub port: u16,
    objects: Objects,
}

impl ObjectStore {
    pub const BUCKET: &'static str = "files";
    pub const REGION: &'static str = "test-1";
    pub const ID: &'static str = "AKIDTEST";
    pub const SECRET: &'static str = "secret/of+tests";
    /// Objects in a page of a list.
    pub const PAGE: usize = 2;

    pub async fn start() -> Self {
        let objects = Objects::default();
        let kept = objects.clone();
        let site = Site::start(None, move |visit| answer(visit, &kept)).await;
        Self { port: site.port, objects }
    }
    /// Media type and content of an object.
    pub fn object(&self, key: &str) -> Option<(String, Vec<u8>)> {
        self.objects.lock().unwrap().get(key).cloned()
    }
}

type Answer = (u16, Vec<(&'static str, String)>, Vec<u8>);

fn refuse(status: u16, code: &str) -> Answer {
    (status, Vec::new(), format!("<Error><Code>{code}</Code></Error>").into_bytes())
}

fn answer(visit: &Visit, objects: &Objects) -> Answer {
    if let Err(code) = verify(visit) {
        return refuse(403, code);
    }
    let (path, query) = visit.target.split_once('?').unwrap_or((&visit.target, ""));
    let path = percent_decode_str(path).decode_utf8_lossy().into_owned();
    let mut objects = objects.lock().unwrap();
    let bucket = format!("/{}", ObjectStore::BUCKET);
    if path == bucket {
        return list(query, &objects);
    }
    let Some(key) = path.strip_prefix(&format!("{bucket}/")) else { return refuse(404, "NoSuchBucket") };
    match visit.method.as_str() {
        "PUT" => {
            let kind = visit.header("content-type").to_owned();
            objects.insert(key.to_owned(), (kind, visit.body.clone()));
            (200, Vec::new(), Vec::new())
        }
        "DELETE" => {
            objects.remove(key);
            (204, Vec::new(), Vec::new())
        }
        _ => match objects.get(key) {
            Some((kind, content)) => (200, vec![("content-type", kind.clone())], content.clone()),
            None => refuse(404, "NoSuchKey"),
        },
    }
}

fn list(query: &str, objects: &BTreeMap<String, (String, Vec<u8>)>) -> Answer {
    let value = |name: &str| {
        let found = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        found.map(|text| percent_decode_str(text).decode_utf8_lossy().into_owned())
    };
    let (prefix, from) = (value("prefix").unwrap_or_default(), value("continuation-token"));
    let mut all = objects.iter().filter(|(key, _)| key.starts_with(&prefix));
    let mut left: Vec<_> =
        all.by_ref().filter(|(key, _)| from.as_ref().is_none_or(|from| *key >= from)).collect();
    let rest = left.split_off(left.len().min(ObjectStore::PAGE));
    let mut xml = String::from("<ListBucketResult>");
    for (key, (_, content)) in left {
        let key = key.replace('%', "%25").replace('(', "%28").replace(')', "%29");
        xml.push_str(&format!(
            "<Contents><Key>{key}</Key><LastModified>2026-11-23T12:00:00.000Z</LastModified><Size>{}</Size></Contents>",
            content.len()
        ));
    }
    xml.push_str(&format!("<IsTruncated>{}</IsTruncated>", !rest.is_empty()));
    if let Some((next, _)) = rest.first() {
        xml.push_str(&format!("<NextContinuationToken>{next}</NextContinuationToken>"));
    }
    xml.push_str("</ListBucketResult>");
    (200, Vec::new(), xml.into_bytes())
}

/// Checks a request signed in its headers or in its query.
fn verify(visit: &Visit) -> Result<(), &'static str> {
    let (path, query) = visit.target.split_once('?').unwrap_or((&visit.target, ""));
    let pairs: Vec<(&str, &str)> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let in_query = |name: &str| {
        let found = pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        percent_decode_str(found.unwrap_or_default()).decode_utf8_lossy().into_owned()
    };
    let presigned = pairs.iter().any(|(name, _)| *name == "X-Amz-Signature");
    let (credential, names, signature, date, payload);
    if presigned {
        credential = in_query("X-Amz-Credential");
        names = in_query("X-Amz-SignedHeaders");
        signature = in_query("X-Amz-Signature");
        date = in_query("X-Amz-Date");
        payload = "UNSIGNED-PAYLOAD".to_owned();
        if visit.method != "GET" || in_query("X-Amz-Expires").parse::<u32>().is_err() {
            return Err("AuthorizationQueryParametersError");
        }
    } else {
        let header = visit.header("authorization").strip_prefix("AWS4-HMAC-SHA256 ").ok_or("AccessDenied")?;
        let part = |name: &str| {
            let found = header.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
            found.unwrap_or_default().to_owned()
        };
        (credential, names, signature) = (part("Credential"), part("SignedHeaders"), part("Signature"));
        date = visit.header("x-amz-date").to_owned();
        payload = visit.header("x-amz-content-sha256").to_owned();
        if payload != hex(digest::digest(&digest::SHA256, &visit.body).as_ref()) {
            return Err("XAmzContentSHA256Mismatch");
        }
    }
    let day = date.get(..8).ok_or("AccessDenied")?;
    let scope = format!("{day}/{}/s3/aws4_request", ObjectStore::REGION);
    if credential != format!("{}/{scope}", ObjectStore::ID) {
        return Err("InvalidAccessKeyId");
    }
    let names: Vec<&str> = names.split(';').collect();
    if !names.contains(&"host") || !names.is_sorted() {
        return Err("AccessDenied");
    }
    let mut sorted: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    sorted.retain(|pair| !pair.starts_with("X-Amz-Signature="));
    sorted.sort_unstable();
    let headers: Vec<String> = names.iter().map(|name| format!("{name}:{}\n", visit.header(name))).collect();
    let request =
        [visit.method.clone(), path.to_owned(), sorted.join("&"), headers.concat(), names.join(";"), payload];
    let hashed = hex(digest::digest(&digest::SHA256, request.join("\n").as_bytes()).as_ref());
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashed}");
    let mut key = format!("AWS4{}", ObjectStore::SECRET).into_bytes();
    for part in scope.split('/').chain([text.as_str()]) {
        key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
    }
    if hex(&key) == signature { Ok(()) } else { Err("SignatureDoesNotMatch") }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
