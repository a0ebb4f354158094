import re
blank = re.compile("^[ \t]+$", re.MULTILINE)
margins = re.compile("(^[ \t]*)(?:[^ \t\n])", re.MULTILINE)
dashes = re.compile(r"(?<=[\w!\"'&.,?])(-{2,})(?=\w)")
hyphens = re.compile(r"(?<=[^\W\d][^\W\d]-)(?=[^\W\d]-?[^\W\d])|(?<=[^\W\d]-[^\W\d]-)(?=[^\W\d]-?[^\W\d])")


def chunks_of(text, break_on_hyphens):
    found = []
    for piece in re.split("([\t\n\x0b\x0c\r ]+)", text):
        if not break_on_hyphens or piece.strip() == "":
            found.append(piece)
            continue
        for word in dashes.split(piece):
            if word.strip("-") == "":
                found.append(word)
                continue
            rest = 0
            for match in hyphens.finditer(word):
                found.append(word[rest:match.start()])
                rest = match.start()
            found.append(word[rest:])
    return [chunk for chunk in found if chunk]


def dedent(text):
    text = blank.sub("", text)
    margin = None
    for match in margins.finditer(text):
        spaces = match.group(1)
        if margin is None or margin.startswith(spaces):
            margin = spaces
        elif not spaces.startswith(margin):
            same = 0
            while same < len(margin) and same < len(spaces) and margin[same] == spaces[same]:
                same += 1
            margin = margin[:same]
    if margin:
        text = re.sub("(?m)^" + margin, "", text)
    return text


def indent(text, prefix, predicate=None):
    lines = []
    for line in text.splitlines(True):
        wanted = predicate(line) if predicate is not None else bool(line.strip())
        lines.append(prefix + line if wanted else line)
    return "".join(lines)


def wrap(text, width=70, initial_indent="", subsequent_indent="", expand_tabs=True, replace_whitespace=True, drop_whitespace=True, break_long_words=True, break_on_hyphens=True, max_lines=None, placeholder=" [...]", tabsize=8, fix_sentence_endings=False):
    if fix_sentence_endings:
        raise NotImplementedError("fix_sentence_endings is not known here")
    if width <= 0:
        raise ValueError("invalid width " + repr(width) + " (must be > 0)")
    if expand_tabs:
        text = text.expandtabs(tabsize)
    if replace_whitespace:
        text = re.sub("[\t\n\x0b\x0c\r ]", " ", text)
    chunks = chunks_of(text, break_on_hyphens)
    chunks.reverse()
    lines = []
    while chunks:
        line = []
        length = 0
        begin = subsequent_indent if lines else initial_indent
        room = width - len(begin)
        if drop_whitespace and chunks[-1].strip() == "" and lines:
            chunks.pop()
        while chunks and length + len(chunks[-1]) <= room:
            length += len(chunks[-1])
            line.append(chunks.pop())
        if chunks and len(chunks[-1]) > room:
            left = max(room - length, 1) if room < 1 else room - length
            if break_long_words:
                chunk = chunks[-1]
                end = left
                if break_on_hyphens and len(chunk) > left:
                    hyphen = chunk.rfind("-", 0, left)
                    if hyphen > 0 and chunk[:hyphen].replace("-", "") != "":
                        end = hyphen + 1
                line.append(chunk[:end])
                chunks[-1] = chunk[end:]
            elif not line:
                line.append(chunks.pop())
            length = sum([len(part) for part in line])
        if drop_whitespace and line and line[-1].strip() == "":
            length -= len(line[-1])
            line.pop()
        if not line:
            continue
        rest = [chunk for chunk in chunks if chunk.strip() != ""] if drop_whitespace and len(chunks) == 1 else chunks
        if max_lines is None or len(lines) + 1 < max_lines or (not rest and length <= room):
            lines.append(begin + "".join(line))
            continue
        placed = False
        while line:
            if line[-1].strip() and length + len(placeholder) <= room:
                line.append(placeholder)
                lines.append(begin + "".join(line))
                placed = True
                break
            length -= len(line[-1])
            line.pop()
        if not placed:
            if lines:
                last = lines[-1].rstrip()
                if len(last) + len(placeholder) <= width:
                    lines[-1] = last + placeholder
                    break
            lines.append(begin + placeholder.lstrip())
        break
    return lines


def fill(text, width=70, **options):
    return "\n".join(wrap(text, width, **options))


def shorten(text, width, **options):
    options["max_lines"] = 1
    return "\n".join(wrap(" ".join(text.strip().split()), width, **options))
