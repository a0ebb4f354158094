def gettext(message):
    return message


def pgettext(context, message):
    return message


def ngettext(singular, plural, number):
    return singular if number == 1 else plural


gettext_lazy = gettext
gettext_noop = gettext
pgettext_lazy = pgettext
ngettext_lazy = ngettext
