use crate::Error;

/// One error for several servers of which none would do: what each said, and [`Error::Unavailable`] if any of them may
/// do later.
///
/// ```
/// use mirrorbox_adapter::{Error, sockets::of_several};
///
/// let errors = vec![Error::Denied("a says no".into()), Error::Unavailable("b is away".into())];
/// assert_eq!(of_several(errors), Error::Unavailable("a says no; and b is away".into()));
/// ```
pub fn of_several(errors: Vec<Error>) -> Error {
    let may_pass = errors.iter().any(|error| matches!(error, Error::Unavailable(_)));
    let is_denied = errors.iter().any(|error| matches!(error, Error::Denied(_)));
    let texts = errors.into_iter().map(|error| match error {
        Error::Unavailable(text) | Error::Denied(text) | Error::Misconfigured(text) => text,
        other => other.to_string(),
    });
    let text = texts.collect::<Vec<_>>().join("; and ");
    match (may_pass, is_denied) {
        (true, _) => Error::Unavailable(text),
        (false, true) => Error::Denied(text),
        (false, false) => Error::Misconfigured(text),
    }
}
