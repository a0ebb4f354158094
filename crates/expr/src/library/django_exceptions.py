# The engine has no classes of errors of one's own: these are the nearest of its own. Those of models are in datamodel.rs.
import decimal as _signet_decimal
ValidationError = ValueError
ObjectDoesNotExist = (_signet_decimal.Clamped, _signet_decimal.Inexact, _signet_decimal.FloatOperation)
MultipleObjectsReturned = (_signet_decimal.Rounded, _signet_decimal.Subnormal, _signet_decimal.Underflow)
PermissionDenied = PermissionError
