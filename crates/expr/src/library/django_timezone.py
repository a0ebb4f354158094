import datetime as native
utc = native.timezone.utc
datetime = native.datetime
timedelta = native.timedelta
timezone = native.timezone


def moved(value, zone):
    return _signet_m_zoneinfo.at(value, "astimezone", zone) if hasattr(zone, "key") else value.astimezone(zone)


def now():
    return native.datetime.now(utc)


def is_aware(value):
    return value.tzinfo is not None


def is_naive(value):
    return value.tzinfo is None


def get_current_timezone():
    return utc


def get_default_timezone():
    return utc


def get_current_timezone_name():
    return "UTC"


def localtime(value=None, timezone=None):
    value = now() if value is None else value
    if is_naive(value):
        raise ValueError("localtime() cannot be applied to a naive datetime")
    return moved(value, utc if timezone is None else timezone)


def localdate(value=None, timezone=None):
    return localtime(value, timezone).date()


def make_aware(value, timezone=None):
    if is_aware(value):
        raise ValueError("make_aware expects a naive datetime, got " + str(value))
    if hasattr(timezone, "key"):
        return _signet_m_zoneinfo.at(value, "replace", tzinfo=timezone)
    return value.replace(tzinfo=utc if timezone is None else timezone)


def make_naive(value, timezone=None):
    if is_naive(value):
        raise ValueError("make_naive() cannot be applied to a naive datetime")
    return moved(value, utc if timezone is None else timezone).replace(tzinfo=None)


def get_fixed_timezone(offset):
    minutes = offset if isinstance(offset, int) else int(offset.total_seconds() // 60)
    sign = "-" if minutes < 0 else "+"
    return native.timezone(native.timedelta(minutes=minutes), sign + format(abs(minutes) // 60, "02d") + format(abs(minutes) % 60, "02d"))
