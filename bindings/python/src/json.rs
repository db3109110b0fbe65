//! Python objects as the text that the agent's command prints of them (`JSON.stringify`).

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::failure::invalid;

/// So deep may values lie in one another: the stack has an end.
const DEEPEST: usize = 500;

/// An entry as one line, without its LF.
#[pyfunction]
pub(crate) fn to_line(entry: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let mut line = Vec::new();
    let Ok(members) = entry.cast::<PyDict>() else {
        let class = entry.get_type().name()?.to_string();
        return Err(invalid(format!("an entry is a dict, and not of the class `{class}`")));
    };
    object(members, &mut line, 0)?;
    Ok(line)
}

/// An entry, or a line as it is: text or bytes, which are for the host to check.
pub(crate) fn line(entry: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if let Ok(line) = entry.cast::<PyBytes>() {
        return Ok(line.as_bytes().to_vec());
    }
    match entry.cast::<PyString>().map(|line| line.to_cow()) {
        Ok(Ok(line)) => Ok(line.into_owned().into_bytes()),
        Ok(Err(_)) => Err(invalid("a line is text without lone surrogates".to_owned())),
        Err(_) => to_line(entry),
    }
}

fn value(value: &Bound<'_, PyAny>, line: &mut Vec<u8>, depth: usize) -> PyResult<()> {
    if depth > DEEPEST {
        let message = format!("an entry has more than {DEEPEST} values in one another");
        return Err(invalid(message));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return string(text, line);
    }
    if let Ok(members) = value.cast::<PyDict>() {
        return object(members, line, depth);
    }
    if let Ok(items) = value.cast::<PyList>() {
        return array(items.iter(), line, depth);
    }
    if let Ok(items) = value.cast::<PyTuple>() {
        return array(items.iter(), line, depth);
    }
    line.extend_from_slice(scalar(value)?.as_bytes());
    Ok(())
}

/// The text of a number, a truth value or nothing.
fn scalar(value: &Bound<'_, PyAny>) -> PyResult<String> {
    if value.is_none() {
        return Ok("null".to_owned());
    }
    if let Ok(truth) = value.cast::<PyBool>() {
        return Ok(truth.is_true().to_string());
    }
    if let Ok(number) = value.cast::<PyFloat>() {
        return Ok(float(number.value()));
    }
    if let Ok(number) = value.cast::<PyInt>() {
        if let Ok(number) = number.extract::<i64>() {
            return Ok(number.to_string());
        }
        // Of a class between, too, which may print itself otherwise.
        let int = value.py().get_type::<PyInt>();
        return int.call_method1("__repr__", (number,))?.extract();
    }
    let class = value.get_type().name()?.to_string();
    Err(invalid(format!(
        "an entry holds JSON values only, and none of the class `{class}`"
    )))
}

/// As JavaScript prints it. What has no end is kept as a number that reads as it; what is no number is null, as there.
fn float(number: f64) -> String {
    match number {
        number if number.is_nan() => "null".to_owned(),
        number if number.is_infinite() => if number > 0.0 { "1e999" } else { "-1e999" }.to_owned(),
        number => ryu_js::Buffer::new().format_finite(number).to_owned(),
    }
}

fn object(members: &Bound<'_, PyDict>, line: &mut Vec<u8>, depth: usize) -> PyResult<()> {
    line.push(b'{');
    for (number, (name, member)) in members.iter().enumerate() {
        if number > 0 {
            line.push(b',');
        }
        match name.cast::<PyString>() {
            Ok(name) => string(name, line)?,
            // As `json.dumps` has it: true, 1 and None may be names, too.
            Err(_) => {
                let name = scalar(&name)?;
                line.push(b'"');
                line.extend_from_slice(name.as_bytes());
                line.push(b'"');
            }
        }
        line.push(b':');
        value(&member, line, depth + 1)?;
    }
    line.push(b'}');
    Ok(())
}

fn array<'py>(items: impl Iterator<Item = Bound<'py, PyAny>>, line: &mut Vec<u8>, depth: usize) -> PyResult<()> {
    line.push(b'[');
    for (number, item) in items.enumerate() {
        if number > 0 {
            line.push(b',');
        }
        value(&item, line, depth + 1)?;
    }
    line.push(b']');
    Ok(())
}

fn string(text: &Bound<'_, PyString>, line: &mut Vec<u8>) -> PyResult<()> {
    if let Ok(text) = text.to_cow() {
        // Escapes as JavaScript does: only what must be, in the short form where there is one.
        return serde_json::to_writer(line, text.as_ref()).map_err(|error| invalid(error.to_string()));
    }
    // With lone surrogates, each three bytes.
    let bytes: Vec<u8> = text.call_method1("encode", ("utf-8", "surrogatepass"))?.extract()?;
    surrogates(&bytes, line);
    Ok(())
}

/// Text in UTF-8 but for surrogates, which are escaped.
fn surrogates(bytes: &[u8], line: &mut Vec<u8>) {
    line.push(b'"');
    let mut rest = bytes;
    while !rest.is_empty() {
        if let [0xed, second @ 0xa0..=0xbf, third, after @ ..] = rest {
            let unit = 0xd000 | u32::from(second & 0x3f) << 6 | u32::from(third & 0x3f);
            line.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
            rest = after;
            continue;
        }
        let valid = rest.utf8_chunks().next().map(|chunk| chunk.valid()).unwrap_or_default();
        let quoted = serde_json::Value::from(valid).to_string();
        line.extend_from_slice(quoted.get(1..quoted.len() - 1).unwrap_or_default().as_bytes());
        // Nothing but surrogates is invalid here.
        rest = rest.get(valid.len().max(1)..).unwrap_or_default();
    }
    line.push(b'"');
}
