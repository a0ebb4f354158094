//! Policy kinds. A policy evaluates one question; the engine handles order, negation, limits and failure
//! results.
pub mod common_password;
pub mod device_trust;
pub mod dummy;
pub mod event_matcher;
pub mod expression;
pub mod geoip;
pub mod network;
pub mod password;
pub mod password_expiry;
pub mod reputation;
pub mod risk;
pub mod time_window;
pub mod unique_password;

use signet_core::policy::Policy;
use signet_model::ModelDef;
use signet_rest::Actions;
use std::sync::Arc;

/// A policy kind and everything that belongs to it.
pub struct Slice {
    pub models: &'static [&'static ModelDef],
    pub kind: fn() -> Arc<dyn Policy>,
    /// Its REST actions beside those of the models.
    pub actions: Actions,
}

/// Every kind of policy.
pub const ALL: &[Slice] = &[
    common_password::SLICE,
    device_trust::SLICE,
    dummy::SLICE,
    event_matcher::SLICE,
    expression::SLICE,
    geoip::SLICE,
    network::SLICE,
    password::SLICE,
    password_expiry::SLICE,
    reputation::SLICE,
    risk::SLICE,
    time_window::SLICE,
    unique_password::SLICE,
];

#[cfg(test)]
mod tests {
    use super::*;
    use signet_base::{Error, Json, Map, Ports, Uuid, json};
    use signet_model::{Lookup, Snapshot, check};

    struct NoRows;
    impl Lookup for NoRows {
        fn user_exists(&self, _: i64) -> bool {
            false
        }
        fn group_exists(&self, _: Uuid) -> bool {
            false
        }
    }
    pub fn create(def: &'static ModelDef, sent: Json) -> Result<Json, Json> {
        let sent: Map = sent.as_object().cloned().unwrap();
        match check(def, &sent, None, false, &Snapshot::default(), &NoRows, &Ports::system()) {
            Ok(change) => Ok(Json::Object(change.data)),
            Err(Error::Invalid(errors)) => Err(errors.to_json()),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn every_slice_declares_the_policy_that_it_judges() {
        for slice in ALL {
            let def = (slice.kind)().def();
            assert!(slice.models.iter().any(|m| m.full_name() == def.full_name()) && !def.doc.is_empty());
        }
    }
    #[test]
    fn a_text_that_does_not_parse_is_refused_on_save() {
        use signet_model::Model;
        let def = expression::ExpressionPolicy::DEF;
        let required = json!(["This field is required."]);
        assert_eq!(create(def, json!({})).unwrap_err(), json!({"name": required, "expression": required}));
        let made = create(def, json!({"name": "a", "expression": "return True"})).unwrap();
        assert_eq!(made, json!({"name": "a", "execution_logging": false, "expression": "return True"}));
        for wrong in ["return (", "def", "  ", "return 1\n  return 2"] {
            let why = create(def, json!({"name": "a", "expression": wrong})).unwrap_err();
            assert!(why.get("expression").is_some(), "{wrong}: {why}");
        }
    }
    #[test]
    fn waiting_times_have_an_order() {
        use signet_model::Model;
        let def = dummy::DummyPolicy::DEF;
        assert_eq!(
            create(def, json!({"name": "a"})).unwrap(),
            json!({"name": "a", "execution_logging": false, "result": false, "wait_min": 5, "wait_max": 30})
        );
        assert!(create(def, json!({"name": "a", "wait_min": 31})).unwrap_err().get("wait_max").is_some());
        assert!(create(def, json!({"name": "a", "wait_min": -1})).unwrap_err().get("wait_min").is_some());
    }
}
