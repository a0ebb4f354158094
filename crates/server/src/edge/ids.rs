//! Request ids (`X-authentik-id`): 32 hexadecimal digits, unique across servers. They are not secret, so a
//! random start and a counter suffice, and cost less than random bytes per request.
use signet_base::{Ports, vault};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The generator. Clones share the counter.
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
        // With an odd step, 2^64 counts give different numbers.
        Self(Arc::new(Source { start: number(), step: number() | 1, count: AtomicU64::new(0) }))
    }
    pub fn next(&self) -> String {
        let count = self.0.count.fetch_add(1, Ordering::Relaxed);
        let mut bytes = [0; 16];
        // The end differs from request to request: pages show the last eight digits.
        bytes[..8].copy_from_slice(&self.0.start.to_be_bytes());
        bytes[8..].copy_from_slice(&count.wrapping_mul(self.0.step).to_be_bytes());
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
        let ends: HashSet<String> = (0..1000).map(|_| a.next()[24..].to_owned()).collect();
        assert_eq!(ends.len(), 1000, "what pages show tells the requests of a server apart");
        assert!(names.iter().all(|n| n.len() == 32 && n.bytes().all(|c| c.is_ascii_hexdigit())));
    }
}
