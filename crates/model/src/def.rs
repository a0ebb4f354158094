//! The declaration of a model: one static table that every engine reads at run time.
use crate::{Change, Object, Snapshot};
use serde::{Serialize, de::DeserializeOwned};
use signet_base::{FieldErrors, Json, Map, Ports};
use std::any::Any;
use std::sync::Arc;

/// Families whose members share lists (`/stages/all/`), unique names and references.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Base {
    Stage,
    Policy,
    Provider,
    PropertyMapping,
    Source,
}
impl Base {
    /// The family in sentences that clients match: the original's `verbose_name`.
    pub fn verbose_name(self) -> &'static str {
        match self {
            Base::Stage => "stage",
            Base::Policy => "Policy",
            Base::Provider => "provider",
            Base::PropertyMapping => "Property Mapping",
            Base::Source => "source",
        }
    }
    /// The label by which fields refer to any member of the family.
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

/// What happens to the referring object when the one it refers to is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDelete {
    Cascade,
    SetNull,
    SetDefault,
}

/// The kind of a field's value; `Option` and `Vec` are told by `FieldDef::nullable` and `Kind::List`.
#[derive(Debug, Clone, Copy)]
pub enum FieldKind {
    Text,
    /// Letters, digits, `-` and `_`.
    Slug,
    Email,
    Url,
    /// Source text in the expression language.
    Expression,
    Bool,
    Int,
    Float,
    /// `hours=1;minutes=5`
    Duration,
    /// RFC 3339
    Time,
    Uuid,
    /// A JSON object.
    Object,
    /// Any JSON.
    Json,
    Choice(&'static [&'static str]),
    /// A reference. `target` is `app_label.model`, a family's label, `bindable` (a pbm uuid), or one of the
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
    /// Help text for people.
    pub doc: &'static str,
    pub kind: FieldKind,
    pub default: Option<fn(&Ports) -> Json>,
    pub required: bool,
    pub nullable: bool,
    /// An empty text is allowed.
    pub blank: bool,
    /// No two objects of the model (of the family, for names of family members) share the value.
    pub unique: bool,
    pub read_only: bool,
    pub write_only: bool,
    /// Stored encrypted, never in `Object::data`.
    pub secret: bool,
    /// `?name=value` narrows lists.
    pub filter: bool,
    /// Kept in the store, not shown on the wire.
    pub hidden: bool,
    /// An empty list is refused.
    pub nonempty: bool,
    /// Longest text, or greatest number.
    pub max: Option<i64>,
    pub min: Option<i64>,
    /// Hint for forms.
    pub widget: &'static str,
}

impl FieldDef {
    /// A plain read-only member for `ModelDef::extra` and hand-made schemas.
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
/// Rules of a model beyond its fields' own.
pub type Check = fn(&mut Change<'_>, &Snapshot) -> Result<(), FieldErrors>;
/// Makes ready what a hot path needs, from the typed settings.
pub type Prepare = fn(&(dyn Any + Send + Sync)) -> Result<Prepared, String>;

pub struct ModelDef {
    /// `authentik_stages_deny`
    pub app: &'static str,
    /// `denystage`
    pub name: &'static str,
    /// `DenyStage`
    pub class: &'static str,
    /// Path below `/api/v3/`, without slashes at the ends: `stages/deny`.
    pub path: &'static str,
    /// The field in the URL: `pk`, `slug`, `identifier`, `brand_uuid`. Where it is not a declared field it is
    /// the primary key under that name.
    pub key: &'static str,
    pub base: Option<Base>,
    pub label: &'static str,
    pub plural: &'static str,
    pub doc: &'static str,
    pub component: &'static str,
    pub search: &'static [&'static str],
    pub ordering: &'static str,
    /// Policies can be bound to it: a hidden `pbm_uuid` is kept in the data.
    pub bindable: bool,
    /// Policies are bound to the primary key itself (applications); no `pbm_uuid` is kept.
    pub bound_by_pk: bool,
    /// Has an integer primary key on the wire (providers).
    pub numbered: bool,
    /// Kept in tables of its own (users, groups, tokens…), not as an object.
    pub rows: bool,
    pub unique_together: &'static [&'static str],
    pub fields: &'static [FieldDef],
    /// Read-only members added by `present`.
    pub extra: &'static [FieldDef],
    /// Rules beyond the fields' own. May change the new data (normal forms).
    pub check: Option<Check>,
    /// Adds the read-only members.
    pub present: Option<fn(&Object, &Snapshot, &mut Map)>,
    /// Makes what a hot path needs ready (parsed keys, programs, matchers). An error is kept and denies at
    /// use.
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
    /// Whether a reference to `target` may point at this model.
    pub fn answers_to(&self, target: &str) -> bool {
        self.is(target)
            || self.base.is_some_and(|b| b.label() == target)
            || (target == "bindable" && self.bindable)
    }
    /// How sentences about a field name the model: where the field belongs to the family, the family.
    pub fn verbose_name(&self, field: &str) -> &'static str {
        match self.base {
            Some(base) if matches!(field, "name" | "slug" | "managed") => base.verbose_name(),
            _ => self.label,
        }
    }
    /// Where a unique field is unique: names of family members across the family.
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

/// A closed set of words.
pub trait Choice {
    const VALUES: &'static [&'static str];
}

/// Used by the derive: the typed struct behind an object's data.
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
