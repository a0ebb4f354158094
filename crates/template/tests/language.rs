//! Tests of the template language, by constructs found in email templates.
#![allow(clippy::unwrap_used, reason = "a failure in a test is a failed test")]
use signet_base::{Json, Timestamp, json};
use signet_template::{Engine, Error};

fn fill(source: &str, escape: bool) -> Result<String, Error> {
    let values = json!({
        "user": {"name": "ada lovelace", "username": "ada", "attributes": {"team": "blue", "n": 7, "langs": ["de", "en"]}, "is_active": true},
        "url": "https://id.test/x?a=1&b=ö", "expires": "2026-01-31T12:30:00Z", "html": "<b>x</b>", "list": [1, 2, 3], "empty": [], "none": null,
        "people": [{"n": "b", "g": 1}, {"n": "a", "g": 1}, {"n": "c", "g": 2}], "text": "one\ntwo\n\nthree"
    });
    let load = |name: &str| match name {
        "main" => Some(source.to_owned()),
        "base" => {
            Some("<h>{% block title %}Base{% endblock %}</h>{% block body %}-{% endblock %}".to_owned())
        }
        "middle" => {
            Some("{% extends 'base' %}{% block title %}Middle {{ block.super }}{% endblock %}".to_owned())
        }
        "part" => Some("[{{ user.name }}{{ x }}]".to_owned()),
        "self" => Some("{% include 'self' %}".to_owned()),
        _ => None,
    };
    let engine = Engine {
        load: &load,
        now: Timestamp::parse("2026-01-31T12:00:00Z").unwrap(),
        base_url: "https://id.test",
        fuel: 100_000,
    };
    engine.check("main")?;
    let Json::Object(values) = values else { unreachable!() };
    engine.render("main", &values, escape)
}

#[test]
fn field_17_names_that_do_not_exist_are_empty() {
    for (source, text) in [
        ("{{ user.attributes.team }}", "blue"),
        ("{{ user.attributes.nothing.deep }}ok", "ok"),
        ("{{ nope.deep }}ok", "ok"),
        ("{% if nope.deep %}a{% endif %}ok", "ok"),
        ("{% if not nope %}a{% endif %}", "a"),
        ("{% if nope == None %}a{% endif %}", "a"),
        ("{% if nope.a > 3 or nope.b in list %}a{% else %}b{% endif %}", "b"),
        ("{% for x in nope.y %}a{% empty %}b{% endfor %}", "b"),
        (
            "{{ nope|upper }}|{{ nope|date:'Y' }}|{{ nope|default:'d' }}|{{ nope|length }}|{{ nope.x|truncatechars:3 }}",
            "||d|0|",
        ),
        ("{{ none }}|{{ none|default_if_none:'d' }}|{{ nope|default_if_none:'d' }}", "None|d|"),
        ("{% with a=nope.x %}{{ a }}{% endwith %}ok", "ok"),
        ("{% firstof nope user.x user.username %}", "ada"),
        ("{% include 'part' with x=nope %}", "[ada lovelace]"),
        ("{{ list.7 }}{{ list.1 }}{{ user.name.upper }}{{ user.attributes.langs.0 }}", "2ADA LOVELACEde"),
    ] {
        assert_eq!(fill(source, true).as_deref(), Ok(text), "{source}");
    }
}

