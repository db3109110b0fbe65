//! What can be told of a component from its bytes, before anything of it is compiled.

use wasmparser::{ComponentInstance, CustomSectionReader, Instance, KnownCustom, Parser, Payload};

/// The names of a component, and how much there is of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::adapter) struct Outline {
    /// The names of what it exports.
    pub(in crate::adapter) exports: Vec<String>,
    /// The names of what it imports.
    pub(in crate::adapter) imports: Vec<String>,
    /// Core instances that one instance of it is made of; at least as many as there are.
    pub(in crate::adapter) core_instances: u32,
    /// The bytes of all its functions.
    pub(super) code: u64,
    /// The bytes of its largest function.
    pub(super) largest: u64,
    /// How many functions it has.
    pub(super) functions: u64,
    /// The names of the languages and tools that made it or a part of it, as far as it says so.
    pub(in crate::adapter) producers: Vec<String>,
    /// Whether a module of it is of WASI preview 1, adapted.
    pub(in crate::adapter) is_preview1: bool,
}

/// What a core module of preview 1 imports from.
const PREVIEW1: &str = "wasi_snapshot_preview1";

/// The names in a custom section, if it is one that names producers. It says nothing that anything depends on: where it
/// cannot be read, it is passed over.
fn producers(section: &CustomSectionReader<'_>) -> Vec<String> {
    let KnownCustom::Producers(fields) = section.as_known() else {
        return Vec::new();
    };
    let values = fields.into_iter().flatten().flat_map(|field| field.values).flatten();
    values.map(|value| value.name.to_owned()).collect()
}

/// A module or a component that stands within another, while it is looked at.
#[derive(Debug, Default)]
struct Nesting {
    core_instances: u32,
    /// How often it makes an instance of another component.
    inner: u32,
}

impl Outline {
    /// Fails with what is wrong where the bytes are no component. Its functions are passed over.
    pub(in crate::adapter) fn at(bytes: &[u8]) -> wasmparser::Result<Self> {
        let mut look = Self::default();
        let mut levels = vec![Nesting::default()];
        // Of all components that have ended: an inner one may be any of them.
        let mut heaviest = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => levels.push(Nesting::default()),
                Payload::End(_) => {
                    if let Some(level) = levels.pop() {
                        let inner = level.inner.saturating_mul(heaviest);
                        look.core_instances = level.core_instances.saturating_add(inner);
                        heaviest = heaviest.max(look.core_instances);
                    }
                }
                payload => look.note(payload, &mut levels)?,
            }
        }
        Ok(look)
    }

    fn note(&mut self, payload: Payload<'_>, levels: &mut [Nesting]) -> wasmparser::Result<()> {
        let is_outermost = levels.len() == 1;
        let Some(level) = levels.last_mut() else {
            return Ok(());
        };
        match payload {
            Payload::ComponentImportSection(imports) if is_outermost => {
                for import in imports {
                    self.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(exports) if is_outermost => {
                for export in exports {
                    self.exports.push(export?.name.name.to_owned());
                }
            }
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    let is_made = matches!(instance?, Instance::Instantiate { .. });
                    level.core_instances = level.core_instances.saturating_add(is_made.into());
                }
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances {
                    let is_made = matches!(instance?, ComponentInstance::Instantiate { .. });
                    level.inner = level.inner.saturating_add(is_made.into());
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    self.is_preview1 |= import?.module == PREVIEW1;
                }
            }
            Payload::CustomSection(section) => self.producers.extend(producers(&section)),
            Payload::CodeSectionEntry(body) => {
                let size = body.as_bytes().len() as u64;
                self.code += size;
                self.largest = self.largest.max(size);
                self.functions += 1;
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(text: &str) -> Outline {
        Outline::at(&wat::parse_str(text).unwrap()).unwrap()
    }

    #[test]
    fn the_names_are_those_of_the_outermost_component() {
        let look = look(
            r#"(component
                (import "wasi:io/poll@0.2.6" (instance $poll))
                (component (import "inner" (instance)))
                (export "acme:store/api@1.0.0" (instance $poll)))"#,
        );
        assert_eq!(look.imports, ["wasi:io/poll@0.2.6"]);
        assert_eq!(look.exports, ["acme:store/api@1.0.0"]);
        assert_eq!((look.core_instances, look.functions), (0, 0));
    }

    #[test]
    fn instances_of_inner_components_are_multiplied() {
        let look = look(
            r#"(component
                (core module $m (memory 1) (func unreachable) (func))
                (core instance (instantiate $m))
                (component $inner
                    (core module $m (memory 1))
                    (core instance (instantiate $m))
                    (core instance (instantiate $m)))
                (instance (instantiate $inner))
                (instance (instantiate $inner)))"#,
        );
        assert_eq!(look.core_instances, 1 + 2 * 2);
        assert_eq!((look.functions, look.largest), (2, 3));
    }

    #[test]
    fn who_made_its_parts_is_found_at_every_level() {
        let look = look(
            r#"(component
                (core module
                    (import "wasi_snapshot_preview1" "fd_sync" (func (param i32) (result i32)))
                    (@producers (language "Go" "go1.27") (processed-by "Go cmd/compile" "go1.27")))
                (@custom "producers" "\ff")
                (component (core module (@producers (processed-by "clang" "19")))))"#,
        );
        assert_eq!(look.producers, ["Go", "Go cmd/compile", "clang"]);
        assert!(look.is_preview1);
    }

    #[test]
    fn what_is_cut_short_is_no_component() {
        let whole = wat::parse_str("(component (core module (func)))").unwrap();
        assert!(Outline::at(&whole).is_ok());
        assert!(Outline::at(&whole[..whole.len() - 2]).is_err());
    }
}
