//! Templates that were written for Django: what is spelt differently is rewritten, what has no meaning here is left out.
use regex::{Captures, Regex};
use std::sync::LazyLock;

#[allow(clippy::unwrap_used, reason = "fixed patterns, compiled by the tests below")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}
static DROPPED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\{%-?\s*(load|endblocktrans|endblocktranslate|comment|endcomment|autoescape [a-z]+|endautoescape|spaceless|endspaceless)\b[^%]*%\}"));
static WORDS: LazyLock<Regex> = LazyLock::new(|| pattern(r#"\{%-?\s*trans(?:late)?\s+("[^"]*"|'[^']*')\s*-?%\}"#));
static TEXT: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?s)\{%-?\s*blocktrans(?:late)?\b([^%]*)%\}(.*?)\{%-?\s*endblocktrans(?:late)?\s*-?%\}"));
static PAIR: LazyLock<Regex> = LazyLock::new(|| pattern(r#"(\w+)\s*=\s*("[^"]*"|'[^']*'|[^\s]+)"#));
static COMMENT: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?s)\{%-?\s*comment\b[^%]*%\}.*?\{%-?\s*endcomment\s*-?%\}"));
static ARGUMENT: LazyLock<Regex> = LazyLock::new(|| pattern(r#"\|\s*(\w+):("[^"]*"|'[^']*'|[\w.]+)"#));
static PIECE: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?s)\{\{.*?\}\}|\{%.*?%\}"));

/// The same template in the words of ours.
pub(super) fn adapt(source: &str) -> String {
    let text = COMMENT.replace_all(source, "");
    // `{% blocktrans with a=b %}… {{ a }} …{% endblocktrans %}`: the text, with the names set before it.
    let text = TEXT.replace_all(&text, |c: &Captures<'_>| {
        let sets: String = PAIR.captures_iter(&c[1]).map(|p| format!("{{% set {} = {} %}}", &p[1], &p[2])).collect();
        format!("{sets}{}", &c[2])
    });
    let text = WORDS.replace_all(&text, |c: &Captures<'_>| format!("{{{{ {} }}}}", &c[1]));
    let text = DROPPED.replace_all(&text, "");
    // `|filter:"argument"` only means something inside of a tag.
    PIECE.replace_all(&text, |c: &Captures<'_>| ARGUMENT.replace_all(&c[0], "|$1($2)").into_owned()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::adapt;

    #[test]
    fn what_django_spells_differently_is_rewritten() {
        for (django, ours) in [
            ("{% load i18n %}{% load authentik_stages_email %}a", "a"),
            ("{% trans 'Hello' %}", "{{ 'Hello' }}"),
            ("{% translate \"Hi\" %}", "{{ \"Hi\" }}"),
            ("{% blocktrans with name=user.name %}Dear {{ name }},{% endblocktrans %}", "{% set name = user.name %}Dear {{ name }},"),
            ("{% blocktranslate trimmed %}Dear{% endblocktranslate %}", "Dear"),
            ("{{ user.name|default:\"you\" }}", "{{ user.name|default(\"you\") }}"),
            ("a|b:c", "a|b:c"),
            ("{% comment %}x {{ y }}{% endcomment %}z", "z"),
            ("{% extends \"email/base.html\" %}{% block content %}a{% endblock %}", "{% extends \"email/base.html\" %}{% block content %}a{% endblock %}"),
        ] {
            assert_eq!(adapt(django), ours, "{django}");
        }
    }
}
