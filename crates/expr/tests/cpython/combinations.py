"""Snippets by combination: methods, formats, slices, times and patterns over the values that real texts have."""


def formats():
    specs = ["", "5", "<6", ">6", "^6", "*^9", "05", "+", " ", ",", "_", "x", "X", "#x", "b", "o", "08b", "d", "e", ".2f", "08.3f", "+.1f", ",.2f", ".0f", "%", ".1%", "g", ".3g", "c", "n", "#b", "_x", "=+6", "0>4", ".3", "10.2", "s", "<10s"]
    values = ["0", "7", "-42", "1234567", "3.14159", "-0.5", "1e20", "1234.5", "True", "'ab'", "'Ada Lovelace'", "None"]
    for value in values:
        for spec in specs:
            yield f"f'{{{value}:{spec}}}'".replace("'ab'", '"ab"').replace("'Ada Lovelace'", '"Ada Lovelace"')
    for spec in ["{:>5}|", "{0:<5}|{0}", "{!r}", "{0!s:>8}", "{:,}", "{:.3}", "{:d}", "{:5.1f}"]:
        for value in ["'ab'", "12", "3.5"]:
            yield f"{spec!r}.format({value})"
    for text in ["'%s' % 'a'", "'%d-%s' % (3, 'x')", "'%05d' % 42", "'%.2f' % 1.005", "'%5s|%-5s|' % ('a', 'b')", "'%x %X %o' % (255, 255, 8)", "'%(a)s-%(b)d' % {'a': 1, 'b': 2}", "'%%' % ()", "'%r' % 'a'", "'%s' % (None,)", "'%s %s' % ('a',)", "'%d' % 'a'", "'%i' % 3.9", "'%e' % 12345.678", "'%g' % 0.00001", "'%+d' % 5", "'% d' % 5", "'%s' % [1, 'a']", "'%c' % 65", "'%5.1f%%' % 12.345", "'%*d' % (5, 3)"]:
        yield text
    yield from ["f'{1 + 1=}'", "f'{\"a\"!r:>5}'", "f'{[1, 2]}'", "f'{{}}'", "f'{3:{5}}'", "f'{\"x\":{\"*\"}^{7}}'", "f'{1:%}'", "f'{None!s:>6}'", "f'{1.0}'", "f'{1e16}' ", "f'{1e15}'", "f'{0.1 + 0.2}'", "f'{10 ** 20}'", "f'{True}'", "f'{b\"a\"}'", "f'{(1,)}'", "f'{ {\"a\": 1} }'", "f'{-1 % 3}'", "f'{1_000}'", "f'{1/3:.10}'"]


def texts():
    values = ["''", "'a'", "'Ada Lovelace'", "'ada@example.test'", "' x  y '", "'a,b;c'", "'ÄÖß'", "'line1\\nline2\\r\\nline3'", "'CN=Ada,OU=People,DC=example'", "'first.last'", "'123'", "'ǅ'"]
    calls = ["split()", "split(' ')", "split('@')", "split(',', 1)", "rsplit('.', 1)", "partition('@')", "rpartition('.')", "strip()", "lstrip('C')", "rstrip('e')", "strip('a ')", "upper()", "lower()", "title()", "capitalize()", "swapcase()", "casefold()", "isalpha()", "isdigit()", "isalnum()", "isupper()", "islower()", "istitle()", "isspace()", "isidentifier()", "isnumeric()", "isdecimal()", "isascii()", "isprintable()", "splitlines()", "splitlines(True)", "replace('a', 'b')", "replace('a', 'b', 1)", "replace('', '-')", "find('a')", "rfind('a')", "count('a')", "count('')", "startswith('A')", "startswith(('a', 'A'))", "endswith('e', 0, 5)", "startswith('d', 1)", "zfill(6)", "ljust(8, '.')", "rjust(8)", "center(9, '*')", "center(8)", "expandtabs()", "encode().hex()", "removeprefix('ada')", "removesuffix('.test')", "join(['1', '2'])", "find('e', 2, 9)", "split('a')", "split(maxsplit=1)", "split(sep=',')", "rsplit(None, 1)", "translate(str.maketrans('aä', 'xy'))", "encode('ascii', 'ignore')", "encode('ascii', 'replace')", "encode('utf-16-le').hex()"]
    for value in values:
        for call in calls:
            yield f"{value}.{call}"
        for part in ["[0]", "[-1]", "[1:3]", "[:2]", "[-3:]", "[::-1]", "[::2]", "[5:1:-2]", "[1:-1]", "[10:]", "[-100:2]"]:
            yield f"{value}{part}"
        for function in ["len", "list", "sorted", "repr", "hash", "set", "ascii", "ord", "bool", "reversed"]:
            if function not in ("hash", "set", "reversed"):
                yield f"{function}({value})"
        yield f"sorted(set({value}))"
        yield f"''.join(reversed({value}))"
        yield f"{value} * 2, {value} + 'z', 'a' in {value}, {value} < 'b', {value} == 'a'"


