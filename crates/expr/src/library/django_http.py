import base64
from urllib.parse import quote, quote_plus, unquote, unquote_plus


def urlencode(query, doseq=False):
    return _signet_m_urllib_parse.urlencode(query, doseq)


def urlsafe_base64_encode(s):
    return base64.urlsafe_b64encode(s).rstrip(b"\n=").decode("ascii")


def urlsafe_base64_decode(s):
    data = s.encode() if isinstance(s, str) else s
    return base64.urlsafe_b64decode(data + b"=" * (-len(data) % 4))


def is_safe_one(url, allowed_hosts, require_https):
    if url.startswith("///") or (url and ord(url[0]) < 32):
        return False
    parts = _signet_m_urllib_parse.urlsplit(url)
    if not parts.netloc and parts.scheme:
        return False
    scheme = parts.scheme or ("http" if parts.netloc else "")
    return (not parts.netloc or parts.netloc in allowed_hosts) and (not scheme or scheme in (["https"] if require_https else ["http", "https"]))


def url_has_allowed_host_and_scheme(url, allowed_hosts, require_https=False):
    url = (url or "").strip()
    if not url:
        return False
    allowed_hosts = set() if allowed_hosts is None else {allowed_hosts} if isinstance(allowed_hosts, str) else set(allowed_hosts)
    return is_safe_one(url, allowed_hosts, require_https) and is_safe_one(url.replace("\\", "/"), allowed_hosts, require_https)
