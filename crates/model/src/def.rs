//! Model declarations: static tables that engines read at run time.
use crate::{Change, Object, Snapshot};
use serde::{Serialize, de::DeserializeOwned};
use signet_base::{FieldErrors, Json, Map, Ports};
use std::any::Any;
use std::sync::Arc;

/// Families whose members share a list (`/stages/all/`), unique names, and references.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Base {
    Stage,
    Policy,
    Provider,
    PropertyMapping,
    Source,
}
impl Base {
    pub const ALL: [Base; 5] =
        [Base::Stage, Base::Policy, Base::Provider, Base::PropertyMapping, Base::Source];
    /// The family's name in messages that clients match (Django's `verbose_name`).
    pub fn verbose_name(self) -> &'static str {
        match self {
            Base::Stage => "stage",
            Base::Policy => "Policy",
            Base::Provider => "provider",
            Base::PropertyMapping => "Property Mapping",
            Base::Source => "source",
        }
    }
    /// The label of references to any member of the family.
    pub fn label(self) -> &'static str {
        match self {
            Base::Stage => "authentik_flows.stage",
            Base::Policy => "authentik_policies.policy",
            Base::Provider => "authentik_core.provider",
            Base::PropertyMapping => "authentik_core.propertymapping",
            Base::Source => "authentik_core.source",
        }
    }
}

/// What whoever writes a field hands on by it. Text in the expression language gives `Everything` unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    /// What runs with the rights of the server, or in the browsers of others. Of a switch: that other texts do.
    Everything,
    /// Where the codes of others go: each change gives it. Nobody's codes go by what is new, but this server calls it: an address
    /// (`https://…`) gives it from the beginning.
    Delivery,
    /// Membership in the groups that it names.
    Membership,
}

/// What happens to a referring object when its target is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDelete {
    Cascade,
    SetNull,
    SetDefault,
}

/// The type of a field. `Option` is `FieldDef::nullable`, `Vec` is `FieldKind::List`.
#[derive(Debug, Clone, Copy)]
pub enum FieldKind {
    Text,
    /// Letters, digits, `-` and `_`.
    Slug,
    Email,
    Url,
    /// Source of an expression.
    Expression,
    Bool,
    Int,
    Float,
    /// `hours=1;minutes=5`
    Duration,
    /// A timestamp in RFC 3339.
    Time,
    Uuid,
    /// A JSON object.
    Object,
    /// Any JSON value.
    Json,
    Choice(&'static [&'static str]),
    /// A reference. `target` is `app_label.model`, a family's label, `bindable` (a `pbm_uuid`), or one of the
    /// row models `authentik_core.user` (integer) and `authentik_core.group` (UUID).
    Ref {
        target: &'static str,
        on_delete: OnDelete,
    },
    List(&'static FieldKind),
    /// A list of objects with these members.
    Items(&'static [FieldDef]),
}

#[derive(Debug, Clone, Copy)]
pub struct FieldDef {
    pub name: &'static str,
    /// Help text for administrators.
    pub doc: &'static str,
    pub kind: FieldKind,
    pub default: Option<fn(&Ports) -> Json>,
    pub required: bool,
    pub nullable: bool,
    /// Whether an empty string is allowed.
    pub blank: bool,
    /// Unique within the model; names of family members within the family. A flag is set in one object at most.
    pub unique: bool,
    pub read_only: bool,
    pub write_only: bool,
    /// Stored encrypted, and not part of `Object::data`.
    pub secret: bool,
    /// Whether lists can be filtered with `?name=value`.
    pub filter: bool,
    /// Stored, but not part of the API.
    pub hidden: bool,
    /// Whether an empty list is refused.
    pub nonempty: bool,
    /// Maximum length of a text, or maximum of a number.
    pub max: Option<i64>,
    pub min: Option<i64>,
    /// The form control.
    pub widget: &'static str,
    pub gives: Option<Gives>,
}

impl FieldDef {
    /// A read-only member, for `ModelDef::extra` and schemas written by hand.
    pub const fn shown(name: &'static str, kind: FieldKind) -> Self {
        Self { read_only: true, ..Self::plain(name, kind) }
    }
    /// An optional writable member.
    pub const fn plain(name: &'static str, kind: FieldKind) -> Self {
        Self {
            name,
            doc: "",
            kind,
            default: None,
            required: false,
            nullable: false,
            blank: false,
            unique: false,
            read_only: false,
            write_only: false,
            secret: false,
            filter: false,
            hidden: false,
            nonempty: false,
            max: None,
            min: None,
            widget: "",
            gives: None,
        }
    }
    pub const fn nullable(self) -> Self {
        Self { nullable: true, ..self }
    }
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }
    pub const fn max(self, max: i64) -> Self {
        Self { max: Some(max), ..self }
    }
}

