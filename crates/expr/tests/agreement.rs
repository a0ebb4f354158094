//! Random programs give the same value, context, messages and errors in both engines.
#![allow(clippy::unwrap_used)]
mod support;
use signet_expr::*;
use support::*;

/// SplitMix64: each seed is repeatable.
struct Dice(u64);
impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap()
    }
    fn pick(&mut self, of: &[&str]) -> String {
        of[self.roll(of.len())].to_owned()
    }
}

struct Writer {
    dice: Dice,
    /// Names of variables.
    names: Vec<String>,
    /// Callable functions with their number of arguments.
    functions: Vec<(String, usize)>,
}

impl Writer {
    /// Replaces `T`, `I`, `L`, `D`, `B`, `X` (string, integer, list, dictionary, boolean, anything) between
    /// `<>`; `LT` and `LE` are the signs themselves.
    fn fill(&mut self, form: &str, depth: usize) -> String {
        let mut out = String::new();
        let mut rest = form;
        while let Some((before, after)) = rest.split_once('<') {
            out.push_str(before);
            let (kind, after) = after.split_once('>').unwrap();
            out.push_str(&self.value(kind, depth));
            rest = after;
        }
        out.push_str(rest);
        out.replace(" LT ", " < ").replace(" LE ", " <= ")
    }

    fn value(&mut self, kind: &str, depth: usize) -> String {
        let text: &[&str] = &[
            "'a'",
            "'Corp.Example'",
            "''",
            "'ä-ß'",
            "user.username",
            "request.user.email",
            "user.name",
            "context['prompt_data']['email']",
            "ak_client_ip.compressed",
            "str(ak_client_ip)",
            "user.type",
            "'  x y '",
            "http_request.path",
        ];
        let text_deep: &[&str] = &[
            "<T>.lower()",
            "<T>.upper()",
            "<T>.strip()",
            "<T>.split('@')[0]",
            "<T>.split('.')[-1]",
            "<T>.replace('a', <T>)",
            "(<T> + <T>)",
            "f\"{<I>}-{user.username}\"",
            "','.join(<L>)",
            "(<T> if <B> else <T>)",
            "(<T> or <T>)",
            "<T>[<I>]",
            "<T>[1:3]",
            "<T>[:-1]",
            "<T>.partition('@')[2]",
            "<T>.rpartition('.')[0]",
            "slugify(<T>)",
            "str(<X>)",
            "<T>.capitalize()",
            "<T>.removeprefix('a')",
            "<T>.rsplit('.', 1)[0]",
            "regex_replace(<T>, r'[aeiou]', '_')",
            "<D>.get('a', <T>)",
            "user.attributes.get('department', <T>)",
            "getattr(user, 'email', <T>)",
            "max(<T>, 'b')",
            "list_flatten(<L>)",
            "<T>.strip('a.')",
            "<T>.lstrip()",
            "<T>.casefold()",
        ];
        let int: &[&str] = &["0", "1", "-3", "user.pk", "len(user.username)", "42", "True"];
        let int_deep: &[&str] = &[
            "(<I> + <I>)",
            "(<I> - <I>)",
            "<I> * 2",
            "len(<L>)",
            "len(<T>)",
            "len(<D>)",
            "int('12')",
            "int(<T>)",
            "sum([<I>, <I>])",
            "max([<I>, <I>, 5])",
            "<I> % 3",
            "<I> // 4",
            "(-<I>)",
            "<T>.count('a')",
            "<I> % <I>",
            "min(<L>)",
        ];
        let list: &[&str] = &[
            "[]",
            "['a', 'b']",
            "[g.name for g in user.all_groups()]",
            "user.attributes['phones']",
            "context['oauth_scopes']",
        ];
        let list_deep: &[&str] = &[
            "[<X>, <X>]",
            "(<L> + <L>)",
            "[x for x in <L> if x != <T>]",
            "[<T> for x in <L>]",
            "sorted(<L>)",
            "list(<L>)",
            "<T>.split('-')",
            "[*<L>, <X>]",
            "<L>[1:]",
            "[k + str(v) for k, v in <D>.items()]",
            "list(<D>.keys())",
            "[g.name.lower() for g in user.all_groups() if <B>]",
            "sorted(<D>)",
            "[[y, x] for x in <L> for y in <L>]",
            "list(range(<I>))",
            "sorted(<L>, reverse=True)",
            "[g.name for g in request.user.groups.all()]",
            "<L>.copy()",
            "list(<D>.values())",
            "[x.upper() for x in <T>]",
        ];
        let dict: &[&str] = &[
            "{}",
            "{'a': 1}",
            "user.attributes",
            "context['prompt_data']",
            "context['geoip']",
            "http_request.META",
        ];
        let dict_deep: &[&str] = &[
            "{'a': <X>, 'b': <X>}",
            "{**<D>, 'z': <X>}",
            "{<T>: <X>}",
            "{x: <X> for x in <L>}",
            "dict(<D>)",
            "(<D> or <D>)",
            "{k: v for k, v in <D>.items() if v}",
            "(<D> | <D>)",
            "user.attributes.get('settings', {})",
            "<D>.copy()",
        ];
        let truth: &[&str] = &["True", "False", "user.is_superuser", "ak_is_sso_flow", "user.is_active"];
        let truth_deep: &[&str] = &[
            "<T> == <T>",
            "<I> LT <I>",
            "<T> in <L>",
            "<T> not in <T>",
            "(<B> and <B>)",
            "(<B> or <B>)",
            "(not <B>)",
            "<X> is None",
            "any(<T> == x for x in <L>)",
            "all(x for x in <L>)",
            "ak_is_group_member(user, name=<T>)",
            "<T>.startswith(<T>)",
            "<T>.endswith(('e', 'g'))",
            "<X> == <X>",
            "bool(<X>)",
            "isinstance(<X>, (str, int))",
            "hasattr(user, 'email')",
            "regex_match(<T>, r'^[a-z]+@')",
            "ak_client_ip in ip_network('10.0.0.0/8')",
            "ip_address('192.0.2.1') in ip_network('192.0.2.0/24')",
            "0 LE <I> LT 5",
            "<T> in <D>",
            "any(<L>)",
            "<T> LT <T>",
            "<X> != <X>",
            "<L> == <L>",
            "<T>.isdigit()",
            "<B> is True",
            "request.user == user",
            "<T> in ('a', 'ada')",
            "<X> in [1, 'a', None]",
            "request.user.groups.filter(name=<T>).exists()",
        ];
        let any: &[&str] = &[
            "out",
            "seen",
            "note",
            "None",
            "user",
            "request.user.attributes",
            "1.5",
            "user.date_joined",
            "context['pending_user'].username",
            "user.missing",
            "context['absent']",
            "ak_client_ip",
        ];
        let (flat, deep) = match kind {
            "T" => (text, text_deep),
            "I" => (int, int_deep),
            "L" => (list, list_deep),
            "D" => (dict, dict_deep),
            "B" => (truth, truth_deep),
            _ if self.dice.roll(5) == 0 => (any, any),
            _ => {
                let kind = self.dice.pick(&["T", "I", "L", "D", "B"]);
                return self.value(&kind, depth);
            }
        };
        if !self.names.is_empty() && self.dice.roll(6) == 0 {
            let index = self.dice.roll(self.names.len());
            return self.names[index].clone();
        }
        if depth > 0 && !self.functions.is_empty() && self.dice.roll(7) == 0 {
            return self.call(depth);
        }
        let form =
            if depth == 0 || self.dice.roll(3) == 0 { self.dice.pick(flat) } else { self.dice.pick(deep) };
        self.fill(&form, depth.saturating_sub(1))
    }

