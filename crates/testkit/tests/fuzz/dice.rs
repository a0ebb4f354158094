//! Random choices that come out the same for the same seed (SplitMix64), and what is made of a saved input by
//! them.
use signet_base::{Json, json};

pub struct Dice(u64);
impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n.max(1)).unwrap()).unwrap()
    }
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
    /// An address that budgets know nothing of.
    pub fn ip(&mut self) -> String {
        format!("198.{}.{}.{}", 18 + self.below(2), self.below(256), self.below(256))
    }
    /// A text that somebody did not think of.
    pub fn text(&mut self) -> String {
        const TEXTS: [&str; 22] = [
            "",
            " ",
            "\0",
            "\u{feff}",
            "\u{202e}gpj.exe",
            "İ",
            "ß",
            "ﬃ",
            "\u{10ffff}",
            "%00",
            "%",
            "%zz",
            "../../etc/passwd",
            "{{7*7}}",
            "' OR 1=1 --",
            "\r\nX: y",
            "null",
            "-1",
            "9223372036854775808",
            "1e999",
            "alice",
            "akadmin",
        ];
        match self.below(6) {
            0 => "x".repeat(1 << self.below(15)),
            1 => (0..self.below(40))
                .map(|_| char::from_u32(u32::try_from(self.below(0x3000)).unwrap()).unwrap_or('?'))
                .collect(),
            2 => format!("{}{}", self.pick(&TEXTS), self.pick(&TEXTS)),
            _ => (*self.pick(&TEXTS)).to_owned(),
        }
    }
    /// A value of any type.
    pub fn value(&mut self, depth: usize) -> Json {
        match self.below(if depth > 4 { 7 } else { 10 }) {
            0 => Json::Null,
            1 => json!(self.one_in(2)),
            2 => json!(self.next()),
            3 => json!(i64::MIN),
            4 => json!(f64::MAX),
            5 | 6 => json!(self.text()),
            7 => (0..self.below(5)).map(|_| self.value(depth + 1)).collect(),
            8 => {
                let pairs: Vec<_> =
                    (0..self.below(5)).map(|_| (self.text(), self.value(depth + 1))).collect();
                Json::Object(pairs.into_iter().collect())
            }
            _ => {
                let mut deep = json!("deep");
                for _ in 0..self.below(100) {
                    deep = json!([deep]);
                }
                deep
            }
        }
    }
    /// Changes a few bytes: another one, one more, some less, a part again.
    pub fn spoil(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let to = (at + self.below(12)).min(bytes.len());
            #[allow(clippy::cast_possible_truncation, reason = "any byte will do")]
            let byte = self.next() as u8;
            match self.below(5) {
                0 if at < bytes.len() => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.drain(at..to)),
                3 => {
                    let part = bytes[at..to].to_vec();
                    bytes.splice(at..at, part.repeat(1 + self.below(50)));
                }
                _ => {
                    if at < bytes.len() {
                        bytes[at] ^= 1 << self.below(8);
                    }
                }
            }
        }
    }
}
