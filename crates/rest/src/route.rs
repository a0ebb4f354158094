//! One row of the table: a verb on a path, who may call it, what it takes and answers.
use crate::body::{Accepts, MAX_BODY};
use crate::call::{Call, Handler, SharedHandler, Work};
use http::Method;
use signet_core::Principal;
use signet_model::{Base, FieldDef, ModelDef, Verb};

/// Who may use a row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Strangers too.
    Anyone,
    /// Whoever has signed in; the answer is the same for all, or about the caller.
    SignedIn,
    /// Whoever has signed in, for what is theirs; for what is others', as [`Permission::Model`].
    Own(Verb),
    /// Who has the permission of the row's model, on all objects or on the one that the path names.
    Model(Verb),
    /// Who has all of these permissions. Where the path names an object of the row's model: on it, which they
    /// must also be allowed to see.
    Named(&'static [&'static str]),
}

/// What an action answers, for the document.
#[derive(Debug, Clone, Copy)]
pub enum Output {
    /// 204
    Nothing,
    /// An object of the named component.
    One(&'static str),
    /// A plain list of the named component.
    Plain(&'static str),
    /// A page of the named component in the list envelope.
    Page(&'static str),
    /// An object with these members, under this name.
    Members(&'static str, &'static [FieldDef]),
    /// Any JSON.
    Any,
    /// Bytes of this content type.
    File(&'static str),
}

#[derive(Clone)]
pub enum Run {
    Plain(Handler),
    Shared(SharedHandler),
}

/// One row: a verb on a path.
#[derive(Clone)]
pub struct Action {
    pub method: Method,
    /// Below `/api/v3/`, without slashes at the ends; at most one variable part:
    /// `core/users/{id}/set_password`.
    pub path: String,
    pub permission: Permission,
    /// What the permission is about: `authentik_core.user`. Of a family, its label and those of all its kinds.
    pub models: Vec<String>,
    pub doc: String,
    /// The form of the body.
    pub accepts: Accepts,
    /// Longest body in bytes.
    pub limit: usize,
    /// Members of the body; the handler judges them.
    pub input: &'static [FieldDef],
    /// Component of the body, where there is one.
    pub takes: Option<String>,
    pub output: Output,
    /// Component of the answer of generic rows.
    pub gives: Option<String>,
    pub run: Run,
    pub def: Option<&'static ModelDef>,
    pub base: Option<Base>,
}

/// The type of the accounts by which outposts sign in.
pub const OUTPOST: &str = "internal_service_account";

impl Permission {
    /// The rule's name in the document and in answers to OPTIONS.
    pub fn word(self) -> &'static str {
        match self {
            Permission::Anyone => "anyone",
            Permission::SignedIn => "signed_in",
            Permission::Own(_) => "own",
            Permission::Model(_) => "model",
            Permission::Named(_) => "named",
        }
    }
}

impl Action {
    pub fn new(
        method: Method,
        path: impl Into<String>,
        permission: Permission,
        doc: impl Into<String>,
        run: Run,
    ) -> Self {
        Self {
            method,
            path: path.into(),
            permission,
            models: Vec::new(),
            doc: doc.into(),
            accepts: Accepts::Json,
            limit: MAX_BODY,
            input: &[],
            takes: None,
            output: Output::Any,
            gives: None,
            run,
            def: None,
            base: None,
        }
    }
    pub fn get(path: impl Into<String>, permission: Permission, doc: impl Into<String>, run: Run) -> Self {
        Self::new(Method::GET, path, permission, doc, run)
    }
    pub fn post(path: impl Into<String>, permission: Permission, doc: impl Into<String>, run: Run) -> Self {
        Self::new(Method::POST, path, permission, doc, run)
    }
    /// Declares another form of the body than JSON, and its longest size in bytes.
    pub fn accepts(mut self, accepts: Accepts, limit: usize) -> Self {
        (self.accepts, self.limit) = (accepts, limit);
        self
    }
    /// Declares the members of the body.
    pub fn input(mut self, members: &'static [FieldDef]) -> Self {
        self.input = members;
        self
    }
    /// Declares the answer.
    pub fn output(mut self, output: Output) -> Self {
        self.output = output;
        self
    }
    /// Declares the component of the body.
    pub fn takes(mut self, component: impl Into<String>) -> Self {
        self.takes = Some(component.into());
        self
    }
    /// Declares the component of the answer.
    pub fn gives(mut self, component: impl Into<String>) -> Self {
        self.gives = Some(component.into());
        self
    }
    /// Declares what the permission is about.
    pub fn about(mut self, model: impl Into<String>) -> Self {
        self.models = vec![model.into()];
        self
    }
    /// Declares the model of a generic row.
    pub fn of(mut self, def: &'static ModelDef) -> Self {
        self.def = Some(def);
        self.about(def.full_name())
    }
    /// Declares the family of a generic row.
    pub fn all(mut self, base: Base) -> Self {
        self.base = Some(base);
        self.about(base.label())
    }
    /// The permissions that a caller needs: on all objects, or on the one that the path names. Of a family, those on the whole
    /// of it; whoever has them on a kind may do it to that kind. Nobody needs them for what is their own.
    pub fn needs(&self) -> Vec<String> {
        let on = |verb: Verb| self.models.first().map(|model| verb.on(model));
        let mut all: Vec<String> = match self.permission {
            Permission::Anyone | Permission::SignedIn => Vec::new(),
            Permission::Model(Verb::Add) | Permission::Own(Verb::Add) => on(Verb::Add).into_iter().collect(),
            Permission::Model(verb) | Permission::Own(verb) => {
                on(Verb::View).into_iter().chain(on(verb)).collect()
            }
            Permission::Named(names) => {
                let seen = on(Verb::View).filter(|_| self.has_key());
                seen.into_iter().chain(names.iter().map(|name| (*name).to_owned())).collect()
            }
        };
        all.dedup();
        all
    }
    /// Whether the path names one object.
    pub fn has_key(&self) -> bool {
        self.path.contains('{')
    }
    /// Whether somebody may come in at all. What they may do to the object that the path names is for
    /// [`Call::reach`].
    pub(crate) fn lets(&self, person: &Principal) -> bool {
        let grants = &person.grants;
        let somewhere = |verb: Verb| self.models.iter().any(|model| grants.anywhere(&verb.on(model)));
        match self.permission {
            Permission::Anyone | Permission::SignedIn | Permission::Own(_) => true,
            Permission::Model(Verb::Add) => self.models.iter().any(|model| grants.has(&Verb::Add.on(model))),
            // Outposts get empty lists of what they have none of.
            Permission::Model(Verb::View) if !self.has_key() && person.user.user_type == OUTPOST => true,
            Permission::Model(verb) => somewhere(Verb::View) && somewhere(verb),
            Permission::Named(names) if self.has_key() && !self.models.is_empty() => {
                somewhere(Verb::View) && names.iter().all(|name| grants.anywhere(name))
            }
            Permission::Named(names) => names.iter().all(|name| grants.has(name)),
        }
    }
    pub(crate) fn work<'a>(&self, call: &'a mut Call) -> Work<'a> {
        match &self.run {
            Run::Plain(f) => f(call),
            Run::Shared(f) => f(call),
        }
    }
}