    /// A call: positional, by keyword, with defaults, and sometimes with an argument too many or too few.
    fn call(&mut self, depth: usize) -> String {
        let (name, count) = self.functions[self.dice.roll(self.functions.len())].clone();
        let count = if self.dice.roll(12) == 0 {
            count + 1
        } else {
            count - usize::from(count > 0 && self.dice.roll(6) == 0)
        };
        let arguments: Vec<String> = (0..count)
            .map(|position| {
                let value = self.value("X", depth.saturating_sub(1));
                if position + 1 == count && self.dice.roll(3) == 0 {
                    format!("{}={value}", ["p", "q", "r"][position.min(2)])
                } else {
                    value
                }
            })
            .collect();
        format!("{name}({})", arguments.join(", "))
    }

    /// A function: it has local variables, reads and changes those of the source, and calls functions defined
    /// before it.
    fn function(&mut self, name: &str) -> String {
        let count = self.dice.roll(4);
        let arguments: Vec<String> =
            ["p", "q", "r"][..count.min(3)].iter().map(|argument| (*argument).to_owned()).collect();
        let mut list = arguments.clone();
        if let Some(last) = list.last_mut().filter(|_| self.dice.roll(3) == 0) {
            let default = self.dice.pick(&["None", "'d'", "7", "True", "[]"]);
            last.push_str(&format!("={default}"));
        }
        let known = std::mem::replace(&mut self.names, arguments.clone());
        let lines = self.dice.roll(3);
        let mut body = self.statements(1, lines);
        if self.dice.roll(5) != 0 {
            body.push_str(&format!("    return {}\n", self.value("X", 3)));
        }
        self.names = known;
        self.functions.push((name.to_owned(), arguments.len()));
        let body = if body.is_empty() { "    pass\n".to_owned() } else { body };
        format!("def {name}({}):\n{body}", list.join(", "))
    }

