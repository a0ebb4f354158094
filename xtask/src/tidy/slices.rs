//! A kind of stage, policy, provider or job is one file or folder, and the file above it registers it in the list `ALL`.
use super::allow::Allowances;
use super::{Finding, Tracked};
use std::collections::BTreeSet;

/// Folders of kinds, and the file with the list.
const FAMILIES: [(&str, &str); 5] = [
    ("crates/stages/src/", "lib"),
    ("crates/policies/src/", "lib"),
    ("crates/providers/src/", "lib"),
    ("crates/sources/src/", "lib"),
    ("crates/server/src/jobs/", "mod"),
];

pub fn judge(files: &[Tracked], allowances: &mut Allowances) -> Vec<Finding> {
    let families = FAMILIES.iter().flat_map(|family| judge_family(*family, files, allowances));
    families.chain(unnamed_actions(files)).collect()
}

/// Actions (`api.rs`) that the registration line of their slice does not name.
fn unnamed_actions(files: &[Tracked]) -> Vec<Finding> {
    let text_of = |path: &str| files.iter().find(|f| f.path == path).and_then(|f| f.text.as_deref());
    let folders = files.iter().filter_map(|f| f.path.strip_suffix("/api.rs"));
    let folders = folders.filter(|at| FAMILIES.iter().any(|(source, _)| at.starts_with(source)));
    let named = |at: &str| {
        [format!("{at}/mod.rs"), format!("{at}.rs")]
            .iter()
            .filter_map(|path| text_of(path))
            .any(|text| text.contains("actions: api::actions"))
    };
    folders
        .filter(|at| !named(at))
        .map(|at| format!("{at}/api.rs: the slice does not name `actions: api::actions`"))
        .collect()
}

fn judge_family(
    (source, root): (&str, &str),
    files: &[Tracked],
    allowances: &mut Allowances,
) -> Vec<Finding> {
    let lib = format!("{source}{root}.rs");
    let Some(text) = files.iter().find(|f| f.path == lib).and_then(|f| f.text.as_deref()) else {
        return Vec::new();
    };
    let modules: BTreeSet<&str> =
        files.iter().filter_map(|f| module(f.path.strip_prefix(source)?, root)).collect();
    let Some(list) = list(text) else {
        return vec![format!("{lib}: the list `ALL` is missing")];
    };
    let mut findings = Vec::new();
    for name in modules {
        if !declared(text, name) {
            findings.push(format!("{lib}: `mod {name};` is missing"));
        }
        if !mentions(list, name) && !allowances.has("helper", &format!("{source}{name}")) {
            findings.push(format!("{lib}: {name} is not in the list `ALL`"));
        }
    }
    findings
}

/// The module of a file of the folder, except the one with the list.
fn module<'a>(path: &'a str, root: &str) -> Option<&'a str> {
    let name = path.split_once('/').map_or_else(|| path.strip_suffix(".rs"), |(folder, _)| Some(folder))?;
    (name != root).then_some(name)
}

/// The content of the list `ALL`.
fn list(lib: &str) -> Option<&str> {
    let start = ["const ALL:", "static ALL:"].iter().find_map(|head| lib.find(head))?;
    let value = &lib[start + lib[start..].find('=')?..];
    Some(&value[..value.find("];")?])
}

fn declared(lib: &str, name: &str) -> bool {
    lib.lines().any(|line| {
        let line = line.trim();
        let line = line.strip_prefix("pub(crate) ").or(line.strip_prefix("pub ")).unwrap_or(line);
        line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')) == Some(name)
    })
}

/// Whether the list contains the path `name::…` as a whole word.
fn mentions(list: &str, name: &str) -> bool {
    let path = format!("{name}::");
    list.match_indices(&path).any(|(at, _)| !list[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    const LIB: &str = "mod deny;\npub mod user_login;\n\npub const ALL: &[&dyn Kind] = &[\n    &deny::SLICE,\n    &user_login::SLICE,\n];\n";

    fn stages(lib: &str, others: &[&str]) -> Vec<Finding> {
        let mut files = vec![file("crates/stages/src/lib.rs", lib)];
        files.extend(others.iter().map(|path| file(&format!("crates/stages/src/{path}"), "")));
        judge(&files, &mut Allowances::default())
    }

    #[test]
    fn files_and_folders_are_slices() {
        assert!(stages(LIB, &["deny.rs", "user_login/mod.rs", "user_login/tests.rs"]).is_empty());
    }

    #[test]
    fn a_forgotten_slice_is_found() {
        assert_eq!(
            stages(LIB, &["login.rs"]).len(),
            2,
            "neither declared nor listed: `user_login` is another word"
        );
        assert_eq!(stages(&LIB.replace("    &deny::SLICE,\n", ""), &["deny.rs"]).len(), 1);
        assert_eq!(stages("mod deny;\n", &["deny.rs"]).len(), 1);
    }

    #[test]
    fn actions_are_named_by_their_slice() {
        let found = |slice: &str| {
            let all =
                [file("crates/stages/src/deny/mod.rs", slice), file("crates/stages/src/deny/api.rs", "")];
            judge(&all, &mut Allowances::default()).len()
        };
        assert_eq!(found("Slice { models: &[], actions: api::actions };"), 0);
        assert_eq!(found("Slice { models: &[], actions: signet_rest::none };"), 1);
    }

    #[test]
    fn a_helper_needs_its_reason() {
        let lib = LIB.replace("mod deny;", "mod deny;\nmod shared;");
        assert_eq!(stages(&lib, &["shared.rs"]).len(), 1);
        let (mut allowed, _) =
            Allowances::parse("helper crates/stages/src/shared what several stages show of a person");
        assert!(
            judge(
                &[file("crates/stages/src/lib.rs", &lib), file("crates/stages/src/shared.rs", "")],
                &mut allowed
            )
            .is_empty()
        );
    }
}
