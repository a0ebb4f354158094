//! Sources as administrators write them.
mod support;
use serde_json::{Value as Json, json};
use support::{eval, json, try_eval};

/// The source, and its value.
fn texts() -> Vec<(&'static str, Json)> {
    vec![
        // Scope mappings.
        (
            r#"return {"sub": request.user.pk, "name": request.user.name}"#,
            json!({"sub": 1, "name": "ada Example"}),
        ),
        (
            "return {\n    \"name\": request.user.name,\n    \"groups\": [g.name for g in request.user.groups.all()],\n}",
            json!({"name": "ada Example", "groups": ["staff", "Research Team", "app-wiki"]}),
        ),
        (
            "return {'groups': sorted(g.name.lower() for g in user.ak_groups.all())}",
            json!({"groups": ["app-wiki", "research team", "staff"]}),
        ),
        (
            r#"return {"email": request.user.email, "email_verified": True}"#,
            json!({"email": "ada@example.org", "email_verified": true}),
        ),
        (
            r#"return {"locale": user.attributes.get("settings", {}).get("locale", "en")}"#,
            json!({"locale": "de"}),
        ),
        (r#"return {"team": user.group_attributes(request).get("team", "none")}"#, json!({"team": "blue"})),
        (
            r#"return {"quota": int(request.user.group_attributes(request.http_request)["quota"]) * 2}"#,
            json!({"quota": 20}),
        ),
        (
            "claims = {}\nfor group in user.all_groups():\n    key = group.name.split('-')[0]\n    claims.setdefault(key, []).append(group.name)\nreturn claims",
            json!({"staff": ["staff"], "Research Team": ["Research Team"], "app": ["app-wiki"]}),
        ),
        (
            "first, _, last = request.user.name.partition(' ')\nreturn {'given_name': first, 'family_name': last or first}",
            json!({"given_name": "ada", "family_name": "Example"}),
        ),
        (
            r#"return {"preferred_username": user.username.upper(), "nickname": f"{user.username:>6}"}"#,
            json!({"preferred_username": "ADA", "nickname": "   ada"}),
        ),
        (r#"return {**{"a": 1}, "b": [*range(3)]}"#, json!({"a": 1, "b": [0, 1, 2]})),
        (
            r#"return {"gid": max([g.attributes["gid"] for g in user.all_groups()], default=0)}"#,
            json!({"gid": 42}),
        ),
        (r#"return {"roles": ["admin"] if user.is_superuser else ["viewer"]}"#, json!({"roles": ["admin"]})),
        (
            r#"return {"joined": user.date_joined.isoformat(), "year": user.date_joined.year}"#,
            json!({"joined": "2023-11-14T22:13:20+00:00", "year": 2023}),
        ),
        (r#"return user.date_joined"#, json!("2023-11-14T22:13:20Z")),
        ("import json\nreturn json.dumps({'a': [1, 2]})", json!("{\"a\": [1, 2]}")),
        ("import hashlib\nreturn hashlib.sha256(user.email.encode()).hexdigest()[:8]", json!("cfe00dde")),
        ("import base64\nreturn base64.b64encode(b'signet').decode()", json!("c2lnbmV0")),
        (
            "from urllib.parse import quote, urlencode\nreturn quote('a b/ü') + '?' + urlencode({'q': 'x y&z'})",
            json!("a%20b/%C3%BC?q=x+y%26z"),
        ),
        (
            r#"return {"uid": "%s-%03d" % (user.username, user.pk), "zip": "7".zfill(5)}"#,
            json!({"uid": "ada-001", "zip": "00007"}),
        ),
        (
            "def pick(name, default=None):\n    return user.attributes.get(name, default)\nreturn [pick('department'), pick('desk', 'none')]",
            json!(["research", "none"]),
        ),
        (
            r#"return {"phones": ",".join(user.attributes["phones"]), "n": len(user.attributes["phones"])}"#,
            json!({"phones": "+1,+2", "n": 2}),
        ),
        (
            r#"return {"any": any(g.name.startswith("app-") for g in user.all_groups())}"#,
            json!({"any": true}),
        ),
        // Policies.
        ("return ak_is_group_member(request.user, name=\"staff\")", json!(true)),
        ("return not ak_is_group_member(request.context['pending_user'], name='staff')", json!(true)),
        (
            "if context[\"geoip\"][\"country\"] in (\"DE\", \"FR\"):\n    return True\nak_message(\"Wrong country\")\nreturn False",
            json!(true),
        ),
        ("ak_message('Only staff may sign in.')\nreturn False", json!(false)),
        ("return ak_client_ip in ip_network('10.0.0.0/8') and ak_client_ip.is_private", json!(true)),
        (
            "nets = [ip_network('192.168.0.0/16'), ip_network('2001:db8::/32')]\nreturn any(ak_client_ip in net for net in nets)",
            json!(false),
        ),
        ("return ip_address('2001:db8::1') in ip_network('2001:db8::/32')", json!(true)),
        (
            "return str(ak_client_ip) + ' ' + str(ip_network('10.1.0.0/16').num_addresses)",
            json!("10.1.2.3 65536"),
        ),
        (r#"return regex_match(request.context["prompt_data"]["email"], r"@corp\.example$")"#, json!(true)),
        (
            r#"return bool(regex_match(value=context["prompt_data"]["password"], regex=r"^(?=.*\d)(?=.*[A-Z]).{8,}$"))"#,
            json!(true),
        ),
        (r#"return regex_replace(user.email, r"@.*$", "@new.example")"#, json!("ada@new.example")),
        (
            "import re\nreturn bool(re.match(r'(?i)mozilla/(\\d+)', request.http_request.META['HTTP_USER_AGENT']))",
            json!(true),
        ),
        (
            "return 'email' in context.get('oauth_scopes', []) and request.http_request.method == 'GET'",
            json!(true),
        ),
        (
            "if not ak_is_sso_flow:\n    return http_request.META.get('HTTP_X_TOKEN', '') == ''\nreturn False",
            json!(true),
        ),
        (
            "result = ak_call_policy('terms', user=request.user)\nreturn [result.passing, result.messages]",
            json!([true, ["fine"]]),
        ),
        (
            "other = ak_user_by(username='grace')\nreturn other is not None and other != request.user and other == context['pending_user']",
            json!(true),
        ),
        ("return ak_user_by(username='nobody') is None", json!(true)),
        ("return 9 <= 12 < 17 and (count := len(context)) > 3 and count < 10", json!(true)),
        (
            "try:\n    return context['missing']\nexcept KeyError as error:\n    return f'no {error}'",
            json!("no 'missing'"),
        ),
        (
            "try:\n    request.user.group_attributes(5)\nexcept TypeError as error:\n    return str(error)",
            json!("group_attributes() takes the request"),
        ),
        (
            "return hasattr(request.user, 'username') and not hasattr(request.user, 'password') and getattr(user, 'x', 'd') == 'd'",
            json!(true),
        ),
        ("return request.user.groups.filter(name='staff').exists()", json!(true)),
        (
            "from datetime import datetime, timezone\nreturn (datetime.now(timezone.utc) - user.date_joined).days",
            json!(1157),
        ),
        ("import time\nreturn int(time.time())", json!(1_800_000_000)),
        (
            "match context['geoip']['continent']:\n    case 'EU':\n        return 'gdpr'\n    case _:\n        return 'none'",
            json!("gdpr"),
        ),
        ("return None", json!(null)),
        ("request.user.username", json!(null)),
        ("user = context.get('pending_user') or user\nreturn user.username", json!("grace")),
        ("from authentik.core.models import User\nreturn User", json!("a class")),
        ("return request.context is context", json!(true)),
        ("return ak_logger.info('seen', user=request.user.pk)", json!("info [\"seen\"] [(\"user\", 1)]")),
        ("context.pop('geoip')\nreturn 'geoip' in request.context", json!(false)),
        (
            "groups = request.user.groups.all()\nreturn groups[0] in groups and groups[0] != groups[1] and len(groups) == 3",
            json!(true),
        ),
        (
            "with_domain = {u.email.split('@')[1] for u in [user, context['pending_user']]}\nreturn list(with_domain)",
            json!(["example.org"]),
        ),
        ("data = {'a': 1, 'b': [1, 2]}\ndel data['a'], data['b'][0]\nreturn data", json!({"b": [2]})),
        (
            "import ipaddress\nreturn ipaddress.ip_address('10.0.0.1') in ipaddress.ip_network('10.0.0.0/8')",
            json!(true),
        ),
        (
            "from ipaddress import ip_network, ip_address as at\nreturn at('10.0.0.1') in ip_network('10.0.0.0/8')",
            json!(true),
        ),
        // Prompts.
        ("return user.attributes.get('department', 'unknown')", json!("research")),
        (
            r#"return [{"label": g.name, "value": slugify(g.name)} for g in user.all_groups()][1]"#,
            json!({"label": "Research Team", "value": "research-team"}),
        ),
        (
            "return slugify('  Crème Brûlée!  is_good -- ok ') + '/' + slugify('日本', allow_unicode=True)",
            json!("creme-brulee-is_good-ok/日本"),
        ),
        ("return [list_flatten(['a', 'b']), list_flatten([]), list_flatten('c')]", json!(["a", null, "c"])),
        ("return \"\"\"Hello\n    world\"\"\".split()", json!(["Hello", "world"])),
        ("# only a remark\r\nx = 1\r\n\r\nreturn x + 1", json!(2)),
        ("\tif True:\n\t\treturn 'tabs'", json!("tabs")),
        ("return {1: 'a', False: 'b', None: 'c'}", json!({"1": "a", "false": "b", "null": "c"})),
        ("return (1, 2.5, {3})", json!([1, 2.5, [3]])),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_of_administrators_run() {
    let texts = texts();
    assert!(texts.len() >= 40);
    let mut wrong = Vec::new();
    for (text, expected) in texts {
        match try_eval(text).await {
            Ok(outcome) => match outcome.value.to_json() {
                Ok(found) if found == expected => {}
                found => wrong.push(format!("{text}\n  gave {found:?}\n  not  {expected}")),
            },
            Err(error) => wrong.push(format!("{text}\n  failed: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn what_has_no_form_is_still_true() {
    let found = eval("import re\nreturn re.match('a', 'a')").await;
    assert!(found.is_truthy() && found.to_json().is_err());
    assert!(eval("return request.user").await.to_json().is_err());
    assert!(eval("return lambda: 0").await.to_json().is_err());
    assert!(eval("return float('nan')").await.to_json().is_err());
    assert_eq!(json("return ak_client_ip").await, json!("10.1.2.3"));
}

#[tokio::test]
async fn field_29_small_modules_and_iterators_work_with_people() {
    for (text, wanted) in [
        ("from urllib.parse import urlparse\nreturn urlparse('https://a.b/c').netloc == 'a.b'", json!(true)),
        ("import uuid\nreturn len(str(uuid.uuid4())) == 36", json!(true)),
        ("import textwrap\nreturn textwrap.dedent(' a') == 'a'", json!(true)),
        ("import string\nreturn string.ascii_lowercase[0] == 'a'", json!(true)),
        ("from django.utils.timezone import now\nreturn now() > request.user.date_joined", json!(true)),
        ("from django.utils.html import escape\nreturn escape('<') == '&lt;'", json!(true)),
        // Callbacks that call the host.
        ("return sorted(user.all_groups(), key=lambda g: g.attributes['gid'])[0].name", json!("staff")),
        ("return max(user.all_groups(), key=lambda g: len(g.name)).name", json!("Research Team")),
        ("return [n for n in map(lambda g: g.name, user.all_groups())][:1]", json!(["staff"])),
        (
            "return next((g.name for g in user.all_groups() if g.name.startswith('app')), None)",
            json!("app-wiki"),
        ),
        (
            "return next(filter(lambda g: hasattr(g, 'name') and g.name > 'b', user.all_groups())).name",
            json!("staff"),
        ),
        (
            "found = list(user.all_groups())\nfound.sort(key=lambda g: g.name.lower())\nreturn found[0].name",
            json!("app-wiki"),
        ),
        (
            "for g in user.all_groups():\n    yield g.name\nif ak_is_group_member(user, name='staff'):\n    yield 'admin'",
            json!(["staff", "Research Team", "app-wiki", "admin"]),
        ),
        (
            "import hmac, hashlib\nreturn hmac.new(b'k', user.username.encode(), hashlib.sha256).hexdigest()[:8]",
            json!("16ae9ecd"),
        ),
        (
            "import jwt\nt = jwt.encode({'groups': ['a'], 'iss': 'x'}, 'k' * 32, algorithm='HS256')\nreturn jwt.decode(t, options={'verify_signature': False})['groups'] + [jwt.decode(t, 'k' * 32, algorithms=['HS256'])['iss']]",
            json!(["a", "x"]),
        ),
        (
            "from zoneinfo import ZoneInfo\nreturn user.date_joined.astimezone(ZoneInfo('Europe/Berlin')).strftime('%H:%M')",
            json!("23:13"),
        ),
        (
            "from django.utils.text import slugify as s, capfirst\nfrom django.utils.crypto import get_random_string\nreturn [s('Ä b'), capfirst('x'), len(get_random_string(12))]",
            json!(["a-b", "X", 12]),
        ),
        (
            "from django.utils.dateparse import parse_date, parse_datetime, parse_duration\nreturn [parse_date('2026-01-02').day, parse_datetime('2026-01-02T03:04:05Z').hour, parse_duration('1 02:00:00').total_seconds(), parse_date('x')]",
            json!([2, 3, 93600.0, null]),
        ),
        (
            "from django.core.validators import validate_email\nfrom django.core.exceptions import ValidationError\nbad = []\nfor a in ['a@b.org', 'a@b', 'x', 'a b@c.org']:\n    try:\n        validate_email(a)\n    except ValidationError:\n        bad.append(a)\nreturn bad",
            json!(["a@b", "x", "a b@c.org"]),
        ),
    ] {
        assert_eq!(json(text).await, wanted, "{text}");
    }
}
