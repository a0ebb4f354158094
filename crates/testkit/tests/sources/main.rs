//! Signing in by sources: requests on their way, answers of hostile servers, matching, linking, enrolment.
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]
mod hostile;
mod linking;
mod matching;
mod pending;
mod up;
