//! Updates the statistics of the query planner; PostgreSQL does so itself.
use async_trait::async_trait;
use signet_base::Result;
use signet_core::job::{Job, JobRun};
use signet_store::Batch;

pub struct Optimize;

#[async_trait]
impl Job for Optimize {
    fn name(&self) -> &'static str {
        "signet.store.tasks.optimize"
    }
    fn description(&self) -> &'static str {
        "Update the statistics of the database"
    }
    fn schedule(&self) -> Option<&'static str> {
        Some("23 3 * * *")
    }
    async fn run(&self, run: &mut JobRun) -> Result<Batch> {
        run.core.db.optimize().await?;
        Ok(Batch::new())
    }
}
