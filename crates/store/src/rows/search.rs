//! Search by an index of trigrams, for tables that declare it. The index is made at start and kept by the database: on SQLite a
//! full-text table with triggers, on PostgreSQL an index of the extension `pg_trgm`. Without the right to make the extension
//! PostgreSQL reads the rows: right answers, slow from some ten thousand rows on; the log says what to run.
use super::filter::Filter;
use super::list::{COUNTED, contains, starts_with, words};
use crate::db::{Db, DbKind, Value};
use signet_base::Result;
use signet_model::{Search, TableDef};

/// Letters that the index can find.
const SHORTEST: usize = 3;
/// Trigrams of a word that are asked for; the words are compared all the same.
const MOST: usize = 8;
/// Rows through which words of fewer letters are looked for in the middle of words.
const SMALL: u64 = 10_000;

/// The searched columns of a row as one text. A blank between them: words hold none.
fn text(def: &TableDef, alias: &str) -> String {
    let columns = def.columns.iter().filter(|c| c.search).map(|c| format!("{alias}.{}", c.key()));
    format!("({})", columns.collect::<Vec<_>>().join(" || ' ' || "))
}

/// Narrows a list to rows that have every word.
pub(crate) async fn narrow(db: &Db, filter: &mut Filter, def: &'static TableDef, search: &str) -> Result<()> {
    let (text, mut likes, mut asked) = (text(def, def.alias), Vec::new(), Vec::new());
    for word in words(search) {
        if word.contains('\0') {
            // No text has one, and a query would end there.
            filter.none();
            return Ok(());
        }
        if word.chars().count() < SHORTEST && super::statistics::more_than(db, def, SMALL).await? {
            beginning(filter, def, &word);
            continue;
        }
        asked.extend(trigrams(&word));
        likes.push(Value::from(contains(&word)));
    }
    if likes.is_empty() {
        return Ok(());
    }
    let compared = vec![format!("{text} LIKE ? ESCAPE '!'"); likes.len()].join(" AND ");
    let judged = (compared.clone(), likes.clone());
    if db.kind() == DbKind::Postgres || asked.is_empty() {
        filter.either(judged.clone(), judged);
        return Ok(());
    }
    // One query for all words: their lists are cut with each other, and the shortest decides.
    let (table, alias, key, asked) = (def.table, def.alias, def.key, asked.join(" AND "));
    let few = format!(
        "SELECT count(*) FROM (SELECT 1 FROM {table}_search WHERE {table}_search MATCH ? LIMIT ?) few"
    );
    let limit = i64::try_from(COUNTED + 1).unwrap_or(i64::MAX);
    let counted = db.scan(&few, vec![asked.as_str().into(), limit.into()]).await?;
    if counted.first().map(|row| row.int(0)).transpose()?.unwrap_or(0) >= limit {
        filter.either(judged.clone(), judged);
        filter.many();
        return Ok(());
    }
    let found = format!(
        "{alias}.{key} IN (SELECT rowid FROM {table}_search WHERE {table}_search MATCH ?) AND {compared}"
    );
    likes.insert(0, asked.into());
    filter.either((found, likes), judged);
    Ok(())
}

/// Short words of a large table are looked for at the beginnings of the columns, which their indexes find.
fn beginning(filter: &mut Filter, def: &TableDef, word: &str) {
    // Above every letter, in the order of bytes.
    let end = format!("{word}\u{10ffff}");
    let (mut found, mut judged, mut values, mut patterns) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for column in def.columns.iter().filter(|c| c.search) {
        let (name, table) = (column.key(), def.table);
        found.push(format!("SELECT x.{} FROM {table} x WHERE x.{name} >= ? AND x.{name} < ?", def.key));
        values.extend([Value::from(word), Value::from(end.as_str())]);
        judged.push(format!("{}.{name} LIKE ? ESCAPE '!'", def.alias));
        patterns.push(Value::from(starts_with(word)));
    }
    let found = format!("{}.{} IN ({})", def.alias, def.key, found.join(" UNION ALL "));
    filter.either((found, values), (format!("({})", judged.join(" OR ")), patterns));
}

