#!/usr/bin/env python3
"""Runs the snippets beside this file with CPython and writes what they give to expected.json.

Python 3.11 or newer: tests/cpython.rs runs the same snippets with both evaluators and compares. What combinations.py
and exact.py make goes to files of their names, one snippet a line, but for those whose value JSON has no form for.
"""
import contextlib
import io
import json
import pathlib
import re

import combinations
import exact

HERE = pathlib.Path(__file__).parent


def snippets():
    for line in (HERE / "expressions.txt").read_text().splitlines():
        yield "return " + line
    for line in (HERE / "modules.txt").read_text().splitlines():
        yield line.replace("; ", "\n")
    yield from (HERE / "bodies.txt").read_text().split("\n%%\n")


def outcome(text):
    body = "\n".join("    " + line for line in text.strip("\n").split("\n")) if "'''" not in text else text_with_string(text)
    names = {
        "regex_match": lambda value, pattern: re.search(pattern, value) is not None,
        "regex_replace": lambda value, pattern, repl: re.sub(pattern, repl, value),
    }
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec("def snippet():\n" + body, names)
            value = names["snippet"]()
    except BaseException as error:
        return {"raises": type(error).__name__}
    # The tuple tells a list from a tuple only where a snippet asks for its repr: the border of programs has lists.
    return {"value": json.loads(json.dumps(value, default=other))}


def text_with_string(text):
    # Lines inside of a string are indented as well, as those of an expression are.
    return "\n".join("    " + line if line else line for line in text.split("\n"))


def other(value):
    if isinstance(value, (set, frozenset)):
        return list(value)
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    raise TypeError(f"no form for {value!r}")


def main():
    table = [{"text": text, **outcome(text)} for text in snippets() if text.strip()]
    (HERE / "expected.json").write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n")
    print(len(table), "snippets")
    for maker in (combinations, exact):
        lines = []
        for text in dict.fromkeys(maker.snippets()):
            try:
                lines.append(json.dumps({"text": text, **outcome(text)}, ensure_ascii=False, allow_nan=False))
            except (TypeError, ValueError):
                continue
        (HERE / f"{maker.__name__}.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
        print(len(lines), maker.__name__)


main()
