//! The structure of component types, as data: so that a mismatch can be explained field by field.

use std::fmt;

use wasmtime::component::types::{ComponentFunc, Type};

/// The structure of a type. Names of types are not part of it; names of fields, cases and flags are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A type without parts, or one that the contract never uses: its name.
    Plain(String),
    List(Box<Shape>),
    Option(Box<Shape>),
    Result(Option<Box<Shape>>, Option<Box<Shape>>),
    Tuple(Vec<Shape>),
    Record(Vec<(String, Shape)>),
    Variant(Vec<(String, Option<Shape>)>),
    Enum(Vec<String>),
    Flags(Vec<String>),
}

/// The structure of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    pub(super) params: Vec<(String, Shape)>,
    pub(super) result: Option<Shape>,
}

impl From<&ComponentFunc> for Signature {
    fn from(function: &ComponentFunc) -> Self {
        Self {
            params: function
                .params()
                .map(|(name, ty)| (name.to_owned(), Shape::from(&ty)))
                .collect(),
            result: function.results().next().map(|ty| Shape::from(&ty)),
        }
    }
}

impl From<&Type> for Shape {
    fn from(ty: &Type) -> Self {
        let boxed = |ty: Type| Box::new(Shape::from(&ty));
        match ty {
            Type::List(list) => Self::List(boxed(list.ty())),
            Type::Option(option) => Self::Option(boxed(option.ty())),
            Type::Result(result) => Self::Result(result.ok().map(boxed), result.err().map(boxed)),
            Type::Tuple(tuple) => Self::Tuple(tuple.types().map(|ty| Shape::from(&ty)).collect()),
            Type::Record(record) => {
                let field =
                    |field: wasmtime::component::types::Field<'_>| (field.name.to_owned(), Shape::from(&field.ty));
                Self::Record(record.fields().map(field).collect())
            }
            Type::Variant(variant) => {
                let case = |case: wasmtime::component::types::Case<'_>| {
                    (case.name.to_owned(), case.ty.as_ref().map(Shape::from))
                };
                Self::Variant(variant.cases().map(case).collect())
            }
            Type::Enum(names) => Self::Enum(names.names().map(str::to_owned).collect()),
            Type::Flags(flags) => Self::Flags(flags.names().map(str::to_owned).collect()),
            other => Self::Plain(plain_name(other)),
        }
    }
}

fn plain_name(ty: &Type) -> String {
    match ty {
        Type::Bool => "bool",
        Type::S8 => "s8",
        Type::U8 => "u8",
        Type::S16 => "s16",
        Type::U16 => "u16",
        Type::S32 => "s32",
        Type::U32 => "u32",
        Type::S64 => "s64",
        Type::U64 => "u64",
        Type::Float32 => "f32",
        Type::Float64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::Own(_) | Type::Borrow(_) => "a resource",
        _ => "another type",
    }
    .to_owned()
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(name) => f.write_str(name),
            Self::List(item) => write!(f, "list<{item}>"),
            Self::Option(item) => write!(f, "option<{item}>"),
            Self::Result(..) => f.write_str("a result"),
            Self::Tuple(items) => write!(f, "a tuple of {}", items.len()),
            Self::Record(_) => f.write_str("a record"),
            Self::Variant(_) => f.write_str("a variant"),
            Self::Enum(_) => f.write_str("an enum"),
            Self::Flags(_) => f.write_str("flags"),
        }
    }
}

impl Signature {
    /// Where `found` differs, one line each; empty if it does not.
    pub(super) fn differences(&self, found: &Signature) -> Vec<String> {
        let mut lines = Vec::new();
        members("parameter", "", &self.params, &found.params, &mut lines, compare);
        optional("result", self.result.as_ref(), found.result.as_ref(), &mut lines);
        lines
    }
}

fn compare(at: &str, expected: &Shape, found: &Shape, lines: &mut Vec<String>) {
    match (expected, found) {
        (Shape::List(expected), Shape::List(found)) => compare(&format!("{at}, item"), expected, found, lines),
        (Shape::Option(expected), Shape::Option(found)) => compare(at, expected, found, lines),
        (Shape::Result(ok, err), Shape::Result(found_ok, found_err)) => {
            optional(&format!("{at}, ok"), ok.as_deref(), found_ok.as_deref(), lines);
            optional(&format!("{at}, error"), err.as_deref(), found_err.as_deref(), lines);
        }
        (Shape::Record(expected), Shape::Record(found)) => members("field", at, expected, found, lines, compare),
        (Shape::Variant(expected), Shape::Variant(found)) => {
            members("case", at, expected, found, lines, |at, expected, found, lines| {
                optional(at, expected.as_ref(), found.as_ref(), lines);
            });
        }
        (Shape::Enum(expected), Shape::Enum(found)) => names("case", at, expected, found, lines),
        (Shape::Flags(expected), Shape::Flags(found)) => names("flag", at, expected, found, lines),
        _ if expected == found => {}
        _ => lines.push(format!("{at}: expected {expected}, found {found}")),
    }
}

