//! Dependency direction of the crates: base → model → store → core → families → server, read from the
//! manifests.
use super::{Finding, Tracked};

/// A crate and its allowed dependencies, in order. A crate that is not listed is a finding.
const LAYERS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("model-derive", &[]),
    ("jose", &["base"]),
    ("outbound", &["base"]),
    ("storage", &["base", "jose"]),
    // Servers of tests.
    ("testnet", &[]),
    ("webauthn", &["base"]),
    ("expr", &["base"]),
    ("template", &["base"]),
    ("pages", &["base"]),
    ("model", &["base", "model-derive"]),
    ("store", &["base", "model"]),
    ("core", &["base", "model", "store", "jose", "expr", "pages", "template"]),
    // What slices and the API carry as actions.
    ("rest", &["base", "model", "store", "pages", "core"]),
    ("stages", &["base", "model", "store", "jose", "expr", "pages", "core", "rest", "webauthn"]),
    ("policies", FAMILY),
    ("providers", FAMILY),
    ("sources", FAMILY),
    ("api", FAMILY),
    // Blueprints and emails format values alike.
    ("blueprints", &["base", "model", "store", "jose", "expr", "pages", "core", "rest", "template"]),
    // The HTTP edge of flows and pages; it uses the kinds through core's traits only.
    ("front", FAMILY),
    (
        "server",
        &[
            "base",
            "model",
            "store",
            "jose",
            "expr",
            "pages",
            "core",
            "rest",
            "stages",
            "policies",
            "providers",
            "sources",
            "api",
            "blueprints",
            "front",
            "outbound",
            "storage",
        ],
    ),
    (
        "testkit",
        &[
            "base",
            "model",
            "store",
            "jose",
            "expr",
            "pages",
            "core",
            "rest",
            "stages",
            "policies",
            "providers",
            "sources",
            "api",
            "blueprints",
            "front",
            "server",
            "outbound",
            "storage",
            "testnet",
            "webauthn",
        ],
    ),
    ("xtask", &[]),
];
/// Allowed dependencies of a family. Families must not depend on each other.
const FAMILY: &[&str] = &["base", "model", "store", "jose", "expr", "pages", "core", "rest"];

pub fn judge(files: &[Tracked]) -> Vec<Finding> {
    let manifests = files.iter().filter_map(|f| {
        let folder = f.path.strip_suffix("/Cargo.toml")?;
        let name = folder.strip_prefix("crates/").or((folder == "xtask").then_some("xtask"))?;
        Some((name, f.path.as_str(), f.text.as_deref()?))
    });
    manifests.flat_map(|(name, path, text)| judge_manifest(name, path, text)).collect()
}

fn judge_manifest(name: &str, path: &str, text: &str) -> Vec<Finding> {
    let Some((_, may)) = LAYERS.iter().find(|(layer, _)| *layer == name) else {
        return vec![format!(
            "{path}: the crate {name} has no place in the direction of crates (xtask/src/tidy/direction.rs)"
        )];
    };
    let mut findings = Vec::new();
    for (section, dependency) in dependencies(text) {
        // Tests may start servers, and send by the real clients.
        let in_tests = section == "dev-dependencies"
            && (["testkit", "testnet", "outbound"].contains(&dependency.as_str()) || dependency == name);
        if !may.contains(&dependency.as_str()) && !in_tests {
            findings.push(format!("{path}: {name} may not depend on {dependency}"));
        }
    }
    if !text.contains("[lints]\nworkspace = true") {
        findings.push(format!("{path}: `[lints] workspace = true` is missing"));
    }
    findings
}

/// Crates of this workspace in a manifest: section and name without `signet-`.
fn dependencies(manifest: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut section = String::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section.clear();
            // `[dependencies]`, `[target.'…'.dependencies]` and `[dependencies.signet-base]` all count.
            for kind in ["dev-dependencies", "build-dependencies", "dependencies"] {
                if header == kind || header.ends_with(&format!(".{kind}")) {
                    section = kind.to_owned();
                    break;
                }
                if let Some(name) = header.strip_prefix(kind).and_then(|rest| rest.strip_prefix(".signet-")) {
                    found.push((kind.to_owned(), name.to_owned()));
                    break;
                }
            }
        } else if !section.is_empty()
            && let Some(rest) = line.strip_prefix("signet-")
        {
            let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            found.push((section.clone(), name));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    const LINTS: &str = "\n[lints]\nworkspace = true\n";

    fn manifest(path: &str, text: &str) -> Vec<Finding> {
        judge(&[file(path, &format!("{text}{LINTS}"))])
    }

    #[test]
    fn downwards_is_fine_and_upwards_is_not() {
        assert!(
            manifest(
                "crates/core/Cargo.toml",
                "[dependencies]\nsignet-base.workspace = true\nsignet-store = { workspace = true }\n"
            )
            .is_empty()
        );
        assert_eq!(
            manifest("crates/store/Cargo.toml", "[dependencies]\nsignet-core.workspace = true\n").len(),
            1
        );
    }

    #[test]
    fn families_do_not_know_their_neighbours() {
        assert_eq!(
            manifest("crates/stages/Cargo.toml", "[dependencies.signet-policies]\nworkspace = true\n").len(),
            1
        );
        assert_eq!(
            manifest(
                "crates/api/Cargo.toml",
                "[target.'cfg(unix)'.dependencies]\nsignet-stages.workspace = true\n"
            )
            .len(),
            1
        );
    }

    #[test]
    fn wire_formats_know_nothing_of_the_product() {
        assert_eq!(
            manifest(
                "crates/jose/Cargo.toml",
                "[dependencies]\nsignet-core.workspace = true\nsignet-store.workspace = true\n"
            )
            .len(),
            2
        );
    }

    #[test]
    fn only_tests_may_use_the_testkit() {
        assert!(
            manifest("crates/api/Cargo.toml", "[dev-dependencies]\nsignet-testkit.workspace = true\n")
                .is_empty()
        );
        assert_eq!(
            manifest("crates/api/Cargo.toml", "[dependencies]\nsignet-testkit.workspace = true\n").len(),
            1
        );
    }

    #[test]
    fn a_crate_without_a_place_or_without_the_lints_is_a_finding() {
        assert_eq!(manifest("crates/novelty/Cargo.toml", "").len(), 1);
        assert_eq!(judge(&[file("crates/base/Cargo.toml", "[dependencies]\n")]).len(), 1);
    }

    #[test]
    fn every_layer_names_only_layers_before_it() {
        for (index, (name, may)) in LAYERS.iter().enumerate() {
            for dependency in *may {
                assert!(
                    LAYERS[..index].iter().any(|(before, _)| before == dependency),
                    "{name} names {dependency}, which does not stand before it"
                );
            }
        }
    }
}
