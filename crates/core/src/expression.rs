//! Expressions over people and requests.
