//! No circle of files: files of a crate may use each other in pairs, but not in longer circles, which can only be
//! read and changed as a whole. A path counts from the file that writes it to the deepest file that it names;
//! `pub use` of a module's own files does not.
use super::{Finding, Tracked};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Crates with longer circles. A crate that is rid of them leaves this list.
const OPEN: [&str; 10] =
    ["api", "blueprints", "core", "expr", "model", "providers", "rest", "server", "store", "template"];

/// Module path of a file of a crate: `["flow", "plan"]`.
type Module = Vec<String>;
type Uses = BTreeMap<Module, BTreeSet<Module>>;

pub fn judge(files: &[Tracked]) -> Vec<Finding> {
    let mut crates: BTreeMap<&str, BTreeMap<Module, &str>> = BTreeMap::new();
    for file in files {
        let inside = file.path.strip_prefix("crates/").and_then(|path| path.split_once("/src/"));
        if let (Some((name, path)), Some(text)) = (inside, &file.text)
            && let Some(module) = module(path)
        {
            crates.entry(name).or_default().insert(module, text);
        }
    }
    crates.into_iter().filter_map(|(name, files)| judge_crate(name, &files)).collect()
}

fn judge_crate(name: &str, files: &BTreeMap<Module, &str>) -> Option<Finding> {
    let mut uses: Uses =
        files.iter().map(|(module, text)| (module.clone(), used(module, text, files))).collect();
    uses.remove(&Module::new());
    let pairs = uses.iter().flat_map(|(user, used)| used.iter().map(move |used| (user, used)));
    let shortest = pairs.filter_map(|(user, used)| way(used, user, &uses)).min_by_key(Vec::len);
    match (shortest, OPEN.contains(&name)) {
        (Some(circle), false) => {
            let names: Vec<String> = circle.iter().map(|module| module.join("::")).collect();
            Some(format!("crates/{name}: these files use each other in a circle: {}", names.join(" > ")))
        }
        (None, true) => Some(format!("crates/{name}: no circle is longer than two: take it off the list")),
        _ => None,
    }
}

/// The shortest way from a file to another one by at least one more.
fn way(from: &Module, to: &Module, uses: &Uses) -> Option<Vec<Module>> {
    let (mut seen, mut next) = (BTreeSet::from([from]), VecDeque::from([vec![from]]));
    while let Some(way) = next.pop_front() {
        let last = way[way.len() - 1];
        for used in uses.get(last).into_iter().flatten().filter(|used| last != from || *used != to) {
            if seen.insert(used) {
                next.push_back(way.iter().copied().chain([used]).collect());
            }
            if used == to {
                return next.pop_back().map(|way| way.into_iter().cloned().collect());
            }
        }
    }
    None
}

/// `flow/plan.rs` and `flow/plan/mod.rs` are `["flow", "plan"]`; the root of the crate is empty.
fn module(path: &str) -> Option<Module> {
    let path = path.strip_suffix(".rs")?;
    let path = path.strip_suffix("/mod").unwrap_or(path);
    Some(path.split('/').filter(|part| *part != "lib").map(str::to_owned).collect())
}

/// The files that a file names, without those of its tests.
fn used(own: &Module, text: &str, files: &BTreeMap<Module, &str>) -> BTreeSet<Module> {
    let named = statements(text).flat_map(|statement| {
        let is_facade = is_facade(&statement);
        let targets = paths(&statement).into_iter().filter_map(|path| deepest(own, &path, files));
        targets.filter(move |target| !(is_facade && target.starts_with(own))).collect::<Vec<_>>()
    });
    named.filter(|target| target != own).collect()
}

fn is_facade(statement: &str) -> bool {
    statement.trim_start().starts_with("pub use")
}

fn statements(text: &str) -> impl Iterator<Item = String> {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let code = lines.collect::<Vec<_>>().join("\n");
    let pieces: Vec<String> = code.split_inclusive([';', '{', '}']).map(str::to_owned).collect();
    pieces.into_iter().scan(String::new(), gather).flatten()
}

