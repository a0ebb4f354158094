import hashlib


def hash_of(digestmod, data):
    if not digestmod:
        raise TypeError("Missing required argument 'digestmod'.")
    return hashlib.new(digestmod, data) if isinstance(digestmod, str) else digestmod(data)


def bytes_of(value):
    if isinstance(value, str):
        raise TypeError("Strings must be encoded before hashing")
    return value


def masked(key, mask):
    return bytes.fromhex("".join([format(byte ^ mask, "02x") for byte in key]))


class HMAC:
    def __init__(self, key, msg=None, digestmod=""):
        if isinstance(key, str):
            raise TypeError("key: expected bytes or bytearray, but got 'str'")
        inner = hash_of(digestmod, b"")
        self.digest_size = inner.digest_size
        self.block_size = inner.block_size
        self.name = "hmac-" + inner.name
        if len(key) > self.block_size:
            key = hash_of(digestmod, key).digest()
        key = key + bytes(self.block_size - len(key))
        self._digestmod = digestmod
        self._outer = masked(key, 0x5C)
        self._data = masked(key, 0x36)
        if msg is not None:
            self.update(msg)

    def update(self, msg):
        self._data = self._data + bytes_of(msg)

    def digest(self):
        return hash_of(self._digestmod, self._outer + hash_of(self._digestmod, self._data).digest()).digest()

    def hexdigest(self):
        return self.digest().hex()

    def copy(self):
        other = HMAC(b"", None, self._digestmod)
        other._outer = self._outer
        other._data = self._data
        return other


def new(key, msg=None, digestmod=""):
    return HMAC(key, msg, digestmod)


def digest(key, msg, digest):
    return HMAC(key, msg, digest).digest()


def compare_digest(a, b):
    if isinstance(a, str) != isinstance(b, str):
        raise TypeError("unsupported operand types(s) or combination of types")
    if isinstance(a, str):
        if not (a.isascii() and b.isascii()):
            raise TypeError("comparing strings with non-ASCII characters is not supported")
        a = a.encode()
        b = b.encode()
    different = len(a) ^ len(b)
    for one, other in zip(a, b):
        different = different | (one ^ other)
    return different == 0
