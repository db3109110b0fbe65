//! What a trap means, for who wrote the guest.

use wasmtime::Trap;
use wasmtime_wasi::I32Exit;

use super::Language;

/// What a crash means and what to do about it; `None` where its own text says it all.
pub(super) fn explained(error: &wasmtime::Error, language: Language) -> Option<String> {
    if error.is::<I32Exit>() {
        return Some("it ended by `exit`; an adapter answers with an error of the contract instead".to_owned());
    }
    match error.downcast_ref::<Trap>()? {
        Trap::UnreachableCodeReached => Some(language.gave_up().to_owned()),
        Trap::CannotLeaveComponent => Some(format!(
            "it called the host while the host was handing it its arguments, and no component may then; {}",
            language.called_too_early()
        )),
        Trap::StackOverflow => Some(
            "its stack is full: a recursion without an end, or one that goes too deep for WebAssembly's 512 KiB"
                .to_owned(),
        ),
        Trap::MemoryOutOfBounds => Some(match language {
            Language::C => "it went beyond its memory: a wrong pointer, or a stack that is too small (link with \
                            `-Wl,--stack-first -Wl,-z,stack-size=1048576`)"
                .to_owned(),
            _ => "it went beyond its memory: a wrong pointer, or a stack that was too small".to_owned(),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_is_explained_in_the_words_of_its_language() {
        let explained = |trap: Trap, language| explained(&wasmtime::Error::from(trap), language).unwrap_or_default();
        assert!(explained(Trap::UnreachableCodeReached, Language::Python).contains("traceback"));
        assert!(explained(Trap::UnreachableCodeReached, Language::Rust).contains("panic"));
        let early = explained(Trap::CannotLeaveComponent, Language::Go);
        assert!(
            early.contains("handing it its arguments") && early.contains("runtime.GC()"),
            "{early}"
        );
        assert!(explained(Trap::StackOverflow, Language::C).contains("stack is full"));
        assert!(explained(Trap::MemoryOutOfBounds, Language::C).contains("--stack-first"));
        assert_eq!(explained(Trap::IntegerDivisionByZero, Language::C), "");
    }
}
