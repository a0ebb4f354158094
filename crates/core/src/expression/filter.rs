//! Keyword filters as the framework of the original writes them: `name="x"`, `name__startswith="x"`, `attributes__a=1`.
use signet_expr::{CallError, Kwargs, Value};

const COMPARISONS: [&str; 9] = ["exact", "iexact", "contains", "icontains", "startswith", "istartswith", "endswith", "iendswith", "in"];

/// Conditions that all must hold.
#[derive(Debug, Clone, Default)]
pub struct Filter(Vec<Condition>);

#[derive(Debug, Clone)]
struct Condition {
    /// `["attributes", "a"]`
    path: Vec<String>,
    comparison: &'static str,
    wanted: Value,
    negated: bool,
}

impl Filter {
    /// Reads keyword arguments; the first parts of names must be among `known`.
    pub fn parse(kwargs: &Kwargs, known: &[&str], negated: bool) -> Result<Self, CallError> {
        let mut all = Vec::new();
        for (name, wanted) in kwargs {
            let mut path: Vec<String> = name.split("__").map(str::to_owned).collect();
            let last = path.last().map(String::as_str).unwrap_or_default();
            let comparison = COMPARISONS.into_iter().find(|c| path.len() > 1 && *c == last);
            if comparison.is_some() {
                path.pop();
            }
            if !known.contains(&path[0].as_str()) || (path.len() > 1 && path[0] != "attributes") {
                return Err(CallError::Type(format!("cannot filter by '{name}'")));
            }
            all.push(Condition { path, comparison: comparison.unwrap_or("exact"), wanted: wanted.clone(), negated });
        }
        Ok(Self(all))
    }
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Whether what `attr` shows fulfils every condition.
    pub fn fits(&self, attr: impl Fn(&str) -> Option<Value>) -> bool {
        self.0.iter().all(|c| {
            let mut found = attr(&c.path[0]);
            for part in &c.path[1..] {
                found = found.and_then(|v| v.as_dict().and_then(|d| d.get(part)).cloned());
            }
            found.is_some_and(|found| compare(&found, c.comparison, &c.wanted)) != c.negated
        })
    }
    /// The text of the only condition, when it is an equality of this name.
    pub fn only(&self, name: &str) -> Option<&Value> {
        match self.0.as_slice() {
            [c] if c.path.len() == 1 && c.path[0] == name && matches!(c.comparison, "exact" | "iexact") && !c.negated => Some(&c.wanted),
            _ => None,
        }
    }
}

fn compare(found: &Value, comparison: &str, wanted: &Value) -> bool {
    match comparison {
        "exact" => found == wanted,
        "in" => wanted.as_list().is_some_and(|list| list.contains(found)),
        _ => {
            let (Some(found), Some(wanted)) = (found.as_str(), wanted.as_str()) else { return false };
            let (low, high) = (found.to_lowercase(), wanted.to_lowercase());
            match comparison {
                "iexact" => low == high,
                "contains" => found.contains(wanted),
                "icontains" => low.contains(&high),
                "startswith" => found.starts_with(wanted),
                "istartswith" => low.starts_with(&high),
                "endswith" => found.ends_with(wanted),
                "iendswith" => low.ends_with(&high),
                _ => false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn fits(name: &str, wanted: impl Into<Value>, negated: bool) -> bool {
        let filter = Filter::parse(&vec![(name.to_owned(), wanted.into())], &["name", "attributes"], negated).unwrap();
        filter.fits(|attr| match attr {
            "name" => Some("Wiki Editors".into()),
            "attributes" => Some(Value::dict([("site", Value::dict([("id", 7_i64)]))])),
            _ => None,
        })
    }
    #[test]
    fn comparisons_paths_and_negation() {
        assert!(fits("name", "Wiki Editors", false) && !fits("name", "wiki editors", false) && fits("name__iexact", "wiki editors", false));
        assert!(fits("name__startswith", "Wiki", false) && fits("name__icontains", "EDIT", false) && !fits("name__endswith", "Wiki", false));
        assert!(fits("name__in", Value::list(["a", "Wiki Editors"]), false) && !fits("name__in", "Wiki Editors", false));
        assert!(fits("attributes__site__id", 7_i64, false) && !fits("attributes__site__none", 7_i64, false));
        assert!(!fits("name", "Wiki Editors", true) && fits("name", "x", true));
    }
    #[test]
    fn unknown_names_are_refused() {
        for name in ["password", "name__user__password", "attributes_", "name__regex"] {
            assert!(Filter::parse(&vec![(name.to_owned(), "x".into())], &["name", "attributes"], false).is_err(), "{name}");
        }
    }
}