/// Keeps a `use` with its braces in one piece: it ends with `;`.
fn gather(open: &mut String, piece: String) -> Option<Option<String>> {
    open.push_str(&piece);
    Some((piece.ends_with(';') || !is_use(open)).then(|| std::mem::take(open)))
}

fn is_use(statement: &str) -> bool {
    statement.split_whitespace().any(|word| word == "use")
}

/// The paths of a statement, with the groups of a `use` written out.
fn paths(statement: &str) -> Vec<Vec<String>> {
    let (mut out, mut stack) = (Vec::new(), Vec::<Vec<String>>::new());
    let (mut path, mut word) = (Vec::new(), String::new());
    let is_use = is_use(statement);
    for c in statement.replace("::", "\u{1}").chars().chain([' ']) {
        match c {
            c if c.is_alphanumeric() || c == '_' => word.push(c),
            '\u{1}' => path.push(std::mem::take(&mut word)),
            '{' if is_use => stack.push(path.clone()),
            other => {
                if !word.is_empty() {
                    path.push(std::mem::take(&mut word));
                }
                if path.len() > 1 {
                    out.push(path.clone());
                }
                if other == '}' {
                    stack.pop();
                }
                path = stack.last().cloned().unwrap_or_default();
            }
        }
    }
    out
}

/// The file with the longest name that a path begins with.
fn deepest(own: &Module, path: &[String], files: &BTreeMap<Module, &str>) -> Option<Module> {
    let ups = path.iter().take_while(|part| *part == "super").count();
    let (base, rest) = match path.first().map(String::as_str) {
        Some("crate") => (Vec::new(), &path[1..]),
        Some("self") => (own.clone(), &path[1..]),
        _ => (own[..own.len().checked_sub(ups)?].to_vec(), &path[ups..]),
    };
    let all: Module = base.iter().cloned().chain(rest.iter().cloned()).collect();
    let module = (0..=all.len())
        .rev()
        .map(|length| all[..length].to_vec())
        .find(|module| files.contains_key(module))?;
    if !module.is_empty() {
        return Some(module);
    }
    // What the root of the crate shows of its files.
    let shown = statements(files.get(&module)?).filter(|statement| is_facade(statement));
    let shown = shown.flat_map(|statement| paths(&statement)).find(|path| path.last() == all.first())?;
    (1..shown.len()).rev().map(|length| shown[..length].to_vec()).find(|module| files.contains_key(module))
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn found(texts: &[(&str, &str)]) -> usize {
        let files = texts.iter().map(|(path, text)| file(&format!("crates/a/src/{path}"), text));
        judge(&files.collect::<Vec<_>>()).len()
    }

    #[test]
    fn only_a_circle_of_more_than_two_files_is_found() {
        let pair = [("b.rs", "use crate::c::X;"), ("c.rs", "fn f() { crate::b::g() }")];
        assert_eq!(found(&pair), 0);
        let b = ("b.rs", "use crate::{\n    d::Y,\n    c::{X, Z},\n};");
        let three = [b, ("c.rs", "use super::d::Y;"), ("d.rs", "fn f(x: crate::b::X) {}")];
        assert_eq!(found(&three), 1);
        let in_tests = [three[0], three[1], ("d.rs", "#[cfg(test)]\nmod tests {\n use crate::b::X;\n}")];
        assert_eq!(found(&in_tests), 0);
        // A folder may show what its files have.
        let shown =
            [("b/mod.rs", "pub use c::X;"), ("b/c.rs", "use super::d::Y;"), ("b/d.rs", "use super::Z;")];
        assert_eq!(found(&shown), 0);
        assert_eq!(found(&[("b/mod.rs", "use c::X;"), shown[1], shown[2]]), 1);
        assert_eq!(found(&[("b/mod.rs", "use c::X;\nuse d::X;"), ("b/c.rs", "use super::d;"), shown[2]]), 1);
    }
}
