# The engine has no classes of errors of one's own: these are the nearest of its own.
ValidationError = ValueError
ObjectDoesNotExist = LookupError
PermissionDenied = PermissionError
