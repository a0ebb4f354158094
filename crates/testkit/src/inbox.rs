//! What a server of the test has received.
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Clones share it.
pub(crate) struct Inbox<T>(Arc<Mutex<Vec<T>>>);
impl<T> Default for Inbox<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}
impl<T> Clone for Inbox<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
impl<T> Inbox<T> {
    pub fn push(&self, one: T) {
        self.0.lock().unwrap().push(one);
    }
    /// Removes and returns all.
    pub fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
    /// The next one; `None` after two seconds.
    pub async fn next(&self) -> Option<T> {
        for _ in 0..200 {
            {
                let mut kept = self.0.lock().unwrap();
                if !kept.is_empty() {
                    return Some(kept.remove(0));
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        None
    }
}
