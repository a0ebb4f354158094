//! Stage kinds. A stage shows a challenge and validates the answer; the executor does everything else.
pub mod authenticator_validate;
pub mod authenticator_webauthn;
pub mod authenticators;
pub mod captcha;
pub mod consent;
pub mod deny;
pub mod dummy;
pub mod email;
pub mod identification;
pub mod invitation;
#[cfg(test)]
mod notice;
pub mod password;
pub mod prompt;
pub mod redirect;
pub mod source;
pub mod user_delete;
pub mod user_login;
pub mod user_logout;
pub mod user_write;

use signet_core::flow::StageKind;
use signet_model::ModelDef;
use signet_rest::Actions;
use std::sync::Arc;

/// A stage kind and everything that belongs to it.
pub struct Slice {
    /// Its models: the stage, and further ones.
    pub models: &'static [&'static ModelDef],
    pub kind: fn() -> Arc<dyn StageKind>,
    /// Its REST actions beside those of the models.
    pub actions: Actions,
}

/// Every kind of stage.
pub const ALL: &[Slice] = &[
    authenticator_validate::SLICE,
    authenticator_webauthn::SLICE,
    authenticators::duo::SLICE,
    authenticators::email::SLICE,
    authenticators::sms::SLICE,
    authenticators::static_codes::SLICE,
    authenticators::totp::SLICE,
    captcha::SLICE,
    consent::SLICE,
    deny::SLICE,
    dummy::SLICE,
    email::SLICE,
    identification::SLICE,
    invitation::SLICE,
    password::SLICE,
    prompt::SLICE,
    redirect::SLICE,
    source::SLICE,
    user_delete::SLICE,
    user_login::SLICE,
    user_logout::SLICE,
    user_write::SLICE,
];

#[cfg(test)]
pub(crate) mod testing {
    //! Validates declarations without a server.
    use signet_base::{Error, Json, Map, Ports, Uuid};
    use signet_model::{Lookup, ModelDef, Snapshot, check};

    pub struct NoRows;
    impl Lookup for NoRows {
        fn user_exists(&self, _: i64) -> bool {
            false
        }
        fn group_exists(&self, _: Uuid) -> bool {
            false
        }
    }
    pub fn map(value: Json) -> Map {
        value.as_object().cloned().unwrap()
    }
    /// The stored form of a client's object, or the errors by field.
    pub fn create(def: &'static ModelDef, sent: Json, config: &Snapshot) -> Result<Json, Json> {
        match check(def, &map(sent), None, false, config, &NoRows, &Ports::system()) {
            Ok(change) => Ok(Json::Object(change.data)),
            Err(Error::Invalid(errors)) => Err(errors.to_json()),
            Err(other) => panic!("{other}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL, notice};
    use std::collections::HashSet;

    /// The stage of docs/adding-a-slice.md: the code blocks of each file, in their order, are the file.
    #[test]
    fn the_worked_stage_of_the_guide_compiles_and_is_what_the_guide_shows() {
        let guide = include_str!("../../../docs/adding-a-slice.md");
        let mut blocks = guide.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next());
        for file in
            [include_str!("notice/mod.rs"), include_str!("notice/page.rs"), include_str!("notice/api.rs")]
        {
            let shown: Vec<&str> = blocks.clone().filter(|block| file.contains(block)).collect();
            assert_eq!(shown.join("\n"), file);
        }
        assert!(blocks.any(|block| block.contains("pub mod notice;")));
        let actions = (notice::SLICE.actions)();
        assert_eq!(actions.first().map(|action| action.path.as_str()), Some("stages/notice/count"));
    }

    #[test]
    fn every_slice_declares_the_stage_that_it_runs_and_names_are_its_own() {
        let (mut names, mut paths) = (HashSet::new(), HashSet::new());
        for slice in ALL {
            let kind = (slice.kind)();
            assert!(slice.models.iter().any(|m| m.is(kind.id())), "{}", kind.id());
            for model in slice.models {
                assert!(names.insert(model.full_name()) && paths.insert(model.path), "{:?}", model);
                assert!(!model.doc.is_empty());
            }
        }
    }
}
