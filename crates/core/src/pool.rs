//! A bounded pool of threads for work that burns a core (password hashing, RSA): never on the async threads, and
//! never in an unbounded queue.
use signet_base::{Error, Result};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Clone)]
pub struct Pool {
    jobs: mpsc::SyncSender<Job>,
}

impl Pool {
    /// `threads` workers; at most `queue` jobs wait, a further one is refused at once with `Unavailable`.
    pub fn new(name: &str, threads: usize, queue: usize) -> Result<Self> {
        let (jobs, inbox) = mpsc::sync_channel::<Job>(queue);
        let inbox = Arc::new(Mutex::new(inbox));
        for n in 0..threads.max(1) {
            let inbox = inbox.clone();
            std::thread::Builder::new()
                .name(format!("{name}-{n}"))
                .spawn(move || {
                    loop {
                        let job = inbox.lock().unwrap_or_else(PoisonError::into_inner).recv();
                        match job {
                            // A panicking job must not take the worker along; its caller sees a dropped channel.
                            Ok(job) => drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(job))),
                            Err(_) => break,
                        }
                    }
                })
                .map_err(Error::internal)?;
        }
        Ok(Self { jobs })
    }
    /// Runs the job and waits for its answer without holding an async thread.
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let (done, answer) = oneshot::channel();
        let boxed: Job = Box::new(move || {
            if !done.is_closed() {
                drop(done.send(job()));
            }
        });
        self.jobs.try_send(boxed).map_err(|_| Error::Unavailable("too much work is waiting; try again in a moment".into()))?;
        answer.await.map_err(|_| Error::internal("a worker thread failed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[tokio::test]
    async fn work_beyond_the_queue_is_refused_at_once_and_a_panic_costs_only_its_job() {
        let pool = Pool::new("t", 1, 1).unwrap();
        assert!(matches!(pool.run(|| -> u8 { panic!("boom") }).await, Err(Error::Internal(_))));
        assert_eq!(pool.run(|| 7).await.unwrap(), 7);
        let (hold, wait) = mpsc::channel::<()>();
        let busy = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(move || wait.recv().is_ok()).await }
        });
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let queued = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(|| 1).await }
        });
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert!(matches!(pool.run(|| 2).await, Err(Error::Unavailable(_))));
        hold.send(()).unwrap();
        assert!(busy.await.unwrap().unwrap());
        assert_eq!(queued.await.unwrap().unwrap(), 1);
    }
}
