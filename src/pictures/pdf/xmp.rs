//! What the description of a document in RDF says, in the form that Adobe calls XMP.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::super::facts::{Fact, FactKind};
use super::{FACTS, VALUE};

/// Elements and attributes, by their names without what says where they are defined.
const KNOWN: &[(&str, FactKind)] = &[
    ("title", FactKind::Title),
    ("creator", FactKind::Author),
    ("publisher", FactKind::Company),
    ("rights", FactKind::Copyright),
    ("description", FactKind::Subject),
    ("subject", FactKind::Subject),
    ("Keywords", FactKind::Subject),
    ("Producer", FactKind::Software),
    ("CreatorTool", FactKind::Software),
    ("CreateDate", FactKind::Time),
    ("ModifyDate", FactKind::Time),
    ("MetadataDate", FactKind::Time),
];

/// What it says, as far as it can be read.
pub(super) fn facts(packet: &[u8]) -> Vec<Fact> {
    let mut reader = Reader::from_reader(packet);
    let (mut facts, mut open) = (Vec::new(), None);
    while facts.len() < FACTS {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                facts.extend(attributes(&start));
                // A list of names lies between an element and its text.
                open = kind(start.local_name().into_inner()).or(open);
            }
            Ok(Event::Empty(start)) => facts.extend(attributes(&start)),
            Ok(Event::End(end)) if kind(end.local_name().into_inner()).is_some() => open = None,
            Ok(Event::Text(text)) => {
                facts.extend(open.map(|kind| fact(kind, &text.xml10_content())));
            }
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    facts.retain(|fact| !fact.value().is_empty());
    facts
}

fn attributes(start: &BytesStart<'_>) -> Vec<Fact> {
    let known = start.attributes().flatten().filter_map(|attribute| {
        let kind = kind(attribute.key.local_name().into_inner())?;
        let value = attribute
            .normalized_value(quick_xml::XmlVersion::Explicit1_0)
            .ok()?;
        Some(fact(kind, &value))
    });
    known.collect()
}

fn kind(name: &str) -> Option<FactKind> {
    let known = KNOWN.iter().find(|(known, _)| *known == name);
    known.map(|(_, kind)| *kind)
}

fn fact(kind: FactKind, value: &str) -> Fact {
    let value: String = value.trim().chars().take(VALUE).collect();
    Fact::new(kind, value)
}
