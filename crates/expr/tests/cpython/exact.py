"""Snippets that give exactly what CPython gives: empty matches of patterns, and equal keys of different types."""


def patterns():
    found = ["x*", "x*?", "a?", "a??", "|a", "a|", "(a)|b*", "x*|b", r"\b", r"\b|:+", r"[^:]\B", "^", "$", "^|$", "(?m)^", "(?m)$", r"\Z", "(?=b)", "(?<=b)", "(?<=a)|b", "(?i)B*", "[^a]*", r"\s*", r"\s*,?\s*", "(a*)(b*)", "((a)|(b))*", "(?P<x>a*)(?P<y>:?)", "(?:a|ab)??", "()", "", r"(a)?\1", "(?x) a*  # letters", "a{0,2}", "(?!a)", ".*", ".*?", "ü*"]
    subjects = ["", "a", "abxd", "xx", "a::bc", "aab aba", " a , b", "büüx", "a\nb\n"]
    for pattern in found:
        for subject in subjects:
            for use in ["re.sub({p!r}, '-', {s!r})", "re.findall({p!r}, {s!r})", "re.split({p!r}, {s!r})", "[m.span() for m in re.finditer({p!r}, {s!r})]"]:
                yield "import re; return " + use.format(p=pattern, s=subject)
    for pattern in found[:12] + ["a", "b+", "(?P<x>a*)(?P<y>:?)"]:
        for subject in ["abxd", "a::bc"]:
            for use in [
                "re.subn({p!r}, '<>', {s!r})", "re.sub({p!r}, '-', {s!r}, 2)", "re.sub({p!r}, '-', {s!r}, count=1)", "re.split({p!r}, {s!r}, 2)", "re.split({p!r}, {s!r}, maxsplit=1)",
                "re.sub({p!r}, lambda m: str(m.start()) + m.group(), {s!r})", "re.sub({p!r}, r'[\\g<0>]', {s!r})", "re.compile({p!r}).sub('-', {s!r})", "re.compile({p!r}).split({s!r})",
                "re.compile({p!r}).findall({s!r})", "[(m.start(), m.end(), m.group(), m[0]) for m in re.compile({p!r}).finditer({s!r})]", "[m.groups() for m in re.finditer({p!r}, {s!r})]",
                "[m.groups('none') for m in re.finditer({p!r}, {s!r})]", "[m.groupdict() for m in re.finditer({p!r}, {s!r})]", "[repr(m) for m in re.finditer({p!r}, {s!r})]",
                "next(re.finditer({p!r}, {s!r})).span()", "re.sub({p!r}, '-', {s!r}.upper(), flags=re.I)", "re.findall({p!r}, {s!r}, re.IGNORECASE)", "list(map(len, re.split({p!r}, {s!r})))", "re.subn({p!r}, '', {s!r}, 1)[1]",
            ]:
                yield "import re; return " + use.format(p=pattern, s=subject)
    for text in [
        r"re.sub('(a*)(b)?', r'<\1\2>', 'aabb')", r"re.sub('(?P<n>a*)', r'\g<n>.', 'ba')", r"re.sub('x*', '\\n', 'ab')", r"re.sub('x*', r'\\', 'ab')", r"re.sub('a', r'\101\0', 'ab')", r"re.sub('(a)', r'\10', 'ab')",
        r"re.sub('a*', r'\2', 'b')", r"re.sub('a*', r'\q', 'b')", r"re.sub('a*', r'\g<z>', 'b')", r"re.sub('x*', '$0', 'ab')", r"re.sub('a|x*', '${1}', 'ab')", r"[m.start('y') for m in re.finditer('(?P<x>a*)(?P<y>:?)', 'a::b')]",
        r"[m.expand(r'\1-\g<2>') for m in re.finditer('(a*)(b*)', 'aab')]", r"[m.group(1, 2) for m in re.finditer('(a*)(b*)', 'aab')]", r"re.split('(x)|,?', 'a,bx')", r"re.split(r'\W*', '...words...')", r"re.split(r'(\W*)', '...words...')", r"re.split(r'\b', 'Words, words, words.')",
        r"bool(re.search('b$', 'ab\n')), bool(re.search('b$', 'ab\n\n')), bool(re.match('a$', 'a\n')), bool(re.fullmatch('a$', 'a\n')), bool(re.search('a$b', 'ab'))", r"bool(re.search(r'b\Z', 'ab\n')), bool(re.search(r'b\Z', 'ab')), bool(re.search(r'[\$Z]', 'Z')), bool(re.search(r'[$]|\$', 'a$'))",
        r"re.search('(?m)a$', 'ba\nb').span(), re.search('a$', 'ba\nb', re.M).span(), re.search('b$\n', 'ab\n').span(), re.search('(?x) b $ # $ the end', 'ab\n').span()", r"re.sub('b?$', '!', 'ab\n'), re.sub('$', '!', 'a\n'), re.split('$', 'a\n'), re.findall('(?m)$', 'a\nb\n')",
        r"re.compile('^[a-z]+$').match('ab\n').end(), re.compile('^[a-z]+$').sub('', 'ab\n')", r"[bool(re.search(p, 'ab\n')) for p in ['b$', r'b\Z', 'b\n$', '[^]$]$', r'\$']]", r"re.sub('x*', '-', 'abxd', -1)", r"re.split('x*', 'abxd', -1)", r"re.sub('', '-', 'ab')", r"re.findall('(?=(\\w\\w))', 'abcd')", r"re.sub('(?<=\\d)(?=(\\d{3})+$)', ',', '1234567')", r"re.sub('(?<!^)(?=[A-Z])', '_', 'someCamelCase').lower()",
        r"re.split('(?<=[a-z])(?=[A-Z])', 'someCamelCase')", r"re.sub('([a-z]*)-?', lambda m: m.group(1).capitalize(), 'one-two')", r"re.sub(r'^\s*|\s*$', '', '  ab ')", r"re.sub(r'\s*$', '!', 'ab  ')", r"re.findall('a*', 5)", r"re.sub('x*')", r"re.split('(', 'a')", r"re.findall(r'\d*', 'a12b')",
    ]:
        yield "import re; return " + text
    yield from [
        "from re import sub, split, findall; return sub('x*', '-', 'abxd'), split('x*', 'axb'), findall('x*', 'axb')", "from re import sub as s, finditer; return s('x*', '-', 'ax'), [m.group() for m in finditer('x*', 'ax')]",
        "import re as r; return r.sub('x*', '-', 'abxd'), r.split('x*', 'axb')", "import re; p = 'x' + '*'; return re.sub(p, '-', 'abxd'), re.split(p, 'axb')", "import re; p = re.compile('x*', re.I); return p.sub('-', 'abXd'), p.split('aXb'), 'a b'.split(), 'a-b'.split('-')",
        "import re; p = re.compile('x*'); return [f('-', 'ax') for f in [lambda a, b: p.sub(a, b)]]", "import re; it = re.finditer('a', 'aa'); return next(it).start(), next(it).start(), next(it, None)", "regex_replace('abxd', 'x*', '-')", "regex_match('ab\\n', 'b$'), regex_match('ab\\n', 'a$|b$'), regex_match('ab\\nc', 'b$'), regex_match('ab', '(b$)'), regex_match('ab\\n', r'b\\Z'), regex_match('ab\\n', '(?m)b$')", "p = 'b$'\nreturn regex_match('ab\\n', p), regex_replace('ab\\n', p, '')", "regex_replace('ab\\n', 'b$', 'x'), regex_replace('a.b', '[.$]', '')",
        "from re import search, compile as c, match as m; return bool(search('a$', 'a\\n')), bool(c('a$').search('a\\n')), bool(m(pattern='a$', string='a\\n'))", "regex_replace('a  b', r'\\s+', '-')", "regex_replace('aab', '(a*)', r'<\\1>')",
    ]


