import re
known = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "nbsp": "\u00a0", "copy": "\u00a9", "reg": "\u00ae", "trade": "\u2122", "hellip": "\u2026", "ndash": "\u2013", "mdash": "\u2014", "lsquo": "\u2018", "rsquo": "\u2019", "ldquo": "\u201c", "rdquo": "\u201d", "laquo": "\u00ab", "raquo": "\u00bb", "euro": "\u20ac", "pound": "\u00a3", "yen": "\u00a5", "cent": "\u00a2", "sect": "\u00a7", "para": "\u00b6", "middot": "\u00b7", "bull": "\u2022", "deg": "\u00b0", "plusmn": "\u00b1", "times": "\u00d7", "divide": "\u00f7", "frac12": "\u00bd", "frac14": "\u00bc", "auml": "\u00e4", "ouml": "\u00f6", "uuml": "\u00fc", "Auml": "\u00c4", "Ouml": "\u00d6", "Uuml": "\u00dc", "szlig": "\u00df", "eacute": "\u00e9", "egrave": "\u00e8", "ecirc": "\u00ea", "agrave": "\u00e0", "aacute": "\u00e1", "acirc": "\u00e2", "ccedil": "\u00e7", "ntilde": "\u00f1", "oacute": "\u00f3", "ocirc": "\u00f4", "uacute": "\u00fa", "iacute": "\u00ed", "aring": "\u00e5", "aelig": "\u00e6", "oslash": "\u00f8"}
reference = re.compile("&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[a-zA-Z][a-zA-Z0-9]*;)")


def escape(s, quote=True):
    s = s.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return s.replace('"', "&quot;").replace("'", "&#x27;") if quote else s


def unescape(s):
    parts = []
    rest = 0
    for match in reference.finditer(s):
        name = match.group(1).rstrip(";")
        if name[0] == "#":
            number = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
            if 0x80 <= number <= 0x9F or number == 0 or 0xD800 <= number <= 0xDFFF or number > 0x10FFFF:
                raise ValueError("html.unescape() does not know '&" + name + ";' here")
            value = chr(number)
        elif name in known:
            value = known[name]
        else:
            raise ValueError("html.unescape() does not know '&" + name + ";' here")
        parts.append(s[rest:match.start()] + value)
        rest = match.end()
    return "".join(parts) + s[rest:]
