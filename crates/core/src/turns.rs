//! At most so many at once for one name, within this process. Whoever comes later waits for a turn.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Clones share the names.
#[derive(Clone, Default)]
pub struct Turns(Arc<Mutex<HashMap<String, Arc<Semaphore>>>>);

/// Held while it is one's turn.
pub struct Turn {
    turns: Turns,
    name: String,
    permit: Option<OwnedSemaphorePermit>,
}

impl Turns {
    /// Waits until fewer than `at_once` others have their turn. The first of a crowd says how many may.
    pub async fn take(&self, name: &str, at_once: usize) -> Turn {
        let gate = self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(at_once.max(1)))).clone();
        // Made before waiting, so that the name is forgotten also when the caller goes away.
        let mut turn = Turn { turns: self.clone(), name: name.to_owned(), permit: None };
        // The semaphore is never closed, so that this cannot fail; without a permit the turn would only be uncounted.
        turn.permit = gate.acquire_owned().await.ok();
        turn
    }
    #[cfg(test)]
    fn names(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut names = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.permit.take());
        // Handles are only made under the lock: with one left, nobody holds a turn or waits for one.
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
        let turns = Turns::default();
        let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..40)
            .map(|_| {
                let (turns, inside, most) = (turns.clone(), inside.clone(), most.clone());
                tokio::spawn(async move {
                    let turn = turns.take("ada", 3).await;
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
        assert_eq!(turns.names(), 0);
        // One that gives up waiting leaves nothing behind.
        let held = turns.take("bob", 1).await;
        let waiting = tokio::spawn({
            let turns = turns.clone();
            async move { drop(turns.take("bob", 1).await) }
        });
        tokio::task::yield_now().await;
        waiting.abort();
        assert!(waiting.await.is_err());
        drop(held);
        assert_eq!(turns.names(), 0);
    }
}
