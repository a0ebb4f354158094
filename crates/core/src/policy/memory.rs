//! Cache of policy results.
//!
//! A result is cached only if the kind says that it depends on user, address, browser and configuration
//! alone, and no context was given. All of these are part of the key: a changed account, membership or
//! setting gives another key, so no node needs to invalidate anything.
use super::{Question, Verdict};
use quick_cache::sync::Cache;
use signet_base::vault::sha256_hex;
use signet_base::{Timestamp, Uuid};
use signet_model::Object;
use std::fmt::Write;

const CAPACITY: usize = 20_000;

/// The cache of one server.
pub struct Memory {
    answers: Cache<String, (Verdict, Timestamp)>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { answers: Cache::new(CAPACITY) }
    }
}

impl Memory {
    pub(super) fn get(&self, key: &str, now: Timestamp) -> Option<Verdict> {
        self.answers.get(key).filter(|(_, until)| *until > now).map(|(verdict, _)| verdict)
    }
    pub(super) fn keep(&self, key: String, verdict: &Verdict, until: Timestamp) {
        self.answers.insert(key, (verdict.clone(), until));
    }
    /// Number of valid entries.
    pub fn count(&self, now: Timestamp) -> usize {
        self.answers.retain(|_, (_, until)| *until > now);
        self.answers.len()
    }
    pub fn clear(&self) {
        self.answers.clear();
    }
}

/// Whether a result for this question may be cached.
pub(super) fn is_possible(question: &Question<'_>) -> bool {
    question.core.settings.cache_timeout_policies > 0 && question.context.is_empty() && !question.is_dry_run()
}

/// The cache key; `None` if the result must not be cached.
pub(super) fn key(binding: Uuid, policy: &Object, question: &Question<'_>) -> Option<String> {
    if !is_possible(question) {
        return None;
    }
    let core = question.core;
    let client = question.client;
    let mut text = String::with_capacity(256);
    let _ = write!(text, "{binding} {} {} {} ", policy.pk, policy.version, core.config().counter);
    match question.user {
        Some(p) => {
            // Without the user's own groups the key would be incomplete.
            let direct = p.direct.as_ref()?;
            let _ = write!(
                text,
                "{} {} {} {}",
                p.user.id, p.user.updated.0, p.user.password_changed.0, p.user.is_active
            );
            for group in p.groups.iter() {
                let _ = write!(text, " {} {} {}", group.id, group.updated.0, direct.contains(&group.id));
            }
        }
        None => text.push('-'),
    }
    // Client-controlled texts come last, one per line, so that keys cannot collide.
    let _ = write!(
        text,
        "\n{}\n{}\n{}\n{}\n{}",
        client.ip,
        client.secure,
        client.host,
        client.device.replace('\n', " "),
        client.user_agent.replace('\n', " ")
    );
    Some(sha256_hex(text.as_bytes()))
}
