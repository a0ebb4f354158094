//! Members, lists and objects of rows by the declaration of their table.
use http::Method;
use signet_base::{Error, Json, Map, json};
use signet_core::directory::{Transaction, row_model};
use signet_model::{ColumnKind, FieldDef, TableDef, Verb};
use signet_rest::list::{Filters, Paging};
use signet_rest::{Action, Output, Permission, Run};
use signet_rest::{ApiResult, Call, Fault, Reply};
use signet_store::{ListQuery, TABLES, Value, declared};
use std::sync::Arc;

/// Members in the order of `layout`; columns that it does not name follow.
pub(crate) fn fields(def: &'static TableDef, layout: &[&str], extra: &[FieldDef]) -> Vec<FieldDef> {
    let columns = || def.columns.iter().map(|c| c.field).filter(|f| !f.hidden);
    let named = |name: &&str| extra.iter().copied().chain(columns()).find(|f| f.name == *name);
    let others = columns().filter(|f| !layout.contains(&f.name));
    layout.iter().filter_map(named).chain(others).collect()
}
/// A row with the members that are no columns, in the order of its fields.
pub(crate) fn arranged<const N: usize>(fields: &[FieldDef], mut row: Map, extra: [(&str, Json); N]) -> Json {
    row.extend(extra.into_iter().map(|(name, value)| (name.to_owned(), value)));
    fields.iter().filter_map(|f| Some((f.name.to_owned(), row.remove(f.name)?))).collect::<Map>().into()
}

/// The address of one row: `policies/reputation/scores/{reputation_uuid}`.
fn one(def: &TableDef) -> String {
    let key = def.column("pk").and_then(|c| c.also.first()).unwrap_or(&"id");
    format!("{}/{{{key}}}", def.path)
}

/// The routes of the tables that name an address: list, show, delete and who refers to it.
pub(crate) fn register(rows: &mut Vec<Action>) {
    for def in TABLES.iter().copied().filter(|def| !def.path.is_empty()) {
        let (one, plural, label) = (one(def), def.plural, def.label);
        let owned = def.owner().is_some();
        let needs = move |verb| if owned { Permission::Own(verb) } else { Permission::Model(verb) };
        let mut add = |action: Action| rows.push(action.about(def.model.to_owned()));
        let run = Run::Shared(Arc::new(move |call| Box::pin(list(call, def))));
        add(Action::get(def.path, needs(Verb::View), format!("Lists {plural}."), run).gives(def.component));
        let run = Run::Shared(Arc::new(move |call| Box::pin(retrieve(call, def))));
        add(Action::get(&one, needs(Verb::View), format!("One {label}."), run).gives(def.component));
        let run = Run::Shared(Arc::new(move |call| Box::pin(destroy(call, def))));
        let doc = format!("Deletes a {label}.");
        add(Action::new(Method::DELETE, &one, needs(Verb::Delete), doc, run).output(Output::Nothing));
        let run = Run::Shared(Arc::new(move |call| Box::pin(used_by(call, def))));
        let doc = "Lists what refers to the object.";
        add(Action::get(format!("{one}/used_by"), needs(Verb::View), doc, run)
            .output(Output::Plain("UsedBy")));
    }
}

async fn list(call: &mut Call, def: &'static TableDef) -> ApiResult {
    let paging = Paging::read(call)?;
    let mut filters = Filters::new(call);
    let q = ListQuery { filters: filters.declared(def), search: paging.search.clone(), ..paging.query() };
    filters.done()?;
    let (page, total) = declared::list(&call.core.db, def, &q, call.core.now()).await?;
    paging.envelope(page.into_iter().map(|row| row.shown.into()).collect(), total, json!({}))
}

/// The row that the path names, if the caller may do there what the route says.
async fn find(call: &Call, def: &'static TableDef) -> Result<declared::Row, Fault> {
    let class = def.component;
    let key = key(call, def)?;
    let q = ListQuery::first(1).equal("pk", key.clone());
    let (mut page, _) = declared::list(&call.core.db, def, &q, call.core.now()).await?;
    let row = page.pop().ok_or_else(|| Fault::missing(class))?;
    let key = match key {
        Value::Int(number) => number.to_string(),
        Value::Text(text) => text,
        _ => return Err(Fault::not_found()),
    };
    call.reach(key, row.owner, class)?;
    Ok(row)
}
fn key(call: &Call, def: &TableDef) -> Result<Value, Fault> {
    let kind = def.column("pk").map(|c| c.kind);
    Ok(match kind {
        Some(ColumnKind::Int) => call.key.parse::<i64>().map_err(|_| Fault::not_found())?.into(),
        _ => signet_base::Uuid::parse_str(&call.key).map_err(|_| Fault::not_found())?.into(),
    })
}

async fn retrieve(call: &mut Call, def: &'static TableDef) -> ApiResult {
    Ok(Reply::ok(find(call, def).await?.shown))
}
async fn destroy(call: &mut Call, def: &'static TableDef) -> ApiResult {
    let row = find(call, def).await?;
    let author = call.author();
    let mut all = Transaction::new(&call.core, &author);
    all.delete_row(&row_model(def, call.key.replace('-', ""), &row.name), declared::delete(def, &row));
    match all.commit().await {
        Err(Error::NotFound) => Err(Fault::missing(def.component)),
        done => Ok(done.map(|_| Reply::Empty)?),
    }
}
async fn used_by(call: &mut Call, def: &'static TableDef) -> ApiResult {
    find(call, def).await?;
    Ok(Reply::ok(Vec::<Json>::new()))
}
