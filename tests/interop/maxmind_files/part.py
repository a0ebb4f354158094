"""A GeoLite2 file of MaxMind (PyPI `maxminddb-geolite2`) and MaxMind's own reader: we see in it what the reader sees."""
import ipaddress
import json
import random

import maxminddb
from geolite2 import geolite2
from support.api import Api
from support.server import Signet

COUNT = 150
SHOWN = 'import json\nak_message(json.dumps(context["geoip"] if "geoip" in context else None))\nreturn True'


def expected(record):
    """The record as expressions see it; None for an address without a place."""
    if not record:
        return None
    place, names = record.get("location", {}), record.get("city", {}).get("names", {})
    return {
        "continent": record.get("continent", {}).get("code", ""),
        "country": record.get("country", {}).get("iso_code", ""),
        "lat": place.get("latitude"),
        "long": place.get("longitude"),
        "city": names.get("en", ""),
    }


def addresses(reader):
    """The same ones in every run: half of them with a place, and some of IPv6."""
    chosen, dice = ["8.8.8.8", "2001:4860:4860::8888", "192.0.2.1", "203.0.113.9", "::1"], random.Random(1)
    while len(chosen) < COUNT:
        wide = dice.random() < 0.3
        address = str(ipaddress.IPv6Address((0x2001 << 112) + (dice.getrandbits(20) << 92)) if wide else ipaddress.IPv4Address(dice.getrandbits(32)))
        # IPv6 is mostly empty: what says nothing is left out there.
        if not wide or reader.get(address):
            chosen.append(address)
    return chosen


def run(report, database):
    reader = maxminddb.open_database(geolite2.filename, maxminddb.MODE_MEMORY)
    server = Signet("maxmind", database)
    server.env["AUTHENTIK_EVENTS__CONTEXT_PROCESSORS__GEOIP"] = geolite2.filename
    with server:
        api = Api(server)
        user = api.call("GET", "/core/users/?username=akadmin")["results"][0]["pk"]
        shown = api.call("POST", "/policies/expression/", name="shown", expression=SHOWN)["pk"]
        american = api.call("POST", "/policies/geoip/", name="american", countries=["US"])["pk"]

        def test(policy, address):
            api.http.headers["X-Forwarded-For"] = address
            return api.call("POST", f"/policies/all/{policy}/test/", user=user)

        wrong, places, judged = [], 0, []
        for address in addresses(reader):
            want = expected(reader.get(address))
            seen = test(shown, address)["messages"]
            places += want is not None
            if json.loads(seen[0]) != want:
                wrong.append((address, want, seen))
            if test(american, address)["passing"] != (want is not None and want["country"] == "US"):
                judged.append((address, want))
        report.check(places > COUNT / 3, f"{places} of {COUNT} addresses have a place")
        report.check(not wrong, "every place is what MaxMind's reader finds", wrong[:3])
        report.check(not judged, "a policy for one country judges by it", judged[:3])
