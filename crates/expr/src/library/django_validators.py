import re


def refuse(message):
    raise ValueError(message)


def validate_email(value):
    local = re.compile(r"""(?:[-!#$%&'*+/=?^_`{}|~0-9A-Za-z]+(?:\.[-!#$%&'*+/=?^_`{}|~0-9A-Za-z]+)*|"(?:[\x01-\x08\x0b\x0c\x0e-\x1f!#-\[\]-\x7f]|\\[\x01-\x09\x0b\x0c\x0e-\x7f])*")""")
    domain = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,63}(?<!-)")
    if not value or "@" not in value or len(value) > 320:
        refuse("Enter a valid email address.")
    name, _, host = value.rpartition("@")
    if not local.fullmatch(name) or not (host == "localhost" or (domain.fullmatch(host) and not host.rsplit(".", 1)[1].startswith("-"))):
        refuse("Enter a valid email address.")


def validate_slug(value):
    if not re.fullmatch(r"[-a-zA-Z0-9_]+", str(value)):
        refuse("Enter a valid \u201cslug\u201d consisting of letters, numbers, underscores or hyphens.")


def validate_ipv4_address(value):
    try:
        _signet_m_ipaddress.IPv4Address(value)
    except ValueError:
        refuse("Enter a valid IPv4 address.")


def validate_ipv6_address(value):
    try:
        _signet_m_ipaddress.IPv6Address(value)
    except ValueError:
        refuse("Enter a valid IPv6 address.")