def lists():
    values = ["[]", "[3, 1, 2]", "['b', 'A', 'c']", "[1, 'a', None]", "[[2, 'x'], [1, 'y']]", "(1, 2, 3)", "[True, 0, 2.5]", "range(5)", "['x', 'x', 'y']"]
    uses = ["sorted({0})", "sorted({0}, reverse=True)", "sorted({0}, key=str)", "sorted({0}, key=lambda v: str(v).lower(), reverse=True)", "list(reversed({0}))", "{0}[-2:]", "{0}[::-1]", "{0}[1:]", "{0}[:-1]", "len({0})", "list(enumerate({0}))", "list(zip({0}, {0}[1:]))", "sum({0})", "min({0})", "max({0})", "max({0}, key=str)", "min({0}, default=None)", "list(dict.fromkeys({0}))", "{0}.index(1)", "{0}.count('x')", "'x' in {0}", "list({0}) + [9]", "list({0}) * 2", "any({0}), all({0})", "str({0})", "list(map(str, {0}))", "','.join(map(str, {0}))", "[*{0}, *{0}]", "list(filter(None, {0}))", "dict(enumerate({0}))", "{0} == list({0})", "{0}[0]", "{0}[7]", "tuple({0})", "set({0}) == frozenset({0})", "next(iter({0}), 'none')", "[v for v in {0} if v]", "{{v: i for i, v in enumerate({0})}}", "isinstance({0}, (list, tuple)), type({0}).__name__", "repr({0})", "bool({0})", "list({0}).copy()", "{0} < [5]", "sorted({0}, key=lambda v: (len(str(v)), str(v)))", "sum([[v] for v in {0}], [])"]
    for value in values:
        for use in uses:
            yield use.format(value)


def dicts():
    values = ["{}", "{'a': 1, 'b': 2}", "{'name': 'Ada', 'groups': ['x', 'y'], 'n': None}", "{1: 'one', 'b': {'c': [1]}}"]
    uses = ["list({0})", "list({0}.keys())", "list({0}.values())", "list({0}.items())", "{0}.get('a')", "{0}.get('zz', 5)", "{0}['a']", "'a' in {0}", "{0}.keys() & {{'a'}}", "{0}.keys() | {{'q'}} == {{'q'}}", "{0}.keys() - {{'a'}} == set()", "{0} | {{'z': 0}}", "{{**{0}, 'y': 1}}", "dict({0}, k=1)", "len({0})", "str({0})", "sorted({0}, key=str)", "sorted({0}.items(), key=lambda kv: str(kv[1]))", "{{v: k for k, v in {0}.items() if not isinstance(v, (list, dict))}}", "max({0}, key=lambda k: str(k))", "dict(sorted({0}.items(), key=str))", "{0}.setdefault('a', 9)", "{0}.pop('a', None)", "{0}.popitem()", "{0} == dict({0})", "list(reversed({0}))", "bool({0})", "{0}.items() == dict({0}).items()", "'b' in {0}.keys(), 2 in {0}.values(), ('a', 1) in {0}.items()", "{0}.get('b', {{}})", "repr({0}.keys())", "str({0}.values())", "repr({0}.items())", "dict(zip({0}, range(9)))", "{0}.update({{'a': 0}})", "isinstance({0}, dict)", "{0}.copy()", "{0}.keys() == set({0})", "{0}.keys() >= {{'a'}}", "len({0}.items())", "list(map(len, map(str, {0})))"]
    for value in values:
        for use in uses:
            yield use.format(value)


