import hashlib
import os
import time
to_int = int
to_bytes = bytes


class UUID:
    def __init__(self, hex=None, bytes=None, bytes_le=None, fields=None, int=None, version=None):
        given = [part for part in (hex, bytes, bytes_le, fields, int) if part is not None]
        if len(given) != 1:
            raise TypeError("one of the hex, bytes, bytes_le, fields, or int arguments must be given")
        if hex is not None:
            digits = hex.replace("urn:", "").replace("uuid:", "").strip("{}").replace("-", "")
            if len(digits) != 32:
                raise ValueError("badly formed hexadecimal UUID string")
            int = to_int(digits, 16)
        if bytes_le is not None:
            if len(bytes_le) != 16:
                raise ValueError("bytes_le is not a 16-char string")
            bytes = bytes_le[3::-1] + bytes_le[5:3:-1] + bytes_le[7:5:-1] + bytes_le[8:]
        if bytes is not None:
            if len(bytes) != 16:
                raise ValueError("bytes is not a 16-char string")
            int = to_int(bytes.hex(), 16)
        if fields is not None:
            low, mid, high, clock_high, clock_low, node = fields
            int = (low << 96) | (mid << 80) | (high << 64) | (clock_high << 56) | (clock_low << 48) | node
        if int < 0 or int >= 1 << 128:
            raise ValueError("int is out of range (need a 128-bit value)")
        if version is not None:
            if version < 1 or version > 5:
                raise ValueError("illegal version number")
            int = int & ~(0xC000 << 48) & ~(0xF000 << 64) | (0x8000 << 48) | (version << 76)
        digits = format(int, "032x")
        self.int = int
        self.hex = digits
        self._text = digits[:8] + "-" + digits[8:12] + "-" + digits[12:16] + "-" + digits[16:20] + "-" + digits[20:]
        self.bytes = to_bytes.fromhex(digits)
        whole = self.bytes
        self.bytes_le = whole[3::-1] + whole[5:3:-1] + whole[7:5:-1] + whole[8:]
        self.urn = "urn:uuid:" + self._text
        self.time_low = int >> 96
        self.time_mid = (int >> 80) & 0xFFFF
        self.time_hi_version = (int >> 64) & 0xFFFF
        self.clock_seq_hi_variant = (int >> 56) & 0xFF
        self.clock_seq_low = (int >> 48) & 0xFF
        self.clock_seq = ((self.clock_seq_hi_variant & 0x3F) << 8) | self.clock_seq_low
        self.node = int & 0xFFFFFFFFFFFF
        self.time = ((self.time_hi_version & 0x0FFF) << 48) | (self.time_mid << 32) | self.time_low
        self.fields = (self.time_low, self.time_mid, self.time_hi_version, self.clock_seq_hi_variant, self.clock_seq_low, self.node)
        top = self.clock_seq_hi_variant
        self.variant = RESERVED_NCS if top < 0x80 else RFC_4122 if top < 0xC0 else RESERVED_MICROSOFT if top < 0xE0 else RESERVED_FUTURE
        self.version = (int >> 76) & 0xF if self.variant == RFC_4122 else None

    def __str__(self):
        return self._text

    def __repr__(self):
        return "UUID('" + self._text + "')"

    def __int__(self):
        return self.int

    def __hash__(self):
        return hash(self.int)

    def __eq__(self, other):
        return isinstance(other, UUID) and self.int == other.int


RESERVED_NCS = "reserved for NCS compatibility"
RFC_4122 = "specified in RFC 4122"
RESERVED_MICROSOFT = "reserved for Microsoft compatibility"
RESERVED_FUTURE = "reserved for future definition"


def getnode():
    # The server's own address is nobody's business: a random one, marked as such.
    return to_int(os.urandom(6).hex(), 16) | (1 << 40)


def uuid1(node=None, clock_seq=None):
    stamp = to_int(time.time() * 10_000_000) + 0x01B21DD213814000
    node = getnode() if node is None else node
    clock = to_int(os.urandom(2).hex(), 16) & 0x3FFF if clock_seq is None else clock_seq
    fields = (stamp & 0xFFFFFFFF, (stamp >> 32) & 0xFFFF, (stamp >> 48) & 0x0FFF, (clock >> 8) & 0x3F, clock & 0xFF, node)
    return UUID(fields=fields, version=1)


def uuid4():
    return UUID(bytes=os.urandom(16), version=4)


def named(algorithm, namespace, name, version):
    data = name if isinstance(name, to_bytes) else name.encode()
    return UUID(bytes=algorithm(namespace.bytes + data).digest()[:16], version=version)


def uuid3(namespace, name):
    return named(hashlib.md5, namespace, name, 3)


def uuid5(namespace, name):
    return named(hashlib.sha1, namespace, name, 5)


NAMESPACE_DNS = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
NAMESPACE_URL = UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
NAMESPACE_OID = UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")
NAMESPACE_X500 = UUID("6ba7b814-9dad-11d1-80b4-00c04fd430c8")
