import datetime as _signet_datetime
_signet_methods = {
    "str": "capitalize casefold center count encode endswith expandtabs find format format_map index isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper join ljust lower lstrip maketrans partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase title translate upper zfill",
    "bytes": "capitalize center count decode endswith expandtabs find fromhex hex index isalnum isalpha isascii isdigit islower isspace istitle isupper join ljust lower lstrip partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase title translate upper zfill",
    "list": "append clear copy count extend index insert pop remove reverse sort",
    "tuple": "count index",
    "dict": "clear copy fromkeys get items keys pop popitem setdefault update values",
    "set": "add clear copy difference difference_update discard intersection intersection_update isdisjoint issubset issuperset pop remove symmetric_difference symmetric_difference_update union update",
    "frozenset": "copy difference intersection isdisjoint issubset issuperset symmetric_difference union",
    "int": "as_integer_ratio bit_count bit_length conjugate from_bytes is_integer to_bytes",
    "bool": "as_integer_ratio bit_count bit_length conjugate from_bytes is_integer to_bytes",
    "float": "as_integer_ratio conjugate fromhex hex is_integer",
    "datetime": "astimezone combine ctime date dst fromisoformat fromordinal fromtimestamp isocalendar isoformat isoweekday now replace strftime strptime time timestamp timetuple timetz today toordinal tzname utcoffset weekday",
    "date": "ctime fromisoformat fromordinal fromtimestamp isocalendar isoformat isoweekday replace strftime timetuple today toordinal weekday",
    "time": "dst fromisoformat isoformat replace strftime tzname utcoffset",
    "timedelta": "total_seconds",
}
_signet_methods["defaultdict"] = _signet_methods["Counter"] = _signet_methods["dict"]
def _signet_has_method(of, name):
    return name in _signet_methods.get(type(of).__name__, "").split(" ")
def _signet_hasattr(of, name):
    if hasattr(of, name) or _signet_has_method(of, name):
        return True
    if name[:2] != "__" and name in _signet_data.get(type(of).__name__, ""):
        return True
    return False
_signet_data = {"int": ["real", "imag", "numerator", "denominator"], "bool": ["real", "imag", "numerator", "denominator"], "float": ["real", "imag"], "datetime": ["year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo", "fold"], "date": ["year", "month", "day"], "timedelta": ["days", "seconds", "microseconds"]}
def _signet_getattr(of, name, *default):
    if not hasattr(of, name) and name in _signet_data.get(type(of).__name__, ""):
        raise TypeError("'" + name + "' of a number or time is not offered here")
    if not hasattr(of, name) and _signet_has_method(of, name):
        raise TypeError("getattr() gives no method here: write the call of " + name + "() itself")
    return getattr(of, name, *default)
def _signet_round(number, ndigits=None):
    if isinstance(number, float) and ndigits is not None and ndigits >= 0 and abs(number) < 1e16 and ndigits < 300:
        return float(format(number, "." + str(ndigits) + "f"))
    return round(number, ndigits)
def _signet_bytes(*args, **names):
    if len(args) == 1 and not names and not isinstance(args[0], (int, bytes, str)):
        items = list(args[0])
        if not all([isinstance(item, int) for item in items]):
            raise TypeError("bytes() takes integers")
        if not all([item >= 0 and item < 256 for item in items]):
            raise ValueError("bytes must be in range(0, 256)")
        return bytes.fromhex("".join([format(item, "02x") for item in items]))
    if len(args) == 2 and isinstance(args[0], str):
        return _signet_encode(*args)
    return bytes(*args, **names)
def _signet_encode(of, *args, **names):
    encoding = args[0] if args else names.get("encoding", "utf-8")
    if isinstance(of, str) and encoding.lower().replace("_", "-") in ("latin-1", "latin1", "iso-8859-1", "iso8859-1"):
        if all([ord(letter) < 256 for letter in of]):
            return _signet_bytes([ord(letter) for letter in of])
        raise UnicodeEncodeError("'latin-1' codec can't encode character: ordinal not in range(256)")
    return of.encode(*args, **names)
