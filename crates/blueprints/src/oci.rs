//! Blueprints in OCI registries (OCI distribution specification 1.1): `oci://registry/repository:tag`. What a registry
//! says is checked by its digest; it is asked over TLS, and not in private networks unless the operator lists it.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use signet_base::outbound::{HttpRequest, HttpResponse};
use signet_base::vault::sha256_hex;
use signet_base::{Error, Json, Ports, Result, Secret};
use std::time::Duration;

const SCHEME: &str = "oci://";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const MEDIA_TYPE: &str = "application/vnd.goauthentik.blueprint.v1+yaml";
/// Largest manifest and largest blueprint, in bytes.
const MAX_MANIFEST: usize = 1024 * 1024;
const MAX_BLUEPRINT: usize = 4 * 1024 * 1024;
/// Redirects of one blob: registries keep them elsewhere.
const REDIRECTS: usize = 3;

pub fn is_artifact(path: &str) -> bool {
    path.starts_with(SCHEME)
}

/// What a path names.
#[derive(Debug)]
pub struct Artifact {
    /// `host` or `host:port`
    registry: String,
    repository: String,
    /// A tag, or a digest.
    reference: String,
    /// User and password of the registry.
    account: Option<(String, Secret)>,
}

impl Artifact {
    pub fn parse(path: &str) -> std::result::Result<Self, String> {
        let wrong = || "Expected oci://registry/repository:tag.".to_owned();
        let rest = path.strip_prefix(SCHEME).ok_or_else(wrong)?;
        let (authority, rest) = rest.split_once('/').ok_or_else(wrong)?;
        let (account, registry) = match authority.rsplit_once('@') {
            None => (None, authority),
            Some((account, registry)) => {
                let (user, password) = account.split_once(':').ok_or_else(wrong)?;
                (Some((user.to_owned(), Secret::new(password))), registry)
            }
        };
        let (repository, reference) = match rest.split_once('@') {
            Some((repository, digest)) => (repository, digest),
            None => match rest.rsplit_once(':') {
                Some((repository, tag)) => (repository, tag),
                None => (rest, "latest"),
            },
        };
        let word = |text: &str, more: &str| {
            !text.is_empty()
                && text.len() <= 255
                && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        let (host, port) = registry.rsplit_once(':').unwrap_or((registry, "443"));
        let is_well_formed = word(host, ".-")
            && port.parse::<u16>().is_ok()
            && repository.split('/').all(|part| word(part, "._-") && !part.starts_with('.'))
            && (word(reference, "._-") || reference.strip_prefix("sha256:").is_some_and(|hex| word(hex, "")));
        if !is_well_formed {
            return Err(wrong());
        }
        Ok(Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            reference: reference.to_owned(),
            account,
        })
    }

    /// The blueprint's text. `listed`: registries that may be in a private network.
    pub async fn fetch(&self, ports: &Ports, listed: &[String]) -> Result<String> {
        let mut registry = Registry::of(self, ports, listed);
        let manifest = registry.get(&format!("manifests/{}", self.reference), MANIFEST, MAX_MANIFEST).await?;
        if let Some(digest) = self.reference.strip_prefix("sha256:") {
            verify(&manifest, digest)?;
        }
        let manifest: Json =
            serde_json::from_slice(&manifest).map_err(|_| refused("the manifest is not JSON"))?;
        let layers = manifest["layers"].as_array().map(Vec::as_slice).unwrap_or_default();
        let layer = layers.iter().find(|layer| layer["mediaType"] == MEDIA_TYPE);
        let digest = layer.and_then(|layer| layer["digest"].as_str()?.strip_prefix("sha256:"));
        let digest = digest
            .filter(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
            .ok_or_else(|| refused(format!("the artifact has no layer of the type {MEDIA_TYPE}")))?;
        let blob = registry.get(&format!("blobs/sha256:{digest}"), "*/*", MAX_BLUEPRINT).await?;
        verify(&blob, digest)?;
        String::from_utf8(blob).map_err(|_| refused("the blueprint is not UTF-8"))
    }
}

fn refused(why: impl Into<String>) -> Error {
    Error::invalid("path", why)
}

fn verify(bytes: &[u8], digest: &str) -> Result<()> {
    if sha256_hex(bytes).eq_ignore_ascii_case(digest) {
        Ok(())
    } else {
        Err(refused("the registry's answer does not have its digest"))
    }
}

struct Registry<'a> {
    ports: &'a Ports,
    artifact: &'a Artifact,
    /// Scheme and authority.
    origin: String,
    is_listed: bool,
    authorization: Option<String>,
}

impl<'a> Registry<'a> {
    fn of(artifact: &'a Artifact, ports: &'a Ports, listed: &[String]) -> Self {
        let plain = format!("http://{}", artifact.registry);
        let is_plain = listed.contains(&plain);
        let origin = if is_plain { plain } else { format!("https://{}", artifact.registry) };
        Self {
            ports,
            artifact,
            origin,
            is_listed: is_plain || listed.contains(&artifact.registry),
            authorization: None,
        }
    }

