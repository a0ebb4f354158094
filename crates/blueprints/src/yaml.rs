//! YAML with its tags kept: what a blueprint's functions (`!KeyOf`, `!Find`…) are written with.
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use signet_base::Json;

/// A value, or a function call (`Tag`) with its argument.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    Plain(Json),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
    Tag(String, Box<Node>),
}

/// Longest file that is read, in bytes.
const MAX: usize = 4 * 1024 * 1024;
/// Deepest nesting.
const DEPTH: usize = 64;

/// Reads the first document of a text.
pub fn parse(text: &str) -> Result<Node, String> {
    if text.len() > MAX {
        return Err(format!("a blueprint has at most {MAX} bytes"));
    }
    let documents = Yaml::load_from_str(text).map_err(|e| format!("not YAML: {e}"))?;
    let first = documents.into_iter().next().ok_or("the file is empty")?;
    node(&first, 0)
}

fn node(yaml: &Yaml<'_>, depth: usize) -> Result<Node, String> {
    if depth > DEPTH {
        return Err(format!("nested deeper than {DEPTH} levels"));
    }
    Ok(match yaml {
        Yaml::Value(scalar) => Node::Plain(plain(scalar)?),
        Yaml::Representation(text, _, _) => Node::Plain(Json::String(text.to_string())),
        Yaml::Sequence(list) => Node::List(list.iter().map(|n| node(n, depth + 1)).collect::<Result<_, _>>()?),
        Yaml::Mapping(map) => {
            let mut out = Vec::with_capacity(map.len());
            for (key, value) in map {
                out.push((key_text(key)?, node(value, depth + 1)?));
            }
            Node::Map(out)
        }
        Yaml::Tagged(tag, inner) if tag.handle == "!" => Node::Tag(tag.suffix.clone(), Box::new(node(inner, depth + 1)?)),
        // `!!map` and the like say what the node is anyway.
        Yaml::Tagged(_, inner) => node(inner, depth + 1)?,
        Yaml::Alias(_) | Yaml::BadValue => return Err("a value that YAML does not know".into()),
    })
}

fn plain(scalar: &Scalar<'_>) -> Result<Json, String> {
    Ok(match scalar {
        Scalar::Null => Json::Null,
        Scalar::Boolean(b) => Json::Bool(*b),
        Scalar::Integer(n) => Json::from(*n),
        Scalar::FloatingPoint(n) => serde_json::Number::from_f64(n.into_inner()).map(Json::Number).ok_or("a number must be finite")?,
        Scalar::String(text) => Json::String(text.to_string()),
    })
}

fn key_text(key: &Yaml<'_>) -> Result<String, String> {
    match node(key, 0)? {
        Node::Plain(Json::String(text)) => Ok(text),
        Node::Plain(Json::Bool(b)) => Ok(b.to_string()),
        Node::Plain(Json::Number(n)) => Ok(n.to_string()),
        _ => Err("the key of a mapping is text".into()),
    }
}

impl Node {
    pub fn get(&self, key: &str) -> Option<&Node> {
        match self {
            Node::Map(map) => map.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }
    pub fn text(&self) -> Option<&str> {
        match self {
            Node::Plain(Json::String(text)) => Some(text),
            _ => None,
        }
    }
    pub fn is_null(&self) -> bool {
        matches!(self, Node::Plain(Json::Null))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::json;
    #[test]
    fn tags_of_scalars_lists_and_maps_are_kept() {
        let read = parse("a: !KeyOf x\nb: !Find [m, [name, !Context y]]\nc: !If {k: 1}\nd: !!str 5\n").unwrap();
        assert_eq!(read.get("a"), Some(&Node::Tag("KeyOf".into(), Box::new(Node::Plain(json!("x"))))));
        let Some(Node::Tag(name, inner)) = read.get("b") else { panic!() };
        assert_eq!(name, "Find");
        let Node::List(parts) = inner.as_ref() else { panic!() };
        let Node::List(pair) = &parts[1] else { panic!() };
        assert_eq!(pair[1], Node::Tag("Context".into(), Box::new(Node::Plain(json!("y")))));
        assert!(matches!(read.get("c"), Some(Node::Tag(n, _)) if n == "If"));
        assert_eq!(read.get("d").and_then(Node::text), Some("5"));
    }
    #[test]
    fn damage_is_named_not_met_with_a_panic() {
        for bad in ["a: [", "", "a: 1\na: 2", "? [a]\n: b", "a: &x [*x]", "\u{0}"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert!(parse(&format!("{}1{}", "[".repeat(100), "]".repeat(100))).is_err());
    }
}