/// What a row with the word has in the full-text table: quoted trigrams.
fn trigrams(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let quoted = |three: &[char]| format!("\"{}\"", three.iter().collect::<String>().replace('"', "\"\""));
    letters.windows(SHORTEST).take(MOST).map(quoted).collect()
}

/// Makes the indexes of the tables that declare one, once.
pub(crate) async fn prepare(db: &Db) -> Result<()> {
    for def in super::TABLES.iter().filter(|def| def.search == Search::Index) {
        match db.kind() {
            DbKind::Sqlite => sqlite(db, def).await?,
            DbKind::Postgres => postgres(db, def).await?,
        }
    }
    Ok(())
}

async fn sqlite(db: &Db, def: &TableDef) -> Result<()> {
    let table = def.table;
    if exists(db, def).await? {
        return Ok(());
    }
    let columns: Vec<&str> = def.columns.iter().filter(|c| c.search).map(|c| c.key()).collect();
    let (key, columns, new, old) = (def.key, columns.join(", "), text(def, "new"), text(def, "old"));
    let (alias, all) = (def.alias, text(def, def.alias));
    let made = db.script(format!(
        "CREATE VIRTUAL TABLE {table}_search USING fts5(words, content='', contentless_delete=1, detail=none, tokenize='trigram');\n\
         CREATE TRIGGER {table}_search_insert AFTER INSERT ON {table} BEGIN \
            INSERT INTO {table}_search (rowid, words) VALUES (new.{key}, {new}); END;\n\
         CREATE TRIGGER {table}_search_update AFTER UPDATE OF {columns} ON {table} WHEN {new} <> {old} BEGIN \
            DELETE FROM {table}_search WHERE rowid = old.{key}; \
            INSERT INTO {table}_search (rowid, words) VALUES (new.{key}, {new}); END;\n\
         CREATE TRIGGER {table}_search_delete AFTER DELETE ON {table} BEGIN \
            DELETE FROM {table}_search WHERE rowid = old.{key}; END;\n\
         INSERT INTO {table}_search (rowid, words) SELECT {alias}.{key}, {all} FROM {table} {alias};"
    ))
    .await;
    match made {
        // A command beside this process was first.
        Err(_) if exists(db, def).await? => Ok(()),
        other => other,
    }
}
async fn exists(db: &Db, def: &TableDef) -> Result<bool> {
    let there = match db.kind() {
        DbKind::Sqlite => "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?",
        DbKind::Postgres => {
            "SELECT 1 FROM pg_catalog.pg_indexes WHERE schemaname = current_schema() AND indexname = ?"
        }
    };
    Ok(db.query_one(there, vec![format!("{}_search", def.table).into()]).await?.is_some())
}

async fn postgres(db: &Db, def: &TableDef) -> Result<()> {
    let table = def.table;
    if exists(db, def).await? {
        return Ok(());
    }
    // An index names no alias.
    let all = text(def, "x").replace("x.", "");
    let sql = format!("CREATE INDEX IF NOT EXISTS {table}_search ON {table} USING gin ({all} gin_trgm_ops);");
    if let Err(error) = db.script(format!("CREATE EXTENSION IF NOT EXISTS pg_trgm;\n{sql}")).await
        && !exists(db, def).await?
    {
        tracing::warn!(
            %error,
            table,
            "search has no index and reads all rows: run `CREATE EXTENSION pg_trgm` in the database as its owner, and start again"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_word_is_asked_for_by_its_trigrams() {
        assert_eq!(trigrams("abc"), ["\"abc\""]);
        assert_eq!(trigrams("abcde"), ["\"abc\"", "\"bcd\"", "\"cde\""]);
        assert_eq!(trigrams("a\"cd"), ["\"a\"\"c\"", "\"\"\"cd\""]);
        assert_eq!(trigrams("ab"), [""; 0]);
    }
}
