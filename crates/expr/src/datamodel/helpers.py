def _host_truth(x):
    if getattr(x, "_query", False):
        return x if _host_call(x, "__bool__") else []
    return x

def _host_iter(x):
    return _host_call(x, "__iter__") if getattr(x, "_query", False) else x

def _host_contents(x):
    return _host_call(x, "__contents__") if getattr(x, "_query", False) else x

def _host_iterator(x, *more):
    return iter(_host_iter(x), *more)

def _host_len(x):
    return _host_call(x, "__len__") if getattr(x, "_query", False) else len(x)

def _host_bool(*a):
    return bool(*[_host_truth(i) for i in a])

def _host_item(x, k):
    return _host_call(x, "__getitem__", k) if getattr(x, "_query", False) else x[k]

def _host_slice(x, start, end, step):
    if getattr(x, "_query", False):
        return _host_call(x, "__getitem__", [start, end, step])
    return x[start:end:step]

def _host_save(x, *a, **more):
    return _host_call(x, "__save__", *a, **more) if hasattr(x, "_identity") else x.save(*a, **more)

def _host_group_attributes(_x, *a, **more):
    return _host_call(_x, "__group_attributes__", _x.attributes, *a, **more) if hasattr(_x, "_identity") else _x.group_attributes(*a, **more)

def _host_app_entitlements_attributes(_x, *a, **more):
    return _host_call(_x, "__app_entitlements_attributes__", _x.attributes, *a, **more) if hasattr(_x, "_identity") else _x.app_entitlements_attributes(*a, **more)

def _host_locale(_x, *a, **more):
    return _host_call(_x, "__locale__", _x.attributes) if hasattr(_x, "_identity") and not more and not a else _x.locale(*a, **more)

def _host_get_username(_x):
    return _x.username if hasattr(_x, "_identity") else _x.get_username()

def _host_or(x, y):
    if getattr(x, "_query", False):
        return _host_call(x, "__or__", y)
    return _host_joined(x, y) if type(x) is dict and isinstance(y, dict) else x | y

def _host_joined(x, y):
    out = {k: y[k] if k in y else v for k, v in x.items()}
    for k, v in y.items():
        if k not in out:
            out[k] = v
    return out

def _host_and(x, y):
    return _host_call(x, "__and__", y) if getattr(x, "_query", False) else x & y

def _host_isinstance(x, kind):
    if isinstance(kind, tuple):
        return any([_host_isinstance(x, one) for one in kind])
    names = getattr(kind, "_class", None)
    if names is not None:
        return type(x).__name__ in names
    own = getattr(x, "_signet_kind", None)
    return isinstance(x, kind) or kind in getattr(x, "_signet_bases", []) or (own is not None and not hasattr(kind, "_signet_kind") and isinstance(own(""), kind))

def _host_parent(x):
    return _host_call(x, "__parent__") if hasattr(x, "_identity") and type(x).__name__ == "Group" else x.parent

def _host_absent(x):
    return _host_exceptions((getattr(x, "_class", None) or [type(x).__name__])[0], 0)

def _host_several(x):
    return _host_exceptions((getattr(x, "_class", None) or [type(x).__name__])[0], 1)

def _host_exceptions(model, kind):
    import decimal
    user = (decimal.Clamped, decimal.Rounded)[kind]
    group = (decimal.Inexact, decimal.Subnormal)[kind]
    other = (decimal.FloatOperation, decimal.Underflow)[kind]
    return user if model == "User" else group if model == "Group" else other

def _host_show(x):
    if getattr(x, "_query", False):
        return "<QuerySet [" + ", ".join([_host_repr(i) for i in _host_call(x, "__iter__")]) + "]>"
    if type(x).__name__ == "User":
        return x.username
    if type(x).__name__ == "Group":
        return "Group " + x.name
    text = getattr(x, "_text", None)
    if text is None:
        raise TypeError("'" + type(x).__name__ + "' has no text in expressions")
    return text

def _host_holds(x):
    for i in x.values() if isinstance(x, dict) else x:
        if hasattr(i, "_identity") or (isinstance(i, (list, tuple, dict)) and _host_holds(i)):
            return True
    return False