def times():
    yield "import datetime; return 1"
    head = "from datetime import datetime, date, time, timedelta, timezone; d = datetime(2026, 2, 28, 23, 59, 58, 123456); u = datetime(2026, 11, 30, 8, 5, tzinfo=timezone.utc); k = date(2024, 2, 29); t = timedelta(days=-1, hours=5, seconds=7); return "
    for use in ["d.isoformat()", "str(d)", "repr(d)", "d.isoformat(' ')", "d.isoformat(timespec='seconds')", "d.isoformat(timespec='milliseconds')", "u.isoformat()", "str(u)", "repr(u)", "u.timestamp()", "int(u.timestamp())", "d.date()", "str(d.date())", "str(d.time())", "d.strftime('%a %d %b %Y %H:%M:%S.%f')", "d.strftime('%A %B %-d %I %p %y %j %U %W %w %%')", "u.strftime('%z %Z|%s')", "u.strftime('%Y-%m-%dT%H:%M:%SZ')", "u.strftime('%e %k %l|%D %T %R %F')", "u.strftime('%c|%x|%X')", "u.strftime('%G-W%V-%u')", "d.weekday(), d.isoweekday()", "d.isocalendar()[1]", "d.isocalendar().week", "tuple(d.isocalendar())", "d.timetuple().tm_yday", "d.toordinal()", "str(d + timedelta(days=1))", "str(d - timedelta(weeks=1))", "str(u - timedelta(minutes=90))", "(u - datetime(2026, 1, 1, tzinfo=timezone.utc)).days", "str(u - datetime(2026, 1, 1, 9, tzinfo=timezone.utc))", "d - u", "d < u", "d == u", "d < datetime(2027, 1, 1)", "str(t), repr(t)", "t.days, t.seconds, t.microseconds, t.total_seconds()", "str(-t), str(abs(t)), str(t * 2), str(t / 2), str(t // timedelta(hours=1)), t % timedelta(hours=1) == timedelta(seconds=7)", "timedelta(hours=25) > timedelta(days=1)", "bool(timedelta(0)), bool(t)", "str(timedelta(days=400, microseconds=5))", "timedelta(days=1) / timedelta(hours=1)", "str(sum([timedelta(hours=1), timedelta(hours=2)], timedelta()))", "str(k + timedelta(days=366))", "str(k.replace(day=1))", "k.replace(year=2025)", "str(d.replace(microsecond=0))", "str(d.replace(hour=0, minute=0, second=0, microsecond=0))", "k.strftime('%d/%m/%Y')", "(date(2026, 3, 1) - k).days", "str(u.astimezone(timezone(timedelta(hours=-5))))", "u.astimezone(timezone(timedelta(hours=5, minutes=30), 'IST')).tzname()", "u.tzinfo == timezone.utc, str(u.tzinfo), d.tzinfo", "u.utcoffset()", "u.utcoffset() == timedelta(0)", "d.replace(tzinfo=timezone.utc).isoformat()", "datetime.strptime('2026-03-04T05:06:07Z', '%Y-%m-%dT%H:%M:%SZ').isoformat()", "datetime.strptime('2026-03-04 05:06:07 +0200', '%Y-%m-%d %H:%M:%S %z').isoformat()", "datetime.strptime('Mar 4, 2026', '%b %d, %Y').date().isoformat()", "datetime.strptime('04.03.26', '%d.%m.%y').isoformat()", "datetime.strptime('x', '%Y')", "datetime.strptime('20260304050607.0Z', '%Y%m%d%H%M%S.%fZ').isoformat()", "datetime.fromisoformat('2026-03-04').isoformat()", "datetime.fromisoformat('2026-03-04T05:06:07.123Z').isoformat()", "datetime.fromisoformat('2026-03-04 05:06').isoformat()", "datetime.fromisoformat('20260304T050607').isoformat()", "datetime.fromisoformat('nonsense')", "date.fromisoformat('2026-13-01')", "str(datetime.fromtimestamp(1e9, timezone.utc))", "str(datetime.combine(k, time(9, 30)))", "time(9, 30) <= time(17), str(time(9, 5, 1)), time(7).strftime('%H:%M')", "time(9) < datetime(2026, 1, 1, 10).time()", "str(datetime.min), datetime.max.year", "d.hour in range(8, 24)", "{d: 1}[datetime(2026, 2, 28, 23, 59, 58, 123456)]", "str(max(d, datetime(2027, 1, 1)))", "sorted([k, date(2020, 1, 1)])[0].year", "isinstance(d, date), isinstance(k, datetime), isinstance(d, datetime)", "type(d).__name__, type(k).__name__, type(t).__name__", "f'{d:%Y-%m-%d}', f'{u:%H:%M}', f'{k:%d.%m.}', f'{d}'", "'{:%Y}'.format(k)", "str(d.ctime())", "str(datetime(2026, 1, 31) + timedelta(days=30))", "datetime(2026, 2, 30)", "str(u.replace(tzinfo=None))", "u.date() == date(2026, 11, 30)", "(u + timedelta(days=90)).strftime('%Y-%m-%d')", "divmod(timedelta(hours=5).total_seconds(), 3600)", "str(timedelta(seconds=3661.5))", "datetime.utcfromtimestamp(0).isoformat()", "d.year * 100 + d.month", "str(timedelta(weeks=2, days=3).days)", "timezone.utc.tzname(None), str(timezone(timedelta(hours=2)))", "u.timetuple().tm_hour", "list(d.timetuple())[:6]", "d.timestamp() > 0", "datetime(2026, 1, 1, fold=0).isoformat()", "json_like if False else 1"]:
        yield head + use


