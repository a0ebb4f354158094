import re


def translate(pat):
    out = ""
    at = 0
    while at < len(pat):
        letter = pat[at]
        at += 1
        if letter == "*":
            if not out.endswith(".*"):
                out += ".*"
        elif letter == "?":
            out += "."
        elif letter == "[":
            end = at
            if end < len(pat) and pat[end] == "!":
                end += 1
            if end < len(pat) and pat[end] == "]":
                end += 1
            while end < len(pat) and pat[end] != "]":
                end += 1
            if end >= len(pat):
                out += "\\["
            else:
                inside = pat[at:end].replace("\\", "\\\\")
                at = end + 1
                if inside[0] == "!":
                    inside = "^" + inside[1:]
                elif inside[0] in "^[":
                    inside = "\\" + inside
                out += "[" + inside + "]"
        else:
            out += re.escape(letter)
    return "(?s:" + out + ")\\Z"


def fnmatchcase(name, pat):
    return re.match(translate(pat), name) is not None


def fnmatch(name, pat):
    return fnmatchcase(name, pat)


def filter(names, pat):
    return [name for name in names if fnmatchcase(name, pat)]