    fn statements(&mut self, indent: usize, count: usize) -> String {
        let mut out = String::new();
        let pad = "    ".repeat(indent);
        for _ in 0..count {
            let line = match self.dice.roll(12) {
                0..=2 => {
                    let name = self.dice.pick(&["a", "b", "c"]);
                    let value = self.value("X", 2);
                    let line = format!("{pad}{name} = {value}\n");
                    self.names.push(name);
                    line
                }
                3 => format!("{pad}ak_message({})\n", self.value("T", 2)),
                4 if indent < 2 => format!(
                    "{pad}if {}:\n{}{pad}else:\n{}",
                    self.value("B", 2),
                    self.statements(indent + 1, 1),
                    self.statements(indent + 1, 1)
                ),
                5 if indent < 2 => {
                    let over = self.value("L", 2);
                    format!("{pad}for x in {over}:\n{}", self.statements(indent + 1, 2))
                }
                6 if self.dice.roll(3) == 0 => {
                    let (name, change) = (
                        self.dice.pick(&["a", "b", "c", "x"]),
                        self.dice.pick(&[
                            "append(out)",
                            "extend(['p'])",
                            "update({'q': 1})",
                            "append(1)",
                            "append(a)",
                        ]),
                    );
                    format!("{pad}{name}.{change}\n")
                }
                6 => format!("{pad}out.append({})\n", self.value("X", 2)),
                7 => format!("{pad}seen[{}] = {}\n", self.value("T", 1), self.value("X", 2)),
                10 if indent == 0 && self.functions.len() < 3 => {
                    let name = ["f", "g", "h"][self.functions.len()];
                    self.function(name)
                }
                10 if !self.functions.is_empty() => format!("{pad}{}\n", self.call(2)),
                11 if indent < 2 => {
                    let (test, body) = (self.value("B", 2), self.statements(indent + 1, 1));
                    format!(
                        "{pad}turn{indent} = 0\n{pad}while turn{indent} < 3 and {test}:\n{pad}    turn{indent} = turn{indent} + 1\n{body}"
                    )
                }
                8 => format!("{pad}return [{}, out, seen]\n", self.value("X", 3)),
                _ => format!("{pad}note += {}\n", self.value("T", 1)),
            };
            out.push_str(&line);
        }
        out
    }
}

fn program(seed: u64) -> String {
    let mut writer = Writer { dice: Dice(seed), names: Vec::new(), functions: Vec::new() };
    if writer.dice.roll(2) == 0 {
        return format!("return {}", writer.value("X", 4));
    }
    let count = 1 + writer.dice.roll(5);
    let body = writer.statements(0, count);
    format!(
        "out = []\nseen = {{}}\nnote = ''\n{body}return {{'out': out, 'seen': seen, 'note': note, 'last': {}}}",
        writer.value("X", 3)
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_programs_give_the_same_in_both_engines_and_in_every_thread() {
    // Other seeds: AGREEMENT="first seed,count".
    let (first, count) = option_env!("AGREEMENT")
        .and_then(|text| text.split_once(','))
        .map_or((0, 1200), |(a, b)| (a.parse().unwrap(), b.parse().unwrap()));
    let (mut direct, mut fine, mut wrong) = (0, 0, Vec::new());
    for seed in first..first + count {
        let text = program(seed);
        let program =
            Program::parse(&text, INPUTS).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{text}"));
        let (one, other, third) = (TestHost::new(), TestHost::new(), TestHost::new());
        let found = run(&program, inputs(), one.clone(), &Limits::default()).await;
        let wanted = run(&program.interpreted(), inputs(), other.clone(), &Limits::default()).await;
        direct += usize::from(found.as_ref().is_ok_and(|o| o.direct));
        fine += usize::from(wanted.is_ok());
        let here = run_large(&program.interpreted(), &third, &Limits::default()).await;
        let (said, meant) = (one.messages.lock().unwrap().clone(), other.messages.lock().unwrap().clone());
        if form(&here) != form(&wanted) || *third.messages.lock().unwrap() != meant {
            wrong.push(format!(
                "seed {seed} in its caller's thread\n{text}\n  gave {}\n  not  {}\n",
                form(&here),
                form(&wanted)
            ));
        }
        if form(&found) != form(&wanted) || said != meant {
            wrong.push(format!(
                "seed {seed}\n{text}\n  gave {} {said:?}\n  not  {} {meant:?}\n",
                form(&found),
                form(&wanted)
            ));
        }
    }
    println!("{count} programs: {fine} give a value, {direct} of them without the interpreter");
    assert!(
        wrong.is_empty(),
        "{} disagree\n{}",
        wrong.len(),
        wrong.iter().take(12).cloned().collect::<String>()
    );
    assert!(direct * 10 > fine * 8, "{direct} of {fine}");
}