#[test]
fn field_18_tags() {
    for (source, text) in [
        ("{% for x in 'ab' %}{{ forloop.counter }}{% empty %}-{% endfor %}", "12"),
        ("{% for x in list reversed %}{{ x }}{% if not forloop.last %},{% endif %}{% endfor %}", "3,2,1"),
        (
            "{% for k, v in user.attributes.items %}{{ k }}={{ v }};{% endfor %}",
            "team=blue;n=7;langs=[&#x27;de&#x27;, &#x27;en&#x27;];",
        ),
        (
            "{% for a in list %}{% for b in 'xy' %}{{ forloop.parentloop.counter }}{{ b }}{{ forloop.revcounter0 }} {% endfor %}{% endfor %}",
            "1x1 1y0 2x1 2y0 3x1 3y0 ",
        ),
        ("{% if user.is_active and not none or nope %}a{% elif 1 %}b{% else %}c{% endif %}", "a"),
        (
            "{% if 'd' in user.name and 9 not in list and none is None and user.attributes.n >= 7 and 2 != 3 %}a{% endif %}",
            "a",
        ),
        ("{% if list|length > 2 %}a{% endif %}{% if user.name|upper == 'ADA LOVELACE' %}b{% endif %}", "ab"),
        ("{% now 'Y' %} {% now 'jS F Y H:i' as t %}{{ t }}", "2026 31st January 2026 12:00"),
        ("{% for x in list %}{% cycle 'a' 'b' %}{% endfor %}", "aba"),
        ("{% for x in list %}{% cycle 'a' 'b' as c silent %}{{ c }}{% resetcycle c %}{% endfor %}", "aaa"),
        ("{% load static i18n humanize %}{% static 'x.png' %}", "https://id.test/static/x.png"),
        (
            "{% load x from y %}{% url 'authentik_core:if-flow' flow_slug='a b' %}{% url 'authentik_core:if-user' as u %}{{ u }}",
            "/if/flow/a%20b//if/user/",
        ),
        ("{% comment 'why' %}{{ broken | %}{% endcomment %}{# short #}ok", "ok"),
        ("{% verbatim %}{{ user }}{% if %}{% endverbatim %}", "{{ user }}{% if %}"),
        ("{% autoescape off %}{{ html }}{% endautoescape %}{{ html }}", "<b>x</b>&lt;b&gt;x&lt;/b&gt;"),
        ("{% filter upper|cut:' ' %}a {{ user.username }}{% endfilter %}", "AADA"),
        ("{% spaceless %} <p> <a>x y</a>  </p> {% endspaceless %}", "<p><a>x y</a></p>"),
        (
            "{% with a=1 b=user.name %}{{ a }}{{ b }}{% endwith %}{{ b }}{% with user.username as c %}{{ c }}{% endwith %}",
            "1ada lovelaceada",
        ),
        ("{% include 'part' with x=1 only %}{% include 'part' %}", "[1][ada lovelace]"),
        (
            "{% extends 'middle' %}ignored{% block body %}{{ block.super }}{{ user.username }}{% endblock %}{% block title %}<{{ block.super }}>{% endblock %}",
            "<h><Middle Base></h>-ada",
        ),
        ("{% for p in people %}{% ifchanged p.g %}{{ p.g }}{% else %}.{% endifchanged %}{% endfor %}", "1.2"),
        ("{% for x in '112' %}{% ifchanged %}{{ x }}{% endifchanged %}{% endfor %}", "12"),
        (
            "{% regroup people by g as gs %}{% for g in gs %}{{ g.grouper }}:{% for p in g.list %}{{ p.n }}{% endfor %} {% endfor %}",
            "1:ba 2:c ",
        ),
        ("{% widthratio 175 200 100 %} {% templatetag openblock %}", "88 {%"),
        ("{% trans 'Hi' %} {% translate \"<b>\" as x %}{{ x }} {% trans user.name %}", "Hi <b> ada lovelace"),
        (
            "{% blocktrans with name=user.name|title %}Dear {{ name }},{% endblocktrans %}",
            "Dear Ada Lovelace,",
        ),
        (
            "{% blocktranslate trimmed count n=list|length %}\n one\n{% plural %}\n {{ n }}\n of them\n{% endblocktranslate %}",
            "3 of them",
        ),
        ("{% localize off %}{{ 7 }}{% endlocalize %}{% csrf_token %}", "7"),
        ("a { b } {% x\n %} {{ y\n }}", "a { b } {% x\n %} {{ y\n }}"),
    ] {
        assert_eq!(fill(source, true).as_deref(), Ok(text), "{source}");
    }
}

