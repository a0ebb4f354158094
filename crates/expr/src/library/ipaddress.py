def _signet_ip_number(number, version):
    if number < 0 or number >= 1 << (32 if version == 4 else 128):
        raise ValueError(str(number) + " is no address of version " + str(version))
    if version == 4:
        return ".".join([str((number >> shift) & 255) for shift in (24, 16, 8, 0)])
    return ":".join([format((number >> shift) & 0xFFFF, "x") for shift in (112, 96, 80, 64, 48, 32, 16, 0)])
def _signet_ip_of(number, version):
    text = _signet_ip_number(number, version)
    return IPv4Address(text) if version == 4 else IPv6Address(text)
def _signet_ip_given(address, network, strict, version):
    if isinstance(address, bytes):
        if len(address) != (4 if version == 4 else 16):
            raise ValueError("the bytes are no address of version " + str(version))
        address = int(address.hex(), 16)
    if isinstance(address, tuple) and network:
        address = str(address[0]) + "/" + str(address[1])
    if isinstance(address, int):
        address = _signet_ip_number(address, version or (4 if address < 1 << 32 else 6))
    facts = _signet_ip_facts(str(address), network, strict)
    if version and facts["version"] != version:
        raise ValueError("'" + str(address) + "' is no address of version " + str(version))
    return facts
def _signet_ip_address(self, facts):
    self.version = facts["version"]
    self.compressed = facts["text"]
    self.exploded = facts["exploded"]
    self.is_private = facts["is_private"]
    self.is_global = facts["is_global"]
    self.is_loopback = facts["is_loopback"]
    self.is_link_local = facts["is_link_local"]
    self.is_multicast = facts["is_multicast"]
    self.is_reserved = facts["is_reserved"]
    self.is_unspecified = facts["is_unspecified"]
    self.max_prefixlen = 32 if self.version == 4 else 128
    self._first = int(facts["first"], 16)
    self.packed = bytes.fromhex(format(self._first, "08x" if self.version == 4 else "032x"))
    self.ipv4_mapped = IPv4Address(facts["mapped"]) if facts["mapped"] else None
    if self.version == 4:
        self.reverse_pointer = ".".join(reversed(self.compressed.split("."))) + ".in-addr.arpa"
    else:
        self.reverse_pointer = ".".join(reversed(self.exploded.replace(":", ""))) + ".ip6.arpa"
def _signet_ip_network(self, facts):
    self.version = facts["version"]
    self.compressed = facts["text"]
    self.with_prefixlen = facts["text"]
    self.prefixlen = facts["prefixlen"]
    self.is_private = facts["is_private"]
    self.is_global = facts["is_global"]
    self._first = int(facts["first"], 16)
    self._last = int(facts["last"], 16)
    self.num_addresses = self._last - self._first + 1
    self.network_address = ip_address(facts["network"])
    self.broadcast_address = ip_address(facts["broadcast"])
    self.netmask = ip_address(facts["netmask"])
    self.max_prefixlen = self.network_address.max_prefixlen
    self.hostmask = _signet_ip_of(self.num_addresses - 1, self.version)
    self.with_netmask = str(self.network_address) + "/" + str(self.netmask)
    self.exploded = self.network_address.exploded + "/" + str(self.prefixlen)
    self.is_loopback = self.network_address.is_loopback and self.broadcast_address.is_loopback
    self.is_link_local = self.network_address.is_link_local and self.broadcast_address.is_link_local
    self.is_multicast = self.network_address.is_multicast and self.broadcast_address.is_multicast
    self.is_reserved = self.network_address.is_reserved and self.broadcast_address.is_reserved
def _signet_ip_same(one, other):
    if one.version != other.version:
        raise TypeError(str(one) + " and " + str(other) + " are not of the same version")
