//! Parts of a key as names in a backend: injective, so that two keys never share a place.
//!
//! Join encoded parts with any character that is not among ASCII letters, digits and `-_.~%`: then (`a:b`, `c`) and
//! (`a`, `b:c`) stay apart, and `..` leads nowhere.
//!
//! * [`encode`] suits backends that take names as they are: object stores, databases, Redis.
//! * [`encode_file_name`] suits file systems, which cut, fold or reserve names.
//!
//! ```
//! use mirrorbox_adapter::encoding::{decode, encode, encode_file_name};
//!
//! assert_eq!(encode("subagents/agent-A1"), "subagents%2Fagent-A1");
//! assert_eq!(decode("subagents%2Fagent-A1").as_deref(), Some("subagents/agent-A1"));
//! assert_eq!(encode_file_name("-srv-App"), "-srv-%41pp");
//! assert_eq!(encode_file_name(".."), "%2E%2E");
//! ```

use sha2::{Digest, Sha256};

/// The most bytes in what [`encode_file_name`] makes. File systems take 255; this leaves room for a suffix.
pub const MAX_FILE_NAME: usize = 200;

/// How much of a long name stays readable.
const READABLE: usize = 120;
/// Stands between the beginning of a long name and its hash. No encoded character gives it.
const HASHED: char = '~';

/// Windows opens a device under these names, in any case and with any extension.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];

/// Percent-encodes every byte but ASCII letters, digits and `-_.`; and the dots where there is nothing else, since
/// URLs and paths give `.` and `..` a meaning.
pub fn encode(part: &str) -> String {
    let only_dots = part.bytes().all(|byte| byte == b'.');
    percent_encode(part, |_, byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || (byte == b'.' && !only_dots)
    })
}

/// What [`encode`] made this of; none if it made nothing like it.
pub fn decode(encoded: &str) -> Option<String> {
    percent_decode(encoded).filter(|part| encode(part) == encoded)
}

/// A file name of at most [`MAX_FILE_NAME`] bytes, all lower-case ASCII but for the digits of an escape.
///
/// Different parts give different names, also on a file system that folds case, normalises Unicode, drops trailing
/// dots or reserves names: whatever it could touch is percent-encoded. No name begins with a dot. One that is too long
/// keeps its beginning and ends in `~` and the SHA-256 of the part: [`is_hashed`]; an adapter that lists keys
/// stores the part beside it.
pub fn encode_file_name(part: &str) -> String {
    let (last, device) = (part.len().saturating_sub(1), is_device(part));
    let name = percent_encode(part, |at, byte| match byte {
        b'.' => at != 0 && at != last,
        b'a'..=b'z' => at != 0 || !device,
        b'0'..=b'9' | b'-' | b'_' => true,
        _ => false,
    });
    if name.len() <= MAX_FILE_NAME {
        name
    } else {
        hashed(&name, part)
    }
}

/// What [`encode_file_name`] made this of; none if it was too long to be kept, or if it made nothing like it.
pub fn decode_file_name(name: &str) -> Option<String> {
    percent_decode(name).filter(|part| encode_file_name(part) == name)
}

/// Whether [`encode_file_name`] shortened the part to this name.
pub fn is_hashed(name: &str) -> bool {
    name.contains(HASHED)
}

/// `con`, `com1`, `nul.txt`; only in lower case, since upper case is encoded anyway.
fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part);
    let Some((device, digits)) = stem.split_at_checked(3) else {
        return false;
    };
    let numbered = digits.len() == 1 && digits.bytes().all(|byte| byte.is_ascii_digit());
    DEVICES.contains(&device) && (digits.is_empty() || numbered)
}

fn hashed(name: &str, part: &str) -> String {
    let mut readable = name.get(..READABLE).unwrap_or(name);
    // An escape that was cut in two would look like another character.
    if let Some(escape) = readable.rfind('%').filter(|at| at + 3 > readable.len()) {
        readable = readable.get(..escape).unwrap_or(readable);
    }
    let mut short = format!("{readable}{HASHED}");
    for byte in Sha256::digest(part) {
        push_hex(&mut short, byte, b"0123456789abcdef");
    }
    short
}

fn percent_encode(part: &str, is_safe: impl Fn(usize, u8) -> bool) -> String {
    let mut encoded = String::with_capacity(part.len());
    for (at, byte) in part.bytes().enumerate() {
        if is_safe(at, byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            push_hex(&mut encoded, byte, b"0123456789ABCDEF");
        }
    }
    encoded
}

fn push_hex(text: &mut String, byte: u8, digits: &[u8; 16]) {
    for nibble in [byte >> 4, byte & 0xF] {
        text.extend(digits.get(usize::from(nibble)).copied().map(char::from));
    }
}

fn percent_decode(encoded: &str) -> Option<String> {
    let mut bytes = encoded.bytes();
    let mut part = Vec::with_capacity(encoded.len());
    while let Some(byte) = bytes.next() {
        part.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            _ => byte,
        });
    }
    String::from_utf8(part).ok()
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
