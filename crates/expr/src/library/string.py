import re
whitespace = " \t\n\r\v\f"
ascii_lowercase = "abcdefghijklmnopqrstuvwxyz"
ascii_uppercase = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ascii_letters = ascii_lowercase + ascii_uppercase
digits = "0123456789"
hexdigits = digits + "abcdef" + "ABCDEF"
octdigits = "01234567"
punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
printable = digits + ascii_letters + punctuation + whitespace


def capwords(s, sep=None):
    return (sep or " ").join([word.capitalize() for word in s.split(sep)])


class Template:
    def __init__(self, template):
        self.template = template
        self._found = re.compile(r"\$(?:(\$)|([_a-zA-Z][_a-zA-Z0-9]*)|\{([_a-zA-Z][_a-zA-Z0-9]*)\}|())")

    def _filled(self, values, safe):
        parts = []
        rest = 0
        for match in self._found.finditer(self.template):
            parts.append(self.template[rest:match.start()])
            rest = match.end()
            name = match.group(2) or match.group(3)
            if match.group(1):
                parts.append("$")
            elif name is None:
                if not safe:
                    raise ValueError("Invalid placeholder in string")
                parts.append(match.group(0))
            elif safe and name not in values:
                parts.append(match.group(0))
            else:
                parts.append(str(values[name]))
        parts.append(self.template[rest:])
        return "".join(parts)

    def substitute(self, mapping=None, **names):
        return self._filled({**(mapping or {}), **names}, False)

    def safe_substitute(self, mapping=None, **names):
        return self._filled({**(mapping or {}), **names}, True)

    def get_identifiers(self):
        names = []
        for match in self._found.finditer(self.template):
            name = match.group(2) or match.group(3)
            if name is not None and name not in names:
                names.append(name)
        return names
