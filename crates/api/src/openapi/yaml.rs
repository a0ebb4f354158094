//! JSON to YAML 1.2. Strings are quoted as in JSON, which YAML reads alike.
use signet_base::Json;
use std::fmt::Write;

pub(super) fn write(value: &Json) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

fn block(value: &Json, depth: usize, out: &mut String) {
    let pad = "  ".repeat(depth);
    match value {
        Json::Object(map) if !map.is_empty() => {
            for (key, inner) in map {
                let _ = write!(out, "{pad}{}:", Json::from(key.as_str()));
                entry(inner, depth + 1, out);
            }
        }
        Json::Array(list) if !list.is_empty() => {
            for inner in list {
                let _ = write!(out, "{pad}-");
                entry(inner, depth + 1, out);
            }
        }
        other => {
            let _ = writeln!(out, "{pad}{other}");
        }
    }
}

/// Writes the value after `key:` or `-`: on the same line, or as an indented block.
fn entry(value: &Json, depth: usize, out: &mut String) {
    let nested = match value {
        Json::Object(map) => !map.is_empty(),
        Json::Array(list) => !list.is_empty(),
        _ => false,
    };
    if nested {
        out.push('\n');
        block(value, depth, out);
    } else {
        let _ = writeln!(out, " {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::json;
    #[test]
    fn nested_values_become_blocks() {
        let text = write(&json!({"a": {"b: c": [1, "x\ny", {}]}, "d": []}));
        assert_eq!(text, "\"a\":\n  \"b: c\":\n    - 1\n    - \"x\\ny\"\n    - {}\n\"d\": []\n");
    }
}