def _signet_ip_hosts(self):
    first, last = self._first, self._last
    if self.version == 4 and self.prefixlen < 31:
        first, last = first + 1, last - 1
    if self.version == 6 and self.prefixlen < 127:
        first = first + 1
    if last - first > 65535:
        raise ValueError("a network of more than 65536 addresses is not listed here")
    return [_signet_ip_of(number, self.version) for number in range(first, last + 1)]
def _signet_ip_subnets(self, diff, prefix):
    prefix = self.prefixlen + diff if prefix is None else prefix
    if prefix < self.prefixlen or prefix > self.max_prefixlen:
        raise ValueError("new prefix must be longer")
    if prefix - self.prefixlen > 16:
        raise ValueError("more than 65536 subnets are not listed here")
    step = 1 << (self.max_prefixlen - prefix)
    starts = [self._first + step * at for at in range(1 << (prefix - self.prefixlen))]
    return iter([ip_network(_signet_ip_number(start, self.version) + "/" + str(prefix)) for start in starts])
def _signet_ip_supernet(self, diff, prefix):
    prefix = self.prefixlen - diff if prefix is None else prefix
    if prefix > self.prefixlen or prefix < 0:
        raise ValueError("cannot set prefixlen_diff for a network with this prefixlen")
    return ip_network(str(self.network_address) + "/" + str(prefix), False)
class IPvXAddress:
    def __init__(self, address):
        _signet_ip_address(self, _signet_ip_given(address, False, True, X))
    def __str__(self):
        return self.compressed
    def __repr__(self):
        return "IPvXAddress('" + self.compressed + "')"
    def __int__(self):
        return self._first
    def __hash__(self):
        return hash((X, self._first))
    def __eq__(self, other):
        return isinstance(other, IPvXAddress) and self._first == other._first
    def __lt__(self, other):
        _signet_ip_same(self, other)
        return self._first < other._first
    def __le__(self, other):
        _signet_ip_same(self, other)
        return self._first <= other._first
    def __gt__(self, other):
        _signet_ip_same(self, other)
        return self._first > other._first
    def __ge__(self, other):
        _signet_ip_same(self, other)
        return self._first >= other._first
    def __add__(self, other):
        return _signet_ip_of(self._first + other, X)
    def __sub__(self, other):
        return _signet_ip_of(self._first - other, X)
class IPvXNetwork:
    def __init__(self, address, strict=True):
        _signet_ip_network(self, _signet_ip_given(address, True, strict, X))
    def __str__(self):
        return self.compressed
    def __repr__(self):
        return "IPvXNetwork('" + self.compressed + "')"
    def __hash__(self):
        return hash((X, self._first, self._last))
    def __eq__(self, other):
        return isinstance(other, IPvXNetwork) and self.compressed == other.compressed
    def __contains__(self, other):
        if not isinstance(other, (IPv4Address, IPv6Address)):
            raise TypeError("the left side of 'in' must be an address made with ip_address()")
        return other.version == X and self._first <= other._first and other._first <= self._last
    def __getitem__(self, index):
        number = self._first + index if index >= 0 else self._last + index + 1
        if number < self._first or number > self._last:
            raise IndexError("address out of range")
        return _signet_ip_of(number, X)
    def __iter__(self):
        if self.num_addresses > 65536:
            raise ValueError("a network of more than 65536 addresses is not listed here")
        return iter([_signet_ip_of(number, X) for number in range(self._first, self._last + 1)])
    def hosts(self):
        return iter(_signet_ip_hosts(self))
    def subnets(self, prefixlen_diff=1, new_prefix=None):
        return _signet_ip_subnets(self, prefixlen_diff, new_prefix)
    def supernet(self, prefixlen_diff=1, new_prefix=None):
        return _signet_ip_supernet(self, prefixlen_diff, new_prefix)
    def subnet_of(self, other):
        _signet_ip_same(self, other)
        return other._first <= self._first and self._last <= other._last
    def supernet_of(self, other):
        return other.subnet_of(self)
    def overlaps(self, other):
        return self.version == other.version and self._first <= other._last and other._first <= self._last
