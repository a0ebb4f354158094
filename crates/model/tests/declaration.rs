//! Declarations, and validation by them.
use serde::{Deserialize, Serialize};
use signet_base::{Error, Json, Map, Ports, Secret, Span, Timestamp, Uuid, json};
use signet_model::{Base, Choice, FieldKind, Lookup, Model, Object, Secrets, Snapshot, check};
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Choice)]
enum Mode {
    AlwaysRequire,
    #[choice("perm")]
    Permanent,
}

/// A stage for tests.
#[derive(Model, Serialize, Deserialize)]
#[model(app = "t_stage", path = "stages/t", base = Stage, label = "T Stage", search("name"))]
struct TStage {
    #[field(unique)]
    name: String,
    /// How often.
    #[field(choice, default = "always_require")]
    mode: Mode,
    #[field(default = "minutes=5")]
    length: Span,
    #[field(refers = "authentik_flows.stage")]
    other: Option<Uuid>,
    #[field(default = "", blank)]
    #[serde(skip_serializing)]
    key: Secret,
    #[field(default = 3, min = 0, max = 9)]
    count: i64,
}

struct NoRows;
impl Lookup for NoRows {
    fn user_exists(&self, _: i64) -> bool {
        false
    }
    fn group_exists(&self, _: Uuid) -> bool {
        false
    }
}
fn map(v: Json) -> Map {
    v.as_object().cloned().unwrap_or_default()
}
fn judge(v: Json, world: &Snapshot) -> Result<(Map, Secrets), Json> {
    match check(TStage::DEF, &map(v), None, false, world, &NoRows, &Ports::system()) {
        Ok(c) => Ok((c.data, c.secrets)),
        Err(Error::Invalid(e)) => Err(e.to_json()),
        Err(e) => panic!("{e}"),
    }
}

#[test]
fn the_derive_reads_names_kinds_defaults_and_docs() {
    assert_eq!(TStage::DEF.full_name(), "t_stage.tstage");
    assert_eq!(TStage::DEF.base, Some(Base::Stage));
    let mode = TStage::DEF.field("mode").unwrap();
    assert_eq!(mode.doc, "How often.");
    assert!(matches!(mode.kind, FieldKind::Choice(["always_require", "perm"])));
    assert!(TStage::DEF.field("key").unwrap().secret);
    assert_eq!(Mode::Permanent.as_str(), "perm");
}

#[test]
fn defaults_fill_what_is_not_sent_and_secrets_stay_out_of_the_data() {
    let (data, secrets) = judge(json!({"name": "a", "key": "s3"}), &Snapshot::default()).unwrap();
    assert_eq!(
        Json::Object(data.clone()),
        json!({"name": "a", "mode": "always_require", "length": "minutes=5", "other": null, "count": 3})
    );
    assert_eq!(secrets["key"].reveal(), "s3");
    let object =
        Object::new(Uuid::nil(), None, TStage::DEF, data, secrets, 1, Timestamp(0), Timestamp(0)).unwrap();
    let stage = object.get::<TStage>().unwrap();
    assert_eq!((stage.length.secs(), stage.key.reveal(), stage.mode), (300, "s3", Mode::AlwaysRequire));
}

#[test]
fn every_wrong_member_is_named_with_what_was_expected() {
    let wrong =
        judge(json!({"mode": "bogus", "length": "bogus", "other": "x", "count": 10}), &Snapshot::default())
            .unwrap_err();
    assert_eq!(
        wrong,
        json!({"name": ["This field is required."], "mode": ["\"bogus\" is not a valid choice."], "length": ["bogus is not in the correct format of 'hours=3;minutes=1'."],
            "other": ["“x” is not a valid UUID."], "count": ["Ensure this value is less than or equal to 9."]})
    );
    assert_eq!(
        judge(json!({"name": null}), &Snapshot::default()).unwrap_err(),
        json!({"name": ["This field may not be null."]})
    );
}

#[test]
fn names_are_unique_and_references_must_exist() {
    let (data, secrets) = judge(json!({"name": "a"}), &Snapshot::default()).unwrap();
    let pk = Uuid::from_u128(1);
    let object =
        Arc::new(Object::new(pk, None, TStage::DEF, data, secrets, 1, Timestamp(0), Timestamp(0)).unwrap());
    let world = Snapshot::new(1, [object]);
    assert_eq!(
        judge(json!({"name": "a"}), &world).unwrap_err(),
        json!({"name": ["stage with this name already exists."]})
    );
    assert!(judge(json!({"name": "b", "other": pk}), &world).is_ok());
    let gone = Uuid::from_u128(2);
    assert_eq!(
        judge(json!({"name": "b", "other": gone}), &world).unwrap_err(),
        json!({"other": [format!("Invalid pk \"{gone}\" - object does not exist.")]})
    );
    assert!(world.find::<TStage>("name", "a").is_some());
}
