//! A second, plain writer of the format's primitives, headers and runs, which can also write what is wrong.

use serde_json::Value;

/// Bytes as lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// Bytes of a hex text.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER
        .decode(text.as_bytes())
        .unwrap_or_else(|error| panic!("{text} is not lower-case hex: {error}"))
}

/// The shortest form of a number.
pub(crate) fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 128 {
        bytes.push(u8::try_from(value % 128).expect("seven bits") | 128);
        value /= 128;
    }
    bytes.push(u8::try_from(value).expect("seven bits"));
    bytes
}

/// The shortest form of a number with a sign.
pub(crate) fn zigzag(value: i64) -> Vec<u8> {
    let twice = i128::from(value) * 2;
    let folded = if value < 0 { -twice - 1 } else { twice };
    varint(u64::try_from(folded).expect("64 bits"))
}

/// A string of bytes after its length.
pub(crate) fn string(bytes: &[u8]) -> Vec<u8> {
    [varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// A header, field by field, each as its bytes.
#[derive(Clone)]
pub(crate) struct HeaderParts {
    pub(crate) feed: Vec<u8>,
    pub(crate) device: Vec<u8>,
    pub(crate) lane: Vec<u8>,
    pub(crate) seq: Vec<u8>,
    pub(crate) prev: Vec<u8>,
    pub(crate) time: Vec<u8>,
    pub(crate) expires: Vec<u8>,
    pub(crate) kind: Vec<u8>,
    pub(crate) body_len: Vec<u8>,
    pub(crate) body_hash: Vec<u8>,
}

impl HeaderParts {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [
            &self.feed,
            &self.device,
            &self.lane,
            &self.seq,
            &self.prev,
            &self.time,
            &self.expires,
            &self.kind,
            &self.body_len,
            &self.body_hash,
        ]
        .map(Vec::as_slice)
        .concat()
    }
}

/// A run, part by part, each as its bytes.
#[derive(Clone)]
pub(crate) struct RunParts {
    pub(crate) version: u8,
    pub(crate) first: Vec<u8>,
    pub(crate) count: Vec<u8>,
    pub(crate) prev: Vec<u8>,
    pub(crate) kinds: Vec<Vec<u8>>,
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) closing: Vec<u8>,
}

impl RunParts {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.version];
        bytes.extend(
            [&self.first, &self.count, &self.prev]
                .map(Vec::as_slice)
                .concat(),
        );
        bytes.extend(varint(self.kinds.len() as u64));
        bytes.extend(self.kinds.iter().flat_map(|kind| string(kind)));
        bytes.extend(self.entries.concat());
        bytes.extend(&self.closing);
        bytes
    }

    /// Takes the fields of a vector apart into bytes, the way `docs/format.md` says.
    pub(crate) fn from_fields(fields: &Value) -> Self {
        let entries = fields["entries"].as_array().expect("entries");
        let mut kinds: Vec<&str> = Vec::new();
        let mut before = 0i64;
        let mut parts = Vec::new();
        for entry in entries {
            let kind = entry["kind"].as_str().expect("kind");
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
            let index = kinds.iter().position(|known| *known == kind);
            let time = entry["time"].as_i64().expect("time");
            let expires = entry["expires"].as_i64();
            let body = entry["body"].as_str().map(unhex);
            let flags = u8::from(expires.is_some()) | u8::from(body.is_none()) << 1;
            let mut part = vec![flags];
            part.extend(zigzag(time.wrapping_sub(before)));
            part.extend(expires.map(zigzag).unwrap_or_default());
            part.extend(varint(index.expect("listed") as u64));
            part.extend(varint(entry["body_len"].as_u64().expect("body_len")));
            part.extend(body.unwrap_or_else(|| unhex(entry["body_hash"].as_str().expect("hash"))));
            parts.push(part);
            before = time;
        }
        let closing = match fields["signature"].as_str() {
            Some(signature) => [vec![0], unhex(signature)].concat(),
            None => vec![1],
        };
        Self {
            version: 1,
            first: varint(fields["first"].as_u64().expect("first")),
            count: varint(entries.len() as u64),
            prev: crate::shapes::id_bytes(&fields["prev"]),
            kinds: kinds.iter().map(|kind| kind.as_bytes().to_vec()).collect(),
            entries: parts,
            closing,
        }
    }
}
