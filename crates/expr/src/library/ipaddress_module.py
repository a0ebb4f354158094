AddressValueError = NetmaskValueError = ValueError
ip_address, ip_network = _signet_ip_functions
IPv4Address, IPv6Address, IPv4Network, IPv6Network = _signet_ip_classes
