//! Real-world expressions, rewritten: each in both engines, with the results of CPython and Django.
//! docs/expressions.md contains the figures.
#![allow(clippy::unwrap_used)]
mod case;
mod outside;
#[path = "../site/mod.rs"]
mod site;
mod world;

use case::Case;
use std::collections::BTreeMap;
use world::World;

/// The counts of one category.
#[derive(Default)]
struct Figures {
    texts: usize,
    passed: usize,
    failed: usize,
    wrong: usize,
    skipped: usize,
    refused: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_texts_give_what_the_original_gives() {
    let mut kinds: BTreeMap<String, Figures> = BTreeMap::new();
    let (mut lines, mut bad) = (Vec::new(), Vec::new());
    for case in case::all().into_iter() {
        let figures = kinds.entry(case.kind.clone()).or_default();
        figures.texts += 1;
        if let Some(lacks) = &case.lacks {
            figures.skipped += 1;
            lines.push(format!("skipped {}: {lacks}", case.id));
            continue;
        }
        let found = judge(&case).await;
        match found {
            Found::Passed => figures.passed += 1,
            Found::Refused => figures.refused += 1,
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
    println!("{}", table(&kinds));
    println!(
        "{}\n{}",
        lines.join("\n"),
        bad.iter().map(|line| format!("wrong {line}")).collect::<Vec<_>>().join("\n")
    );
    let sum = |part: fn(&Figures) -> usize| kinds.values().map(part).sum::<usize>();
    let (passed, runnable) = (sum(|f| f.passed), sum(|f| f.passed + f.failed + f.wrong));
    // Wrong values are reported first.
    assert!(
        !bad.is_empty() || include_str!("../../../../docs/expressions.md").contains(&table(&kinds)),
        "docs/expressions.md does not hold the table above"
    );
    assert!(bad.is_empty(), "another value without an error:\n{}", bad.join("\n"));
    assert!(passed * 100 >= runnable * LEAST, "{passed} of {runnable} run");
}

/// An expression that is refused on save must not be one that works.
#[test]
fn real_texts_that_run_can_be_saved() {
    let mut refused = Vec::new();
    for case in case::all()
        .into_iter()
        .filter(|case| !case.writes && case.lacks.is_none() && !case.expect.contains_key("raises"))
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
    /// It writes, and is refused.
    Refused,
    Failed(String),
    Wrong(String),
}

async fn judge(case: &Case) -> Found {
    let mut first: Option<Result<world::Shown, String>> = None;
    for interpreted in [false, true] {
        let world = World::new(case).await;
        let found = world.run(case, interpreted).await;
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
    match (case.writes, found) {
        (true, Err(_)) => Found::Refused,
        (true, Ok(shown)) if case.expected(&shown).is_err() || case.expect.contains_key("effects") => {
            Found::Wrong(format!("it writes, and was not refused: {shown:?}"))
        }
        (_, Ok(shown)) => case.expected(&shown).map_or_else(Found::Wrong, |()| Found::Passed),
        (_, Err(error)) if case.ends_with(&error) => Found::Passed,
        (_, Err(error)) => Found::Failed(error),
    }
}

fn table(kinds: &BTreeMap<String, Figures>) -> String {
    let mut out = "| Kind | texts | as expected | error | another value | not runnable | writes, refused |\n|---|---|---|---|---|---|---|\n".to_owned();
    for (kind, f) in kinds {
        out += &format!(
            "| {kind} | {} | {} | {} | {} | {} | {} |\n",
            f.texts, f.passed, f.failed, f.wrong, f.skipped, f.refused
        );
    }
    let sum = |part: fn(&Figures) -> usize| kinds.values().map(part).sum::<usize>();
    out + &format!(
        "| all | {} | {} | {} | {} | {} | {} |\n",
        sum(|f| f.texts),
        sum(|f| f.passed),
        sum(|f| f.failed),
        sum(|f| f.wrong),
        sum(|f| f.skipped),
        sum(|f| f.refused)
    )
}
