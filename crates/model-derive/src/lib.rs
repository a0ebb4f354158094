//! `#[derive(Model)]` generates one `static ModelDef` from a settings struct; `#[derive(Table)]` a `TableDef` with its
//! reader and writer from the struct of a row; `#[derive(Choice)]` a closed set of strings from an enum of unit
//! variants. Engines read the definition at run time; nothing else is generated.
mod table;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::{
    Data, DeriveInput, Expr, ExprLit, Fields, Lit, Meta, Token, Type, punctuated::Punctuated,
    spanned::Spanned,
};

type Metas = Punctuated<Meta, Token![,]>;

#[proc_macro_derive(Model, attributes(model, field))]
pub fn derive_model(input: TokenStream) -> TokenStream {
    model(syn::parse_macro_input!(input as DeriveInput)).unwrap_or_else(|e| e.to_compile_error()).into()
}

#[proc_macro_derive(Choice, attributes(choice))]
pub fn derive_choice(input: TokenStream) -> TokenStream {
    choice(syn::parse_macro_input!(input as DeriveInput)).unwrap_or_else(|e| e.to_compile_error()).into()
}

#[proc_macro_derive(Table, attributes(table, column))]
pub fn derive_table(input: TokenStream) -> TokenStream {
    table::derive(syn::parse_macro_input!(input as DeriveInput))
        .unwrap_or_else(|e| e.to_compile_error())
        .into()
}

