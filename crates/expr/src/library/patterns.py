import re as _signet_re
def _signet_match_class():
    class Match:
        def __init__(self, re, string, names, spans):
            self.re, self.string, self.pos, self.endpos = re, string, 0, len(string)
            self._names, self._spans = names, spans
        def _number(self, group):
            if isinstance(group, str):
                if group in self._names:
                    return self._names.index(group) + 1
                raise IndexError("no such group")
            if group < 0 or group > len(self._names):
                raise IndexError("no such group")
            return group
        def span(self, group=0):
            n = self._number(group)
            return (self._spans[2 * n], self._spans[2 * n + 1])
        def start(self, group=0):
            return self.span(group)[0]
        def end(self, group=0):
            return self.span(group)[1]
        def _part(self, group, default=None):
            start, end = self.span(group)
            return default if start < 0 else self.string[start:end]
        def __getitem__(self, group):
            return self._part(group)
        def group(self, *groups):
            if len(groups) > 1:
                return tuple([self._part(group) for group in groups])
            return self._part(groups[0] if groups else 0)
        def groups(self, default=None):
            return tuple([self._part(n + 1, default) for n in range(len(self._names))])
        def groupdict(self, default=None):
            return {name: self._part(name, default) for name in self._names if name is not None}
        def expand(self, template):
            return _signet_filled(_signet_template(template, self._names), self)
        def __repr__(self):
            return "<re.Match object; span=" + repr(self.span()) + ", match=" + repr(self.group()) + ">"
    return Match
_signet_Match = _signet_match_class()
def _signet_template(text, names):
    # Texts and groups. Without names, the match judges them.
    out, literal, at = [], "", 0
    while at < len(text):
        pair = text[at:at + 2]
        if pair[0] != "\\" or len(pair) == 1:
            if pair[0] == "\\":
                raise _signet_re.PatternError("bad escape (end of pattern) at position " + str(at))
            literal += pair[0]
            at += 1
            continue
        sign, group = pair[1], None
        at += 2
        if sign == "g":
            if text[at:at + 1] != "<":
                raise _signet_re.PatternError("missing < at position " + str(at))
            if ">" not in text[at:]:
                raise _signet_re.PatternError("missing >, unterminated name at position " + str(at + 1))
            end = text.index(">", at)
            group = text[at + 1:end]
            if group.isdigit():
                group = int(group)
            elif names is None:
                out.append(literal)
                out.append([group])
                literal, group = "", None
            elif group not in names:
                raise IndexError("unknown group name " + repr(group))
            else:
                group = names.index(group) + 1
            at = end + 1
        elif sign == "0":
            digits = "0"
            while len(digits) < 3 and text[at:at + 1] != "" and text[at] in "01234567":
                digits += text[at]
                at += 1
            literal += chr(int(digits, 8))
        elif sign.isdigit():
            more = text[at:at + 2]
            if len(more) == 2 and all([digit in "01234567" for digit in sign + more]):
                if sign > "3":
                    raise _signet_re.PatternError("octal escape value \\" + sign + more + " outside of range 0-0o377 at position " + str(at - 2))
                literal += chr(int(sign + more, 8))
                at += 2
            else:
                if more[:1].isdigit():
                    sign += more[0]
                    at += 1
                group = int(sign)
        elif sign in "abfnrtv":
            literal += {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "f": "\f", "v": "\v", "b": "\b"}[sign]
        elif sign == "\\":
            literal += "\\"
        elif sign.isascii() and sign.isalpha():
            raise _signet_re.PatternError("bad escape \\" + sign + " at position " + str(at - 2))
        else:
            literal += pair
        if group is not None:
            if names is not None and group > len(names):
                raise _signet_re.PatternError("invalid group reference " + str(group))
            out.append(literal)
            out.append([group])
            literal = ""
    out.append(literal)
    return out
def _signet_filled(template, match):
    return "".join([part if isinstance(part, str) else match.group(part[0]) or "" for part in template])
def _signet_names(compiled):
    # The names of groups by number; the engine's own patterns do not tell them.
    return _signet_matches("(?:" + compiled.pattern + "(?x)\n)|", compiled.flags, "", 1)[0]
def _signet_expand(of, template):
    if type(of).__name__ != "Match":
        return of.expand(template)
    return _signet_filled(_signet_template(template, None), of)
