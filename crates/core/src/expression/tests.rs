//! Parts that need no server; runs over a whole directory are tested with the flows.
use super::*;
use signet_base::json;

fn dict(pairs: Vec<(&str, Value)>) -> Dict {
    pairs.into_iter().collect()
}
fn person(name: &str) -> Value {
    Value::record("User", [("username", name)])
}
fn after(plan: Dict) -> Value {
    Value::dict([("flow_plan", Value::record("FlowPlan", [("context", Value::from(plan))]))])
}

#[test]
fn texts_that_do_not_parse_are_refused_with_their_place() {
    assert!(parse("return ak_client_ip in ip_network('192.0.2.0/24')").is_ok());
    let why = parse("return (").unwrap_err();
    assert!(why.starts_with("line 1"), "{why}");
}

#[test]
fn only_changed_and_removed_keys_come_back() {
    let before = dict(vec![("a", 1_i64.into()), ("b", 2_i64.into()), ("c", Value::list(["x"]))]);
    let plan = dict(vec![("a", 1_i64.into()), ("c", Value::list(["y"])), ("d", true.into())]);
    let found = changes(&before, &after(plan)).unwrap();
    assert_eq!(Json::Object(found), json!({"c": ["y"], "d": true, "b": null}));
    assert!(
        changes(
            &before,
            &Value::dict([("flow_plan", Value::record("FlowPlan", [("context", Value::Int(1))]))])
        )
        .is_err()
    );
}

#[test]
fn a_proof_does_not_pass_to_another_person() {
    let before = dict(vec![
        ("pending_user", person("ada")),
        ("user_backend", "b".into()),
        ("is_restored", "t".into()),
    ]);
    let same = dict(vec![
        ("pending_user", person("ada")),
        ("user_backend", "b".into()),
        ("is_restored", "t".into()),
    ]);
    assert!(changes(&before, &after(same)).unwrap().is_empty());
    let other = dict(vec![
        ("pending_user", person("grace")),
        ("user_backend", "b".into()),
        ("is_restored", "t".into()),
    ]);
    let found = changes(&before, &after(other)).unwrap();
    assert_eq!((found.get("user_backend"), found.get("is_restored")), (Some(&Json::Null), Some(&Json::Null)));
    let vouched = dict(vec![
        ("pending_user", person("grace")),
        ("user_backend", "policy".into()),
        ("is_restored", "t".into()),
    ]);
    assert_eq!(changes(&before, &after(vouched)).unwrap().get("user_backend"), Some(&json!("policy")));
}

#[test]
fn strangers_to_json_are_refused() {
    assert!(to_json(&Value::object(objects::Logger)).is_err());
}

#[test]
fn names_with_dots_nest_for_texts_and_are_kept_flat() {
    let typed = json!({"attributes.a.b": 1, "attributes.c": 2, "name": "x"});
    let typed = typed.as_object().unwrap();
    assert_eq!(Json::Object(nested(typed)), json!({"attributes": {"a": {"b": 1}, "c": 2}, "name": "x"}));
    let mut changes = json!({"prompt_data": nested(typed)}).as_object().cloned().unwrap();
    flatten(&mut changes, json!({"prompt_data": typed}).as_object().unwrap());
    assert_eq!(changes["prompt_data"], Json::Object(typed.clone()));
}
