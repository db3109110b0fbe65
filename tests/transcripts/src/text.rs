//! Made-up text, as it stands inside a JSON string.

use fastrand::Rng;

const WORDS: &[&str] = &[
    "anchor", "basket", "bridge", "cabin", "candle", "chart", "cloud", "copper", "corner", "delta", "ember", "engine",
    "fabric", "field", "garden", "glass", "harbour", "hinge", "island", "jacket", "kettle", "ladder", "lantern",
    "ledger", "maple", "meadow", "mirror", "needle", "orchard", "paper", "pebble", "pilot", "quartz", "rail", "river",
    "saddle", "signal", "silver", "spindle", "stone", "thread", "timber", "tunnel", "valley", "velvet", "window",
    "winter", "yarn", "checks", "counts", "draws", "finds", "holds", "keeps", "moves", "names", "opens", "reads",
    "sends", "turns", "and", "behind", "every", "from", "into", "near", "the", "then", "under", "with", "without",
];

/// What real transcripts hold besides plain words: other scripts, escapes, code, colours of a terminal.
const SPICE: &[&str] = &[
    "\u{e9}t\u{e9}",
    "\u{fc}ber",
    "\u{65e5}\u{672c}\u{8a9e}",
    "\u{1f600}",
    "\\u001b[32mok\\u001b[0m",
    "\\\"quoted\\\"",
    "C:\\\\temp",
    "a\\tb",
    "line\\r\\n",
    "fn main() {\\n    println!(\\\"hi\\\");\\n}",
    "<b>&amp;</b>",
    "\u{2028}",
    "100 %",
    "src/main.rs:10:5",
    "https://example.org/?q=1&r=2",
    "x\\u007fy",
];

/// What a tool that cuts its output in the middle leaves behind.
const CUT: &[&str] = &["\\ud83d", "\\u0000\\u0000ELF", "\\udc00"];

/// A pool of sentences, to be strung together: faster than making each word anew.
#[derive(Debug)]
pub(crate) struct Text {
    sentences: Vec<String>,
}

impl Text {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        Self {
            sentences: (0..2048).map(|_| sentence(rng)).collect(),
        }
    }

    /// At least so many bytes of text, and a sentence more at most.
    pub(crate) fn of(&self, rng: &mut Rng, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 256);
        while text.len() < bytes {
            let at = rng.usize(..self.sentences.len().max(1));
            let Some(sentence) = self.sentences.get(at) else { break };
            text.push_str(sentence);
        }
        text
    }

    /// As [`Text::of`], now and then cut within a character or with bytes that are no text.
    pub(crate) fn output(&self, rng: &mut Rng, bytes: usize) -> String {
        let mut text = self.of(rng, bytes);
        if rng.u8(..) < 3 {
            text.push_str(pick(rng, CUT));
        }
        text
    }
}

/// A few words, without escapes.
pub(crate) fn title(rng: &mut Rng) -> String {
    let words: Vec<_> = (0..rng.usize(2..6)).map(|_| pick(rng, WORDS)).collect();
    words.join(" ")
}

pub(crate) fn pick<'a>(rng: &mut Rng, from: &[&'a str]) -> &'a str {
    rng.choice(from).copied().unwrap_or_default()
}

fn sentence(rng: &mut Rng) -> String {
    let mut text = String::new();
    for _ in 0..rng.usize(6..20) {
        let words = if rng.u8(..) < 10 { SPICE } else { WORDS };
        text.push_str(pick(rng, words));
        text.push(' ');
    }
    text.pop();
    text.push_str(pick(rng, &[". ", ". ", "? ", ".\\n", ";\\n\\n"]));
    text
}
