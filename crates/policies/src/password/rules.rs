//! Character rules of passwords.
use super::PasswordPolicy;

/// The unmet requirements as a sentence; `None` if all are met.
pub fn missing(policy: &PasswordPolicy, password: &str) -> Option<String> {
    let count = |fits: &dyn Fn(char) -> bool| {
        i64::try_from(password.chars().filter(|c| fits(*c)).count()).unwrap_or(i64::MAX)
    };
    let wanted: [(i64, i64, &str); 5] = [
        (count(&|_| true), policy.length_min, "characters"),
        (count(&|c| c.is_ascii_digit()), policy.amount_digits, "digits"),
        (count(&char::is_uppercase), policy.amount_uppercase, "capital letters"),
        (count(&char::is_lowercase), policy.amount_lowercase, "small letters"),
        (count(&|c| policy.symbol_charset.contains(c)), policy.amount_symbols, "symbols"),
    ];
    let lacking: Vec<String> = wanted
        .iter()
        .filter(|(has, needs, _)| has < needs)
        .map(|(_, needs, what)| format!("at least {needs} {what}"))
        .collect();
    (!lacking.is_empty()).then(|| format!("Use {}.", lacking.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::create;
    use signet_base::{Json, json};
    use signet_model::Model;

    fn policy(mut sent: Json) -> PasswordPolicy {
        sent["name"] = json!("a");
        serde_json::from_value(create(PasswordPolicy::DEF, sent).unwrap()).unwrap()
    }
    #[test]
    fn every_rule_is_judged_and_named() {
        let strict = policy(
            json!({"length_min": 8, "amount_digits": 2, "amount_uppercase": 1, "amount_lowercase": 1, "amount_symbols": 1}),
        );
        assert_eq!(missing(&strict, "Abcde12!"), None);
        assert_eq!(missing(&strict, "abcde12!").as_deref(), Some("Use at least 1 capital letters."));
        assert_eq!(
            missing(&strict, "A").as_deref(),
            Some(
                "Use at least 8 characters, at least 2 digits, at least 1 small letters, at least 1 symbols."
            )
        );
        assert_eq!(missing(&policy(json!({})), ""), None, "no rule, no demand");
    }
    #[test]
    fn letters_are_counted_not_bytes() {
        assert_eq!(missing(&policy(json!({"length_min": 4})), "äöüß"), None);
        assert!(missing(&policy(json!({"length_min": 5})), "äöüß").is_some());
        assert_eq!(missing(&policy(json!({"amount_symbols": 1, "symbol_charset": "€"})), "a€"), None);
    }
}
