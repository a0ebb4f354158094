//! Every source file is a module of the file above it: the compiler does not see one that nobody names, and its tests never
//! run.
use super::{Finding, Tracked};
use std::collections::BTreeMap;

/// Files that cargo finds itself.
const ROOTS: [&str; 4] = ["lib", "main", "mod", "build"];

pub fn judge(files: &[Tracked]) -> Vec<Finding> {
    let texts: BTreeMap<&str, &str> =
        files.iter().filter_map(|f| Some((f.path.as_str(), f.text.as_deref()?))).collect();
    files.iter().filter_map(|file| judge_file(&file.path, &texts)).collect()
}

fn judge_file(path: &str, texts: &BTreeMap<&str, &str>) -> Option<Finding> {
    let (folder, name) = module(path)?;
    let above = ["mod.rs", "lib.rs", "main.rs"].map(|file| format!("{folder}/{file}"));
    let above = above.into_iter().chain([format!("{folder}.rs")]);
    let named = |text: &str| {
        text.lines().any(|line| line.trim().strip_suffix(&format!("mod {name};")).is_some_and(is_start))
    };
    // `#[path = "…"]` may stand in any file of the folder, or of the one above; suites share what stands beside them.
    let parent = folder.rsplit_once('/').map_or("", |(parent, _)| parent);
    let inside = |other: &str, of: &str| other.rsplit_once('/').is_some_and(|(own, _)| own == of);
    let last = folder.rsplit('/').next().unwrap_or_default();
    let by_path = |other: &str, text: &str| {
        inside(other, folder) && text.contains(&format!("\"{name}.rs\""))
            || inside(other, parent) && text.contains(&format!("\"{last}/{name}.rs\""))
    };
    let shared = |other: &str, text: &str| folder.ends_with("/tests") && inside(other, folder) && named(text);
    let known = above.filter_map(|file| texts.get(file.as_str())).any(|text| named(text))
        || texts.iter().any(|(other, text)| by_path(other, text) || shared(other, text));
    (!known).then(|| format!("{path}: no file above it has `mod {name};`"))
}

/// Folder and name of a module that another file has to name.
fn module(path: &str) -> Option<(&str, &str)> {
    let (_, rest) = path.strip_prefix("crates/")?.split_once('/')?;
    let (folder, file) = path.rsplit_once('/')?;
    // Files of `tests` are suites of their own.
    let inside = rest.starts_with("src/") || (rest.starts_with("tests/") && rest.matches('/').count() > 1);
    let name = file.strip_suffix(".rs").filter(|_| inside)?;
    match name {
        "mod" => folder.rsplit_once('/'),
        name => (!ROOTS.contains(&name)).then_some((folder, name)),
    }
}

/// What may stand before `mod`.
fn is_start(before: &str) -> bool {
    before.is_empty() || (before.starts_with("pub") && before.ends_with(' '))
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn found(names: &str, others: &[&str]) -> Vec<Finding> {
        let mut files = vec![file("crates/a/src/lib.rs", names), file("crates/a/tests/suite/main.rs", names)];
        files.extend(others.iter().map(|path| file(path, "")));
        judge(&files)
    }

    #[test]
    fn a_file_that_nobody_names_is_found() {
        let all = ["crates/a/src/b.rs", "crates/a/src/c/mod.rs", "crates/a/tests/suite/d.rs"];
        assert_eq!(found("mod b;\npub mod c;\n    pub(crate) mod d;\n", &all), Vec::<Finding>::new());
        assert_eq!(found("mod bb;\n// mod c;\nmod a; mod d;x", &all).len(), 3);
        assert_eq!(found("#[path = \"b.rs\"]\nmod tests;", &all[..1]), Vec::<Finding>::new());
        assert_eq!(found("#[path = \"c/d.rs\"]\nmod d;", &["crates/a/src/c/d.rs"]), Vec::<Finding>::new());
        let shared = [file("crates/a/tests/one.rs", "mod site;\n"), file("crates/a/tests/site/mod.rs", "")];
        assert_eq!(judge(&shared), Vec::<Finding>::new());
        assert_eq!(judge(&shared[1..]).len(), 1);
    }
    #[test]
    fn files_that_cargo_finds_need_no_name() {
        let own = ["crates/a/src/main.rs", "crates/a/tests/one.rs", "crates/a/build.rs", "xtask/src/x.rs"];
        assert_eq!(found("", &own), Vec::<Finding>::new());
    }
}
