//! Real-world expressions, rewritten: each in both engines, with the results of CPython and Django.
//! docs/expressions.md contains the figures.
#![allow(clippy::unwrap_used)]
mod case;
mod effects;
mod fixture;
mod outside;
#[path = "../site/mod.rs"]
mod site;

use case::Case;
use fixture::Fixture;
use std::collections::BTreeMap;

/// The counts of one category.
#[derive(Default)]
struct Figures {
    texts: usize,
    passed: usize,
    failed: usize,
    wrong: usize,
    skipped: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_texts_give_what_the_original_gives() {
    // The retold texts, and those of the same kinds that were written here.
    let (mut retold, mut own): (BTreeMap<String, Figures>, BTreeMap<String, Figures>) = Default::default();
    let (mut lines, mut bad) = (Vec::new(), Vec::new());
    for case in case::all() {
        let kinds = if case.own { &mut own } else { &mut retold };
        let figures = kinds.entry(case.kind.clone()).or_default();
        figures.texts += 1;
        if let Some(lacks) = &case.lacks {
            figures.skipped += 1;
            lines.push(format!("skipped {}: {lacks}", case.id));
            continue;
        }
        match judge(&case).await {
            Found::Passed => figures.passed += 1,
            Found::Failed(why) => {
                figures.failed += 1;
                lines.push(format!("failed {}: {why}", case.id));
            }
            Found::Wrong(why) => {
                figures.wrong += 1;
                bad.push(format!("{}: {why}", case.id));
            }
        }
    }
    let tables = [table(&retold), table(&own)];
    println!("{}\n{}", tables.join("\n"), lines.join("\n"));
    assert!(bad.is_empty(), "another value without an error:\n{}", bad.join("\n"));
    for kinds in [&retold, &own] {
        let sum = |part: fn(&Figures) -> usize| kinds.values().map(part).sum::<usize>();
        let (passed, runnable) = (sum(|f| f.passed), sum(|f| f.texts - f.skipped));
        assert!(passed * 100 >= runnable * LEAST, "{passed} of {runnable} run");
    }
    let docs = include_str!("../../../../docs/expressions.md");
    assert!(
        tables.iter().all(|table| docs.contains(table)),
        "docs/expressions.md does not hold the tables above"
    );
}

/// An expression that is refused on save must not be one that works.
#[test]
fn real_texts_that_run_can_be_saved() {
    let mut refused = Vec::new();
    for case in
        case::all().into_iter().filter(|case| case.lacks.is_none() && !case.expect.contains_key("raises"))
    {
        // Names that the fixture provides beside the server's own.
        let given: String = case
            .given
            .get("vars")
            .and_then(|vars| vars.as_object())
            .into_iter()
            .flatten()
            .map(|(name, _)| format!("{name} = {name}\n"))
            .collect();
        if let Err(faults) = signet_core::expression::faults(&format!("{given}{}", case.text)) {
            refused.push(format!("{}: {faults:?}", case.id));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

/// Minimum percentage of reading expressions that give the expected value.
const LEAST: usize = 95;

enum Found {
    Passed,
    Failed(String),
    Wrong(String),
}

async fn judge(case: &Case) -> Found {
    let mut first: Option<Result<fixture::Shown, String>> = None;
    for interpreted in [false, true] {
        let fixture = Fixture::new(case).await;
        let found = fixture.run(case, interpreted).await;
        if let Some(before) = &first {
            // The engines must agree, whether the expression succeeds or not.
            if before.is_ok() != found.is_ok() || (before.is_ok() && *before != found) {
                return Found::Wrong(format!("the engines differ: {before:?} and {found:?}"));
            }
            continue;
        }
        first = Some(found);
    }
    let found = first.unwrap();
    match found {
        Ok(shown) => case.expected(&shown).map_or_else(Found::Wrong, |()| Found::Passed),
        Err(error) if case.ends_with(&error) => Found::Passed,
        Err(error) => Found::Failed(error),
    }
}

fn table(kinds: &BTreeMap<String, Figures>) -> String {
    let mut out =
        "| Kind | texts | as expected | error | another value | not runnable |\n|---|---|---|---|---|---|\n"
            .to_owned();
    for (kind, f) in kinds {
        out += &format!(
            "| {kind} | {} | {} | {} | {} | {} |\n",
            f.texts, f.passed, f.failed, f.wrong, f.skipped
        );
    }
    let sum = |part: fn(&Figures) -> usize| kinds.values().map(part).sum::<usize>();
    out + &format!(
        "| all | {} | {} | {} | {} | {} |\n",
        sum(|f| f.texts),
        sum(|f| f.passed),
        sum(|f| f.failed),
        sum(|f| f.wrong),
        sum(|f| f.skipped)
    )
}