#[test]
fn field_18_filters() {
    for (source, text) in [
        (
            "{{ expires|date:'Y-m-d' }} {{ expires|date }} {{ expires|time:'H:i' }} {{ expires|date:'D, j M y P e \\Y' }}",
            "2026-01-31 Jan. 31, 2026 12:30 Sat, 31 Jan 26 12:30 p.m. UTC Y",
        ),
        (
            "{{ expires|timeuntil }} {{ expires|naturaltime }} {{ expires|naturalday }} {{ expires|timesince }}",
            "30\u{a0}minutes 30\u{a0}minutes from now today 0\u{a0}minutes",
        ),
        (
            "{{ user.name|truncatechars:5 }} {{ user.name|truncatewords:1 }} {{ html|truncatechars_html:1 }}",
            "ada … ada … &lt;b&gt;x&lt;/b&gt;",
        ),
        (
            "{{ user.name|capfirst }} {{ user.name|title }} {{ user.name|upper }} {{ 'Ä B-c!'|slugify }}",
            "Ada lovelace Ada Lovelace ADA LOVELACE a-b-c",
        ),
        (
            "{{ url|urlencode }} {{ url|urlencode:'' }}",
            "https%3A//id.test/x%3Fa%3D1%26b%3D%C3%B6 https%3A%2F%2Fid.test%2Fx%3Fa%3D1%26b%3D%C3%B6",
        ),
        (
            "{{ text|linebreaksbr }} {{ text|linebreaks }}",
            "one<br>two<br><br>three <p>one<br>two</p>\n\n<p>three</p>",
        ),
        (
            "{{ html|linebreaksbr }} {{ html|safe }} {{ html|escape }} {{ html|escape|escape }} {{ html|force_escape }} {{ html|striptags }}",
            "&lt;b&gt;x&lt;/b&gt; <b>x</b> &lt;b&gt;x&lt;/b&gt; &lt;b&gt;x&lt;/b&gt; &lt;b&gt;x&lt;/b&gt; x",
        ),
        ("{{ 2|pluralize }}{{ 1|pluralize }} {{ 1|pluralize:'y,ies' }} {{ list|pluralize:'es' }}", "s y es"),
        ("{{ 3|add:'4' }} {{ 'a'|add:'b' }} {{ list|add:list|length }} {{ 'x'|add:1 }}", "7 ab 6 "),
        (
            "{{ list|join:', ' }} {{ list|first }}{{ list|last }} {{ list|slice:':2' }} {{ 'abcdef'|slice:'-2:' }}",
            "1, 2, 3 13 [1, 2] ef",
        ),
        (
            "{{ 34.23234|floatformat }} {{ 34.0|floatformat }} {{ 34.26|floatformat:'-3' }} {{ 34.0|floatformat:2 }} {{ 123456.5|floatformat:'2g' }}",
            "34.2 34 34.260 34.00 123,456.50",
        ),
        (
            "{{ 1234567|intcomma }} {{ 1200000|intword }} {{ 3|ordinal }} {{ 5|apnumber }} {{ 2048|filesizeformat }}",
            "1,234,567 1.2 million 3rd five 2.0\u{a0}KB",
        ),
        (
            "{{ true|yesno:'a,b' }} {{ True|yesno }} {{ none|yesno:'a,b,c' }} {{ 21|divisibleby:'7' }} {{ 123|get_digit:2 }}",
            "b yes c True 2",
        ),
        (
            "{{ 7|stringformat:'03d' }} {{ 'a'|ljust:'3' }}| {{ 'a'|rjust:3 }}| {{ 'a'|center:3 }}|",
            "007 a  |   a|  a |",
        ),
        (
            "{{ people|dictsort:'n' }}",
            "[{&#x27;n&#x27;: &#x27;a&#x27;, &#x27;g&#x27;: 1}, {&#x27;n&#x27;: &#x27;b&#x27;, &#x27;g&#x27;: 1}, {&#x27;n&#x27;: &#x27;c&#x27;, &#x27;g&#x27;: 2}]",
        ),
        (
            "{{ 'see https://a.test/x. or me@b.test'|urlize }}",
            "see <a href=\"https://a.test/x\" rel=\"nofollow\">https://a.test/x</a>. or <a href=\"mailto:me@b.test\">me@b.test</a>",
        ),
        (
            "{{ 'a b c'|wordcount }} {{ 'a b c'|cut:' ' }} {{ 'abc'|make_list|length }} {{ 'Joel is a slug'|wordwrap:5 }}",
            "3 abc 3 Joel\nis a\nslug",
        ),
        (
            "{{ \"a'b\\\\\"|addslashes }} {{ '<x>'|escapejs }} {{ list|json_script:'i' }}",
            "a\\'b\\\\ \\u003Cx\\u003E <script id=\"i\" type=\"application/json\">[1,2,3]</script>",
        ),
        ("{{ user.attributes.langs|unordered_list }}", "\t<li>de</li>\n\t<li>en</li>"),
    ] {
        assert_eq!(fill(source, true).as_deref(), Ok(text), "{source}");
    }
    assert_eq!(fill("{{ html }}{{ html|join:'' }}", false).as_deref(), Ok("<b>x</b><b>x</b>"));
}

