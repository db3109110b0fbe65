//! Which language a component was written in, so that advice speaks of the tools that built it.

use std::fmt;

use memchr::memmem;

/// The language of a component, as far as its bytes say it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Language {
    /// Nothing in it says so.
    #[default]
    Unknown,
    /// Rust.
    Rust,
    /// Python, built by componentize-py.
    Python,
    /// JavaScript on StarlingMonkey, built by ComponentizeJS.
    JavaScript,
    /// JavaScript on QuickJS.
    QuickJs,
    /// C, by clang or zig.
    C,
    /// Go.
    Go,
}

/// What an interpreter's or a library's code holds, whatever was stripped. The first that is found counts: an
/// interpreter may itself be written in Rust.
const MARKS: [(&str, Language); 5] = [
    ("componentize_py", Language::Python),
    ("rquickjs", Language::QuickJs),
    ("QuickJS", Language::QuickJs),
    ("go.bytecodealliance.org", Language::Go),
    // The standard library of Rust looks for this variable.
    ("RUST_BACKTRACE", Language::Rust),
];

impl Language {
    /// From a component's bytes and the names in its `producers` sections, which may have been stripped.
    pub(super) fn of(bytes: &[u8], producers: &[String]) -> Self {
        let is_named = |names: &[&str]| producers.iter().any(|producer| names.contains(&producer.as_str()));
        if is_named(&["ComponentizeJS"]) {
            return Self::JavaScript;
        }
        let marked = MARKS
            .iter()
            .find(|(mark, _)| memmem::find(bytes, mark.as_bytes()).is_some());
        if let Some((_, language)) = marked {
            return *language;
        }
        if is_named(&["Go", "Go cmd/compile", "wit-bindgen-go"]) {
            Self::Go
        } else if is_named(&["clang", "wit-bindgen-c", "zig"]) {
            // Before Rust: the module that adapts preview 1 is written in Rust.
            Self::C
        } else if is_named(&["Rust", "wit-bindgen-rust"]) {
            Self::Rust
        } else {
            Self::Unknown
        }
    }

    /// How a component of it is built anew from the contract; `sdk` is the version of `mirrorbox-adapter`.
    pub(super) fn build(self, sdk: &str) -> String {
        match self {
            Self::Unknown => "with the tools of its language, from a copy of `wit/`".to_owned(),
            Self::Rust => format!("with mirrorbox-adapter {sdk}: `cargo build --release --target wasm32-wasip2`"),
            Self::Python => "`componentize-py -d wit -w WORLD componentize`, from a copy of `wit/`".to_owned(),
            Self::JavaScript | Self::QuickJs => {
                "`jco componentize --wit wit -n WORLD`, from a copy of `wit/`".to_owned()
            }
            Self::C => "`wit-bindgen c` from a copy of `wit/`, then clang or zig".to_owned(),
            Self::Go => "`wit-bindgen go` from a copy of `wit/`, then `go build -buildmode=c-shared`".to_owned(),
        }
    }

    /// How a core module of it becomes a component.
    pub(super) fn componentize(self) -> &'static str {
        match self {
            Self::Rust => "build it for wasm32-wasip2, or turn it into a component with `wasm-tools component new`",
            Self::C | Self::Go => {
                "turn it into a component: `wasm-tools component embed` with the world of `wit/`, where its bindings do not \
                 hold that already, then `wasm-tools component new --adapt wasi_snapshot_preview1.reactor.wasm`"
            }
            _ => {
                "turn it into a component with `wasm-tools component new`, or build it with its language's tool for them"
            }
        }
    }

    /// Where a crash by the guest's own decision comes from, and what to do.
    pub(super) fn gave_up(self) -> &'static str {
        match self {
            Self::Rust => "it gave up by itself: a panic or an abort; what it printed says where",
            Self::Python => {
                "it gave up by itself: an exception that is no error of the contract left an exported function; what it \
                 printed is the traceback; turn every exception into `Err(Error_Other(text))`"
            }
            Self::JavaScript => {
                "it gave up by itself: an exception that is no error of the contract left an exported function; turn every \
                 exception into `throw { tag: 'other', val: text }`"
            }
            Self::QuickJs => {
                "it gave up by itself: an exception that is no error of the contract left an exported function, or a \
                 function that it lacks was called; turn every exception into an `Error` whose `payload` is \
                 `{ tag: 'other', val: text }`"
            }
            Self::C => "it gave up by itself: `abort`, an assertion, or undefined behaviour that the compiler noticed",
            Self::Go => {
                "it gave up by itself: a panic; what it printed is its stack; `recover` in every exported function"
            }
            Self::Unknown => "it gave up by itself: an exception, a panic or an abort; what it printed says where",
        }
    }

    /// What to do where a guest calls the host while it is handed its arguments.
    pub(super) fn called_too_early(self) -> &'static str {
        match self {
            Self::Go => {
                "its collector runs there: call `debug.SetGCPercent(-1)` when it starts, and `runtime.GC()` at the \
                 beginning of append, load and delete"
            }
            _ => "whatever runs in its allocator, a collector or a line of log, must not call the host",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Rust => "Rust",
            Self::Python => "Python (componentize-py)",
            Self::JavaScript => "JavaScript (ComponentizeJS)",
            Self::QuickJs => "JavaScript (QuickJS)",
            Self::C => "C (clang or zig)",
            Self::Go => "Go",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interpreter_counts_before_what_it_is_written_in() {
        let of = |bytes: &str, producers: &[&str]| {
            let producers: Vec<_> = producers.iter().map(|name| (*name).to_owned()).collect();
            Language::of(bytes.as_bytes(), &producers)
        };
        assert_eq!(
            of("RUST_BACKTRACE libcomponentize_py_runtime.so", &["Rust"]),
            Language::Python
        );
        assert_eq!(of("RUST_BACKTRACE rquickjs", &["rustc"]), Language::QuickJs);
        assert_eq!(of("RUST_BACKTRACE", &["ComponentizeJS"]), Language::JavaScript);
        assert_eq!(of("RUST_BACKTRACE", &["clang"]), Language::Rust, "its C library is C");
        assert_eq!(of("", &["Rust", "clang"]), Language::C, "what adapts preview 1 is Rust");
        assert_eq!(of("", &["Go"]), Language::Go);
        assert_eq!(of("", &["wit-bindgen-rust"]), Language::Rust);
        assert_eq!(of("", &["wit-component"]), Language::Unknown);
    }
}
