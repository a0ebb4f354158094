import re


def formataddr(pair, charset="utf-8"):
    name, address = pair
    if not address.isascii():
        raise UnicodeEncodeError("ascii", address, 0, 1, "ordinal not in range(128)")
    if not name:
        return address
    if not name.isascii():
        raise ValueError("formataddr() encodes no names here: leave the name out")
    quotes = '"' if re.search(r'[\]\[\\()<>@,:;".]', name) else ""
    return quotes + name.replace("\\", "\\\\").replace('"', '\\"') + quotes + " <" + address + ">"


def parseaddr(addr):
    match = re.fullmatch(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^<>",;:()]*?))\s*<\s*([^<>\s",;:()]+)\s*>\s*', addr)
    if match:
        quoted = match.group(1)
        name = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else " ".join(match.group(2).split())
        return (name, match.group(3))
    plain = addr.strip()
    if plain == "" or re.search(r'[\s<>",;:()\\]', plain):
        return ("", "")
    return ("", plain)
