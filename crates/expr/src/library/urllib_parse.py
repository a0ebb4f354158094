from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlencode
relative = ("", "ftp", "http", "gopher", "nntp", "imap", "wais", "file", "https", "shttp", "mms", "prospero", "rtsp", "rtsps", "rtspu", "sftp", "svn", "svn+ssh", "ws", "wss")
netlocs = relative + ("telnet", "snews", "rsync", "nfs", "git", "git+ssh", "itms-services")
with_params = ("", "ftp", "hdl", "prospero", "http", "imap", "https", "shttp", "rtsp", "rtsps", "rtspu", "sip", "sips", "mms", "sftp", "tel")
scheme_letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-."


def place(result):
    user, at, host = result.netloc.rpartition("@")
    result.username = None
    result.password = None
    if at:
        name, colon, password = user.partition(":")
        result.username = name
        result.password = password if colon else None
    before, bracket, inside = host.partition("[")
    if bracket:
        name, _, port = inside.partition("]")
        port = port.partition(":")[2]
    else:
        name, _, port = host.partition(":")
    name, percent, zone = name.partition("%")
    result.hostname = (name.lower() + percent + zone) or None
    # A port that is none is an error where it is asked for.
    if not port:
        result.port = None
    elif port.isdigit() and port.isascii() and int(port) <= 65535:
        result.port = int(port)


class Parts:
    def __iter__(self):
        return iter(self._parts)

    def __getitem__(self, index):
        return self._parts[index]

    def __len__(self):
        return len(self._parts)

    def __eq__(self, other):
        return tuple(self._parts) == tuple(other)

    def __hash__(self):
        return hash(self._parts)

    def __repr__(self):
        return self._kind + "(" + ", ".join([name + "=" + repr(part) for name, part in zip(self._fields, self._parts)]) + ")"

    def geturl(self):
        return (urlunsplit if self._kind == "SplitResult" else urlunparse)(self._parts)

    def _asdict(self):
        return dict(zip(self._fields, self._parts))

    def _replace(self, **names):
        return made(self._kind, self._fields, [names.get(name, part) for name, part in zip(self._fields, self._parts)])


def made(kind, fields, parts):
    result = Parts()
    result._kind = kind
    result._fields = fields
    result._parts = tuple(parts)
    for name, part in zip(fields, parts):
        setattr(result, name, part)
    if "netloc" in fields:
        place(result)
    return result


def urlsplit(url, scheme="", allow_fragments=True):
    url = url.lstrip("".join([chr(code) for code in range(33)])).replace("\t", "").replace("\r", "").replace("\n", "")
    scheme = scheme.strip()
    netloc = query = fragment = ""
    colon = url.find(":")
    if colon > 0 and url[0].isascii() and url[0].isalpha() and all([letter in scheme_letters for letter in url[:colon]]):
        scheme, url = url[:colon].lower(), url[colon + 1:]
    if url[:2] == "//":
        end = len(url)
        for letter in "/?#":
            at = url.find(letter, 2)
            if at >= 0:
                end = min(end, at)
        netloc, url = url[2:end], url[end:]
        if ("[" in netloc) != ("]" in netloc):
            raise ValueError("Invalid IPv6 URL")
    if allow_fragments and "#" in url:
        url, _, fragment = url.partition("#")
    if "?" in url:
        url, _, query = url.partition("?")
    return made("SplitResult", ("scheme", "netloc", "path", "query", "fragment"), [scheme, netloc, url, query, fragment])


def urlparse(url, scheme="", allow_fragments=True):
    scheme, netloc, path, query, fragment = urlsplit(url, scheme, allow_fragments)
    params = ""
    if scheme in with_params and ";" in path:
        slash = path.rfind("/")
        at = path.find(";", max(slash, 0))
        if at >= 0:
            path, params = path[:at], path[at + 1:]
    return made("ParseResult", ("scheme", "netloc", "path", "params", "query", "fragment"), [scheme, netloc, path, params, query, fragment])


def urlunsplit(parts):
    scheme, netloc, url, query, fragment = parts
    if netloc:
        if url and url[:1] != "/":
            url = "/" + url
        url = "//" + netloc + url
    elif url[:2] == "//" or (scheme and scheme in netlocs and (not url or url[:1] == "/")):
        url = "//" + url
    if scheme:
        url = scheme + ":" + url
    if query:
        url = url + "?" + query
    return url + "#" + fragment if fragment else url


def urlunparse(parts):
    scheme, netloc, url, params, query, fragment = parts
    return urlunsplit((scheme, netloc, url + ";" + params if params else url, query, fragment))


def urljoin(base, url, allow_fragments=True):
    if not base:
        return url
    if not url:
        return base
    old = urlparse(base, "", allow_fragments)
    new = urlparse(url, old.scheme, allow_fragments)
    if new.scheme != old.scheme or new.scheme not in relative:
        return url
    if new.scheme in netlocs and new.netloc:
        return urlunparse(new)
    if not new.path and not new.params:
        return urlunparse((new.scheme, old.netloc, old.path, old.params, new.query or old.query, new.fragment))
    before = old.path.split("/")
    if before[-1] != "":
        before.pop()
    if new.path[:1] == "/":
        segments = new.path.split("/")
    else:
        segments = before + new.path.split("/")
        segments[1:-1] = [segment for segment in segments[1:-1] if segment]
    kept = []
    for segment in segments:
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return urlunparse((new.scheme, old.netloc, "/".join(kept) or "/", new.params, new.query, new.fragment))


def urldefrag(url):
    scheme, netloc, path, params, query, fragment = urlparse(url)
    return made("DefragResult", ("url", "fragment"), [urlunparse((scheme, netloc, path, params, query, "")) if "#" in url else url, fragment])


def parse_qsl(qs, keep_blank_values=False, strict_parsing=False, encoding="utf-8", errors="replace", max_num_fields=None, separator="&"):
    if isinstance(qs, bytes):
        raise TypeError("parse_qs() takes text here")
    pairs = []
    for part in qs.split(separator) if qs else []:
        if not part and not strict_parsing:
            continue
        name, equals, value = part.partition("=")
        if not equals and strict_parsing:
            raise ValueError("bad query field: " + repr(part))
        if value or keep_blank_values:
            pairs.append((unquote_plus(name), unquote_plus(value)))
    if max_num_fields is not None and len(qs.split(separator)) > max_num_fields:
        raise ValueError("Max number of fields exceeded")
    return pairs


def parse_qs(qs, keep_blank_values=False, strict_parsing=False, encoding="utf-8", errors="replace", max_num_fields=None, separator="&"):
    found = {}
    for name, value in parse_qsl(qs, keep_blank_values, strict_parsing, encoding, errors, max_num_fields, separator):
        found.setdefault(name, []).append(value)
    return found


def quote_from_bytes(bs, safe="/"):
    return quote(bs, safe)


def unquote_to_bytes(string):
    data = string if isinstance(string, bytes) else string.encode()
    parts = data.split(b"%")
    out = parts[0]
    for part in parts[1:]:
        digits = part[:2].hex()
        if len(digits) == 4 and all([digit in b"0123456789abcdefABCDEF" for digit in part[:2]]):
            out = out + bytes.fromhex(part[:2].decode("ascii")) + part[2:]
        else:
            out = out + b"%" + part
    return out
