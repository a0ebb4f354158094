//! Functions of tags with evaluated arguments.
use signet_base::Json;
pub use signet_template::python::{format, is_truthy, text};

/// `!Condition`: a mode and operands.
pub fn condition(args: &[Json]) -> Result<Json, String> {
    let (mode, rest) = args.split_first().ok_or("expected a mode")?;
    let truths: Vec<bool> = rest.iter().map(is_truthy).collect();
    let odd = truths.iter().fold(false, |sum, t| sum ^ t);
    Ok(Json::Bool(match mode.as_str().map(str::to_ascii_uppercase).as_deref() {
        Some("AND") => truths.iter().all(|t| *t),
        Some("NAND") => !truths.iter().all(|t| *t),
        Some("OR") => truths.iter().any(|t| *t),
        Some("NOR") => !truths.iter().any(|t| *t),
        Some("XOR") => odd,
        Some("XNOR") => !odd,
        Some("EQ") => rest.windows(2).all(|p| p[0] == p[1]),
        Some("NEQ") => !rest.windows(2).all(|p| p[0] == p[1]),
        _ => return Err("expected AND, NAND, OR, NOR, XOR, XNOR, EQ or NEQ".into()),
    }))
}

/// `!AtIndex`: a list item (negative indexes count from the end), or a member.
pub fn at<'v>(value: &'v Json, index: &Json) -> Result<Option<&'v Json>, String> {
    match (value, index) {
        (Json::Array(list), Json::Number(n)) => {
            let n = n.as_i64().ok_or("expected a whole number")?;
            let at = if n < 0 {
                list.len().checked_sub(usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX))
            } else {
                usize::try_from(n).ok()
            };
            Ok(at.and_then(|at| list.get(at)))
        }
        (Json::Object(map), key) => Ok(map.get(&text(key))),
        (Json::Null, _) => Ok(None),
        _ => Err("expected a list and a number, or a mapping and a key".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::json;
    #[test]
    fn conditions_follow_their_names() {
        let holds = |args: Json| condition(args.as_array().unwrap()).unwrap() == json!(true);
        assert!(
            holds(json!(["AND", 1, "a"])) && !holds(json!(["AND", 1, ""])) && !holds(json!(["and", null]))
        );
        assert!(
            holds(json!(["NOR", 0, []]))
                && holds(json!(["XOR", true, false]))
                && holds(json!(["XNOR", true, true]))
        );
        assert!(holds(json!(["EQ", "a", "a"])) && holds(json!(["NEQ", 1, 2])));
        assert!(condition(&[json!("MAYBE"), json!(1)]).is_err());
    }
    #[test]
    fn items_are_counted_from_both_ends() {
        let list = json!(["a", "b"]);
        assert_eq!(
            (at(&list, &json!(-1)).unwrap(), at(&list, &json!(2)).unwrap(), at(&list, &json!(-3)).unwrap()),
            (Some(&json!("b")), None, None)
        );
        assert_eq!(
            (at(&json!({"1": 2}), &json!(1)).unwrap(), at(&json!(null), &json!("x")).unwrap()),
            (Some(&json!(2)), None)
        );
        assert!(at(&json!("text"), &json!(0)).is_err() && at(&list, &json!("x")).is_err());
    }
}
