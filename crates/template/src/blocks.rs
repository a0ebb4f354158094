//! Block tags, and tags that keep state between renderings.
use crate::expr::Expr;
use crate::lexer::split_words;
use crate::parse::{Cycle, NodeKind, Parser, assignments, is_name};
use crate::tags;
use std::rc::Rc;

impl Parser {
    pub(crate) fn more(&mut self, name: &str, rest: &str) -> Result<NodeKind, String> {
        match name {
            "trans" | "translate" => {
                let (mut parts, store) = tags::stored(split_words(rest));
                parts.retain(|w| w != "noop");
                if let Some(at) = parts.iter().position(|w| w == "context") {
                    parts.drain(at..(at + 2).min(parts.len()));
                }
                match parts.as_slice() {
                    [text] => {
                        Ok(NodeKind::SimpleTag(tags::SimpleTag::First(vec![Expr::parse(text)?]), store))
                    }
                    _ => Err(format!("{name} takes one text")),
                }
            }
            "cycle" => self.cycle(rest),
            "resetcycle" => match rest {
                "" => Ok(NodeKind::ResetCycle(None)),
                name => match self.cycles.iter().find(|c| c.name.as_deref() == Some(name)) {
                    Some(cycle) => Ok(NodeKind::ResetCycle(Some(cycle.id))),
                    None => Err(format!("no cycle is called {name}")),
                },
            },
            "regroup" => match split_words(rest).as_slice() {
                [over, by, attribute, as_, name] if by == "by" && as_ == "as" && is_name(name) => {
                    Ok(NodeKind::Regroup {
                        over: Expr::parse(over)?,
                        by: Expr::parse(&format!("item.{attribute}"))?,
                        name: name.clone(),
                    })
                }
                _ => Err("expected “regroup values by member as name”".into()),
            },
            _ => self.split_words(name, rest),
        }
    }

    fn cycle(&mut self, rest: &str) -> Result<NodeKind, String> {
        let (parts, silent) = match split_words(rest) {
            mut parts if parts.last().is_some_and(|w| w == "silent") && parts.len() > 3 => {
                parts.pop();
                (parts, true)
            }
            parts => (parts, false),
        };
        let (parts, store) = tags::stored(parts);
        // `{% cycle name %}` continues the cycle declared under that name.
        if let ([name], None) = (parts.as_slice(), &store)
            && let Some(cycle) = self.cycles.iter().find(|c| c.name.as_deref() == Some(name.as_str()))
        {
            return Ok(NodeKind::Cycle {
                id: cycle.id,
                values: cycle.values.clone(),
                store: Some(name.clone()),
                silent: cycle.silent,
            });
        }
        if parts.is_empty() {
            return Err("cycle needs values".into());
        }
        let values: Rc<Vec<Expr>> = Rc::new(parts.iter().map(|w| Expr::parse(w)).collect::<Result<_, _>>()?);
        let id = self.id();
        self.cycles.push(Cycle { name: store.clone(), id, values: values.clone(), silent });
        Ok(NodeKind::Cycle { id, values, store, silent })
    }

    /// `blocktranslate`: renders the text untranslated, with the given variables set.
    fn split_words(&mut self, name: &str, rest: &str) -> Result<NodeKind, String> {
        let (mut parts, store) = match split_words(rest) {
            parts if parts.iter().any(|w| w == "asvar") => {
                let at = parts.iter().position(|w| w == "asvar").unwrap_or_default();
                let store = parts.get(at + 1).filter(|n| is_name(n)).cloned().ok_or("asvar needs a name")?;
                (
                    parts
                        .iter()
                        .enumerate()
                        .filter(|(n, _)| *n != at && *n != at + 1)
                        .map(|(_, w)| w.clone())
                        .collect(),
                    Some(store),
                )
            }
            parts => (parts, None),
        };
        let trimmed = parts.iter().any(|w| w == "trimmed");
        parts.retain(|w| w != "trimmed");
        let (mut with, mut count) = (Vec::new(), None);
        let mut at = 0;
        while at < parts.len() {
            let end = parts[at + 1..]
                .iter()
                .position(|w| matches!(w.as_str(), "with" | "count" | "context"))
                .map_or(parts.len(), |n| at + 1 + n);
            match parts[at].as_str() {
                "with" => with.extend(assignments(&parts[at + 1..end])?),
                "count" => count = assignments(&parts[at + 1..end])?.into_iter().next(),
                "context" => {}
                word => return Err(format!("“{word}” is not expected in {name}")),
            }
            at = end;
        }
        let end = format!("end{name}");
        let (one, tag) = self.until(&["plural", &end])?;
        let many = if tag == "plural" { Some(self.until(&[&end])?.0) } else { None };
        Ok(NodeKind::BlockTranslate { with, count, one, many, trimmed, store })
    }
}