def patterns():
    subjects = ["'ada@example.test'", "'CN=Ada Lovelace,OU=People,DC=ex'", "'a1b22\\nc333'", "'München Straße'"]
    for subject in subjects:
        for use in ["re.findall(r'\\w+', {0})", "re.findall(r'[a-z]+', {0}, re.I)", "re.findall('^.', {0}, re.MULTILINE)", "re.findall('.$', {0}, re.M | re.I)", "bool(re.match('A', {0}, flags=re.IGNORECASE))", "re.sub(r'\\s+', '-', {0})", "re.sub(r'(\\w)(\\w)', r'\\2\\1', {0}, count=2)", "re.sub('[^a-z0-9]+', '', {0}.lower())", "re.split('[@,=]', {0})", "re.split('([@,=])', {0}, 1)", "re.search('(?P<x>[a-z]+)', {0}).group('x')", "re.search('(?P<x>[a-z]+)', {0})['x']", "re.search('(z+)?', {0}).group(1)", "re.search('(z+)?', {0}).groups('none')", "re.search('[0-9]+', {0}) and 1", "re.fullmatch('.*', {0}) is None", "re.fullmatch('.*', {0}, re.S) is not None", "re.search('\\\\bex', {0}) is not None", "re.search('(?i:ADA)', {0}) is not None", "re.search('(?<=@)\\\\w+', {0})", "[m.group() for m in re.finditer('[aeiou]', {0})]", "[m.span() for m in re.finditer('[aeiou]', {0})][:2]", "re.compile('(a)(b)?').search({0}).groups() if 'a' in {0} else 0", "re.sub('a', lambda m: m.group().upper(), {0})", "re.subn('a', 'x', {0})", "re.match(r'.*?(\\d+)', {0})", "re.search('(\\\\w+) (\\\\w+)', {0}).expand(r'\\2 \\1') if ' ' in {0} else 0", "re.search('x*', {0}).start()", "re.search(r'''(?x) a  # first\n 1''', {0}) is not None", "re.escape({0})", "re.findall('(a)|(b)', {0})", "re.search('\\\\Z', {0}).end()", "re.findall(r'\\d+', {0}, re.ASCII)", "re.findall('.', {0}, re.DOTALL)[-1]", "re.sub('(?P<n>a)', r'<\\g<n>>', {0})", "re.sub('a', '\\\\\\\\', {0})", "re.sub('a', r'\\n', {0})"]:
            if "'''" in use:
                continue
            yield "import re; return " + use.format(subject)
    yield from ["import re; return re.match('(', 'a')", "import re; return re.compile('a').pattern, re.compile('a', re.I).flags & re.I != 0", "import re; return re.match('a', None)", "import re; return re.sub('a', 'b', 5)", "import re; return re.match(r'(?P<user>[^@]+)@(?P<dom>.+)', 'a@b.c').groupdict()", "import re; m = re.match(r'(\\w)(\\w)', 'ab'); return m[0], m[1], m.group(1, 2), m.lastindex, m.string, m.start(2), m.end()", "import re; return bool(re.match('a', 'A'))", "import re; return re.match('(?s).', '\\n') is not None", "import re; return re.search('a++', 'aaa') is not None", "import re; return re.search('(?>a)b', 'ab') is not None", "import re; return re.search('(a)(?(1)b|c)', 'ab') is not None", "import re; return re.search('\\\\p{L}', 'a')", "import re; return re.findall('', 'ab')", "import re; return re.split('', 'ab')", "import re; return re.split('x*', 'axb')", "import re; return re.sub('x*', '-', 'abxd')", "import re; return re.search(r'(\\w)\\1', 'hello').group()", "import re; return [x for x in re.split(r'\\s*;\\s*', 'a; b ;c')]", "regex_match('ada@x.test', r'@x\\.test$')", "regex_match('x', 'y')", "import re; return re.compile(r'^(?:a|b)$').match('a').group(0)", "import re; return type(re.compile('a')).__name__", "import re; return repr(re.match('a', 'ab'))", "import re; return re.purge()", "import re; return re.NOFLAG == 0, re.I == re.IGNORECASE, int(re.M), int(re.X | re.S)"]


