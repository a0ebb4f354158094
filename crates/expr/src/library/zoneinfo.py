import datetime as native
ZoneInfoNotFoundError = KeyError


class ZoneInfo:
    def __init__(self, key):
        # An unknown name is an error at once.
        _signet_zone(key, 0, False)
        self.key = key

    def __str__(self):
        return self.key

    def __repr__(self):
        return "zoneinfo.ZoneInfo(key='" + self.key + "')"

    def __eq__(self, other):
        return isinstance(other, ZoneInfo) and self.key == other.key

    def __hash__(self):
        return hash(self.key)

    def utcoffset(self, moment):
        return None if moment is None else wall(moment.replace(tzinfo=None), self.key).utcoffset()


def offset(key, moment, is_wall):
    seconds = int((moment - native.datetime(1970, 1, 1)).total_seconds())
    return native.timezone(native.timedelta(seconds=_signet_zone(key, seconds, is_wall)), key)


def wall(moment, key):
    # The offset that a clock on the wall of that place means.
    return moment.replace(tzinfo=offset(key, moment, True))


def moved(moment, zone):
    if not isinstance(zone, ZoneInfo):
        return moment.astimezone(zone)
    plain = moment.astimezone(native.timezone.utc).replace(tzinfo=None)
    return moment.astimezone(offset(zone.key, plain, False))


def key_of(moment):
    if not isinstance(moment, native.datetime) or moment.tzinfo is None:
        return None
    name = str(moment.tzinfo)
    return name if _signet_zone(name, None, False) else None


def settled(moment):
    key = key_of(moment)
    return moment if key is None else wall(moment.replace(tzinfo=None), key)


def from_stamp(of, stamp, tz=None):
    moment = native.datetime(1970, 1, 1, tzinfo=native.timezone.utc) + native.timedelta(seconds=stamp)
    if of is native.date:
        return moment.date()
    return moment.replace(tzinfo=None) if tz is None else moment.astimezone(tz)


def at(of, method, *args, **names):
    zone = names.get("tz", names.get("tzinfo", None))
    if method in ("now", "fromtimestamp") and (of is native.datetime or of is native.date):
        zone = args[-1] if zone is None and len(args) > (1 if method == "fromtimestamp" else 0) else zone
        if not isinstance(zone, ZoneInfo):
            return of.now(*args, **names) if method == "now" else from_stamp(of, *args, **names)
        if method == "now":
            return moved(of.now(native.timezone.utc), zone)
        return moved(from_stamp(of, args[0], native.timezone.utc), zone)
    if method == "astimezone" and isinstance(of, native.datetime):
        return moved(of, args[0] if args else names["tz"]) if args or names else of.astimezone()
    if method == "replace":
        if isinstance(of, str):
            return of.replace(*args, **names)
        if isinstance(names.get("tzinfo"), ZoneInfo):
            rest = {name: value for name, value in names.items() if name != "tzinfo"}
            return wall(of.replace(*args, tzinfo=None, **rest), names["tzinfo"].key)
        return settled(of.replace(*args, **names))
    if method == "combine":
        zone = args[2] if len(args) > 2 else zone
        if isinstance(zone, ZoneInfo):
            return wall(of.combine(args[0], args[1]), zone.key)
        return of.combine(*args, **names)
    if method == "today":
        return of.today()
    raise AttributeError("'" + type(of).__name__ + "' object has no attribute '" + method + "'")


def made(of, *args, **names):
    if isinstance(names.get("tzinfo"), ZoneInfo):
        if of is not native.datetime:
            raise TypeError("only a datetime takes a ZoneInfo here")
        rest = {name: value for name, value in names.items() if name != "tzinfo"}
        return wall(of(*args, **rest), names["tzinfo"].key)
    return of(*args, **names)


def plus(a, b):
    return settled(a + b) if isinstance(b, native.timedelta) else a + b


def minus(a, b):
    if isinstance(b, native.timedelta):
        return settled(a - b)
    if isinstance(a, native.datetime) and isinstance(b, native.datetime) and key_of(a) is not None and key_of(a) == key_of(b):
        # Python takes two times of one zone as their clocks show them.
        return a.replace(tzinfo=None) - b.replace(tzinfo=None)
    return a - b


def available_timezones():
    return set(_signet_zone(None, None, False))