#[test]
fn mistakes_are_said_with_their_line() {
    for (source, line, said) in [
        ("a\n{% fi %}", 2, "there is no tag called fi"),
        ("{{ user.name|shout }}", 1, "there is no filter called “shout”"),
        ("\n\n{% if user %}", 3, "endif is missing"),
        ("{% for x of y %}{% endfor %}", 1, "for name in values"),
        ("{% endif %}", 1, "nothing to end"),
        ("{{ }}", 1, "no value"),
        ("{{ a b }}", 1, "cannot be read"),
        ("{{ 'a }}", 1, "closing quote"),
        ("{{ _private }}", 1, "cannot be a name"),
        ("{{ a|default }}", 1, "needs a value"),
        ("{{ a|upper:1 }}", 1, "takes no value"),
        ("{% if a == %}{% endif %}", 1, "missing at the end"),
        ("{% include 'nothing' %}", 1, "no template called nothing"),
        ("{% extends 'nothing' %}", 1, "no template called nothing"),
        ("{% url 'nowhere' %}", 1, "no page is called nowhere"),
        ("{% block a %}{% endblock %}{% block a %}{% endblock %}", 1, "two blocks"),
        ("{% verbatim %}", 1, "endverbatim is missing"),
    ] {
        let error = fill(source, true).unwrap_err();
        assert!(error.message.contains(said), "{source}: {error}");
        assert!(error.line == line || line == 1, "{source}: {error}");
    }
}

#[test]
fn every_run_ends() {
    for source in [
        "{% include 'self' %}".to_owned(),
        "{% extends 'main' %}".to_owned(),
        "{% for a in 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' %}".repeat(8) + "x" + &"{% endfor %}".repeat(8),
        format!(
            "{}{}{}",
            (1..40)
                .map(|n| format!("{{% with a{n}=a{}|add:a{} %}}", n - 1, n - 1))
                .collect::<String>()
                .replacen("a0|add:a0", "'xxxx'", 1),
            "{{ a39 }}",
            "{% endwith %}".repeat(39)
        ),
        "{{ 'a'|center:9999999 }}".to_owned(),
        "{% if a %}".repeat(5000),
        "{{ 'x'|stringformat:'99999999s' }}{{ x|center:-4 }}".to_owned(),
    ] {
        assert!(fill(&source, true).is_err(), "{}", &source[..source.len().min(80)]);
    }
}
