//! The structure of a file: version, metadata, context, entries.
use crate::problem::Problem;
use crate::yaml::{self, Node};
use signet_base::{Map, json};

/// An entry.
#[derive(Debug, Clone)]
pub struct Entry {
    /// `entries[3]` or `entries.section[1]`
    pub place: String,
    /// Counted from one; zero where it is not known.
    pub line: usize,
    pub model: Node,
    pub state: Option<Node>,
    pub conditions: Vec<Node>,
    pub id: Option<String>,
    pub identifiers: Vec<(String, Node)>,
    pub attrs: Vec<(String, Node)>,
    pub permissions: Vec<Node>,
}

/// The member `metadata`.
#[derive(Debug, Clone, Default)]
pub struct Head {
    pub name: String,
    pub labels: Map,
}
impl Head {
    pub fn to_map(&self) -> Map {
        Map::from_iter([("name".to_owned(), json!(self.name)), ("labels".to_owned(), json!(self.labels))])
    }
}

#[derive(Debug, Clone)]
pub struct Blueprint {
    pub head: Head,
    pub context: Vec<(String, Node)>,
    pub entries: Vec<Entry>,
    /// Unknown members, which are ignored.
    pub notes: Vec<String>,
}

const MEMBERS: [&str; 5] = ["version", "metadata", "context", "entries", "$schema"];
const ENTRY_MEMBERS: [&str; 7] =
    ["model", "state", "conditions", "id", "identifiers", "attrs", "permissions"];

/// Parses a file. `file` is its name for errors.
pub fn read(file: &str, text: &str) -> Result<Blueprint, Problem> {
    let wrong = |field: &str, message: &str| Problem::file(file, message).at(field);
    let yaml::Document { root, lines } = yaml::parse(text).map_err(|e| Problem::file(file, e))?;
    let Node::Map(members) = &root else {
        return Err(Problem::file(file, "expected a mapping with version and entries"));
    };
    let mut notes = Vec::new();
    unknown(&MEMBERS, members, |name| {
        notes.push(format!("{file}: {name}: left out, a blueprint has no such member"))
    });
    if root.get("version") != Some(&Node::Plain(1.into())) {
        return Err(wrong("version", "expected 1"));
    }
    let head = head_of(&root);
    let context = match root.get("context") {
        None => Vec::new(),
        Some(Node::Map(map)) => map.clone(),
        Some(node) if node.is_null() => Vec::new(),
        Some(_) => return Err(wrong("context", "expected a mapping")),
    };
    let mut entries = Vec::new();
    match root.get("entries") {
        Some(Node::List(list)) => section(file, "entries", list, &lines, &mut entries, &mut notes)?,
        Some(Node::Map(sections)) => {
            for (title, list) in sections {
                let Node::List(list) = list else {
                    return Err(wrong(&format!("entries.{title}"), "expected a list"));
                };
                section(file, &format!("entries.{title}"), list, &lines, &mut entries, &mut notes)?;
            }
        }
        _ => return Err(wrong("entries", "expected a list, or a mapping of named lists")),
    }
    Ok(Blueprint { head, context, entries, notes })
}

/// Name and labels of a blueprint; `None` for a text of another version.
///
/// # Errors
/// The text is not YAML.
pub fn head(text: &str) -> Result<Option<Head>, String> {
    let root = yaml::parse(text)?.root;
    Ok((root.get("version") == Some(&Node::Plain(1.into()))).then(|| head_of(&root)))
}

fn head_of(root: &Node) -> Head {
    let metadata = root.get("metadata");
    let name = metadata.and_then(|m| m.get("name")).and_then(Node::text).unwrap_or_default().to_owned();
    let labels = match metadata.and_then(|m| m.get("labels")) {
        Some(Node::Map(map)) => map
            .iter()
            .filter_map(|(key, node)| match node {
                Node::Plain(value) => Some((key.clone(), value.clone())),
                _ => None,
            })
            .collect(),
        _ => Map::new(),
    };
    Head { name, labels }
}

