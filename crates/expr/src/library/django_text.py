import re


def slugify(value, allow_unicode=False):
    return _signet_slugify(value, allow_unicode)


def capfirst(x):
    x = str(x)
    return x and x[0].upper() + x[1:]


def normalize_newlines(text):
    return re.sub(r"\r\n|\r|\n", "\n", str(text))


def get_valid_filename(name):
    s = re.sub(r"(?u)[^-\w.]", "", str(name).strip().replace(" ", "_"))
    if s in ("", ".", ".."):
        raise ValueError("Could not derive file name from '" + str(name) + "'")
    return s


def camel_case_to_spaces(value):
    return re.sub("(((?<=[a-z])[A-Z])|([A-Z](?![A-Z]|$)))", r" \1", value).strip().lower()


def phone2numeric(phone):
    digits = "22233344455566677778889999"
    return "".join([digits["abcdefghijklmnopqrstuvwxyz".index(letter)] if letter in "abcdefghijklmnopqrstuvwxyz" and letter else letter for letter in phone.lower()])


class Truncator:
    def __init__(self, text):
        self._text = str(text)

    def chars(self, num, truncate=None, html=False):
        if html:
            raise NotImplementedError("Truncator does not know HTML here")
        end = "\u2026" if truncate is None else truncate
        if len(self._text) <= num:
            return self._text
        return self._text[:max(num - len(end), 0)] + end if num > 0 else end

    def words(self, num, truncate=None, html=False):
        if html:
            raise NotImplementedError("Truncator does not know HTML here")
        words = self._text.split()
        if len(words) <= num:
            return " ".join(words)
        end = " \u2026" if truncate is None else truncate
        return " ".join(words[:num]) + end