def documents():
    values = ["{'b': 1, 'a': [1, 2.0, None, True]}", "[]", "{}", "'é\"\\n'", "1e100", "{'n': {'m': []}}", "[[1], {'x': ()}]", "{1: 2, None: 3, True: 4}", "'\\u2028'", "0.1", "10 ** 20", "float('nan')"]
    for value in values:
        for options in ["", ", indent=2", ", indent=4, sort_keys=True" if "None: 3" not in value else ", indent=1", ", separators=(',', ':')", ", ensure_ascii=False", ", indent='\\t'", ", indent=0", ", allow_nan=False", ", separators=(', ', ' = '), indent=1", ", skipkeys=True"]:
            yield f"import json; return json.dumps({value}{options})"
    for text in ["'{\"a\": 1.0}'", "'[1, 2'", "'\"\\\\u00e9\"'", "' null '", "'1e5'", "'-0'", "'{}'", "'NaN'", "b'[1]'", "''", "'{\"a\":1,\"a\":2}'"]:
        yield f"import json; return json.loads({text})"
    yield from ["import json; return json.dumps({'a': {1}})", "import json; return json.dumps(b'a')", "import json; return json.dumps({'x': object})", "import json; return json.dumps({(1, 2): 3})", "import json; return json.dumps({(1, 2): 3, 'a': 1}, skipkeys=True)", "import json; return json.loads('{\"a\": 1}', object_hook=lambda d: sorted(d))", "import json; return json.loads('1.5', parse_float=str)", "import json; return json.loads(json.dumps({'a': [1, {'b': None}]}))['a'][1]"]