fn docs(attrs: &[syn::Attribute]) -> String {
    let lines: Vec<String> = attrs
        .iter()
        .filter(|a| a.path().is_ident("doc"))
        .filter_map(|a| match &a.meta {
            Meta::NameValue(nv) => match &nv.value {
                Expr::Lit(ExprLit { lit: Lit::Str(s), .. }) => Some(s.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        })
        .collect();
    lines.join(" ").trim().to_owned()
}

fn metas(attrs: &[syn::Attribute], name: &str) -> syn::Result<Vec<Meta>> {
    let mut all = Vec::new();
    for attr in attrs.iter().filter(|a| a.path().is_ident(name)) {
        all.extend(attr.parse_args_with(Metas::parse_terminated)?);
    }
    Ok(all)
}
fn value<'a>(metas: &'a [Meta], name: &str) -> Option<&'a Expr> {
    metas.iter().find_map(|m| match m {
        Meta::NameValue(nv) if nv.path.is_ident(name) => Some(&nv.value),
        _ => None,
    })
}
fn flag(metas: &[Meta], name: &str) -> bool {
    metas.iter().any(|m| matches!(m, Meta::Path(p) if p.is_ident(name)))
}
fn list(metas: &[Meta], name: &str) -> syn::Result<Vec<Expr>> {
    for m in metas {
        if let Meta::List(l) = m
            && l.path.is_ident(name)
        {
            return Ok(l
                .parse_args_with(Punctuated::<Expr, Token![,]>::parse_terminated)?
                .into_iter()
                .collect());
        }
    }
    Ok(Vec::new())
}
fn option(expr: Option<&Expr>) -> Tokens {
    match expr {
        Some(e) => quote!(::core::option::Option::Some(#e)),
        None => quote!(::core::option::Option::None),
    }
}
const MODEL_WORDS: [&str; 20] = [
    "bound_by_pk",
    "app",
    "name",
    "path",
    "key",
    "base",
    "label",
    "plural",
    "component",
    "search",
    "ordering",
    "bindable",
    "numbered",
    "check",
    "present",
    "prepare",
    "extra",
    "unique_together",
    "rows",
    "description",
];
const FIELD_WORDS: [&str; 21] = [
    "default",
    "default_fn",
    "optional",
    "blank",
    "max",
    "min",
    "unique",
    "read_only",
    "write_only",
    "secret",
    "shown",
    "filter",
    "choice",
    "refers",
    "on_delete",
    "kind",
    "widget",
    "items",
    "hidden",
    "nonempty",
    "gives",
];
fn known(metas: &[Meta], words: &[&str]) -> syn::Result<()> {
    for m in metas {
        if !words.iter().any(|w| m.path().is_ident(w)) {
            return Err(syn::Error::new(m.span(), format!("unknown word; known are {}", words.join(", "))));
        }
    }
    Ok(())
}

fn model(input: DeriveInput) -> syn::Result<Tokens> {
    let ident = &input.ident;
    let attrs = metas(&input.attrs, "model")?;
    known(&attrs, &MODEL_WORDS)?;
    let doc = match value(&attrs, "description") {
        Some(e) => quote!(#e),
        None => {
            let d = docs(&input.attrs);
            quote!(#d)
        }
    };
    let need = |name: &str| {
        value(&attrs, name)
            .ok_or_else(|| syn::Error::new(ident.span(), format!("#[model({name} = …)] is missing")))
    };
    let (app, path, label) = (need("app")?, need("path")?, need("label")?);
    let name = match value(&attrs, "name") {
        Some(e) => quote!(#e),
        None => {
            let lower = ident.to_string().to_lowercase();
            quote!(#lower)
        }
    };
    let class = ident.to_string();
    let plural = value(&attrs, "plural").map_or_else(|| quote!(concat!(#label, "s")), |e| quote!(#e));
    let key = value(&attrs, "key").map_or_else(|| quote!("pk"), |e| quote!(#e));
    let base = value(&attrs, "base").map_or_else(|| quote!(None), |e| quote!(Some(::signet_model::Base::#e)));
    let component = value(&attrs, "component").map_or_else(|| quote!(""), |e| quote!(#e));
    let ordering = value(&attrs, "ordering").map_or_else(|| quote!("name"), |e| quote!(#e));
    let search = list(&attrs, "search")?;
    let together = list(&attrs, "unique_together")?;
    let [bound_by_pk, numbered, rows] = ["bound_by_pk", "numbered", "rows"].map(|w| flag(&attrs, w));
    let bindable = bound_by_pk || flag(&attrs, "bindable");
    let hook = |name: &str| option(value(&attrs, name));
    let (check, present) = (hook("check"), hook("present"));
    let extra = value(&attrs, "extra").map_or_else(|| quote!(&[]), |e| quote!(#e));
    let prepare = match value(&attrs, "prepare") {
        Some(f) => {
            quote!(Some(|any| match any.downcast_ref::<#ident>() { Some(me) => #f(me), None => Err("wrong type".to_owned()) }))
        }
        None => quote!(None),
    };

    let Data::Struct(data) = &input.data else {
        return Err(syn::Error::new(ident.span(), "a model is a struct"));
    };
    let Fields::Named(named) = &data.fields else {
        return Err(syn::Error::new(ident.span(), "a model has named fields"));
    };
    let mut fields = Vec::new();
    for f in &named.named {
        fields.push(field(f)?);
    }
    Ok(quote! {
        impl ::signet_model::Model for #ident {
            const DEF: &'static ::signet_model::ModelDef = &::signet_model::ModelDef {
                app: #app, name: #name, class: #class, path: #path, key: #key, base: #base, label: #label, plural: #plural, doc: #doc, component: #component,
                search: &[#(#search),*], ordering: #ordering, bindable: #bindable, bound_by_pk: #bound_by_pk, numbered: #numbered, rows: #rows,
                unique_together: &[#(#together),*],
                fields: &[#(#fields),*], extra: #extra, check: #check, present: #present, prepare: #prepare,
                build: |data| ::signet_model::build::<#ident>(data),
            };
        }
    })
}

/// The type inside `Wrapper<…>`, if the last path segment is `wrapper`.
fn inner<'a>(ty: &'a Type, wrapper: &str) -> Option<&'a Type> {
    let Type::Path(p) = ty else { return None };
    let last = p.path.segments.last()?;
    if last.ident != wrapper {
        return None;
    }
    match &last.arguments {
        syn::PathArguments::AngleBracketed(args) => args.args.iter().find_map(|a| match a {
            syn::GenericArgument::Type(t) => Some(t),
            _ => None,
        }),
        _ => None,
    }
}

fn field(f: &syn::Field) -> syn::Result<Tokens> {
    let attrs = metas(&f.attrs, "field")?;
    known(&attrs, &FIELD_WORDS)?;
    let ident = f.ident.as_ref().ok_or_else(|| syn::Error::new(f.span(), "a field has a name"))?;
    let name = ident.to_string().trim_start_matches("r#").to_owned();
    let doc = docs(&f.attrs);
    let (nullable, ty) = match inner(&f.ty, "Option") {
        Some(t) => (true, t),
        None => (false, &f.ty),
    };
    let (many, ty) = match inner(ty, "Vec") {
        Some(t) => (true, t),
        None => (false, ty),
    };
    let word = match ty {
        Type::Path(p) => p.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default(),
        _ => String::new(),
    };
    let on_delete = match value(&attrs, "on_delete") {
        None if nullable || many => quote!(::signet_model::OnDelete::SetNull),
        None => quote!(::signet_model::OnDelete::Cascade),
        Some(Expr::Lit(ExprLit { lit: Lit::Str(s), .. })) => match s.value().as_str() {
            "cascade" => quote!(::signet_model::OnDelete::Cascade),
            "set_null" => quote!(::signet_model::OnDelete::SetNull),
            "set_default" => quote!(::signet_model::OnDelete::SetDefault),
            _ => return Err(syn::Error::new(s.span(), "cascade, set_null or set_default")),
        },
        Some(e) => return Err(syn::Error::new(e.span(), "cascade, set_null or set_default")),
    };
    let mut kind = if let Some(target) = value(&attrs, "refers") {
        quote!(::signet_model::FieldKind::Ref { target: #target, on_delete: #on_delete })
    } else if flag(&attrs, "choice") {
        quote!(::signet_model::FieldKind::Choice(<#ty as ::signet_model::Choice>::VALUES))
    } else if let Some(items) = value(&attrs, "items") {
        quote!(::signet_model::FieldKind::Items(#items))
    } else if let Some(Expr::Lit(ExprLit { lit: Lit::Str(s), .. })) = value(&attrs, "kind") {
        match s.value().as_str() {
            "slug" => quote!(::signet_model::FieldKind::Slug),
            "email" => quote!(::signet_model::FieldKind::Email),
            "url" => quote!(::signet_model::FieldKind::Url),
            "expression" => quote!(::signet_model::FieldKind::Expression),
            "json" => quote!(::signet_model::FieldKind::Json),
            _ => return Err(syn::Error::new(s.span(), "slug, email, url, expression or json")),
        }
    } else {
        match word.as_str() {
            "String" | "Secret" => quote!(::signet_model::FieldKind::Text),
            "bool" => quote!(::signet_model::FieldKind::Bool),
            "i64" | "i32" | "u32" | "u16" | "u64" => quote!(::signet_model::FieldKind::Int),
            "f64" => quote!(::signet_model::FieldKind::Float),
            "Span" => quote!(::signet_model::FieldKind::Duration),
            "Timestamp" => quote!(::signet_model::FieldKind::Time),
            "Map" => quote!(::signet_model::FieldKind::Object),
            "Json" => quote!(::signet_model::FieldKind::Json),
            "Uuid" => quote!(::signet_model::FieldKind::Uuid),
            other => {
                return Err(syn::Error::new(
                    f.ty.span(),
                    format!("no kind for the type {other}: add choice, items, refers or kind"),
                ));
            }
        }
    };
    if many && value(&attrs, "items").is_none() {
        kind = quote!(::signet_model::FieldKind::List(&#kind));
    }
    let default = match (value(&attrs, "default"), value(&attrs, "default_fn")) {
        (Some(e), _) => quote!(Some(|_| ::signet_base::json!(#e))),
        (None, Some(f)) => quote!(Some(#f)),
        (None, None) if nullable => quote!(Some(|_| ::signet_base::Json::Null)),
        (None, None) => quote!(None),
    };
    let has_default = value(&attrs, "default").is_some() || value(&attrs, "default_fn").is_some() || nullable;
    let read_only = flag(&attrs, "read_only") || flag(&attrs, "hidden");
    let required = !has_default && !flag(&attrs, "optional") && !read_only;
    let number = |name: &str| option(value(&attrs, name));
    let (max, min) = (number("max"), number("min"));
    let widget = value(&attrs, "widget").map_or_else(|| quote!(""), |e| quote!(#e));
    let gives = match value(&attrs, "gives") {
        None => quote!(None),
        Some(Expr::Lit(ExprLit { lit: Lit::Str(s), .. })) => match s.value().as_str() {
            "everything" => quote!(Some(::signet_model::Gives::Everything)),
            "delivery" => quote!(Some(::signet_model::Gives::Delivery)),
            "membership" => quote!(Some(::signet_model::Gives::Membership)),
            _ => return Err(syn::Error::new(s.span(), "everything, delivery or membership")),
        },
        Some(e) => return Err(syn::Error::new(e.span(), "everything, delivery or membership")),
    };
    let [blank, unique, write_only, filter, hidden, nonempty] =
        ["blank", "unique", "write_only", "filter", "hidden", "nonempty"].map(|w| flag(&attrs, w));
    let secret = flag(&attrs, "secret") || word == "Secret";
    // Secrets are write-only unless declared `shown`.
    let write_only = write_only || secret && !flag(&attrs, "shown");
    Ok(quote! {
        ::signet_model::FieldDef {
            name: #name, doc: #doc, kind: #kind, default: #default, required: #required, nullable: #nullable, blank: #blank, unique: #unique,
            read_only: #read_only, write_only: #write_only, secret: #secret, filter: #filter, hidden: #hidden, nonempty: #nonempty, max: #max, min: #min, widget: #widget, gives: #gives,
        }
    })
}

fn choice(input: DeriveInput) -> syn::Result<Tokens> {
    let ident = &input.ident;
    let Data::Enum(data) = &input.data else {
        return Err(syn::Error::new(ident.span(), "a choice is an enum"));
    };
    let (mut names, mut words) = (Vec::new(), Vec::new());
    for v in &data.variants {
        let word = match v.attrs.iter().find(|a| a.path().is_ident("choice")) {
            Some(a) => a.parse_args::<syn::LitStr>()?.value(),
            None => snake(&v.ident.to_string()),
        };
        names.push(&v.ident);
        words.push(word);
    }
    Ok(quote! {
        impl ::signet_model::Choice for #ident {
            const VALUES: &'static [&'static str] = &[#(#words),*];
        }
        impl #ident {
            /// The string on the wire.
            pub fn as_str(self) -> &'static str {
                match self { #(Self::#names => #words),* }
            }
        }
        impl ::serde::Serialize for #ident {
            fn serialize<S: ::serde::Serializer>(&self, s: S) -> ::core::result::Result<S::Ok, S::Error> { s.serialize_str(self.as_str()) }
        }
        impl<'de> ::serde::Deserialize<'de> for #ident {
            fn deserialize<D: ::serde::Deserializer<'de>>(d: D) -> ::core::result::Result<Self, D::Error> {
                let word = <::std::borrow::Cow<'de, str> as ::serde::Deserialize>::deserialize(d)?;
                match word.as_ref() {
                    #(#words => Ok(Self::#names),)*
                    other => Err(<D::Error as ::serde::de::Error>::unknown_variant(other, <Self as ::signet_model::Choice>::VALUES)),
                }
            }
        }
    })
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.chars().enumerate() {
        if c.is_uppercase() && i > 0 {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}
