use super::*;

fn source(path: &str, text: &str) -> Source {
    Source {
        path: path.into(),
        text: text.into(),
    }
}

const TWICE: &str = "pub(crate) struct Row<T>(T);\npub trait Other: Send {}\nimpl Row {}\n";

fn complaints(files: &[Source], allowed: &str) -> Vec<String> {
    Figures::of(files)
        .unwrap()
        .beyond(&Figures::parse(allowed).unwrap(), files)
}

#[test]
fn a_name_is_twice_in_a_crate_if_two_of_its_types_have_it() {
    let one = source("host/src/one.rs", TWICE);
    let test = "#[cfg(test)]\nmod tests {\n    struct Row;\n}\n";
    for (other, is_twice) in [
        (source("host/src/two.rs", "    enum Row {}\n"), true),
        (source("cli/src/two.rs", "enum Row {}\n"), false),
        (source("host/src/two.rs", test), false),
        (source("host/src/one/tests.rs", "struct Row;\n"), false),
        (source("host/src/two.rs", "struct Rows;\n// struct Row\n"), false),
    ] {
        let files = [source("host/src/one.rs", &one.text), other];
        let complaints = complaints(&files, "wide-comments = 0");
        assert_eq!(complaints.len(), usize::from(is_twice), "{files:?}: {complaints:?}");
        assert!(complaints.iter().all(|one| one.ends_with(": Row")), "{complaints:?}");
    }
}

#[test]
fn phrases_are_counted_where_people_read_them() {
    let files = [
        source("a.rs", "/// Whoever hears of it.\nlet whoever = 1;\n"),
        source("b.md", "What whoever does, whoever does it.\n"),
    ];
    let allowed = "wide-comments = 0\n[phrases]\n\"hears of\" = 1\nwhoever = 2\n";
    let [complaint] = &complaints(&files, allowed)[..] else {
        panic!("one phrase is too many");
    };
    assert_eq!(
        complaint,
        "\"whoever\" stands in 3 places, 2 before: a.rs:1, b.md:1, b.md:1"
    );
}

#[test]
fn comments_end_at_120_columns_and_code_at_its_own() {
    let wide = "x".repeat(120);
    let files = [
        source("a.rs", &format!("// {wide}\nlet {wide} = 1;\n")),
        source("b.md", &wide),
    ];
    assert_eq!(complaints(&files, "wide-comments = 0").len(), 1);
    assert_eq!(complaints(&files, "wide-comments = 1"), [] as [&str; 0]);
}

#[test]
fn what_is_written_is_read_again() {
    let files = [
        source("host/src/one.rs", TWICE),
        source("host/src/two.rs", "struct Row;\n// whoever\n"),
    ];
    let figures = Figures::of(&files).unwrap();
    assert_eq!(Figures::parse(&figures.to_string()).unwrap(), figures);
    assert_eq!(figures.beyond(&figures, &files), [] as [&str; 0]);
    assert_eq!(figures.beyond(&Figures::default(), &files).len(), 2);
}

#[test]
fn a_circle_is_found_through_what_is_exported_again() {
    let files = |last: &str| {
        [
            source("host/src/lib.rs", "mod one;\nmod two;\npub use one::One;\n"),
            source(
                "host/src/one.rs",
                "mod part;\nuse crate::two::{self, Two};\nuse std::fmt;\npub struct One;\n",
            ),
            source("host/src/one/part.rs", "use super::One;\n"),
            source("host/src/two.rs", last),
        ]
    };
    for (last, is_circle) in [
        ("use crate::One;\npub struct Two;\n", true),
        ("use super::one::One;\n", true),
        ("use crate::one::part;\n", false),
        ("use std::one::One;\n", false),
    ] {
        let complaints = complaints(&files(last), "wide-comments = 0");
        assert_eq!(complaints.len(), usize::from(is_circle), "{last}: {complaints:?}");
        assert!(
            complaints.iter().all(|one| one.ends_with(": one, two")),
            "{complaints:?}"
        );
    }
}

#[test]
fn a_page_names_files_that_are_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = "`host/src/key.rs` and `host/src/`,\n`host/src/gone.rs`; `host/NAME.rs`, `a/b`, host/src/other.rs\n";
    let files = [source("CONTRIBUTING.md", text), source("docs/state.md", text)];
    let missing = places::missing(root, &files);
    assert_eq!(missing, ["CONTRIBUTING.md:2: host/src/gone.rs is not there"]);
}
