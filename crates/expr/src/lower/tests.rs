#![allow(clippy::unwrap_used)]
use super::*;

fn text(source: &str) -> String {
    lowered(source).unwrap().map_or_else(|| source.to_owned(), |lowered| lowered.text)
}

fn refused(source: &str) -> String {
    lowered(source).unwrap_err().what
}

#[test]
fn deletions_keep_their_meaning_and_their_lines() {
    assert_eq!(text("def f():\n    del a[\n 'k'], b.c[0]\n"), "def f():\n    a.pop('k'); b.c.pop(0)\n");
    assert_eq!(text("def f():\n    del a[1:2]\n"), "def f():\n    a[1:2] = []\n");
    let lowered = lowered("def f():\n    del a  # gone\n    return 1\n").unwrap().unwrap();
    assert_eq!(
        lowered.text,
        "def f():\n    a\n    try: raise ValueError\n    except ValueError as a: pass  # gone\n    return 1\n"
    );
    assert_eq!(lowered.lines, [1, 2, 2, 2, 3, 4]);
    assert!(refused("def f():\n    del a.b\n").contains("attribute"));
    assert!(refused("def f():\n    x = 1; del x\n").contains("line of its own"));
}

#[test]
fn generators_collect_what_they_give() {
    assert_eq!(
        text("def f():\n    for x in y:\n        yield x\n    yield from (z)\n    return\n"),
        "def f():\n    _signet_given = []\n    for x in y:\n        _signet_given.append(( x))\n    _signet_given.extend(( (z)))\n    return _signet_given\n    return _signet_given\n"
    );
    assert_eq!(
        text("def f():\n    def g(): yield (1), 2\n"),
        "def f():\n    def g(): _signet_given = []; _signet_given.append(( (1), 2)); return iter(_signet_given)\n"
    );
    assert!(refused("def f():\n    while True:\n        yield 1\n").contains("without an end"));
    assert!(refused("def f():\n    x = yield 1\n").contains("statement of its own"));
    assert!(refused("def f():\n    from re import *\n").contains("import *"));
}

#[test]
fn what_is_walked_through_at_once_stays_a_list() {
    for plain in ["sum(x for x in y)", "','.join(x for x in y)", "[*(x for x in y)]", "sorted(y)", "min(y)"] {
        let source = format!("def f():\n    return {plain}\n");
        assert_eq!(text(&source), source);
    }
    assert_eq!(
        text("def f():\n    return next((x for x in a.b() if x), 0)\n"),
        "def f():\n    return _signet_next(lambda _signet_item: [x for x in (_signet_item,) if x], (a.b()), 0)\n"
    );
    assert_eq!(
        text("def f():\n    g = (x for x in y)\n    return h(x for x in y)\n"),
        "def f():\n    g = _signet_iter(x for x in y)\n    return h(_signet_iter(x for x in y))\n"
    );
    assert_eq!(
        text("def f():\n    y.sort(key=k)\n    return bool(map(k, y))\n"),
        "def f():\n    _signet_sort(y, key=k)\n    return bool(_signet_iter(_signet_map(k, y)))\n"
    );
    // Names that the source defines are not built-in functions.
    let own = "def f(map):\n    return map(1, 2)\n";
    assert_eq!(text(own), own);
    assert!(refused("def f():\n    ok = any((m := x) for x in y)\n    return m\n").contains("write a loop"));
}

#[test]
fn modules_of_the_library_are_assigned() {
    assert_eq!(
        text("def f():\n    import json, uuid as u\n"),
        "def f():\n    import json; u = _signet_m_uuid\n"
    );
    assert_eq!(
        text("def f():\n    import urllib.parse\n"),
        "def f():\n    urllib = _signet_module({'parse': _signet_m_urllib_parse})\n"
    );
    assert_eq!(
        text("def f():\n    from django.utils import timezone, dates\n"),
        "def f():\n    from django.utils import dates; timezone = _signet_m_django_utils_timezone\n"
    );
    assert_eq!(
        text("def f():\n    from requests.exceptions import Timeout as T\n"),
        "def f():\n    T = TimeoutError\n"
    );
    assert_eq!(
        text("def f():\n    import requests as r\n    return r.exceptions.HTTPError\n"),
        "def f():\n    import requests as r\n    return FileExistsError\n"
    );
}
