//! Names that expressions can use, known without a run.
use super::host::FUNCTIONS;
use super::{INPUTS, orm};
use signet_expr::{ParseError, Program, Vocabulary};

/// Inputs of some uses only. If one is missing, the run reports it.
const OF_KINDS: [&str; 23] = [
    "stage",
    "notification",
    "event",
    "source",
    "ldap",
    "dn",
    "info",
    "client",
    "properties",
    "oauth_userinfo",
    "group_id",
    "assertion",
    "root",
    "data",
    "principal",
    "group",
    "creating",
    "connection",
    "packet",
    "define_attribute",
    "endpoint",
    "obj",
    "parent",
];
/// Names of `requests` implemented here; exceptions and sessions are the engine's.
const OF_REQUESTS: [&str; 11] =
    ["get", "post", "put", "patch", "delete", "head", "options", "request", "codes", "Response", "auth"];
/// Writes that no text may do, by the method: what to do instead.
const REFUSED: [(&str, &str); 7] = [
    ("asave", "write save()"),
    ("adelete", "write delete()"),
    ("acreate", "write create()"),
    ("refresh_from_db", "ask for the object anew, by objects.get(pk=…)"),
    ("bulk_create", "write create() for each"),
    ("bulk_update", "write save() for each"),
    ("raw", "write filter()"),
];
/// Relations that methods would change.
const OF_RELATIONS: [&str; 4] = ["add", "remove", "set", "clear"];

struct Offered;

impl Vocabulary for Offered {
    fn name(&self, name: &str) -> bool {
        FUNCTIONS.contains(&name) || OF_KINDS.contains(&name) || name == "requests"
    }
    fn import(&self, module: &str, part: Option<&str>) -> bool {
        match module {
            "requests" => part.is_none_or(|part| OF_REQUESTS.contains(&part)),
            _ => orm::offers(module, part),
        }
    }
    /// What is never written, where that is plain to see; the run refuses the rest.
    fn refused(&self, receiver: &[&str], method: &str) -> Option<String> {
        if let Some((_, instead)) = REFUSED.iter().find(|(known, _)| *known == method) {
            return Some(format!("{method}() is refused: {instead}"));
        }
        let related = receiver.last().is_some_and(|last| matches!(*last, "parents" | "children" | "roles"));
        let why = "parents and roles are set by the API and by blueprints";
        (related && OF_RELATIONS.contains(&method)).then(|| format!("{method}() is refused: {why}"))
    }
}

/// Parses a source on save.
pub(super) fn check(source: &str) -> Result<Program, Vec<ParseError>> {
    signet_expr::check(source, INPUTS, &Offered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(source: &str) -> Vec<String> {
        check(source)
            .map(drop)
            .map_or_else(|faults| faults.iter().map(ToString::to_string).collect(), |()| Vec::new())
    }

    #[test]
    fn field_29_what_cannot_work_is_refused_when_it_is_saved() {
        for (text, place, what) in [
            ("x = 1\nimport pytz\nreturn x", "line 2, column 8", "zoneinfo.ZoneInfo"),
            ("from urllib.parse import urlparse, nothing", "line 1, column 36", "urlparse"),
            ("import uuid\nif user:\n    return uuid.uuid9()", "line 3, column 17", "uuid4"),
            ("import json\nreturn json.nothing", "line 2, column 13", "has no 'nothing'"),
            ("return ak_unheard_of(user)", "line 1, column 8", "'ak_unheard_of' is not known"),
            ("return open('/etc/hostname')", "line 1, column 8", "no files"),
            ("import os\nreturn os.environ['X']", "line 2, column 8", "environment"),
            ("from requests import Sessions", "line 1, column 22", "'requests' has no 'Sessions'"),
            (
                "from authentik.core.models import User, Outpost",
                "line 1, column 41",
                "'authentik.core.models' has no 'Outpost'",
            ),
            (
                "from authentik.lib.sync import x",
                "line 1, column 32",
                "there is no module 'authentik.lib.sync'",
            ),
            ("user.refresh_from_db()", "line 1, column 6", "objects.get"),
            ("for g in user.groups.all():\n    g.parents.add(g)", "line 2, column 15", "blueprints"),
            (
                "from authentik.core.models import User\nUser.objects.bulk_create([])",
                "line 2, column 14",
                "create()",
            ),
            ("from re import *", "line 1, column 1", "name what is needed"),
        ] {
            let found = faults(text);
            assert!(
                found.len() == 1 && found[0].contains(place) && found[0].contains(what),
                "{text}: {found:?}"
            );
        }
        assert_eq!(faults("a = nothing_1\nb = nothing_2").len(), 2, "all at once");
    }

    #[test]
    fn field_29_what_can_work_is_saved() {
        for text in [
            "import uuid, hmac, string, json\nfrom datetime import datetime as dt\nreturn str(uuid.uuid4()) + string.digits + json.dumps(1, default=str) + dt.now().isoformat()",
            "import requests\ntry:\n    return requests.get('https://x.example', timeout=3).json()\nexcept requests.exceptions.RequestException:\n    return None",
            "with requests.Session() as s:\n    s.headers['a'] = 'b'\n    return s.get('https://x.example').status_code == requests.codes.ok",
            "from django.utils import timezone\nfrom django.utils.html import escape\nreturn timezone.now() > user.date_joined and escape(user.name)",
            "from authentik.core.models import User, Group\nreturn User.objects.filter(username='x').exists()",
            "from authentik.stages.authenticator import devices_for_user\nfrom authentik.events.models import EventAction\nreturn list(devices_for_user(user)), EventAction.LOGIN",
            "from django.db.models import Q\nfrom authentik.core import models\nreturn models.User.objects.filter(Q(username='a') | Q(email='b')).first()",
            "import authentik.core.models\nreturn authentik.core.models.Group.objects.count()",
            "from django.core.exceptions import ObjectDoesNotExist\ntry:\n    return user.totpdevice_set.get()\nexcept ObjectDoesNotExist:\n    return None",
            "found = set()\nfound.add(user.username)\nfor group in user.groups.all():\n    found.update([group.name])\nreturn list(found)",
            "from authentik.core.models import User\nfound = User.objects.get(username='a')\nfound.attributes.update({'a': 1})\nreturn User.objects.first().attributes.update({})",
            "class Box:\n    def save(self):\n        return 1\nreturn Box().save()",
            "import requests\nreturn requests.delete('https://x.example/objects').ok",
            "try:\n    import ldap3\nexcept ImportError:\n    ldap3 = None\nreturn ldap3",
            "try:\n    return nothing_at_all\nexcept NameError:\n    return stage.name",
            "def f(*args, key=None, **more):\n    return [a for a in args if (b := a)], key, more\nreturn f(1) or __name__",
            "import urllib.parse, os.path\nreturn urllib.parse.urlparse('https://a.example/b').netloc + os.path.join('a', 'b')",
            "ak_logger.info('x')\nreturn sorted(request.user.groups.all(), key=lambda g: g.name)[0].name if ak_client_ip else slugify('a')",
        ] {
            let found = faults(text);
            assert!(found.is_empty(), "{text}: {found:?}");
        }
    }
}
