//! A component without its code: what its types say can then be asked for next to nothing.

use wasmparser::{BinaryReader, BinaryReaderError};

/// Where the version and the kind of a module or a component stand.
const HEADER: usize = 8;
/// The byte of the header that tells them apart: 1 in a component.
const KIND: usize = 6;
/// Sections by their numbers.
const CUSTOM: u8 = 0;
const CODE_OF_MODULE: u8 = 10;
const MODULE_OF_COMPONENT: u8 = 1;
const COMPONENT_OF_COMPONENT: u8 = 4;
/// A function's body with its length before it: no locals, `unreachable`, `end`. It is valid whatever its type.
const TRAPS: [u8; 4] = [3, 0x00, 0x00, 0x0b];
/// Components nest this deep at most; those that compilers make nest twice or three times.
const DEEPEST: usize = 64;

/// Why there is no hollow form of some bytes.
#[derive(Debug, thiserror::Error)]
pub(super) enum HollowError {
    /// They are no component.
    #[error(transparent)]
    Malformed(#[from] BinaryReaderError),
    /// Nobody builds such a component.
    #[error("components nest deeper than {DEEPEST} in it")]
    Nested,
    /// A number of functions that cannot be.
    #[error("a module has fewer functions than it says")]
    Functions,
}

/// The same imports, exports, types, memories and data; every function traps, and there are no custom sections.
pub(super) fn hollow(bytes: &[u8]) -> Result<Vec<u8>, HollowError> {
    let mut copied = Vec::new();
    copy(bytes, &mut copied, DEEPEST)?;
    Ok(copied)
}

fn copy(bytes: &[u8], into: &mut Vec<u8>, depth: usize) -> Result<(), HollowError> {
    let depth = depth.checked_sub(1).ok_or(HollowError::Nested)?;
    let mut reader = BinaryReader::new(bytes, 0);
    let header = reader.read_bytes(HEADER)?;
    let is_component = header.get(KIND) == Some(&1);
    into.extend_from_slice(header);
    while !reader.eof() {
        let id = reader.read_u8()?;
        let size = reader.read_var_u32()?;
        let content = reader.read_bytes(size as usize)?;
        match (is_component, id) {
            (_, CUSTOM) => {}
            (false, CODE_OF_MODULE) => section(into, id, &without_code(content)?),
            (true, MODULE_OF_COMPONENT | COMPONENT_OF_COMPONENT) => {
                let mut inner = Vec::new();
                copy(content, &mut inner, depth)?;
                section(into, id, &inner);
            }
            _ => section(into, id, content),
        }
    }
    Ok(())
}

fn without_code(content: &[u8]) -> Result<Vec<u8>, HollowError> {
    let mut reader = BinaryReader::new(content, 0);
    let functions = reader.read_var_u32()?;
    // Each function takes a few bytes at least: a number that is made up would fill the memory.
    if functions as usize > content.len() {
        return Err(HollowError::Functions);
    }
    let mut hollow = Vec::new();
    number(&mut hollow, functions as usize);
    hollow.extend(std::iter::repeat_n(TRAPS, functions as usize).flatten());
    Ok(hollow)
}

fn section(into: &mut Vec<u8>, id: u8, content: &[u8]) {
    into.push(id);
    number(into, content.len());
    into.extend_from_slice(content);
}

/// As WebAssembly writes numbers: seven bits a byte, the lowest first.
fn number(into: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        into.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

#[cfg(test)]
mod tests {
    use wasmtime::Engine;
    use wasmtime::component::Component;

    use super::*;

    #[test]
    fn types_stay_and_code_goes() {
        let body = "(drop (i32.const 1))".repeat(300);
        let text = format!(
            r#"(component
                (core module $m (memory (export "m") 1) (data (i32.const 0) "kept")
                    (func (export "f") (param i32) (result i32) {body} local.get 0))
                (core instance $i (instantiate $m))
                (component (core module (func {body})))
                (func (export "f") (param "x" s32) (result s32) (canon lift (core func $i "f"))))"#
        );
        let whole = wat::parse_str(&text).unwrap();
        let hollow = hollow(&whole).unwrap();
        assert!(hollow.len() * 5 < whole.len(), "{} of {}", hollow.len(), whole.len());
        assert!(hollow.windows(4).any(|bytes| bytes == b"kept"));
        let engine = Engine::default();
        let [whole, hollow] = [whole, hollow].map(|bytes| Component::from_binary(&engine, &bytes).unwrap());
        let ty = |component: &Component| {
            let ty = component.component_type();
            let names: Vec<_> = ty
                .exports(&engine)
                .map(|(name, item)| format!("{name} {:?}", item.ty))
                .collect();
            names
        };
        assert_eq!(ty(&whole), ty(&hollow));
    }

    #[test]
    fn neither_depth_nor_made_up_numbers_cost_anything() {
        let nested = (0..1_000).fold(b"\0asm\x0d\0\x01\0".to_vec(), |inner, _| {
            let mut outer = b"\0asm\x0d\0\x01\0".to_vec();
            section(&mut outer, COMPONENT_OF_COMPONENT, &inner);
            outer
        });
        assert!(matches!(hollow(&nested), Err(HollowError::Nested)));
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        section(&mut module, CODE_OF_MODULE, &[0xff, 0xff, 0xff, 0xff, 0x0f]);
        assert!(matches!(hollow(&module), Err(HollowError::Functions)));
    }
}