def numbers():
    values = ["0", "7", "-7", "2.5", "-2.5", "3.5", "1e3", "True", "10 ** 12", "0.1"]
    for value in values:
        for use in ["round({0})", "round({0}, 1)", "round({0}, -1)", "int({0})", "float({0})", "str({0})", "abs({0})", "divmod({0}, 3)", "{0} // 2", "{0} % 3", "-({0}) // 2", "-({0}) % 3", "{0} / 4", "bool({0})", "hex({0})", "bin({0})", "oct({0})", "{0} == int({0})", "max({0}, 3)", "isinstance({0}, int), isinstance({0}, bool), isinstance({0}, float)", "type({0}).__name__", "repr({0})", "{0} or 'zero'", "[1, 2][{0} > 0]", "int(str({0}))", "float(str({0}))"]:
            yield use.format(value)
    yield from ["int('0x1f', 16)", "int('1_000')", "int(' 12\\n')", "int('1.5')", "int('')", "int(None)", "float('inf') > 1", "float('abc')", "int('z', 36)", "1 // 0", "1 % 0", "0 ** 0", "2 ** 0.5", "round(1.25, 1), round(1.35, 1), round(0.5), round(1.5)", "1 < 2 == True", "1 if 0.0 else 2", "~True", "True + True", "'3' * 3", "3 * '3'", "[1] * -1", "5 .bit_length()", "int.from_bytes(b'\\x01\\x00', 'big')", "(258).to_bytes(2, 'little').hex()", "chr(8364), ord('€')", "1_000_000 == 10 ** 6", "0.1 + 0.2 == 0.3", "1e22, 1e21, 1e16, 123456789012345680.0", "-0.0, 0.0 == -0.0", "7.0 // 2, -7.5 % 2", "complex(1, 2).real", "int(1e18)", "round(2675.0 / 1000, 2)", "format(1234.5, ',.2f'), format(255, '#x'), format('a', '>3')", "f'{1e-7}', f'{123456789.123}'", "str(1e5), str(100000.0), str(1.5e-10)", "min(1, 2.0), max(1.0, 1)", "sum(range(101))", "any(c.isdigit() for c in 'a1')", "bool(float('nan'))", "int(True) + False"]


