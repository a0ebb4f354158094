RANDOM_STRING_CHARS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def get_random_string(length, allowed_chars=RANDOM_STRING_CHARS):
    return "".join([_signet_m_secrets.choice(allowed_chars) for _ in range(length)])


def constant_time_compare(val1, val2):
    one = val1 if isinstance(val1, bytes) else str(val1).encode()
    other = val2 if isinstance(val2, bytes) else str(val2).encode()
    return _signet_m_hmac.compare_digest(one, other)
