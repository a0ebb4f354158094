//! Reads what sources publish: addresses and keys of OpenID Connect servers.
use async_trait::async_trait;
use signet_base::Result;
use signet_core::job::{Job, JobRun, LogLevel};
use signet_core::source::SourceSettings;
use signet_model::Base;
use signet_store::Batch;

pub struct SyncSources;

#[async_trait]
impl Job for SyncSources {
    fn name(&self) -> &'static str {
        "signet.sources.tasks.sync"
    }
    fn description(&self) -> &'static str {
        "Read what sources publish"
    }
    fn schedule(&self) -> Option<&'static str> {
        Some("17 * * * *")
    }
    async fn run(&self, run: &mut JobRun) -> Result<Batch> {
        let config = run.core.config();
        for source in config.family(Base::Source) {
            let enabled = SourceSettings::of(source).is_ok_and(|settings| settings.enabled);
            let Some(kind) = run.core.families.source(source.def).filter(|_| enabled) else { continue };
            // One that cannot be reached keeps none of the others from it.
            if let Err(error) = kind.sync(&run.core.clone(), source).await {
                run.log(LogLevel::Warning, format!("{}: {error}", source.name()));
            }
        }
        Ok(Batch::new())
    }
}
