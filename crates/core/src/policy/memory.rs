//! Answers of policies that are kept for a while.
//!
//! An answer is kept only where the kind says that it follows from the person, the address, the browser and
//! the configuration alone, and where no context was given. All of these are parts of the key: a change of
//! the account, of a membership or of any setting is another key, so that nothing has to be invalidated, on
//! no node.
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
    /// How many answers are kept that still count.
    pub fn count(&self, now: Timestamp) -> usize {
        self.answers.retain(|_, (_, until)| *until > now);
        self.answers.len()
    }
    pub fn clear(&self) {
        self.answers.clear();
    }
}

/// Whether any answer to this question may be kept.
pub(super) fn is_possible(question: &Question<'_>) -> bool {
    question.core.settings.cache_timeout_policies > 0 && question.context.is_empty() && !question.is_dry_run()
}

/// The key of an answer; none where it must not be kept.
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
            // Whoever is not known to have been read with their own groups is asked about anew.
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
    // Texts of the client last, each on a line of its own: none can look like another one's end.
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
