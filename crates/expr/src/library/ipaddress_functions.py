def ip_address(address):
    if isinstance(address, (IPv4Address, IPv6Address)):
        return address
    facts = _signet_ip_given(address, False, True, None)
    return IPv4Address(facts["text"]) if facts["version"] == 4 else IPv6Address(facts["text"])
def ip_network(address, strict=True):
    if isinstance(address, (IPv4Network, IPv6Network)):
        return address
    facts = _signet_ip_given(address, True, strict, None)
    return IPv4Network(facts["text"]) if facts["version"] == 4 else IPv6Network(facts["text"])
_signet_ip_functions = (ip_address, ip_network)
_signet_ip_classes = (IPv4Address, IPv6Address, IPv4Network, IPv6Network)
