use sha2::{Digest, Sha256, Sha384, Sha512};

/// The contents of signature algorithms' object identifiers, and what RFC 5929 has a certificate hashed with for them.
const SHA256: [&[u8]; 5] = [
    // RSA and ECDSA with SHA-256; both with SHA-1 and RSA with MD5, in whose place stands SHA-256.
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b",
    b"\x2a\x86\x48\xce\x3d\x04\x03\x02",
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05",
    b"\x2a\x86\x48\xce\x3d\x04\x01",
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04",
];
const SHA384: [&[u8]; 2] = [
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c",
    b"\x2a\x86\x48\xce\x3d\x04\x03\x03",
];
const SHA512: [&[u8]; 2] = [
    b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d",
    b"\x2a\x86\x48\xce\x3d\x04\x03\x04",
];

/// Binds a login to the TLS channel that it is made on (`tls-server-end-point`, RFC 5929): the hash of the server's
/// certificate, in DER, by the algorithm that it was signed with. Absent where no such hash is defined (Ed25519, say).
pub fn end_point_hash(certificate: &[u8]) -> Option<Vec<u8>> {
    // Certificate ::= SEQUENCE { tbsCertificate SEQUENCE, signatureAlgorithm SEQUENCE { OBJECT IDENTIFIER, … }, … }
    let (certificate_tag, content, _) = element(certificate)?;
    let (_, _, after_signed) = element(content)?;
    let (algorithm_tag, algorithm, _) = element(after_signed)?;
    let (identifier_tag, identifier, _) = element(algorithm)?;
    if (certificate_tag, algorithm_tag, identifier_tag) != (0x30, 0x30, 0x06) {
        return None;
    }
    if SHA256.contains(&identifier) {
        Some(Sha256::digest(certificate).to_vec())
    } else if SHA384.contains(&identifier) {
        Some(Sha384::digest(certificate).to_vec())
    } else if SHA512.contains(&identifier) {
        Some(Sha512::digest(certificate).to_vec())
    } else {
        None
    }
}

/// The first element of DER: its tag, its content, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (
                bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
                rest,
            )
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        [&[0x30, 0x81, length], content].concat()
    }

    fn certificate(algorithm: &[u8]) -> Vec<u8> {
        let identifier = [&[0x06, u8::try_from(algorithm.len()).unwrap()], algorithm].concat();
        sequence(&[sequence(b"\x02\x01\x05"), sequence(&identifier)].concat())
    }

    #[test]
    fn the_hash_follows_the_signature() {
        for (algorithms, bytes) in [(&SHA256[..], 32), (&SHA384[..], 48), (&SHA512[..], 64)] {
            for algorithm in algorithms {
                let hash = end_point_hash(&certificate(algorithm)).unwrap();
                assert_eq!(hash.len(), bytes, "{algorithm:?}");
            }
        }
    }

    #[test]
    fn what_has_no_hash_or_is_cut_short_has_none() {
        let whole = certificate(SHA256[0]);
        assert_eq!(end_point_hash(&certificate(b"\x2b\x65\x70")), None);
        for length in 0..whole.len() {
            assert_eq!(end_point_hash(&whole[..length]), None, "{length}");
        }
    }
}
