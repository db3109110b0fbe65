//! Components that export and import what a text says, and do nothing.

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

/// A component of the world `adapter` in the last of these packages, which traps when it is called.
pub fn dummy_component(packages: &[String]) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let ids: Vec<_> = packages
        .iter()
        .map(|text| resolve.push_str("package.wit", text).unwrap())
        .collect();
    let world = resolve.select_world(&[*ids.last().unwrap()], Some("adapter")).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}
