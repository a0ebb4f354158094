import json as native
plain = (str, int, float, type(None), bool)
loads = native.loads
JSONDecodeError = native.JSONDecodeError


def shown(value, default, depth):
    if depth > 100:
        raise ValueError("Circular reference detected")
    if isinstance(value, plain):
        return value
    if isinstance(value, dict):
        return {key: shown(item, default, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shown(item, default, depth + 1) for item in value]
    return shown(default(value), default, depth + 1)


def dumps(obj, *, default=None, cls=None, **options):
    if cls is not None:
        raise TypeError("json.dumps() takes no cls here: write default=str")
    return native.dumps(obj if default is None else shown(obj, default, 0), **options)
