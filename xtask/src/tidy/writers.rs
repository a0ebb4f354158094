//! Accounts, groups, tokens, second factors and configuration objects are written by `core::directory` alone: it puts the events
//! and the check for the last administrator into the commit. What writes rows is read from the store's own files, so that a new
//! function counts as well; objects are written by [`OBJECTS`].
use super::{Finding, Tracked};

const MODULES: [&str; 4] = ["users", "groups", "tokens", "devices"];
/// The methods of the object store that write.
const OBJECTS: [&str; 2] = ["apply", "apply_with"];
/// Traces of use, which are no changes by anybody.
const USE: [&str; 6] = [
    "users::rehash",
    "users::touch_last_login",
    "devices::advance",
    "devices::touch_used",
    "devices::put_code",
    "devices::take_code",
];

pub(super) fn judge(files: &[Tracked]) -> Vec<Finding> {
    let writers: Vec<String> =
        files.iter().flat_map(writers).filter(|name| !USE.contains(&name.as_str())).collect();
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| is_judged(&file.path)) {
        let mut before = "";
        for (number, line) in file.text.as_deref().unwrap_or_default().lines().enumerate() {
            let at = format!("{}:{}", file.path, number + 1);
            for name in OBJECTS.iter().filter(|name| writes_objects(before, line, name)) {
                findings
                    .push(format!("{at}: ObjectStore::{name} past core::directory: commit a Write instead"));
            }
            before = line;
            for name in writers.iter().filter(|name| calls(line, name)) {
                findings.push(format!("{at}: {name} writes past core::directory: commit a Change instead"));
            }
        }
    }
    findings
}

/// Whether a line calls the function, and not one of a module whose name ends alike.
fn calls(line: &str, name: &str) -> bool {
    line.match_indices(&format!("{name}("))
        .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
}

/// Whether a line calls a method of the object store, whose name `rustfmt` may have left on the line before.
fn writes_objects(before: &str, line: &str, method: &str) -> bool {
    let call = format!(".{method}(");
    line.contains(&format!("objects{call}"))
        || line.contains(&format!("ObjectStore::{method}"))
        || (line.trim_start().starts_with(&call) && before.trim_end().ends_with("objects"))
}

/// Sources of the program outside of the writer and of the store.
fn is_judged(path: &str) -> bool {
    let within = |folder: &str| path.starts_with(folder);
    path.ends_with(".rs")
        && path.contains("/src/")
        && within("crates/")
        && !["crates/store/", "crates/testkit/", "crates/core/src/directory/"].into_iter().any(within)
}

/// The public functions of a file of the store that write, as `users::insert`.
fn writers(file: &Tracked) -> Vec<String> {
    let module = MODULES.into_iter().find(|m| file.path == format!("crates/store/src/rows/{m}.rs"));
    let (Some(module), Some(text)) = (module, &file.text) else { return Vec::new() };
    let functions = text.split("\npub ").skip(1).filter_map(|part| {
        let rest = part.strip_prefix("async ").unwrap_or(part).strip_prefix("fn ")?;
        let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let writes = ["-> Batch", "Result<Batch>", ".batch(", ".execute(", ".write_behind("];
        writes.iter().any(|sign| rest.contains(sign)).then(|| format!("{module}::{name}"))
    });
    functions.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::file;

    #[test]
    fn core_objects_a_write_of_objects_past_the_writer_is_found() {
        let caller = "core.objects.apply(writes, by);\nlet x = core\n    .objects\n    .apply_with(writes)\n";
        let caller =
            format!("{caller}ObjectStore::apply(store);\ncore.objects.snapshot();\nplan.apply(x);\n");
        let judged = |path: &str| judge(&[file(path, &caller)]).len();
        assert_eq!(judged("crates/server/src/certificates.rs"), 3);
        for fine in [
            "crates/core/src/directory/transaction.rs",
            "crates/store/src/objects/mod.rs",
            "crates/api/tests/api/x.rs",
        ] {
            assert_eq!(judged(fine), 0, "{fine}");
        }
    }
    #[test]
    fn a_write_past_the_writer_is_found_and_reads_and_traces_of_use_are_not() {
        let store = "const A: u8 = 1;\npub async fn by_id(db: &Db) -> Result<()> {\n    db.query(A)\n}\n\
            pub async fn insert(db: &Db) -> Result<i64> {\n    db.batch(b).await\n}\n\
            pub fn delete_batch(id: i64) -> Batch {\n}\npub async fn rehash(db: &Db) {\n    db.batch(b)\n}\n";
        let caller = "past_users::insert(db);\nusers::by_id(db);\nusers::rehash(db);\nusers::insert(db);\nusers::delete_batch(1);\n";
        let judged =
            |path: &str| judge(&[file("crates/store/src/rows/users.rs", store), file(path, caller)]).len();
        assert_eq!(judged("crates/api/src/rows/users.rs"), 2);
        for fine in [
            "crates/core/src/directory/user.rs",
            "crates/testkit/src/app.rs",
            "crates/api/tests/api/people.rs",
        ] {
            assert_eq!(judged(fine), 0, "{fine}");
        }
    }
}