def rest():
    yield from [
        "import itertools; return [(k, [v['n'] for v in g]) for k, g in itertools.groupby([{'k': 'a', 'n': 1}, {'k': 'a', 'n': 2}, {'k': 'b', 'n': 3}], key=lambda v: v['k'])]",
        "import itertools; return list(itertools.filterfalse(lambda v: hasattr(v, 'upper'), ['a', 1]))",
        "import itertools; return list(itertools.takewhile(lambda v: getattr(v, 'real', None) is not None, [1, 2, 'a']))",
        "import itertools; return list(itertools.dropwhile(lambda v: hasattr(v, 'lower'), ['a', 1, 'b']))",
        "import itertools; return [list(g) for k, g in itertools.groupby(['a', 1], key=lambda v: hasattr(v, 'upper'))]",
        "import itertools; return list(itertools.starmap(lambda a, b: hasattr(a, 'upper') and b, [('a', 1), (2, 3)]))",
        "import itertools; return list(itertools.accumulate(['a', 'b'], lambda a, b: a + b if hasattr(a, 'upper') else 0))",
        "import functools; return functools.reduce(lambda a, b: a + (b if hasattr(b, 'upper') else ''), ['a', 'b', 1])",
        "import functools; return functools.reduce(lambda a, b: a + getattr(b, 'real', 7), [1, 2, 3], 0)",
        "from functools import reduce; return reduce(lambda d, k: d.get(k) if hasattr(d, 'get') else None, ['a', 'b', 'c'], {'a': {'b': 1}})",
        "from collections import Counter; return Counter('banana').most_common(2), Counter(a=1)['b'], sum(Counter('ab').values())",
        "from collections import Counter; c = Counter('ab'); c.update('b'); return dict(c), dict(c - Counter('b')), sorted(c.elements())",
        "from collections import defaultdict; d = defaultdict(lambda: defaultdict(int)); d['a']['b'] += 1; return {k: dict(v) for k, v in d.items()}",
        "from collections import defaultdict; d = defaultdict(set); d['a'].add(1); return list(d.items()) == [('a', {1})], d.get('z'), 'z' in d",
        "from collections import namedtuple; P = namedtuple('P', ['x', 'y'], defaults=[5]); p = P(1); return p, p.y, p._replace(x=2), p._asdict(), str(p), p[0]",
        "from collections import ChainMap; return ChainMap({'a': 1}, {'a': 2, 'b': 3})['b']",
        "from collections import deque; d = deque([1, 2]); d.appendleft(0); d.rotate(1); return list(d), d.pop(), len(d)",
        "hasattr('a', 'upper'), hasattr(1, 'upper'), hasattr([], 'append'), hasattr({}, 'get'), hasattr(None, 'x')",
        "getattr('a', 'nothing', 5), getattr({}, 'x', None)",
        "list(map(lambda v: hasattr(v, 'upper'), ['a', 1]))",
        "sorted(['b', 'a'], key=lambda v: hasattr(v, 'x'))",
        "sorted([{'a': 2}, {'a': 1}], key=lambda v: v.get('a'), reverse=True)[0]",
        "sorted(['ä', 'a', 'z', 'Z']), sorted(['10', '9', '1']), sorted([(1, 'b'), (1, 'a')])",
        "sorted([1, 'a'])", "sorted([None, 1])", "sorted([{'a': 1}, {'b': 2}])", "max(['a', 1])",
        "[1, 2] < [1, 3], (1, 2) < (1, 2, 0), 'a' < 'B', [] < [0]", "1 < 'a'", "{'a': 1} < {'b': 2}", "{1} < {1, 2}, {1, 2} >= {1}, {1} | {2} == {1, 2}, {1, 2} ^ {2, 3} == {1, 3}",
        "[i for i in range(3)][-1], {1, 2} & {2}, len({1, 1.0, True})", "{True: 'a', 1: 'b'}", "{1: 'a', 1.0: 'b'}",
        "isinstance('a', str), isinstance(1, (str, int)), isinstance(None, type(None)), isinstance([], (list, dict))",
        "type('a') == str, type(1) is int, type([]) in (list, tuple)", "callable(len), callable(1), callable(lambda: 1)",
        "'a' 'b', r'\\d', '\\x41\\u00e9\\N{BULLET}', b'\\x00a'", "b'abc'[0], b'abc'[1:], b'a' + b'b', bytes([65, 66]), bytearray(b'a')",
        "'a' if None else 'b' if 0 else 'c'", "None == False, None is None, 0 == False, '' == False, [] == False", "not not 'a', not None", "(lambda *a, **k: (a, k))(1, b=2)",
        "'Ada'.encode('utf-8').decode('ascii'), 'é'.encode('latin-1'), b'\\xc3\\xa9'.decode(), b'\\xff'.decode('utf-8', 'ignore'), b'\\xff'.decode(errors='replace')", "b'\\xff'.decode()",
        "'é'.encode('ascii')", "str(b'a'), str(b'a', 'utf-8')", "int(b'12')", "'{}'.format(b'a')",
        "list('ab') == ['a', 'b'], tuple('ab'), set('aa')", "dict([('a', 1)]), dict(a=1, **{'b': 2}), dict({'a': 1}.items())", "dict([1])",
        "[x for x in 'abc' if x not in ('a',)]", "[[y for y in x if y] for x in [[0, 1], [2]]]", "{**{'a': 1}, **{'a': 2}}", "[*'ab', *[1]]", "{*[1, 2], 3} == {1, 2, 3}",
        "print('x')", "max({'a': 1, 'b': 3}.items(), key=lambda kv: kv[1])", "min('bca', key=ord)", "list(zip('ab', [1, 2], strict=True))", "list(zip('ab', [1], strict=True))",
        "''.join(sorted('banana', reverse=True))", "' '.join('a b  c'.split())", "'-'.join(str(x) for x in range(3))", "'a-b_c'.replace('-', '').replace('_', '')", "','.join([1, 2])",
        "'ada lovelace'.title().split()[-1]", "'Ada Lovelace'.split(' ', 1)[0].lower()[:1] + 'x'", "'x'.join('abc')", "'%s@%s' % tuple('a b'.split())", "'abc'[::-1].upper()", "'a.b.c'.rsplit('.', 1)[-1]", "'a@b@c'.split('@')[-1]", "'abc'.index('d')", "'a\\tb'.expandtabs(4)",
        "any(g.startswith('a') for g in ['b', 'ab']), all(len(g) for g in [])", "next((g for g in ['x', 'ay'] if g.endswith('y')), None)", "[g.split(':')[1] for g in ['a:b', 'c:d'] if ':' in g]", "sum(1 for g in 'abc' if g > 'a')", "dict((g, i) for i, g in enumerate('ab'))", "{g: len(g) for g in sorted({'b', 'aa'})}",
        "import base64; return base64.b64decode('YQ'), 1", "import base64; return base64.b64decode('YQ=='), base64.b64encode('é'.encode()).decode(), base64.urlsafe_b64decode('-_8='), base64.b32decode('ME======')", "import base64; return base64.b64encode('a')", "import base64; return base64.b64decode('!!YQ==')", "import base64; return base64.b64decode('Y!Q==', validate=True)", "import base64; return base64.b85encode(b'a').decode()", "import base64; return base64.standard_b64encode(b'\\xfb\\xff').decode()",
        "import hashlib; return hashlib.sha256('a').hexdigest()", "import hashlib; h = hashlib.sha1(); h.update(b'a'); h.update(b'b'); return h.hexdigest(), h.name, h.digest_size", "import hashlib; return hashlib.blake2b(b'a', digest_size=8).hexdigest()", "import hashlib; return hashlib.sha3_256(b'a').hexdigest()", "import hashlib; return hashlib.pbkdf2_hmac('sha256', b'p', b's', 10).hex()",
        "import math; return math.floor(-2.5), math.ceil(2.01), math.log(8, 2), math.hypot(3, 4), round(math.radians(180), 4), math.fsum([0.1] * 10), math.isnan(float('nan')), math.prod([2, 3]), math.comb(5, 2)",
        "import random; random.seed(1); return 0 <= random.random() < 1, random.choice('a')", "import random, string; return len(''.join(random.choices(string.ascii_lowercase, k=8))), len(random.sample('abc', 2))",
        "import uuid; return uuid.UUID('12345678123456781234567812345678').version, str(uuid.UUID(int=1)), uuid.UUID('x')", "import uuid; return str(uuid.uuid5(uuid.NAMESPACE_URL, 'https://a'))",
        "import string; return string.Template('$who likes ${what}').safe_substitute(who='a')", "import textwrap; return textwrap.dedent('''\n  a\n   b''')", "import copy; return copy.deepcopy({'a': [1]})", "import time; return isinstance(time.time(), float)", "from types import SimpleNamespace; return SimpleNamespace(a=1).a", "import typing; return typing.cast(str, 'a')", "import enum; return 1", "import os; return os.path.join('a', 'b'), os.path.basename('/a/b.c'), os.path.splitext('a.b')", "from pathlib import PurePosixPath; return PurePosixPath('/a/b.txt').stem", "from urllib.parse import urlparse; return urlparse('https://a.b:8/c?d#e')._asdict()", "from statistics import mean, median; return mean([1, 2, 3]), median([1, 5, 2])", "from decimal import Decimal, ROUND_HALF_UP; return str(Decimal('1.005').quantize(Decimal('0.01'), rounding=ROUND_HALF_UP)), Decimal('0.1') + Decimal('0.2') == Decimal('0.3')", "from fractions import Fraction; return str(Fraction(1, 3) + Fraction(1, 6))", "import difflib; return 1", "import calendar; return calendar.monthrange(2024, 2)[1]", "import zlib; return zlib.crc32(b'a')", "import binascii; return binascii.hexlify(b'ab').decode(), binascii.unhexlify('6162')", "import struct; return struct.pack('>I', 5).hex()", "import csv; return 1", "import ast; return ast.literal_eval(\"{'a': [1, 2]}\")", "import html; return html.escape('<a href=\"x\">'), html.unescape('&lt;&amp;&#39;&eacute;')", "import locale; return 1", "import heapq; return heapq.nlargest(2, [1, 3, 2])", "import inspect; return 1", "import traceback; return 1", "import sys; return sys.version_info >= (3, 8)", "import platform; return 1", "import numbers; return isinstance(1, numbers.Number)", "import warnings; return 1", "from http import HTTPStatus; return HTTPStatus.OK == 200", "import mimetypes; return 1", "from functools import lru_cache; return 1", "import xml.etree.ElementTree as ET; return ET.fromstring('<a b=\"c\"/>').attrib['b']",
    ]


def lines(text):
    head, _, value = text.partition("; return ")
    return head.replace("; ", "\n") + "\nreturn " + value


def snippets():
    for part in (formats, texts, lists, dicts, numbers, times, patterns, documents, rest):
        for text in part():
            yield lines(text) if text.startswith(("import ", "from ")) else "return " + text