/// Reports unknown members. Members that start with `x-` or a dot are anchors for reuse.
fn unknown(known: &[&str], members: &[(String, Node)], mut say: impl FnMut(&str)) {
    members
        .iter()
        .filter(|(name, _)| {
            !known.contains(&name.as_str()) && !name.starts_with("x-") && !name.starts_with('.')
        })
        .for_each(|(name, _)| say(name));
}

fn section(
    file: &str,
    title: &str,
    list: &[Node],
    lines: &[usize],
    out: &mut Vec<Entry>,
    notes: &mut Vec<String>,
) -> Result<(), Problem> {
    for (n, node) in list.iter().enumerate() {
        let place = format!("{title}[{n}]");
        let line = lines.get(out.len()).copied().unwrap_or_default();
        out.push(entry(file, place, line, node, notes)?);
    }
    Ok(())
}

fn entry(
    file: &str,
    place: String,
    line: usize,
    node: &Node,
    notes: &mut Vec<String>,
) -> Result<Entry, Problem> {
    let wrong = |field: &str, message: &str| Problem {
        entry: place.clone(),
        line,
        ..Problem::file(file, message).at(field)
    };
    let Node::Map(members) = node else { return Err(wrong("", "expected a mapping")) };
    unknown(&ENTRY_MEMBERS, members, |name| {
        notes.push(format!("{file}: {place}: {name}: left out, an entry has no such member"))
    });
    let map = |field: &str| match node.get(field) {
        None => Ok(Vec::new()),
        Some(Node::Map(map)) => Ok(map.clone()),
        Some(n) if n.is_null() => Ok(Vec::new()),
        Some(_) => Err(wrong(field, "expected a mapping")),
    };
    let list = |field: &str| match node.get(field) {
        None => Ok(Vec::new()),
        Some(Node::List(list)) => Ok(list.clone()),
        Some(node) if node.is_null() => Ok(Vec::new()),
        Some(_) => Err(wrong(field, "expected a list")),
    };
    let (conditions, permissions) = (list("conditions")?, list("permissions")?);
    let id = match node.get("id") {
        None => None,
        Some(Node::Plain(signet_base::Json::String(text))) => Some(text.clone()),
        Some(Node::Plain(signet_base::Json::Number(n))) => Some(n.to_string()),
        Some(n) if n.is_null() => None,
        Some(_) => return Err(wrong("id", "expected text")),
    };
    let model = node.get("model").cloned().ok_or_else(|| wrong("model", "This field is required."))?;
    let (identifiers, attrs) = (map("identifiers")?, map("attrs")?);
    let state = node.get("state").cloned();
    Ok(Entry { place, line, model, state, conditions, id, identifiers, attrs, permissions })
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn lists_and_sections_are_read_alike() {
        let list = read("f", "version: 1\nentries:\n- {model: a.b, identifiers: {slug: x}}\n").unwrap();
        assert_eq!(list.entries[0].place, "entries[0]");
        let named = read("f", "version: 1\nmetadata: {name: N}\nentries:\n  one:\n  - {model: a.b, id: z}\n")
            .unwrap();
        assert_eq!(
            (named.head.name.as_str(), named.entries[0].place.as_str(), named.entries[0].id.as_deref()),
            ("N", "entries.one[0]", Some("z"))
        );
    }
    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let said = |text: &str| read("f.yaml", text).unwrap_err().to_string();
        assert_eq!(said("version: 2\nentries: []"), "f.yaml: version: expected 1");
        assert_eq!(
            said("version: 1\nentries:\n- {modle: x}"),
            "f.yaml:3: entries[0]: model: This field is required."
        );
        assert_eq!(
            said("version: 1\nentries:\n- {identifiers: {}}"),
            "f.yaml:3: entries[0]: model: This field is required."
        );
        let notes =
            read("f", "version: 1\nx-all: {a: 1}\nmine: 1\nentries:\n- {model: m, identifers: {a: 1}}")
                .unwrap()
                .notes;
        assert_eq!(
            notes,
            [
                "f: mine: left out, a blueprint has no such member",
                "f: entries[0]: identifers: left out, an entry has no such member"
            ]
        );
        assert_eq!(
            said("version: 1\nentries:\n- {model: m, permissions: {permission: p}}"),
            "f.yaml:3: entries[0]: permissions: expected a list"
        );
    }
}
