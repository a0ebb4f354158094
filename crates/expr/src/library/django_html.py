import re


def text_of(value):
    return str(value)


def escape(text):
    return _signet_m_html.escape(text_of(text))


def conditional_escape(text):
    return escape(text)


def mark_safe(s):
    return text_of(s)


def format_html(format_string, *args, **kwargs):
    return format_string.format(*[escape(arg) for arg in args], **{name: escape(value) for name, value in kwargs.items()})


def format_html_join(sep, format_string, args_generator):
    return sep.join([format_html(format_string, *args) for args in args_generator])


def strip_tags(value):
    # What looks like a tag goes, until nothing does.
    value = text_of(value)
    while "<" in value and ">" in value:
        less = re.sub(r"<!--.*?-->|</?[a-zA-Z][^<>]*>|<![^<>]*>", "", value, flags=re.DOTALL)
        if less == value:
            break
        value = less
    return value


def linebreaks(value, autoescape=False):
    value = re.sub(r"\r\n|\r", "\n", text_of(value))
    paragraphs = re.split("\n{2,}", value)
    if autoescape:
        paragraphs = [escape(paragraph) for paragraph in paragraphs]
    return "\n\n".join(["<p>" + paragraph.replace("\n", "<br>") + "</p>" for paragraph in paragraphs])
