class _signet_spread:
    pass
def _signet_key(of, key):
    # The engine replaces an equal key, such as 1 by True; Python keeps the first.
    if type(key) is str or not isinstance(of, dict) or key not in of or key != key:
        return key
    keys = list(of)
    return keys[keys.index(key)]
def _signet_plain(keys):
    return all([type(key) is str for key in keys])
def _signet_dict(parts):
    pairs = []
    for part in parts:
        if part[0] is _signet_spread:
            pairs.extend({**part[1]}.items())
        else:
            pairs.append(part)
    return _signet_of_pairs(pairs)
def _signet_of_pairs(pairs):
    out = dict(pairs)
    if len(out) == len(pairs) or _signet_plain(out):
        return out
    out = {}
    for key, value in pairs:
        out[_signet_key(out, key)] = value
    return out
def _signet_dict_of(*args, **names):
    if len(args) != 1 or isinstance(args[0], dict) or hasattr(args[0], "keys"):
        return dict(*args, **names)
    out = _signet_of_pairs(list(args[0]))
    out.update(names)
    return out
def _signet_fromkeys(of, *args):
    if of is not dict or not args:
        return of.fromkeys(*args)
    value = args[1] if len(args) > 1 else None
    return _signet_of_pairs([(key, value) for key in args[0]])
def _signet_firsts(items):
    if isinstance(items, dict):
        return items
    items, seen, out = list(items), {}, []
    if _signet_plain(items):
        return items
    for item in items:
        item = _signet_key(seen, item)
        seen[item] = None
        out.append(item)
    return out
def _signet_update(of, *args, **names):
    if isinstance(of, set) and len(args) > 1:
        for more in args:
            of.update(more)
        return None
    if len(args) != 1 or not isinstance(of, dict):
        return of.update(*args, **names)
    more = args[0]
    if isinstance(more, dict):
        if not _signet_plain(more):
            more = {_signet_key(of, key): value for key, value in more.items()}
    elif type(of).__name__ == "Counter":
        more = [_signet_key(of, key) for key in _signet_firsts(more)]
    elif not hasattr(more, "keys"):
        more = _signet_dict_of(more)
        more = {_signet_key(of, key): value for key, value in more.items()}
    return of.update(more, **names)
def _signet_or(a, b):
    out = a | b
    if type(a) is not dict or not isinstance(b, dict) or _signet_plain(a) or _signet_plain(b):
        return out
    out = {key: b[key] if key in b else value for key, value in a.items()}
    for key, value in b.items():
        if key not in out:
            out[key] = value
    return out
def _signet_or_right(a, b):
    if not isinstance(a, dict) or not isinstance(b, dict) or _signet_plain(b):
        return b
    return {_signet_key(a, key): value for key, value in b.items()}
