//! `#[derive(Table)]`: the declaration of a table of rows, its reader and its writer, from one struct.
use super::{flag, inner, known, list, metas, value};
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::{Data, DeriveInput, Expr, ExprLit, Fields, Lit, Meta, Type, spanned::Spanned};

const TABLE_WORDS: [&str; 15] = [
    "internal",
    "model",
    "component",
    "path",
    "label",
    "plural",
    "description",
    "table",
    "alias",
    "key",
    "order",
    "search",
    "expires",
    "grace",
    "tie",
];
const COLUMN_WORDS: [&str; 29] = [
    "name",
    "wire",
    "also",
    "hidden",
    "folded",
    "unique",
    "generated",
    "fixed",
    "owner",
    "order",
    "filter",
    "filter_any",
    "filter_range",
    "sorted",
    "sparse",
    "search",
    "query",
    "help",
    "kind",
    "choice",
    "refers",
    "on_delete",
    "required",
    "blank",
    "read_only",
    "max",
    "default",
    "with",
    "secret",
];

pub(super) fn derive(input: DeriveInput) -> syn::Result<Tokens> {
    let ident = &input.ident;
    let mut attrs = metas(&input.attrs, "table")?;
    let only = attrs.iter().position(|m| m.path().is_ident("only")).map(|at| attrs.remove(at));
    known(&attrs, &TABLE_WORDS)?;
    let need = |name: &str| {
        value(&attrs, name)
            .ok_or_else(|| syn::Error::new(ident.span(), format!("#[table({name} = …)] is missing")))
    };
    let (model, label, table, alias, order) =
        (need("model")?, need("label")?, need("table")?, need("alias")?, need("order")?);
    let word = |name: &str, default: Tokens| value(&attrs, name).map_or(default, |e| quote!(#e));
    let name = ident.to_string();
    let component = word("component", quote!(#name));
    let plural = word("plural", quote!(concat!(#label, "s")));
    let (path, doc, key) =
        (word("path", quote!("")), word("description", quote!("")), word("key", quote!("id")));
    let (search, tie) = (word("search", quote!(Window)), word("tie", quote!("")));
    let internal = flag(&attrs, "internal");
    let expiry = match value(&attrs, "expires") {
        Some(column) => {
            let grace = word("grace", quote!(0));
            let only = match &only {
                Some(Meta::NameValue(pair)) => {
                    let text = &pair.value;
                    quote!(#text)
                }
                _ => quote!(""),
            };
            quote!(Some(::signet_model::Expiry { column: #column, grace: #grace, only: #only }))
        }
        None => quote!(None),
    };
    let Data::Struct(data) = &input.data else {
        return Err(syn::Error::new(ident.span(), "a row is a struct"));
    };
    let Fields::Named(named) = &data.fields else {
        return Err(syn::Error::new(ident.span(), "a row has named fields"));
    };
    let (mut columns, mut loads, mut stores, mut puts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (at, field) in named.named.iter().enumerate() {
        let name = field.ident.as_ref().ok_or_else(|| syn::Error::new(field.span(), "a field has a name"))?;
        let attrs = metas(&field.attrs, "column")?;
        known(&attrs, &COLUMN_WORDS)?;
        columns.push(column(field, &attrs)?);
        let ty = &field.ty;
        let place = value(&attrs, "with");
        loads.push(match place {
            Some(with) => quote!(#name: #with::load(row, at + #at)?),
            None => quote!(#name: <#ty as crate::rows::table::Column>::load(row, at + #at)?),
        });
        stores.push(match place {
            Some(with) => quote!(#with::store(&self.#name)),
            None => quote!(crate::rows::table::Column::store(&self.#name)),
        });
        if place.is_none() {
            puts.push(quote!(#at => crate::rows::table::Column::put(&mut self.#name, json),));
        }
    }
    Ok(quote! {
        impl crate::rows::table::Record for #ident {
            const TABLE: &'static ::signet_model::TableDef = &::signet_model::TableDef {
                model: #model, component: #component, path: #path, label: #label, plural: #plural, doc: #doc,
                table: #table, alias: #alias, key: #key, columns: &[#(#columns),*], order: #order, tie: #tie,
                search: ::signet_model::Search::#search, internal: #internal, expiry: #expiry,
            };
            fn load(row: &crate::db::Row, at: usize) -> ::signet_base::Result<Self> {
                Ok(Self { #(#loads),* })
            }
            fn store(&self) -> Vec<crate::db::Value> {
                vec![#(#stores),*]
            }
            fn put(&mut self, at: usize, json: &::signet_base::Json) -> bool {
                match at {
                    #(#puts)*
                    _ => false,
                }
            }
        }
    })
}

fn column(f: &syn::Field, attrs: &[Meta]) -> syn::Result<Tokens> {
    let ident = f.ident.as_ref().map(ToString::to_string).unwrap_or_default();
    let (nullable, ty) = match inner(&f.ty, "Option") {
        Some(t) => (true, t),
        None => (false, &f.ty),
    };
    let word = match ty {
        Type::Path(p) => p.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default(),
        _ => String::new(),
    };
    let text = |name: &str| match value(attrs, name) {
        Some(Expr::Lit(ExprLit { lit: Lit::Str(s), .. })) => Ok(Some(s.value())),
        Some(e) => Err(syn::Error::new(e.span(), "a text")),
        None => Ok(None),
    };
    let name = text("name")?.unwrap_or_else(|| ident.clone());
    let wire = text("wire")?.unwrap_or_else(|| ident.clone());
    let hint = text("kind")?;
    let (stored, shown) = match (hint.as_deref(), word.as_str()) {
        (Some("slug"), _) => (quote!(Text), quote!(Slug)),
        (Some("email"), _) => (quote!(Text), quote!(Email)),
        (Some("text"), _) | (None, "String") => (quote!(Text), quote!(Text)),
        (None, "bool") => (quote!(Flag), quote!(Bool)),
        (None, "i64") => (quote!(Int), quote!(Int)),
        (None, "Timestamp") => (quote!(Time), quote!(Time)),
        (None, "Uuid") => (quote!(Uuid), quote!(Uuid)),
        (None, "Map") => (quote!(Json), quote!(Object)),
        (None, "Json") => (quote!(Json), quote!(Json)),
        (_, other) => {
            return Err(syn::Error::new(
                f.ty.span(),
                format!("no kind for the type {other}: text, slug or email"),
            ));
        }
    };
    let on_delete = match text("on_delete")?.as_deref() {
        None if nullable => quote!(SetNull),
        None | Some("cascade") => quote!(Cascade),
        Some("set_null") => quote!(SetNull),
        Some(_) => return Err(syn::Error::new(f.span(), "cascade or set_null")),
    };
    let kind = match (value(attrs, "refers"), value(attrs, "choice")) {
        (Some(target), _) => {
            quote!(::signet_model::FieldKind::Ref { target: #target, on_delete: ::signet_model::OnDelete::#on_delete })
        }
        (None, Some(words)) => quote!(::signet_model::FieldKind::Choice(#words)),
        (None, None) => quote!(::signet_model::FieldKind::#shown),
    };
    let [hidden, unique, generated, fixed, owner, sorted, sparse] =
        ["hidden", "unique", "generated", "fixed", "owner", "sorted", "sparse"].map(|w| flag(attrs, w));
    let [search, query, required, blank, read_only, secret] =
        ["search", "query", "required", "blank", "read_only", "secret"].map(|w| flag(attrs, w));
    let names = |word: &str, default: &str| -> syn::Result<Vec<Tokens>> {
        Ok(if flag(attrs, word) {
            vec![quote!(#default)]
        } else {
            list(attrs, word)?.iter().map(|e| quote!(#e)).collect()
        })
    };
    let also = names("also", &wire)?;
    let orders = names("order", &wire)?;
    let mut filters = Vec::new();
    for (word, op) in [("filter", quote!(Equal)), ("filter_any", quote!(AnyOf))] {
        for name in names(word, &wire)? {
            filters
                .push(quote!(::signet_model::FilterDef { name: #name, op: ::signet_model::FilterOp::#op }));
        }
    }
    if flag(attrs, "filter_range") {
        let mut ops = vec![("", quote!(Equal)), ("__gt", quote!(Greater)), ("__lt", quote!(Less))];
        if nullable {
            ops.push(("__isnull", quote!(IsNull)));
        }
        for (end, op) in ops {
            let name = format!("{wire}{end}");
            filters
                .push(quote!(::signet_model::FilterDef { name: #name, op: ::signet_model::FilterOp::#op }));
        }
    }
    let folded = super::option(value(attrs, "folded"));
    let help = value(attrs, "help").map_or_else(|| quote!(""), |e| quote!(#e));
    let max = super::option(value(attrs, "max"));
    let default = match value(attrs, "default") {
        Some(e) => quote!(Some(|_| ::signet_base::json!(#e))),
        None => quote!(None),
    };
    Ok(quote! {
        ::signet_model::ColumnDef {
            nullable: #nullable, also: &[#(#also),*], folded: #folded, unique: #unique, generated: #generated,
            fixed: #fixed, owner: #owner, orders: &[#(#orders),*], filters: &[#(#filters),*], sorted: #sorted, sparse: #sparse,
            search: #search, query: #query,
            ..::signet_model::ColumnDef::new(#name, ::signet_model::ColumnKind::#stored, ::signet_model::FieldDef {
                doc: #help, nullable: #nullable, required: #required, blank: #blank, read_only: #read_only,
                hidden: #hidden || #secret, secret: #secret, max: #max, default: #default,
                ..::signet_model::FieldDef::plain(#wire, #kind)
            })
        }
    })
}
