//! What grows with what is stored, in processor time of this process: a test by itself, so that nothing else counts.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a failure in a test is a failed test")]
mod configuration;
mod imports;
mod sign_in_events;

use signet_base::thread::process_cpu_time;
use std::future::Future;
use std::time::Duration;

/// The median processor time of a call, in milliseconds.
async fn median<F: Future<Output = ()>>(times: usize, mut call: impl FnMut() -> F) -> f64 {
    let mut all: Vec<Duration> = Vec::with_capacity(times);
    for _ in 0..times {
        let before = process_cpu_time();
        call().await;
        all.push(process_cpu_time() - before);
    }
    all.sort();
    all[all.len() / 2].as_secs_f64() * 1000.0
}

/// One test, since tests beside each other would be counted together.
#[tokio::test]
async fn scale_c2_c3_configuration_and_imports_grow_as_they_should() {
    configuration::grows_by_what_changes().await;
    imports::grow_linearly().await;
}

#[tokio::test]
#[ignore = "long: run by make long"]
async fn scale_c3_ten_thousand_entries() {
    imports::ten_thousand().await;
}

#[tokio::test]
#[ignore = "prints a measurement: docs/performance.md"]
async fn core_objects_cost_of_events_of_sign_ins() {
    sign_in_events::measure().await;
}