fn optional(at: &str, expected: Option<&Shape>, found: Option<&Shape>, lines: &mut Vec<String>) {
    match (expected, found) {
        (Some(expected), Some(found)) => compare(at, expected, found, lines),
        (Some(expected), None) => lines.push(format!("{at}: expected {expected}, found nothing")),
        (None, Some(found)) => lines.push(format!("{at}: expected nothing, found {found}")),
        (None, None) => {}
    }
}

/// Compares named parts in order: names missing, names too many, then each pair of the same name.
fn members<T>(
    what: &str,
    at: &str,
    expected: &[(String, T)],
    found: &[(String, T)],
    lines: &mut Vec<String>,
    compare: impl Fn(&str, &T, &T, &mut Vec<String>),
) {
    let name_of = |part: &(String, T)| part.0.clone();
    let expected_names: Vec<_> = expected.iter().map(name_of).collect();
    let found_names: Vec<_> = found.iter().map(name_of).collect();
    names(what, at, &expected_names, &found_names, lines);
    for (name, expected) in expected {
        if let Some((_, found)) = found.iter().find(|(other, _)| other == name) {
            compare(&place(at, what, name), expected, found, lines);
        }
    }
}

fn names(what: &str, at: &str, expected: &[String], found: &[String], lines: &mut Vec<String>) {
    let before = lines.len();
    for name in expected.iter().filter(|name| !found.contains(name)) {
        lines.push(format!("{} is missing", place(at, what, name)));
    }
    for name in found.iter().filter(|name| !expected.contains(name)) {
        lines.push(format!("{} is not in the contract", place(at, what, name)));
    }
    if lines.len() == before && expected != found {
        let (expected, found) = (expected.join(", "), found.join(", "));
        let at = if at.is_empty() {
            String::new()
        } else {
            format!("{at}, ")
        };
        lines.push(format!(
            "{at}{what}s in another order: expected {expected}, found {found}"
        ));
    }
}

fn place(at: &str, what: &str, name: &str) -> String {
    match at {
        "" => format!("{what} `{name}`"),
        at => format!("{at}, {what} `{name}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(name: &str) -> Shape {
        Shape::Plain(name.into())
    }

    fn record(fields: &[(&str, &str)]) -> Shape {
        Shape::Record(
            fields
                .iter()
                .map(|(name, ty)| ((*name).to_owned(), plain(ty)))
                .collect(),
        )
    }

    fn differences(expected: Shape, found: Shape) -> Vec<String> {
        let signature = |shape| Signature {
            params: vec![("batch".to_owned(), shape)],
            result: None,
        };
        signature(expected).differences(&signature(found))
    }

    #[test]
    fn a_field_is_named_with_both_types() {
        let lines = differences(record(&[("number", "u64")]), record(&[("number", "u32")]));
        assert_eq!(lines, ["parameter `batch`, field `number`: expected u64, found u32"]);
    }

    #[test]
    fn missing_extra_and_reordered_fields_are_told_apart() {
        let expected = record(&[("a", "u8"), ("b", "u8")]);
        assert_eq!(
            differences(expected.clone(), record(&[("a", "u8"), ("c", "u8")])),
            [
                "parameter `batch`, field `b` is missing",
                "parameter `batch`, field `c` is not in the contract"
            ]
        );
        assert_eq!(
            differences(expected, record(&[("b", "u8"), ("a", "u8")])),
            ["parameter `batch`, fields in another order: expected a, b, found b, a"]
        );
    }

    #[test]
    fn equal_shapes_have_no_differences() {
        let shape = Shape::List(Box::new(record(&[("a", "u8")])));
        assert!(differences(shape.clone(), shape).is_empty());
    }

    #[test]
    fn another_kind_of_type_is_told() {
        let lines = differences(plain("string"), record(&[]));
        assert_eq!(lines, ["parameter `batch`: expected string, found a record"]);
    }
}