def _signet_decode(of, *args, **names):
    encoding = args[0] if args else names.get("encoding", "utf-8")
    if isinstance(of, bytes) and encoding.lower().replace("_", "-") in ("latin-1", "latin1", "iso-8859-1", "iso8859-1"):
        return "".join([chr(byte) for byte in of])
    return of.decode(*args, **names)
def _signet_translate(of, table):
    if not isinstance(of, str):
        return of.translate(table)
    out = []
    for letter in of:
        other = table.get(ord(letter), letter)
        out.append("" if other is None else chr(other) if isinstance(other, int) else other)
    return "".join(out)
def _signet_maketrans(of, x, y=None, z=""):
    if y is None:
        return {ord(key) if isinstance(key, str) else key: value for key, value in x.items()}
    if len(x) != len(y):
        raise ValueError("the first two maketrans arguments must have equal length")
    return {**{ord(key): ord(value) for key, value in zip(x, y)}, **{ord(key): None for key in z}}
def _signet_format_map(of, mapping):
    return of.format(**mapping) if isinstance(of, str) else of.format_map(mapping)
def _signet_to_bytes(of, *args, **names):
    if not isinstance(of, int):
        return of.to_bytes(*args, **names)
    length = args[0] if args else names.get("length", 1)
    order = args[1] if len(args) > 1 else names.get("byteorder", "big")
    if names.get("signed"):
        of = of + (1 << (length * 8)) if of < 0 else of
    if of < 0 or of >= 1 << (length * 8):
        raise OverflowError("int too big to convert")
    out = bytes.fromhex(format(of, "0" + str(length * 2) + "x")) if length else b""
    return out if order == "big" else out[::-1]
def _signet_from_bytes(of, data, byteorder="big", signed=False):
    data = _signet_bytes(data) if not isinstance(data, bytes) else data
    data = data if byteorder == "big" else data[::-1]
    number = int(data.hex() or "0", 16)
    return number - (1 << (len(data) * 8)) if signed and data and data[0] > 127 else number
def _signet_bit_length(of):
    return len(bin(abs(of))) - 2 if of else 0
def _signet_union(of, *others):
    if not isinstance(of, (set, frozenset)):
        return of.union(*others)
    for other in others:
        of = of.union(other)
    return of.copy() if not others else of
def _signet_intersection(of, *others):
    if not isinstance(of, (set, frozenset)):
        return of.intersection(*others)
    for other in others:
        of = of.intersection(other)
    return of.copy() if not others else of
def _signet_difference(of, *others):
    if not isinstance(of, (set, frozenset)):
        return of.difference(*others)
    for other in others:
        of = of.difference(other)
    return of.copy() if not others else of
def _signet_fromtimestamp(of, stamp, tz=None):
    whole = int(stamp // 1)
    moment = _signet_datetime.datetime(1970, 1, 1, tzinfo=_signet_datetime.timezone.utc) + _signet_datetime.timedelta(seconds=whole, microseconds=round((stamp - whole) * 1000000))
    if of is _signet_datetime.date:
        return moment.date()
    return moment.replace(tzinfo=None) if tz is None else moment.astimezone(tz)
def _signet_utcfromtimestamp(of, stamp):
    return _signet_fromtimestamp(of, stamp)
def _signet_isocalendar(of):
    day = of.date() if isinstance(of, _signet_datetime.datetime) else of
    thursday = day + _signet_datetime.timedelta(days=4 - day.isoweekday())
    return (thursday.year, (thursday - _signet_datetime.date(thursday.year, 1, 1)).days // 7 + 1, day.isoweekday())
def _signet_groups(of, *default):
    found = of.groups()
    return tuple([default[0] if value is None else value for value in found]) if default and type(of).__name__ == "Match" else of.groups(*default)
def _signet_is_integer(of):
    return of == of // 1 if isinstance(of, (int, float)) else of.is_integer()
def _signet_toordinal(of):
    day = of.date() if isinstance(of, _signet_datetime.datetime) else of
    return (day - _signet_datetime.date(1, 1, 1)).days + 1
def _signet_ctime(of):
    return of.strftime("%a %b ") + str(of.day).rjust(2) + of.strftime(" %H:%M:%S %Y")
