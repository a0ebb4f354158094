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
def _signet_groupby(items, key=None):
    out = []
    for item in items:
        found = item if key is None else key(item)
        if out and out[-1][0] == found:
            out[-1][1].append(item)
        else:
            out.append((found, [item]))
    return iter([(found, iter(some)) for found, some in out])
def _signet_takewhile(test, items):
    out = []
    for item in items:
        if not test(item):
            break
        out.append(item)
    return iter(out)
def _signet_dropwhile(test, items):
    out = []
    for item in items:
        if out or not test(item):
            out.append(item)
    return iter(out)
def _signet_filterfalse(test, items):
    return iter([item for item in items if not (item if test is None else test(item))])
def _signet_starmap(function, items):
    return iter([function(*some) for some in items])
def _signet_accumulate(items, func=None, *, initial=None):
    out = [] if initial is None else [initial]
    for item in items:
        out.append(item if not out else out[-1] + item if func is None else func(out[-1], item))
    return iter(out)
def _signet_reduce(function, items, *initial):
    items = iter(items)
    if initial:
        value = initial[0]
    else:
        try:
            value = next(items)
        except StopIteration:
            raise TypeError("reduce() of empty iterable with no initial value")
    for item in items:
        value = function(value, item)
    return value
