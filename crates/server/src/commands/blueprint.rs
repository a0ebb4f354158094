//! `signet apply_blueprint`.
use super::output::{note, say};
use crate::config::Options;
use crate::{first_run, serve, wiring};
use signet_base::{Error, Result};
use signet_blueprints::{EXAMPLES, Source, apply as import, environment, shipped};
use signet_core::directory::Author;
use std::path::Path;

/// Imports a file, standard input (`-`), or a file of the binary (`example/…`). The operator's own files may
/// read environment variables and files (`!Env`, `!File`).
pub async fn apply(options: &Options, path: &Path) -> Result<()> {
    let text = read(path)?;
    let core = serve::open(options, wiring::ports(options)).await?;
    first_run::prepare(&core, &options.bootstrap).await?;
    let environment = environment();
    let file = path.display().to_string();
    let source = Source { environment: Some(&environment), ..Source::new(&file, &text) };
    let report = import(&core, &source, &Author::command("apply_blueprint")).await?;
    report.notes.iter().for_each(|n| note!("note: {n}"));
    say!(
        "{} created, {} updated, {} deleted, {} unchanged, {} skipped.",
        report.created,
        report.updated,
        report.deleted,
        report.unchanged,
        report.skipped
    );
    core.db.close().await;
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    if path == Path::new("-") {
        return std::io::read_to_string(std::io::stdin())
            .map_err(|e| Error::unavailable(format!("standard input: {e}")));
    }
    match (std::fs::read_to_string(path), path.to_str().and_then(shipped)) {
        (Ok(text), _) => Ok(text),
        (Err(_), Some(text)) => Ok(text.to_owned()),
        (Err(e), None) => {
            let examples: Vec<&str> = EXAMPLES.iter().map(|(name, _)| *name).collect();
            Err(Error::unavailable(format!(
                "{}: {e}. Files in the binary: {}.",
                path.display(),
                examples.join(", ")
            )))
        }
    }
}
