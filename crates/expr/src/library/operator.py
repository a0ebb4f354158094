def itemgetter(*items):
    if len(items) == 1:
        return lambda value: value[items[0]]
    return lambda value: tuple([value[item] for item in items])


def reached(value, path):
    for name in path.split("."):
        value = getattr(value, name)
    return value


def attrgetter(*names):
    if len(names) == 1:
        return lambda value: reached(value, names[0])
    return lambda value: tuple([reached(value, name) for name in names])


def called(value, name, args, kwargs):
    plain = {"upper": lambda: value.upper(*args), "lower": lambda: value.lower(*args), "strip": lambda: value.strip(*args), "split": lambda: value.split(*args), "get": lambda: value.get(*args), "title": lambda: value.title(*args), "startswith": lambda: value.startswith(*args), "endswith": lambda: value.endswith(*args)}
    if isinstance(value, (str, dict)) and name in plain:
        return plain[name]()
    return getattr(value, name)(*args, **kwargs)


def methodcaller(name, *args, **kwargs):
    return lambda value: called(value, name, args, kwargs)


add = lambda a, b: a + b
sub = lambda a, b: a - b
mul = lambda a, b: a * b
truediv = lambda a, b: a / b
floordiv = lambda a, b: a // b
mod = lambda a, b: a % b
pow_ = lambda a, b: a ** b
neg = lambda a: -a
eq = lambda a, b: a == b
ne = lambda a, b: a != b
lt = lambda a, b: a < b
le = lambda a, b: a <= b
gt = lambda a, b: a > b
ge = lambda a, b: a >= b
and_ = lambda a, b: a & b
or_ = lambda a, b: a | b
xor = lambda a, b: a ^ b
not_ = lambda a: not a
truth = lambda a: bool(a)
is_ = lambda a, b: a is b
is_not = lambda a, b: a is not b
contains = lambda a, b: b in a
concat = lambda a, b: a + b
getitem = lambda a, b: a[b]


def countOf(a, b):
    return len([item for item in a if item == b])
