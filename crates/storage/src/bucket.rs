//! Files in a bucket of an S3-compatible object store. Browsers read them there, by presigned URLs.
use crate::link::{encode_path, issued, seconds};
use crate::sigv4::{AccessKey, Signer, Unsigned, query};
use crate::{Usage, check_size, listing};
use async_trait::async_trait;
use signet_base::outbound::{HttpRequest, HttpResponse};
use signet_base::storage::{FileInfo, FileName, Storage, StoredFile};
use signet_base::{Conflict, Error, Ports, Result, Span, Timestamp};
use std::time::Duration;
use url::Url;

/// Most files in a list, and most pages of it.
const MAX_FILES: usize = 10_000;
const MAX_PAGES: usize = 100;
/// Longest validity of a presigned URL, in seconds (seven days).
const MAX_EXPIRES: i64 = 604_800;

/// How a bucket is reached.
#[derive(Debug, Clone)]
pub struct BucketSettings {
    /// The object store's API, with the bucket as first label of the host unless `path_style`.
    pub endpoint: Url,
    pub bucket: String,
    /// The bucket is the first part of the path.
    pub path_style: bool,
    pub region: String,
    pub key: AccessKey,
    /// Where browsers read the files, if not at the endpoint: the URL of the bucket.
    pub public_url: Option<Url>,
    /// Validity of URLs.
    pub url_expiry: Span,
}

/// The files of one use: objects `<usage>/public/<name>`.
pub struct Bucket {
    settings: BucketSettings,
    usage: Usage,
    /// Path of the bucket, without a slash at its end.
    base: String,
    ports: Ports,
}

impl Bucket {
    pub fn new(settings: BucketSettings, usage: Usage, ports: Ports) -> Self {
        let own = settings.endpoint.path().trim_end_matches('/');
        let base = if settings.path_style { format!("{own}/{}", settings.bucket) } else { own.to_owned() };
        Self { settings, usage, base, ports }
    }
    fn key(&self, name: &FileName) -> String {
        format!("{}/{name}", self.usage.prefix())
    }
    fn object(&self, name: &FileName) -> String {
        format!("{}/{}", self.base, encode_path(&self.key(name)))
    }
    fn signer(&self, at: Timestamp) -> Signer<'_> {
        Signer { key: &self.settings.key, region: &self.settings.region, at }
    }

    /// Sends a signed request. Statuses other than `allowed` are errors; 404 is `NotFound`.
    async fn send(
        &self,
        method: &str,
        path: &str,
        pairs: Vec<(String, String)>,
        content: Option<(&'static str, Vec<u8>)>,
        allowed: &[u16],
    ) -> Result<HttpResponse> {
        let host = host(&self.settings.endpoint);
        let (content_type, body) = content.unzip();
        let body = body.unwrap_or_default();
        let headers = content_type.map(|kind| ("content-type", kind.to_owned())).into_iter().collect();
        let unsigned = Unsigned { method, host: &host, path, query: pairs, headers };
        let headers = self.signer(self.ports.now()).headers(&unsigned, &body);
        let mut url = format!("{}://{host}{path}", self.settings.endpoint.scheme());
        if !unsigned.query.is_empty() {
            url = format!("{url}?{}", query(&unsigned.query));
        }
        let mut request = HttpRequest::new(method, url);
        request.timeout = Duration::from_secs(60);
        // A page of a list is smaller than the largest file.
        request.max_response = self.usage.max_size();
        request.headers.extend(headers.into_iter().map(|(name, value)| (name.to_owned(), value)));
        request.body = body;
        let response = self.ports.http.send(request).await?;
        match response.status {
            status if allowed.contains(&status) => Ok(response),
            404 if method != "PUT" => Err(Error::NotFound),
            status => {
                let code = listing::error_code(&String::from_utf8_lossy(&response.body)).unwrap_or_default();
                Err(Error::unavailable(
                    format!("the object store {host} answers {status} {code}").trim_end().to_owned(),
                ))
            }
        }
    }
}