def _signet_pattern(of, method, known, args, names):
    # The pattern, its arguments by name, and its matches where it can match the empty string. Wrong arguments
    # get no pattern: the engine says what is wrong.
    own = type(of).__name__ == "Pattern"
    if not own and (type(of).__name__ != "module" or not hasattr(of, "finditer")):
        return None, {}, None
    known = known if own else ["pattern"] + known + ["flags"]
    given = {**dict(zip(known, args)), **names}
    if len(args) > len(known) or len(given) < len(args) + len(names) or not all([name in known for name in given]):
        return None, {}, None
    if "string" not in given or (not own and "pattern" not in given):
        return None, {}, None
    pattern, string = of if own else given["pattern"], given["string"]
    if type(pattern).__name__ != "Pattern":
        if not isinstance(pattern, str) or not isinstance(given.get("flags", 0), int):
            return None, {}, None
        pattern = of.compile(pattern, given.get("flags", 0))
    elif given.get("flags", 0) != 0:
        return None, {}, None
    if not isinstance(string, str):
        return None, {}, None
    limit = given.get("count", given.get("maxsplit", 0))
    if not isinstance(limit, int):
        return None, {}, None
    found = _signet_matches(pattern.pattern, pattern.flags, string, limit)
    return pattern, given, found and [_signet_Match(pattern, string, found[0], spans) for spans in found[1]]
def _signet_findall(of, *args, **names):
    pattern, given, found = _signet_pattern(of, "findall", ["string"], args, names)
    if found is None:
        return of.findall(*args, **names)
    if not found:
        return []
    groups = len(found[0].groups())
    if groups > 1:
        return [match.groups("") for match in found]
    return [match.groups("")[0] if groups else match.group() for match in found]
def _signet_finditer(of, *args, **names):
    pattern, given, found = _signet_pattern(of, "finditer", ["string"], args, names)
    return iter(of.finditer(*args, **names) if found is None else found)
def _signet_re_split(of, *args, **names):
    pattern, given, found = _signet_pattern(of, "split", ["string", "maxsplit"], args, names)
    if found is None or given.get("maxsplit", 0) < 0:
        return of.split(*args, **names)
    parts, rest = [], 0
    for match in found:
        parts.append(given["string"][rest:match.start()])
        parts.extend(match.groups())
        rest = match.end()
    return parts + [given["string"][rest:]]
def _signet_sub(of, *args, **names):
    return _signet_substituted(of, "sub", args, names)
def _signet_subn(of, *args, **names):
    return _signet_substituted(of, "subn", args, names)
def _signet_substituted(of, method, args, names):
    pattern, given, found = _signet_pattern(of, method, ["repl", "string", "count"], args, names)
    if pattern is None or "repl" not in given:
        return of.sub(*args, **names) if method == "sub" else of.subn(*args, **names)
    repl, string, count = given["repl"], given["string"], given.get("count", 0)
    if isinstance(repl, bytes):
        raise TypeError("expected str instance, bytes found")
    if count < 0:
        return string if method == "sub" else (string, 0)
    if found is None and method == "sub" and isinstance(repl, str) and "\\" not in repl:
        return pattern.sub(repl, string, count)
    found = pattern.finditer(string) if found is None else found
    template = _signet_template(repl, _signet_names(pattern)) if isinstance(repl, str) else None
    parts, rest, made = [], 0, 0
    for match in found:
        if count and made >= count:
            break
        parts.append(string[rest:match.start()])
        parts.append(repl(match) if template is None else _signet_filled(template, match))
        rest = match.end()
        made += 1
    text = "".join(parts) + string[rest:]
    return text if method == "sub" else (text, made)
def _signet_anchors(pattern):
    return _signet_anchored(pattern) if isinstance(pattern, str) and ("$" in pattern or "Z" in pattern) else pattern
def _signet_re_function(name):
    return {
        "sub": _signet_sub, "subn": _signet_subn, "split": _signet_re_split, "findall": _signet_findall, "finditer": _signet_finditer,
        "match": lambda of, *args, **names: of.match(*args, **names),
        "search": lambda of, *args, **names: of.search(*args, **names),
        "fullmatch": lambda of, *args, **names: of.fullmatch(*args, **names),
        "compile": lambda of, *args, **names: of.compile(*args, **names),
    }[name]
def _signet_of_re(name):
    function = _signet_re_function(name)
    def call(*args, **names):
        if args:
            args = (_signet_anchors(args[0]),) + args[1:]
        elif "pattern" in names:
            names["pattern"] = _signet_anchors(names["pattern"])
        return function(_signet_re, *args, **names)
    return call
