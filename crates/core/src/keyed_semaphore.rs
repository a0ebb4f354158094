//! A semaphore per key, within this process: limits concurrency and queue length for each key.
use signet_base::{Error, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Clones share the keys.
#[derive(Clone, Default)]
pub struct KeyedSemaphore(Arc<Mutex<HashMap<String, Arc<Semaphore>>>>);

/// A permit; released on drop.
pub struct KeyedPermit {
    keyed_semaphore: KeyedSemaphore,
    name: String,
    permit: Option<OwnedSemaphorePermit>,
}

/// Maximum number of waiters per key: more would only occupy connections.
const WAITING: usize = 64;

impl KeyedSemaphore {
    /// Waits for one of `at_once` permits of the key. The first caller of a key sets the number.
    /// `Error::Unavailable` if too many wait.
    pub async fn take(&self, name: &str, at_once: usize) -> Result<KeyedPermit> {
        let gate = {
            let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let gate =
                names.entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(at_once.max(1))));
            // The map holds one reference. Checked under the lock, so that a refusal leaves no entry.
            if Arc::strong_count(gate) > WAITING + at_once.max(1) {
                return Err(Error::Unavailable("too many attempts for one name are waiting".into()));
            }
            gate.clone()
        };
        // Created before waiting, so that the entry is removed if the caller is cancelled.
        let mut turn = KeyedPermit { keyed_semaphore: self.clone(), name: name.to_owned(), permit: None };
        // The semaphore is never closed, so this cannot fail.
        turn.permit = gate.acquire_owned().await.ok();
        Ok(turn)
    }
    #[cfg(test)]
    fn names(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Drop for KeyedPermit {
    fn drop(&mut self) {
        let mut names = self.keyed_semaphore.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.permit.take());
        // References are created under the lock only: if one is left, there is no permit and no waiter.
        if names.get(&self.name).is_some_and(|gate| Arc::strong_count(gate) == 1) {
            names.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_crowd_goes_in_turns_and_is_forgotten() {
        let keyed_semaphore = KeyedSemaphore::default();
        let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..40)
            .map(|_| {
                let (keyed_semaphore, inside, most) = (keyed_semaphore.clone(), inside.clone(), most.clone());
                tokio::spawn(async move {
                    let turn = keyed_semaphore.take("ada", 3).await.unwrap();
                    most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(turn);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!((1..=3).contains(&most.load(Ordering::SeqCst)));
        assert_eq!(keyed_semaphore.names(), 0);
        // A cancelled waiter leaves no entry.
        let held = keyed_semaphore.take("bob", 1).await.unwrap();
        let waiting = tokio::spawn({
            let keyed_semaphore = keyed_semaphore.clone();
            async move { drop(keyed_semaphore.take("bob", 1).await.unwrap()) }
        });
        tokio::task::yield_now().await;
        waiting.abort();
        assert!(waiting.await.is_err());
        drop(held);
        assert_eq!(keyed_semaphore.names(), 0);
    }
    #[tokio::test]
    async fn a_crowd_that_is_too_large_is_refused_at_once() {
        let keyed_semaphore = KeyedSemaphore::default();
        let held = keyed_semaphore.take("ada", 1).await.unwrap();
        let waiting: Vec<_> = (0..WAITING + 40)
            .map(|_| {
                let keyed_semaphore = keyed_semaphore.clone();
                tokio::spawn(async move { keyed_semaphore.take("ada", 1).await.map(drop) })
            })
            .collect();
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        assert!(keyed_semaphore.take("bob", 1).await.is_ok());
        drop(held);
        let mut refused = 0;
        for task in waiting {
            refused += usize::from(task.await.unwrap().is_err());
        }
        assert!((30..=45).contains(&refused), "{refused}");
        assert_eq!(keyed_semaphore.names(), 0);
    }
}
