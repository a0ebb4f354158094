//! Names of requests (`X-authentik-id`): 32 hexadecimal digits that no other request of any server bears.
//! They are no secrets, so that a random beginning and a count are enough, and cheaper than random bytes for
//! each.
use signet_base::{Ports, vault};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Gives names; clones share the count.
#[derive(Clone)]
pub struct RequestIds(Arc<Source>);

struct Source {
    start: u64,
    step: u64,
    count: AtomicU64,
}

impl RequestIds {
    pub fn new(ports: &Ports) -> Self {
        let number = || u64::from_be_bytes(ports.bytes());
        // With an odd step every count up to 2^64 gives another number.
        Self(Arc::new(Source { start: number(), step: number() | 1, count: AtomicU64::new(0) }))
    }
    pub fn next(&self) -> String {
        let count = self.0.count.fetch_add(1, Ordering::Relaxed);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&count.wrapping_mul(self.0.step).to_be_bytes());
        bytes[8..].copy_from_slice(&self.0.start.to_be_bytes());
        vault::hex(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_requests_have_one_name_on_one_server_or_two() {
        let (a, b) = (RequestIds::new(&Ports::system()), RequestIds::new(&Ports::system()));
        let names: HashSet<String> = (0..1000).flat_map(|_| [a.next(), a.clone().next(), b.next()]).collect();
        assert_eq!(names.len(), 3000);
        assert!(names.iter().all(|n| n.len() == 32 && n.bytes().all(|c| c.is_ascii_hexdigit())));
    }
}
