use std::fs;

use super::*;

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("adapters")).unwrap();
    for (name, content) in files {
        fs::write(dir.path().join(name), content).unwrap();
    }
    dir
}

fn error(files: &[(&str, &str)]) -> String {
    let dir = directory(files);
    let error = Config::load(dir.path(), Path::new("/state")).unwrap_err().to_string();
    error.replace(dir.path().to_str().unwrap(), "")
}

#[test]
fn a_component_without_a_manifest_is_granted_nothing() {
    let dir = directory(&[("adapters/mine.wasm", "")]);
    let config = Config::load(dir.path(), Path::new("/state")).unwrap();
    assert_eq!(config.state, Path::new("/state"));
    assert_eq!(config.destinations[0].name, "mine");
    assert!(config.destinations[0].manifest.grants.dirs.is_empty());
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let error = error(&[("mirrorbox.toml", "# first\nstaet = \"x\"\n")]);
    assert!(
        error.starts_with("/mirrorbox.toml, line 2: unknown field `staet`"),
        "{error}"
    );
}

#[test]
fn a_wrong_type_is_named_with_its_line_but_never_its_value() {
    let manifest = "[config]\nbucket = \"b\"\npassword = [\"hunter2\"]\n";
    let error = error(&[("adapters/s3.wasm", ""), ("adapters/s3.toml", manifest)]);
    assert!(error.starts_with("/adapters/s3.toml, line 3: "), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn a_manifest_without_its_component_is_an_error() {
    let error = error(&[("adapters/s3.toml", "")]);
    assert!(error.contains("no component beside this manifest"), "{error}");
}

#[test]
fn a_missing_directory_says_how_to_make_one() {
    let error = Config::load(Path::new("/nowhere/at/all"), Path::new("/state")).unwrap_err();
    assert!(error.to_string().contains("mirrorbox init"), "{error}");
}

mod page {
    //! `docs/configuration.md` says what the code reads.

    use std::collections::BTreeSet;

    use serde::de::DeserializeOwned;

    use super::*;

    const PAGE: &str = include_str!("../../../docs/configuration.md");

    /// The TOML that stands below a comment that names its file.
    fn example(file: &str) -> &'static str {
        let (_, from) = PAGE.split_once(&format!("```toml\n# {file}\n")).unwrap();
        from.split_once("```").unwrap().0
    }

    /// The settings in the table below a heading, each with its default.
    fn table(heading: &str) -> Vec<(&'static str, &'static str)> {
        let (_, section) = PAGE.split_once(&format!("\n{heading}\n")).unwrap();
        let section = section.split("\n## ").next().unwrap();
        let section = section.split("\n### ").next().unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        rows.map(|row| {
            let (name, rest) = row.split_once("` | ").unwrap();
            (name, rest.split_once(" | ").unwrap().0)
        })
        .collect()
    }

    /// The names that a type knows: it lists them where it meets another.
    fn known<T: DeserializeOwned>() -> BTreeSet<String> {
        let error = toml::from_str::<T>("no-such-setting = 1").map(drop).unwrap_err();
        let names = error.message().split('`').skip(3).step_by(2);
        names.map(str::to_owned).collect()
    }

    #[test]
    fn its_examples_are_read() {
        let dir = directory(&[
            ("mirrorbox.toml", example("mirrorbox.toml")),
            ("adapters/mine.wasm", ""),
            ("adapters/mine.toml", example("adapters/NAME.toml")),
        ]);
        let config = Config::load(dir.path(), Path::new("/state")).unwrap();
        assert_eq!(config.state, Path::new("/var/lib/mirrorbox"));
        assert_eq!(config.destinations[0].manifest.settings().len(), 3);
    }

    #[test]
    fn its_tables_name_every_setting() {
        let named = |heading| -> BTreeSet<_> { table(heading).into_iter().map(|(name, _)| name.to_owned()).collect() };
        assert_eq!(named("## mirrorbox.toml"), known::<MainFile>());
        assert_eq!(named("### `[grants]`"), known::<Grants>());
        assert_eq!(named("### `[mirror]`"), known::<MirrorSettings>());
        let mut all = named("### Limits");
        all.extend(["config", "grants", "mirror"].map(str::to_owned));
        assert_eq!(all, known::<Manifest>());
    }

    /// What the tables say that it is by default, said by a file, changes nothing.
    #[test]
    fn its_defaults_are_what_is_taken() {
        let said = |heading: &str| -> String {
            let in_code = |(name, default): (&str, &'static str)| {
                let value = default.strip_prefix('`')?.strip_suffix('`')?;
                Some(format!("{name} = {value}\n"))
            };
            table(heading).into_iter().filter_map(in_code).collect()
        };
        let manifest = format!("{}[mirror]\n{}", said("### Limits"), said("### `[mirror]`"));
        assert_eq!(manifest.lines().count(), 10, "{manifest}");
        let read = Manifest::parse(Path::new("/m.toml"), &manifest).unwrap();
        let usual = Manifest::parse(Path::new("/m.toml"), "").unwrap();
        assert_eq!(format!("{read:?}"), format!("{usual:?}"));
        let main = said("## mirrorbox.toml");
        assert_eq!(main.lines().count(), 3, "{main}");
        let read = toml::from_str::<MainFile>(&main).unwrap();
        assert_eq!(format!("{read:?}"), format!("{:?}", MainFile::default()));
    }
}
