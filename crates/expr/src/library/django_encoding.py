from urllib.parse import quote


def force_str(s, encoding="utf-8", strings_only=False, errors="strict"):
    if isinstance(s, str) or (strings_only and isinstance(s, (type(None), int, float))):
        return s
    return s.decode(encoding, errors) if isinstance(s, bytes) else str(s)


def force_bytes(s, encoding="utf-8", strings_only=False, errors="strict"):
    if isinstance(s, bytes):
        return s
    return str(s).encode(encoding, errors)


smart_str = force_str
smart_bytes = force_bytes


def iri_to_uri(iri):
    return None if iri is None else quote(iri, "/#%[]=:;$&()+,!?*@'~")


def escape_uri_path(path):
    return quote(path, "/:;&+$,=@!*'()~")