#[async_trait]
impl Storage for Bucket {
    fn max_size(&self) -> usize {
        self.usage.max_size()
    }
    async fn put(&self, name: &FileName, content: Vec<u8>, replace: bool) -> Result<()> {
        check_size(&content, self.max_size())?;
        let path = self.object(name);
        if !replace {
            match self.send("HEAD", &path, Vec::new(), None, &[200]).await {
                Err(Error::NotFound) => {}
                Err(error) => return Err(error),
                Ok(_) => return Err(Error::Conflict(Conflict::File(name.to_string()))),
            }
        }
        let content = Some((name.content_type(), content));
        self.send("PUT", &path, Vec::new(), content, &[200, 201, 204]).await.map(drop)
    }
    async fn get(&self, name: &FileName) -> Result<StoredFile> {
        let answer = self.send("GET", &self.object(name), Vec::new(), None, &[200]).await?;
        let size = answer.body.len() as u64;
        Ok(StoredFile { size, content: Box::new(std::io::Cursor::new(answer.body)) })
    }
    async fn delete(&self, name: &FileName) -> Result<()> {
        match self.send("DELETE", &self.object(name), Vec::new(), None, &[200, 204]).await {
            Err(Error::NotFound) => Ok(()),
            other => other.map(drop),
        }
    }
    async fn list(&self, prefix: &str) -> Result<Vec<FileInfo>> {
        let below = format!("{}/", self.usage.prefix());
        let path = if self.base.is_empty() { "/" } else { &self.base };
        let (mut found, mut next) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            let mut pairs = vec![
                ("list-type".to_owned(), "2".to_owned()),
                ("encoding-type".to_owned(), "url".to_owned()),
                ("prefix".to_owned(), format!("{below}{prefix}")),
            ];
            pairs.extend(next.take().map(|token| ("continuation-token".to_owned(), token)));
            let answer = self.send("GET", path, pairs, None, &[200]).await?;
            let page = listing::parse(&String::from_utf8_lossy(&answer.body))
                .ok_or_else(|| Error::unavailable("the object store's list is malformed"))?;
            for object in page.objects {
                // Objects with names that cannot be asked for are somebody else's.
                let name = object.key.strip_prefix(&below).and_then(|name| FileName::parse(name).ok());
                found.extend(name.map(|name| FileInfo {
                    name,
                    size: object.size,
                    modified: object.modified,
                }));
            }
            if found.len() > MAX_FILES {
                return Err(Error::unavailable(format!("the bucket has more than {MAX_FILES} files")));
            }
            match page.next {
                Some(token) => next = Some(token),
                None => {
                    found.sort_by(|a: &FileInfo, b| a.name.cmp(&b.name));
                    return Ok(found);
                }
            }
        }
        Err(Error::unavailable(format!("the list of the bucket has more than {MAX_PAGES} pages")))
    }
    fn url(&self, name: &FileName, valid: Option<Span>) -> String {
        let valid = valid.unwrap_or(self.settings.url_expiry);
        let at = Timestamp::from_secs(issued(self.ports.now().secs(), valid));
        let (base, path) = match &self.settings.public_url {
            Some(url) => {
                let path = url.path().trim_end_matches('/');
                (url, format!("{path}/{}", encode_path(&self.key(name))))
            }
            None => (&self.settings.endpoint, self.object(name)),
        };
        let host = host(base);
        let unsigned =
            Unsigned { method: "GET", host: &host, path: &path, query: Vec::new(), headers: Vec::new() };
        let query = self.signer(at).presigned(&unsigned, seconds(valid).min(MAX_EXPIRES));
        format!("{}://{host}{path}?{query}", base.scheme())
    }
    fn origin(&self) -> Option<String> {
        let base = self.settings.public_url.as_ref().unwrap_or(&self.settings.endpoint);
        Some(format!("{}://{}", base.scheme(), host(base)))
    }
}

/// Host and port as in the header `Host`.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
