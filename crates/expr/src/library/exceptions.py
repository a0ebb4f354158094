import csv as _signet_csv
import binascii as _signet_binascii
import decimal as _signet_decimal
_signet_raised = []
class _signet_exception:
    def __init__(self, *args):
        self.args = args
    def __str__(self):
        return "" if not self.args else str(self.args[0]) if len(self.args) == 1 else str(self.args)
    def __repr__(self):
        return type(self).__name__ + "(" + ", ".join([repr(arg) for arg in self.args]) + ")"
def _signet_thrown(what):
    if not hasattr(what, "_signet_kind"):
        return what
    own = what() if type(what).__name__ == "type" else what
    _signet_raised.append(own)
    return own._signet_kind(str(own))
def _signet_caught(error):
    for own in reversed(_signet_raised):
        if isinstance(error, own._signet_kind) and str(error) == str(own):
            return own
    return error
