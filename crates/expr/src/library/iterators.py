_signet_iter = iter
def _signet_any(test, items):
    for item in items:
        for value in test(item):
            if value:
                return True
    return False
def _signet_all(test, items):
    for item in items:
        for value in test(item):
            if not value:
                return False
    return True
def _signet_next(step, items, *default):
    for item in items:
        for value in step(item):
            return value
    if default:
        return default[0]
    raise StopIteration
def _signet_map(function, *items):
    if len(items) == 1:
        return [function(item) for item in items[0]]
    return [function(*some) for some in zip(*items)]
def _signet_filter(test, items):
    return [item for item in items if test(item)]
def _signet_sorted(items, *, key=None, reverse=False):
    items = list(items)
    keys = items if key is None else [key(item) for item in items]
    order = sorted(range(len(items)), key=lambda at: keys[at], reverse=reverse)
    return [items[at] for at in order]
def _signet_sort(items, *, key=None, reverse=False):
    if not isinstance(items, list):
        return items.sort(key=key, reverse=reverse)
    items[:] = _signet_sorted(items, key=key, reverse=reverse)
def _signet_min(*items, key=None, **rest):
    return _signet_extreme(min, "min", items, key, rest)
def _signet_max(*items, key=None, **rest):
    return _signet_extreme(max, "max", items, key, rest)
def _signet_extreme(pick, name, items, key, rest):
    items = list(items[0]) if len(items) == 1 else list(items)
    if not items:
        if "default" in rest:
            return rest["default"]
        raise ValueError(name + "() iterable argument is empty")
    keys = items if key is None else [key(item) for item in items]
    return items[pick(range(len(items)), key=lambda at: keys[at])]
