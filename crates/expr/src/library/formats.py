def _signet_formatted(of):
    if of is None or isinstance(of, (list, dict, tuple, set, frozenset, bytes)):
        raise TypeError("unsupported format string passed to " + type(of).__name__ + ".__format__")
    return of
