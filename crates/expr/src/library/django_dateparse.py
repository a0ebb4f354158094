import datetime as native
import re
date_form = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
time_form = re.compile(r"(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d{1,6})\d{0,6})?)?")
zone_form = re.compile(r"Z|[+-]\d{2}(?::?\d{2})?")
duration_form = re.compile(r"(?:(-?\d+) (?:days?, )?)?(-?)((?:(\d+):)(?=\d+:\d+))?(?:(\d+):)?(\d+)(?:[.,](\d{1,6})\d{0,6})?")
iso_form = re.compile(r"([-+]?)P(?:(\d+(?:[.,]\d+)?)D)?(?:T(?:(\d+(?:[.,]\d+)?)H)?(?:(\d+(?:[.,]\d+)?)M)?(?:(\d+(?:[.,]\d+)?)S)?)?")


def micros(text):
    return int((text or "0").ljust(6, "0"))


def parse_date(value):
    match = date_form.fullmatch(value)
    return native.date(int(match.group(1)), int(match.group(2)), int(match.group(3))) if match else None


def parse_time(value):
    match = time_form.fullmatch(value[1:] if value[:1] == "T" else value)
    return native.time(int(match.group(1)), int(match.group(2)), int(match.group(3) or 0), micros(match.group(4))) if match else None


def parse_datetime(value):
    match = re.fullmatch(r"([0-9-]+)[T ]([0-9:.,]+)\s*(.*)", value)
    if not match:
        day = parse_date(value)
        return native.datetime(day.year, day.month, day.day) if day else None
    day, clock, zone = date_form.fullmatch(match.group(1)), time_form.fullmatch(match.group(2)), match.group(3)
    if not day or not clock or (zone and not zone_form.fullmatch(zone)):
        return None
    parts = [int(day.group(1)), int(day.group(2)), int(day.group(3)), int(clock.group(1)), int(clock.group(2)), int(clock.group(3) or 0), micros(clock.group(4))]
    moment = native.datetime(*parts)
    if not zone:
        return moment
    if zone == "Z":
        return moment.replace(tzinfo=native.timezone.utc)
    minutes = int(zone[1:3]) * 60 + int(zone[-2:] if len(zone) > 3 else 0)
    return moment.replace(tzinfo=native.timezone(native.timedelta(minutes=-minutes if zone[0] == "-" else minutes)))


def number(text):
    return float((text or "0").replace(",", "."))


def parse_duration(value):
    match = iso_form.fullmatch(value)
    if match and value[-1:] not in "PT":
        sign = -1 if match.group(1) == "-" else 1
        return native.timedelta(days=number(match.group(2))) * sign + native.timedelta(hours=number(match.group(3)), minutes=number(match.group(4)), seconds=number(match.group(5))) * sign
    match = duration_form.fullmatch(value)
    if not match:
        return None
    clock = native.timedelta(hours=int(match.group(4) or 0), minutes=int(match.group(5) or 0), seconds=int(match.group(6)), microseconds=micros(match.group(7)))
    return native.timedelta(days=int(match.group(1) or 0)) + (-clock if match.group(2) else clock)