pub type Prepared = Arc<dyn Any + Send + Sync>;
/// Validation beyond single fields.
pub type Check = fn(&mut Change<'_>, &Snapshot) -> Result<(), FieldErrors>;
/// Builds what a hot path needs from the typed settings.
pub type Prepare = fn(&(dyn Any + Send + Sync)) -> Result<Prepared, String>;

pub struct ModelDef {
    /// `authentik_stages_deny`
    pub app: &'static str,
    /// `denystage`
    pub name: &'static str,
    /// `DenyStage`
    pub class: &'static str,
    /// URL path below `/api/v3/`, without leading and trailing slash: `stages/deny`.
    pub path: &'static str,
    /// The lookup field in the URL: `pk`, `slug`, `identifier`, `brand_uuid`. If it is not a declared field,
    /// it is the primary key under that name.
    pub key: &'static str,
    pub base: Option<Base>,
    pub label: &'static str,
    pub plural: &'static str,
    pub doc: &'static str,
    pub component: &'static str,
    pub search: &'static [&'static str],
    pub ordering: &'static str,
    /// Policies can be bound to the object through a hidden `pbm_uuid` in its data.
    pub bindable: bool,
    /// Policies are bound to the primary key (applications); there is no `pbm_uuid`.
    pub bound_by_pk: bool,
    /// The primary key in the API is an integer (providers).
    pub numbered: bool,
    /// Stored in a table of its own (users, groups, tokens, …), not in the object store.
    pub rows: bool,
    pub unique_together: &'static [&'static str],
    pub fields: &'static [FieldDef],
    /// Read-only members that `present` adds.
    pub extra: &'static [FieldDef],
    /// Validation beyond single fields. May normalise the new data.
    pub check: Option<Check>,
    /// Adds the read-only members to a response.
    pub present: Option<fn(&Object, &Snapshot, &mut Map)>,
    /// Builds what hot paths need (parsed keys, programs, matchers). An error is stored, and denies at use.
    pub prepare: Option<Prepare>,
    pub build: fn(Map) -> Result<Prepared, String>,
}

impl ModelDef {
    /// `app_label.model`
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.app, self.name)
    }
    pub fn is(&self, full_name: &str) -> bool {
        full_name.split_once('.').is_some_and(|(app, name)| app == self.app && name == self.name)
    }
    pub fn field(&self, name: &str) -> Option<&'static FieldDef> {
        self.fields.iter().find(|f| f.name == name)
    }
    /// Whether a reference with this target can point to the model.
    pub fn answers_to(&self, target: &str) -> bool {
        self.is(target)
            || self.base.is_some_and(|b| b.label() == target)
            || (target == "bindable" && self.bindable)
    }
    /// The model's name in messages about a field: the family's for fields that the family shares.
    pub fn verbose_name(&self, field: &str) -> &'static str {
        match self.base {
            Some(base) if matches!(field, "name" | "slug" | "managed") => base.verbose_name(),
            _ => self.label,
        }
    }
    /// The scope of a unique field: the family for names of family members, else the model.
    pub fn unique_scope(&self, field: &str) -> String {
        match self.base {
            Some(base) if field == "name" || field == "slug" || field == "managed" => base.label().to_owned(),
            _ => self.full_name(),
        }
    }
}

pub trait Model: Serialize + DeserializeOwned + Send + Sync + 'static {
    const DEF: &'static ModelDef;
}

/// A closed set of strings.
pub trait Choice {
    const VALUES: &'static [&'static str];
}

/// Used by the derive: deserialises an object's data into its settings struct.
pub fn build<T: Model>(data: Map) -> Result<Prepared, String> {
    serde_json::from_value::<T>(Json::Object(data))
        .map(|t| Arc::new(t) as Prepared)
        .map_err(|e| format!("{}: {e}", T::DEF.name))
}

impl std::fmt::Debug for ModelDef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ModelDef({}.{})", self.app, self.name)
    }
}
