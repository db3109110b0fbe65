//! How much work a component is to compile, told from its bytes: for processes that have no other process to do it.

use wasmparser::{FunctionBody, Operator, Parser, Payload};

use super::CompileError;

/// The most bytes that all functions may have: 32 MiB.
const MOST_CODE: u64 = 32 << 20;
/// The most bytes that one function may have: 512 KiB. The main loops of interpreters take half of it.
const LARGEST: u64 = 512 << 10;
/// What the heaviest function may weigh, and all of them. The compiler follows each local variable through each branch,
/// so a function weighs its locals times its branches; eight million can take more than a gigabyte. The heaviest
/// function of the adapters that come with the command weighs less than three million, and all of theirs 14.
const HEAVIEST: u64 = 4_000_000;
const MOST_WEIGHT: u64 = 40_000_000;

/// Whether a component may be compiled in this process.
pub(super) fn check(bytes: &[u8]) -> Result<(), CompileError> {
    let (mut code, mut weight) = (0, 0);
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| CompileError::NotAComponent(error.to_string()))?;
        let Payload::CodeSectionEntry(body) = payload else {
            continue;
        };
        let size = body.as_bytes().len() as u64;
        let its = weigh(&body).map_err(|error| CompileError::NotAComponent(error.to_string()))?;
        code += size;
        weight += its;
        for (what, found, most) in [
            ("one function has so many bytes", size, LARGEST),
            ("its functions have so many bytes", code, MOST_CODE),
            ("one function has so many branches times local variables", its, HEAVIEST),
            (
                "its functions have so many branches times local variables",
                weight,
                MOST_WEIGHT,
            ),
        ] {
            if found > most {
                return Err(too_heavy(what, found, most));
            }
        }
    }
    Ok(())
}

fn too_heavy(what: &str, found: u64, most: u64) -> CompileError {
    CompileError::TooMuch(format!(
        "{what}: {found}, and a process that compiles by itself takes {most}; name a `mirrorbox` command that \
         compiles for it in the environment variable {}",
        super::COMMAND
    ))
}

fn weigh(body: &FunctionBody<'_>) -> wasmparser::Result<u64> {
    let mut locals = 1u64;
    for group in body.get_locals_reader()? {
        let (count, _) = group?;
        locals = locals.saturating_add(count.into());
    }
    let mut branches = 1u64;
    for operator in body.get_operators_reader()? {
        branches += match operator? {
            Operator::Block { .. }
            | Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::Br { .. }
            | Operator::BrIf { .. } => 1,
            Operator::BrTable { targets } => targets.len().into(),
            _ => 0,
        };
    }
    Ok(locals.saturating_mul(branches))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(locals: &str, body: &str) -> Vec<u8> {
        wat::parse_str(format!("(component (core module (func (local {locals}) {body})))")).unwrap()
    }

    #[test]
    fn locals_weigh_as_often_as_there_are_branches() {
        let branches = "(if (i32.const 0) (then))".repeat(3_000);
        let light = component(&"i32 ".repeat(1_000), &branches);
        check(&light).unwrap();
        let heavy = component(&"i32 ".repeat(2_000), &branches);
        let error = check(&heavy).unwrap_err().to_string();
        assert!(
            error.contains("branches times local") && error.contains("MIRRORBOX_COMMAND"),
            "{error}"
        );
    }

    #[test]
    fn a_function_has_so_many_bytes_at_most() {
        let error = check(&component("", &"nop ".repeat(LARGEST as usize)))
            .unwrap_err()
            .to_string();
        assert!(error.contains("one function has so many bytes"), "{error}");
    }
}