def keys():
    ones = ["1", "True", "1.0", "(1, 2)", "(True, 2.0)", "'1'", "False"]
    for one in ones:
        for other in ones:
            yield from [
                f"repr({{{one}: 'a', {other}: 'b'}})", f"sorted(map(repr, {{{one}, {other}}}))", f"{one} in {{{other}: 1}}, {one} in {{{other}}}, {{{one}: 1}}.get({other})", f"repr({{**{{{one}: 'a'}}, **{{{other}: 'b'}}}})", f"repr({{{one}: 'a'}} | {{{other}: 'b'}})",
                f"repr({{k: i for i, k in enumerate([{one}, {other}])}})", f"repr(dict([({one}, 'a'), ({other}, 'b')]))", f"repr(dict(zip([{one}, {other}], 'ab')))", f"repr(dict.fromkeys([{one}, {other}], 5))", f"sorted(map(repr, {{{one}}} | {{{other}}}))", f"sorted(map(repr, {{{one}}} & {{{other}}}))",
                f"sorted(map(repr, {{{one}}} ^ {{{other}}})), repr({{{one}}} - {{{other}}})", f"{{{one}: 1}} == {{{other}: 1}}, {{{one}}} == {{{other}}}, {{{one}}} <= {{{other}}}", f"len({{{one}, {other}, 'x'}})", f"sorted(map(repr, set([{one}, {other}]))), sorted(map(repr, frozenset([{other}, {one}])))", f"hash({one}) == hash({other})",
            ]
            for body in [
                "d = {{{0}: 'a'}}; d[{1}] = 'b'; return repr(d)", "d = {{{0}: 1}}; d[{1}] += 2; return repr(d)", "d = {{{0}: 'a'}}; d.update({{{1}: 'b'}}); return repr(d)", "d = {{{0}: 'a'}}; d.update([({1}, 'b')]); return repr(d)", "d = {{{0}: 'a'}}; d |= {{{1}: 'b'}}; return repr(d)",
                "d = {{{0}: 'a'}}; return d.setdefault({1}, 'b'), repr(d)", "d = {{{0}: 'a'}}; return d.pop({1}, 'none'), repr(d)", "d = {{{0}: 'a'}}; d.pop({1}, None); d[{1}] = 'b'; return repr(d)", "s = {{{0}}}; s.add({1}); return sorted(map(repr, s))", "s = {{{0}}}; s.update([{1}]); return sorted(map(repr, s))", "s = {{{0}}}; s.discard({1}); return sorted(map(repr, s))",
                "from collections import Counter; return repr(Counter([{0}, {1}, {0}]))", "from collections import Counter; c = Counter([{0}]); c.update([{1}]); c[{1}] += 1; return repr(c)", "from collections import defaultdict; d = defaultdict(list); d[{0}].append(1); d[{1}].append(2); return repr(dict(d))",
                "from collections import defaultdict; d = defaultdict(int); d[{0}] += 1; d[{1}] += 1; return repr(dict(d))", "d = {{'x': {{{0}: 1}}}}; d['x'][{1}] = 2; return repr(d)", "def f(): return d; d = {{{0}: 1}}; f()[{1}] = 2; return repr(d)", "d = {{}}; d.setdefault('x', {{{0}: 1}})[{1}] = 2; return repr(d)",
                "d = {{{0}: 1}}; (d[{1}], x) = (2, 3); return repr(d), x", "d = {{}}; \nfor d[{0}] in [1]:\n    d[{1}] = 5\nreturn repr(d)",
            ]:
                yield ("\n" if "\n" in body else "; ").join([body.format(one, other)]) if "def f()" not in body else body.format(one, other).replace("def f(): return d; ", "def f():\n    return d\n")
    yield from [
        "repr({a + 0: a for a in [1, True, 1.0]})", "repr({x == x: 1, 1: 2})", "d = {1: 'a', 2: 'b'}; d[2.0] = 'c'; d[3.0] = 'd'; return repr(d), d[3]", "d = {}\nfor k in [True, 1, 'a', 1.0, 0, False]:\n    d[k] = d.get(k, 0) + 1\nreturn repr(d)", "repr({'a': 1, **{'a': 2}, 'b': 3})", "repr({1: 'a', **{True: 'b'}, 1.0: 'c'})",
        "repr({**{}, **{1: 2}, # a: comment\n 1.0 : 3})", "repr({(1): (2), (True): (3)})", "repr({(k): (v) for (k), (v) in [(1, 2), (True, 3)]})", "repr({k: [x for x in v] for k, v in {'a': [1], 'b': []}.items() if v})", "repr({**None})", "{[]: 1, 2: 3}", "dict([1])", "dict(5)", "dict([(1, 2, 3)])", "repr(dict({1: 'a'}, b=2)), dict(a=1), dict(), dict([('a', 1)], b=2)",
        "x = [0, 0]; x[0] = 1; x[-1] = 2; x[True] = 3; return x", "x = [[0]]; x[0][0] += 5; return x", "a = b = {1: 2}; a |= {True: 3}; return repr(b)", "a = {1, 2}; a |= {True, 3}; return sorted(map(repr, a)), 5 | 2, True | False", "isinstance(1, int | str), {1} | {2} == {1, 2}", "import re; return re.findall('A', 'a', re.I | re.M)", "d = {'a': {1: 1}}; k = 'a'; d[k][True] = 2; d[k][1.0] |= 4; return repr(d)",
        "d = {1: 'a'}; d.update(b=2); d.update({}, c=3); d.update([], d=4); d.update(zip([True], 'z')); return repr(d)", "d = {}; d.update(5)", "s = {'a'}; s.update('bc', ['d']); return sorted(s)", "import hashlib; h = hashlib.sha256(); h.update('a'.encode()); return h.hexdigest()[:8]", "dict.fromkeys('aab'), list(dict.fromkeys(x for x in [3, 3, 1]))", "dict.fromkeys([[]])", "import json; return json.dumps({True: 1, 1: 2, 0: 3})",
        "from collections import Counter; return Counter(x for x in 'aab').most_common(1), Counter({'a': 2}), Counter(a=1)", "import collections; return repr(collections.Counter([1, True, 2]))", "from decimal import Decimal; return len({Decimal(1): 'a', 1: 'b', True: 'c'})", "d = {1: 'a'}; d[float('nan')] = 'b'; return len(d)", "d = {}; d[1, 2] = 'a'; d[True, 2.0] = 'b'; return repr(d)", "class A:\n    pass\na = A()\na.d = {1: 2}\na.d[True] = 3\nreturn repr(a.d)",
        "from functools import reduce; return repr(reduce(lambda a, b: {**a, **b}, [{1: 'a'}, {True: 'b'}, {2: 'c'}]))", "repr([{k: 1, 1: 2} for k in [True, 'x']])", "repr({i: {j: i for j in [1, True]} for i in [1, 1.0]})", "d = {1: 2}; d[1] -= 1; d[True] *= 7; return repr(d)", "(lambda d: [d.update({True: 5}), repr(d)][1])({1: 2})", "repr({n: n for n in range(3)} | {True: 'x'})", "repr(sorted({1: 'a', True: 'b', 0: 'c'}.items()))",
    ]


def lines(text):
    if text.startswith(("import ", "from ", "p = ", "d = ", "s = ", "x = ", "a = ", "class ", "def ")):
        return text if "\n" in text and not text.startswith("def f()") else text.replace("; ", "\n")
    return "return " + text


def snippets():
    for part in (patterns, keys):
        for text in part():
            yield lines(text)
