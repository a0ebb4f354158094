//! Permissions by authentik's names (`authentik_core.view_user`), and what a set of them allows.
use std::collections::{BTreeMap, BTreeSet};

/// What is done with the objects of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    View,
    Add,
    Change,
    Delete,
}
impl Verb {
    pub const ALL: [Verb; 4] = [Verb::View, Verb::Add, Verb::Change, Verb::Delete];
    pub fn word(self) -> &'static str {
        match self {
            Verb::View => "view",
            Verb::Add => "add",
            Verb::Change => "change",
            Verb::Delete => "delete",
        }
    }
    /// The permission on a model: `authentik_core.view_user` for `authentik_core.user`.
    pub fn on(self, model: &str) -> String {
        let (app, name) = model.split_once('.').unwrap_or(("", model));
        format!("{app}.{}_{name}", self.word())
    }
}

/// What somebody may do: the sum of their roles. Objects are named by their primary key as the wire shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// Superusers: every permission on everything.
    everything: bool,
    on_all: BTreeSet<String>,
    on_objects: BTreeMap<String, BTreeSet<String>>,
}

impl Grants {
    pub fn everything() -> Self {
        Self { everything: true, ..Self::default() }
    }
    pub fn is_everything(&self) -> bool {
        self.everything
    }
    /// Adds a permission: on the object with this key, or on all.
    pub fn add(&mut self, permission: impl Into<String>, object: Option<&str>) {
        match object {
            None => drop(self.on_all.insert(permission.into())),
            Some(key) => drop(self.on_objects.entry(permission.into()).or_default().insert(key.to_owned())),
        }
    }
    /// Adds all that the others allow.
    pub fn extend(&mut self, other: &Grants) {
        self.everything |= other.everything;
        self.on_all.extend(other.on_all.iter().cloned());
        for (permission, keys) in &other.on_objects {
            self.on_objects.entry(permission.clone()).or_default().extend(keys.iter().cloned());
        }
    }
    /// On every object of the model.
    pub fn has(&self, permission: &str) -> bool {
        self.everything || self.on_all.contains(permission)
    }
    /// On this object.
    pub fn on(&self, permission: &str, key: &str) -> bool {
        self.has(permission) || self.on_objects.get(permission).is_some_and(|keys| keys.contains(key))
    }
    /// On some object, or on all.
    pub fn anywhere(&self, permission: &str) -> bool {
        self.has(permission) || self.on_objects.get(permission).is_some_and(|keys| !keys.is_empty())
    }
    /// The objects on which the permission is held.
    pub fn scope(&self, permission: &str) -> Scope {
        if self.has(permission) {
            return Scope::All;
        }
        Scope::Only(self.on_objects.get(permission).into_iter().flatten().cloned().collect())
    }
    /// Whether these allow all that the others do.
    pub fn covers(&self, other: &Grants) -> bool {
        let object = |(permission, keys): (&String, &BTreeSet<String>)| {
            keys.iter().all(|key| self.on(permission, key))
        };
        self.everything
            || (!other.everything
                && other.on_all.iter().all(|permission| self.has(permission))
                && other.on_objects.iter().all(object))
    }
    /// Permissions held on everything, by name. Superusers hold those that are not listed too.
    pub fn on_all(&self) -> impl Iterator<Item = &str> {
        self.on_all.iter().map(String::as_str)
    }
}

/// Which rows of a table somebody sees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Scope {
    #[default]
    All,
    /// Those of this user, and those with these keys.
    Own(i64, Vec<String>),
    /// Those with these keys.
    Only(Vec<String>),
}
impl Scope {
    /// Whether the row with this key, which belongs to this user, is in it.
    pub fn lets(&self, key: &str, owner: Option<i64>) -> bool {
        let among = |keys: &[String]| keys.iter().any(|k| k == key);
        match self {
            Scope::All => true,
            Scope::Own(user, keys) => owner == Some(*user) || among(keys),
            Scope::Only(keys) => among(keys),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(all: &[&str], objects: &[(&str, &str)]) -> Grants {
        let mut out = Grants::default();
        all.iter().for_each(|p| out.add(*p, None));
        objects.iter().for_each(|(p, key)| out.add(*p, Some(key)));
        out
    }

    #[test]
    fn names_are_authentiks() {
        assert_eq!(Verb::Delete.on("authentik_core.user"), "authentik_core.delete_user");
    }

    #[test]
    fn a_permission_on_all_is_one_on_each() {
        let g = grants(&["a.view_x"], &[("a.view_y", "7")]);
        assert!(
            g.has("a.view_x") && g.on("a.view_x", "1") && g.on("a.view_y", "7") && g.anywhere("a.view_y")
        );
        assert!(!g.has("a.view_y") && !g.on("a.view_y", "8") && !g.anywhere("a.view_z"));
        assert_eq!((g.scope("a.view_x"), g.scope("a.view_y")), (Scope::All, Scope::Only(vec!["7".into()])));
        assert_eq!(g.scope("a.view_z"), Scope::Only(Vec::new()));
    }

    #[test]
    fn covering_is_an_order_with_superusers_on_top() {
        let (none, little, all) =
            (grants(&[], &[]), grants(&["a.view_x"], &[("a.view_y", "7")]), Grants::everything());
        for (more, less) in [(&all, &little), (&little, &none), (&all, &none)] {
            assert!(more.covers(less) && !less.covers(more));
        }
        assert!(grants(&["a.view_x", "a.view_y"], &[]).covers(&little), "on all is more than on one");
        assert!(!grants(&["a.view_x"], &[("a.view_y", "8")]).covers(&little), "another object");
        let mut sum = none;
        sum.extend(&little);
        sum.extend(&all);
        assert!(sum.covers(&Grants::everything()));
    }

    #[test]
    fn a_scope_lets_its_own_rows_and_named_ones_through() {
        let own = Scope::Own(3, vec!["9".into()]);
        assert!(
            own.lets("1", Some(3))
                && own.lets("9", Some(4))
                && !own.lets("1", Some(4))
                && !own.lets("1", None)
        );
        assert!(Scope::All.lets("1", None) && !Scope::Only(Vec::new()).lets("1", Some(1)));
    }
}
