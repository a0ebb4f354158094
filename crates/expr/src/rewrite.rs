//! Python that the engine lacks and that has another spelling it knows: `del a[k]` and the module `ipaddress`.
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

/// Whether a text may hold such a spelling.
pub(crate) fn concerns(source: &str) -> bool {
    source.contains("del ") || source.contains("ipaddress")
}

/// The same function in the engine's spelling, line by line; `None` when there is nothing to change. The text has passed
/// the engine's check of nesting. Needs a large stack, as every parser.
pub(crate) fn rewritten(function: &str) -> Option<String> {
    let module = ruff_python_parser::parse_module(function).ok()?;
    let mut edits = Edits { text: function, edits: Vec::new() };
    edits.visit_body(&module.syntax().body);
    if edits.edits.is_empty() {
        return None;
    }
    let mut out = String::with_capacity(function.len() + 16);
    let mut rest = 0;
    for (range, text) in edits.edits {
        out.push_str(function.get(rest..range.start().to_usize())?);
        out.push_str(&text);
        rest = range.end().to_usize();
    }
    out.push_str(function.get(rest..)?);
    Some(out)
}

struct Edits<'a> {
    text: &'a str,
    /// In the order of the text.
    edits: Vec<(TextRange, String)>,
}

impl<'a> Edits<'a> {
    fn source(&self, range: TextRange) -> &'a str {
        // Ranges of the parser lie between letters of the text it read.
        self.text.get(range.start().to_usize()..range.end().to_usize()).unwrap_or_default()
    }

    /// `del a[k], b[l]`: each item is popped. Names and slices stay unsupported.
    fn deletion(&self, targets: &[Expr]) -> Option<String> {
        let pops: Vec<String> = targets
            .iter()
            .map(|target| match target {
                Expr::Subscript(place) if !place.slice.is_slice_expr() && !place.slice.is_tuple_expr() => {
                    Some(format!("{}.pop({})", self.source(place.value.range()), self.source(place.slice.range())))
                }
                _ => None,
            })
            .collect::<Option<_>>()?;
        Some(pops.join("; "))
    }
}

impl<'a> Visitor<'a> for Edits<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        let text = match stmt {
            Stmt::Delete(stmt) => self.deletion(&stmt.targets),
            Stmt::Import(stmt) => match stmt.names.as_slice() {
                [module] if module.name.as_str() == "ipaddress" => {
                    let name = module.asname.as_ref().map_or("ipaddress", |name| name.as_str());
                    Some(format!("{name} = {}", crate::helpers::IPADDRESS))
                }
                _ => None,
            },
            Stmt::ImportFrom(stmt) if stmt.module.as_ref().is_some_and(|module| module.as_str() == "ipaddress") => {
                let known = stmt.names.iter().all(|name| matches!(name.name.as_str(), "ip_address" | "ip_network"));
                // Without another name they are there already: assigning them would hide them.
                let renamed = stmt.names.iter().filter_map(|name| name.asname.as_ref().map(|other| format!("{} = {}", other.as_str(), name.name.as_str())));
                known.then(|| std::iter::once("pass".to_owned()).chain(renamed).collect::<Vec<_>>().join("; "))
            }
            _ => None,
        };
        match text {
            Some(text) => self.edits.push((stmt.range(), text)),
            None => visitor::walk_stmt(self, stmt),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn other_spellings_keep_their_lines() {
        let text =
            "def f():\n    del a[\n 'k'], b.c[0]\n    if x:\n        import ipaddress as i\n        from ipaddress import ip_network, ip_address as at\n    return 'del x[1]'\n";
        let wanted = "def f():\n    a.pop('k'); b.c.pop(0)\n    if x:\n        i = _signet_ipaddress\n        pass; at = ip_address\n    return 'del x[1]'\n";
        assert_eq!(rewritten(text).as_deref(), Some(wanted));
        for text in ["def f():\n    del a\n", "def f():\n    del a[1:2]\n", "def f():\n    del a.b\n", "def f():\n    from ipaddress import ip_interface\n"] {
            assert_eq!(rewritten(text), None, "{text}");
        }
    }
}