    /// Whether an address is one of the registry itself.
    fn is_own(&self, url: &str) -> bool {
        url.strip_prefix(&self.origin).is_some_and(|rest| rest.starts_with('/'))
    }

    async fn send(
        &self,
        url: &str,
        accept: &str,
        most: usize,
        authorization: Option<&str>,
    ) -> Result<HttpResponse> {
        let mut request = HttpRequest::new("GET", url).header("accept", accept);
        request.timeout = Duration::from_secs(20);
        request.max_response = most;
        request.public_only = !(self.is_listed && self.is_own(url));
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        self.ports.http.send(request).await
    }

    /// Something of the repository; signs in where the registry asks for it.
    async fn get(&mut self, what: &str, accept: &str, most: usize) -> Result<Vec<u8>> {
        let url = format!("{}/v2/{}/{what}", self.origin, self.artifact.repository);
        let mut answer = self.send(&url, accept, most, self.authorization.as_deref()).await?;
        if answer.status == 401 && self.authorization.is_none() {
            self.authorization = Some(self.sign_in(header(&answer, "www-authenticate")).await?);
            answer = self.send(&url, accept, most, self.authorization.as_deref()).await?;
        }
        for _ in 0..REDIRECTS {
            if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
                break;
            }
            // Elsewhere the key of the registry is nobody's business.
            let to = header(&answer, "location").to_owned();
            if !to.starts_with("https://") && !self.is_own(&to) {
                return Err(refused("the registry leads to an address without TLS"));
            }
            answer = self.send(&to, accept, most, None).await?;
        }
        match answer.status {
            200 => Ok(answer.body),
            401 | 403 => Err(refused("the registry does not let this server in")),
            404 => Err(refused("the registry has no such artifact")),
            status => Err(Error::unavailable(format!("the registry answered {status}"))),
        }
    }

    /// The value of `Authorization` for a challenge: of the type Basic, or a token of its realm.
    async fn sign_in(&self, challenge: &str) -> Result<String> {
        let basic = self.artifact.account.as_ref().map(|(user, password)| {
            let bytes = format!("{user}:{}", password.reveal());
            format!("Basic {}", STANDARD.encode(bytes))
        });
        let Some(parameters) = challenge.strip_prefix("Bearer ") else {
            return basic.ok_or_else(|| refused("the registry asks for an account"));
        };
        let value = |name: &str| {
            parameters
                .split(',')
                .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
                .map(|v| v.trim_matches('"').to_owned())
        };
        let realm = value("realm").unwrap_or_default();
        if !realm.starts_with("https://") && !self.is_own(&realm) {
            return Err(refused("the registry gives its tokens without TLS"));
        }
        let scope = format!("repository:{}:pull", self.artifact.repository);
        let service = value("service").unwrap_or_default();
        let query = signet_base::query::build([("service", service.as_str()), ("scope", scope.as_str())]);
        let url = format!("{realm}{}{query}", if realm.contains('?') { '&' } else { '?' });
        let answer = self.send(&url, "application/json", MAX_MANIFEST, basic.as_deref()).await?;
        if answer.status != 200 {
            return Err(refused("the registry gives no token"));
        }
        let given: Json =
            serde_json::from_slice(&answer.body).map_err(|_| refused("the registry's token is not JSON"))?;
        let token = ["token", "access_token"].iter().find_map(|name| given[*name].as_str());
        token.map(|token| format!("Bearer {token}")).ok_or_else(|| refused("the registry gives no token"))
    }
}

fn header<'h>(answer: &'h HttpResponse, name: &str) -> &'h str {
    answer.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_artifacts_are_read() {
        let read = |path: &str| Artifact::parse(path).map(|a| (a.registry, a.repository, a.reference));
        let of = |a: &str, b: &str, c: &str| Ok((a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(read("oci://r.test/a/b:v1"), of("r.test", "a/b", "v1"));
        assert_eq!(read("oci://r.test:5000/a"), of("r.test:5000", "a", "latest"));
        assert_eq!(read("oci://u:p@r.test/a@sha256:00ff"), of("r.test", "a", "sha256:00ff"));
        for bad in [
            "oci://",
            "oci://r.test",
            "oci:///a",
            "oci://r.test/",
            "oci://r.test/../x",
            "oci://r.test/a?b",
            "oci://r.test/a:b/c",
            "oci://r.test/a:",
            "oci://r.test#/a",
            "oci://r.test:x/a",
            "oci://u@r.test/a",
            "oci://r.test/a@md5:00",
            "https://r.test/a",
        ] {
            assert!(Artifact::parse(bad).is_err(), "{bad}");
        }
        assert!(!format!("{:?}", Artifact::parse("oci://u:hunter2@r.test/a").unwrap()).contains("hunter2"));
    }
}
