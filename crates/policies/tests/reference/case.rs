//! The cases of the corpus files, and their expectations.
use super::fixture::Shown;
use signet_base::{Json, Map};

const FILES: [&str; 9] = [
    include_str!("flows.txt"),
    include_str!("policies.txt"),
    include_str!("prompts.txt"),
    include_str!("mappings.txt"),
    include_str!("sources.txt"),
    include_str!("directories.txt"),
    include_str!("messages.txt"),
    include_str!("applications.txt"),
    include_str!("decisions.txt"),
];

#[derive(Default)]
pub struct Case {
    pub id: String,
    pub kind: String,
    pub text: String,
    pub given: Map,
    pub expect: Map,
    pub lacks: Option<String>,
    /// Written here, not retold.
    pub own: bool,
}

/// How many of the files hold retold texts.
const RETOLD: usize = 7;

pub fn all() -> Vec<Case> {
    let parts = |(at, file): (usize, &'static str)| file.split("=== ").skip(1).map(move |part| (at, part));
    let made = |(at, part)| Case { own: at >= RETOLD, ..read(part) };
    FILES.iter().copied().enumerate().flat_map(parts).map(made).collect()
}

fn read(part: &str) -> Case {
    let (id, rest) = part.split_once('\n').unwrap();
    let mut case = Case { id: id.to_owned(), ..Case::default() };
    for line in rest.lines() {
        let Some(said) = line.strip_prefix("#? ") else {
            case.text.push_str(line);
            case.text.push('\n');
            continue;
        };
        let (key, value) = said.split_once(": ").unwrap_or((said, ""));
        let map = || -> Map { serde_json::from_str(value).unwrap_or_else(|e| panic!("{id}: {value}: {e}")) };
        match key {
            "kind" => case.kind = value.to_owned(),
            "given" => case.given = map(),
            "expect" => case.expect = map(),
            "lacks" => case.lacks = Some(value.to_owned()),
            "note" => {}
            other => panic!("{id}: {other}"),
        }
    }
    case
}

impl Case {
    /// The differences from the expectation.
    pub fn expected(&self, shown: &Shown) -> Result<(), String> {
        let differs = |what: &str, found: &Json, wanted: &Json| Err(format!("{what}: {found}, not {wanted}"));
        if let Some(passing) = self.expect.get("passing")
            && *passing != Json::Bool(shown.passing)
        {
            return differs("passing", &Json::Bool(shown.passing), passing);
        }
        if let Some(value) = self.expect.get("value")
            && !alike(&shown.value, value)
        {
            return differs("value", &shown.value, value);
        }
        if let Some(messages) = self.expect.get("messages")
            && *messages != shown.messages
        {
            return differs("messages", &shown.messages, messages);
        }
        if let Some(redirect) = self.expect.get("redirect")
            && shown.redirect.as_ref() != Some(redirect)
        {
            return Err(format!("redirect: {:?}, not {redirect}", shown.redirect));
        }
        for (key, wanted) in self.expect.get("plan").and_then(Json::as_object).into_iter().flatten() {
            let found = shown.plan.get(key).cloned().unwrap_or_default();
            if !alike(&found, wanted) {
                return differs(key, &found, wanted);
            }
        }
        for (found, wanted) in shown.effects.iter().zip(self.effects()) {
            if !alike(found, wanted) {
                return differs("afterwards", found, wanted);
            }
        }
        match self.expect.keys().find(|key| matches!(key.as_str(), "raises" | "skip")) {
            Some(_) => Err("it ran".to_owned()),
            None => Ok(()),
        }
    }

    /// What is expected of people, groups and tokens afterwards.
    pub fn effects(&self) -> &[Json] {
        self.expect.get("effects").and_then(Json::as_array).map_or(&[], Vec::as_slice)
    }

    /// Whether the text is meant to end with this error.
    pub fn ends_with(&self, error: &str) -> bool {
        match self.expect.get("raises") {
            Some(name) => error.contains(name.as_str().unwrap()),
            None => {
                self.expect.contains_key("skip")
                    && (error.contains("SkipObject") || error.contains("KeyboardInterrupt"))
            }
        }
    }
}

/// Equality that ignores the order of groups: strings in lists are compared as sets.
fn alike(found: &Json, wanted: &Json) -> bool {
    match (found, wanted) {
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            let texts = |list: &[Json]| list.iter().all(Json::is_string);
            let sorted = |list: &[Json]| {
                let mut list: Vec<String> = list.iter().map(ToString::to_string).collect();
                list.sort();
                list
            };
            (texts(a) && texts(b) && sorted(a) == sorted(b)) || a.iter().zip(b).all(|(a, b)| alike(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len()
                && b.iter().all(|(key, wanted)| a.get(key).is_some_and(|found| alike(found, wanted)))
        }
        _ => found == wanted,
    }
}
