//! What the caller sees, and what they may do to what the path names.
use crate::call::{Call, Fault};
use crate::route::Permission;
use signet_base::{Result, Uuid};
use signet_core::directory::{Change, Transaction};
use signet_core::permission::{Right, initial, may_give};
use signet_model::{Base, Grants, Object, Scope, Verb};
use signet_store::Batch;
use signet_store::roles::Target;

/// The object that a path names.
pub struct Reached {
    /// What permissions on it are about; of a member of a family, the family and the kind.
    pub models: Vec<String>,
    /// As permissions name it.
    pub key: String,
    /// It is the caller's own.
    pub own: bool,
}

/// What somebody may do to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It looks as if there were none.
    Hidden,
    Seen,
    Allowed,
}

impl Reached {
    /// By the permission of a row of the table.
    pub fn access(&self, permission: Permission, grants: &Grants) -> Access {
        let holds = |verb: Verb| self.models.iter().any(|model| grants.on(&verb.on(model), &self.key));
        let allowed = match permission {
            Permission::Anyone | Permission::SignedIn => return Access::Allowed,
            Permission::Own(_) if self.own => return Access::Allowed,
            Permission::Own(verb) | Permission::Model(verb) => holds(verb),
            Permission::Named(names) => names.iter().all(|name| grants.on(name, &self.key)),
        };
        match holds(Verb::View) {
            false => Access::Hidden,
            true if allowed => Access::Allowed,
            true => Access::Seen,
        }
    }
}

impl Call {
    /// Whether the caller has a permission on everything: `authentik_core.view_user`.
    pub fn may(&self, permission: &str) -> bool {
        self.principal.as_ref().is_some_and(|p| p.may(permission))
    }
    /// Whether the caller has it on the object with this key.
    pub fn may_on(&self, permission: &str, key: impl ToString) -> bool {
        self.principal.as_ref().is_some_and(|p| p.grants.on(permission, &key.to_string()))
    }
    /// Refuses to hand on what the caller does not hold.
    pub async fn may_give(&self, rights: &[Right]) -> Result<(), Fault> {
        Ok(may_give(&self.core, &self.person()?.grants, rights).await?)
    }
    /// What the caller's roles get on a new object, for the commit that creates it.
    pub fn initial(&self, model: &str, target: &Target) -> Result<Batch, Fault> {
        Ok(initial::of_new(&self.core, self.person()?, model, target))
    }
    /// Commits a new row with what the caller's roles get on it.
    pub async fn commit_new(
        &self,
        change: impl Into<Change>,
        model: &str,
        key: impl ToString,
        refusal: impl Fn(signet_base::Error) -> Fault,
    ) -> Result<(), Fault> {
        let author = self.author();
        let mut all = Transaction::new(&self.core, &author);
        all.change(change).await?;
        all.also(self.initial(model, &Target::Row(key.to_string()))?);
        all.commit().await.map(drop).map_err(refusal)
    }

    /// The users whom the caller sees, and the caller; none: all.
    pub fn people(&self) -> Option<Vec<i64>> {
        let Some(person) = &self.principal else { return Some(Vec::new()) };
        match person.grants.scope(&Verb::View.on("authentik_core.user")) {
            Scope::Only(keys) | Scope::Own(_, keys) => {
                let seen = keys.iter().filter_map(|key| key.parse().ok());
                Some(seen.chain([person.user.id]).collect())
            }
            Scope::All => None,
        }
    }
    /// Whether the caller sees a user; everybody sees themselves.
    pub fn sees_user(&self, id: i64) -> bool {
        self.principal.as_ref().is_some_and(|p| p.user.id == id)
            || self.may_on("authentik_core.view_user", id)
    }
    pub fn sees_group(&self, id: Uuid) -> bool {
        self.may_on("authentik_core.view_group", id)
    }
    /// The rows of the list that the caller sees.
    pub fn scope(&self) -> Scope {
        let Some(person) = &self.principal else { return Scope::Only(Vec::new()) };
        let mut keys = Vec::new();
        for model in &self.models {
            match person.grants.scope(&Verb::View.on(model)) {
                Scope::Only(more) => keys.extend(more),
                Scope::All | Scope::Own(..) => return Scope::All,
            }
        }
        match self.permission {
            Permission::Own(_) => Scope::Own(person.user.id, keys),
            Permission::Model(_) | Permission::Named(_) => Scope::Only(keys),
            Permission::Anyone | Permission::SignedIn => Scope::All,
        }
    }

    /// Judges a row that the path names, which belongs to this user: hidden is 404, visible but not theirs to
    /// change is 403.
    pub fn reach(&self, key: impl ToString, owner: Option<i64>, class: &str) -> Result<(), Fault> {
        let own = owner == Some(self.person()?.user.id);
        self.judge(Reached { models: self.models.clone(), key: key.to_string(), own }, class)
    }
    /// The same of a configuration object.
    pub fn reach_object(&self, object: &Object) -> Result<(), Fault> {
        let key = object.wire_key();
        let (models, class) = match self.base {
            // By the permission of the family, or of the kind.
            Some(base) => (vec![base.label().to_owned(), object.def.full_name()], family_name(base)),
            None => (self.models.clone(), object.def.class),
        };
        self.judge(Reached { models, key, own: false }, class)
    }
    fn judge(&self, reached: Reached, class: &str) -> Result<(), Fault> {
        let access = match &self.principal {
            Some(person) => reached.access(self.permission, &person.grants),
            // Only what is anybody's is reached without a person.
            None => Access::Allowed,
        };
        // One object is named by a path.
        let _ = self.reached.set(reached);
        match access {
            Access::Allowed => Ok(()),
            Access::Seen => Err(Fault::forbidden()),
            Access::Hidden => Err(Fault::missing(class)),
        }
    }

    /// Whether the caller sees an object, wherever it is met.
    pub fn sees(&self, object: &Object) -> bool {
        let Some(person) = &self.principal else { return false };
        if person.grants.is_everything() {
            return true;
        }
        let key = object.wire_key();
        let view = |model: &str| person.grants.on(&Verb::View.on(model), &key);
        view(&object.def.full_name()) || object.def.base.is_some_and(|base| view(base.label()))
    }
}

/// What a member of a family is called in messages.
pub fn family_name(base: Base) -> &'static str {
    match base {
        Base::Stage => "Stage",
        Base::Policy => "Policy",
        Base::Provider => "Provider",
        Base::PropertyMapping => "PropertyMapping",
        Base::Source => "Source",
    }
}