def _host_repr(x):
    if hasattr(x, "_identity"):
        return _host_show(x) if getattr(x, "_query", False) else "<" + type(x).__name__ + ": " + _host_show(x) + ">"
    if isinstance(x, (list, tuple, dict)) and _host_holds(x):
        if isinstance(x, dict):
            return "{" + ", ".join([repr(k) + ": " + _host_repr(v) for k, v in x.items()]) + "}"
        parts = ", ".join([_host_repr(i) for i in x])
        if isinstance(x, list):
            return "[" + parts + "]"
        return "(" + parts + (",)" if len(x) == 1 else ")")
    return repr(x)

def _host_text(x):
    if hasattr(x, "_identity"):
        return _host_show(x)
    if isinstance(x, (list, tuple, dict)) and _host_holds(x):
        return _host_repr(x)
    return x

def _host_unshown(x):
    if hasattr(x, "_identity"):
        raise TypeError("write !s or nothing: '" + type(x).__name__ + "' has no repr() here")
    return x

def _host_str(*a, **more):
    if len(a) == 1 and not more:
        return str(_host_text(a[0]))
    return str(*a, **more)

def _host_args(x):
    if isinstance(x, tuple):
        return tuple([_host_text(i) for i in x])
    if isinstance(x, dict):
        return {k: _host_text(v) for k, v in x.items()}
    return _host_text(x)

def _host_print(*a, **more):
    print(*[_host_text(i) for i in a], **more)

def _host_list(*a):
    return list(*[_host_iter(i) for i in a])

def _host_tuple(*a):
    return tuple(*[_host_iter(i) for i in a])

def _host_set(*a):
    return set(*[_host_iter(i) for i in a])

def _host_frozenset(*a):
    return frozenset(*[_host_iter(i) for i in a])

def _host_dict(*a, **more):
    return dict(*[_host_iter(i) for i in a], **more)

def _host_enumerate(x, start=0):
    return enumerate(_host_iter(x), start)

def _host_reversed(x):
    return reversed(_host_iter(x))

def _host_zip(*a, **more):
    return zip(*[_host_iter(i) for i in a], **more)

def _host_any(x):
    for i in _host_iter(x):
        if _host_truth(i):
            return True
    return False

def _host_all(x):
    for i in _host_iter(x):
        if not _host_truth(i):
            return False
    return True

def _host_sum(x, start=0):
    return sum(_host_iter(x), start)

def _host_sorted(x, key=None, reverse=False):
    items = list(_host_iter(x))
    if key is None:
        return sorted(items, reverse=reverse)
    keys = [key(i) for i in items]
    return [items[n] for n in sorted(range(len(items)), key=lambda n: keys[n], reverse=reverse)]

def _host_max(*a, key=None, **more):
    items = list(_host_iter(a[0])) if len(a) == 1 else list(a)
    if key is None or not items:
        return max(items, **more)
    keys = [key(i) for i in items]
    return items[keys.index(max(keys))]

def _host_min(*a, key=None, **more):
    items = list(_host_iter(a[0])) if len(a) == 1 else list(a)
    if key is None or not items:
        return min(items, **more)
    keys = [key(i) for i in items]
    return items[keys.index(min(keys))]

def _host_map(f, *a):
    return iter([f(*t) for t in zip(*[_host_iter(i) for i in a])])

def _host_filter(f, x):
    return iter([i for i in _host_iter(x) if _host_truth(i if f is None else f(i))])

class _host_Q:
    def __init__(self, *parts, **pairs):
        self.parts = list(parts)
        self.pairs = dict(pairs)
        self.joined = "and"
        self.negated = False
    def _with(self, joined, other):
        both = _host_Q(self, other)
        both.joined = joined
        return both
    def __and__(self, other):
        return self._with("and", other)
    def __or__(self, other):
        return self._with("or", other)
    def __xor__(self, other):
        return (self & ~other) | (~self & other)
    def __invert__(self):
        no = _host_Q(self)
        no.negated = True
        return no
