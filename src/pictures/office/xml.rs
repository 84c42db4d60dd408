//! XML of office files, copied without what names people, programs and times.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, Writer};

use crate::pictures::error::Fault;
use crate::pictures::facts::{Fact, FactKind};

/// Elements that go with all that is in them: sessions of editing, variables of macros, paths of templates and files.
const GONE: &[&str] = &[
    "absPath",
    "attachedTemplate",
    "change-info-date",
    "creationId",
    "docVars",
    "rsids",
    "oleSize",
    "fileSharing",
];

/// The same, by their full names, since others of the name are of use.
const GONE_IN_FULL: &[&str] = &["dc:date", "meta:date-string"];

/// Elements that stay without their text.
const BLANK: &[&str] = &[
    "author-initials",
    "author-name",
    "creator",
    "creator-initials",
    "initial-creator",
    "lastModifiedBy",
    "printed-by",
    "sender-company",
    "sender-email",
    "sender-firstname",
    "sender-initials",
    "sender-lastname",
    "sender-phone-private",
    "sender-phone-work",
    "sender-street",
];

/// Attributes that have to be there, and so stay without a value.
const EMPTIED: &[&str] = &["author", "initials", "providerId", "userId", "userName"];

/// Attributes that go.
const DROPPED: &[&str] = &["dT", "date", "dateUtc", "dt", "lastClr"];

/// Settings of ODF that name printers, sources of data and sessions.
const SETTINGS: &[&str] = &[
    "CurrentDatabaseCommand",
    "CurrentDatabaseDataSource",
    "EmbeddedDatabaseName",
    "PrinterName",
    "PrinterSetup",
    "PrintFaxName",
    "RedlineProtectionKey",
    "Rsid",
    "RsidRoot",
];

/// Depth of elements; documents nest tables, but not so many.
const DEPTH: usize = 1_024;

/// What is known of the members of the file, where lists in it name them.
pub(super) trait Members {
    /// Whether a member of this name, or at the end of this path, does not stay.
    fn goes(&self, path: &str) -> bool;
}

/// Copies XML without what tells.
pub(super) fn stripped(xml: &[u8], members: &dyn Members) -> Result<Vec<u8>, Fault> {
    let mut writer = Writer::new(Vec::with_capacity(xml.len()));
    let mut depth = 0usize;
    // Where an element began that goes, or that loses its text.
    let (mut gone, mut blank) = (None, None);
    walk(xml, |event| {
        let is_end = matches!(event, Event::End(_));
        if let Event::Start(_) = event {
            depth += 1;
            if depth > DEPTH {
                return Err(Fault::Odd("elements within elements without end"));
            }
        }
        let is_shown = gone.is_none();
        match &event {
            Event::Start(start) | Event::Empty(start) if is_shown => {
                let is_open = matches!(event, Event::Start(_));
                if goes(start, members) {
                    gone = Some(depth).filter(|_| is_open);
                } else {
                    if is_open && blank.is_none() && is_blank(start) {
                        blank = Some(depth);
                    }
                    let start = renewed(start);
                    write(
                        &mut writer,
                        match is_open {
                            true => Event::Start(start),
                            false => Event::Empty(start),
                        },
                    )?;
                }
            }
            Event::End(_) | Event::Decl(_) if is_shown => write(&mut writer, event)?,
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_)
                if is_shown && blank.is_none() =>
            {
                write(&mut writer, event)?;
            }
            Event::DocType(_) => return Err(Fault::Sealed("a document type in its XML")),
            _ => {}
        }
        if is_end {
            gone = gone.filter(|at| *at != depth);
            blank = blank.filter(|at| *at != depth);
            depth = depth.saturating_sub(1);
        }
        Ok(())
    })?;
    match depth {
        0 => Ok(writer.into_inner()),
        _ => Err(Fault::Cut),
    }
}

fn walk(xml: &[u8], mut visit: impl FnMut(Event<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
    let odd = Fault::Odd("XML that cannot be read");
    let Ok(text) = std::str::from_utf8(xml) else {
        return Err(odd);
    };
    let mut reader = Reader::from_str(text.trim_start_matches('\u{FEFF}'));
    loop {
        match reader.read_event() {
            Ok(Event::Eof) => return Ok(()),
            Ok(event) => visit(event)?,
            Err(_) => return Err(odd),
        }
    }
}

fn write(writer: &mut Writer<Vec<u8>>, event: Event<'_>) -> Result<(), Fault> {
    writer
        .write_event(event)
        .map_err(|_| Fault::Odd("XML that cannot be written"))
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

fn goes(start: &BytesStart<'_>, members: &dyn Members) -> bool {
    let name = start.name();
    let value = |wanted: &str| attribute(start, wanted);
    match local(name.0) {
        "Relationship" => {
            let is_local_file = value("Target").is_some_and(|it| it.starts_with("file:"));
            is_local_file || value("Target").is_some_and(|it| members.goes(&it))
        }
        "Override" => value("PartName").is_some_and(|it| members.goes(&it)),
        "file-entry" => value("full-path").is_some_and(|it| members.goes(&it)),
        "config-item" => value("name").is_some_and(|it| SETTINGS.contains(&it.as_str())),
        local => GONE.contains(&local) || GONE_IN_FULL.contains(&name.0),
    }
}

fn is_blank(start: &BytesStart<'_>) -> bool {
    let name = start.name();
    // Without a prefix it is the author of a remark in a table.
    BLANK.contains(&local(name.0)) || name.0 == "author"
}

fn attribute(start: &BytesStart<'_>, wanted: &str) -> Option<String> {
    let mut all = start.attributes();
    let mut all = all.with_checks(false).flatten();
    let found = all.find(|attribute| local(attribute.key.0) == wanted)?;
    Some(found.value.into_owned())
}

/// An element with the attributes that stay.
fn renewed(start: &BytesStart<'_>) -> BytesStart<'static> {
    let name = start.name().0.to_owned();
    // Lists of people.
    let is_person = matches!(local(&name), "cmAuthor" | "person" | "author");
    let mut new = BytesStart::new(name);
    for attribute in start.attributes().with_checks(false).flatten() {
        let key = local(attribute.key.0);
        let is_session = key.starts_with("rsid") || key.ends_with("rsid");
        if DROPPED.contains(&key) || is_session {
            continue;
        }
        let is_name = is_person && matches!(key, "name" | "displayName");
        if EMPTIED.contains(&key) || is_name {
            new.push_attribute((attribute.key.0, ""));
        } else {
            new.push_attribute(attribute);
        }
    }
    new
}

/// What the metadata of an office file say.
pub(super) fn facts(xml: &[u8]) -> Vec<Fact> {
    let (mut facts, mut open) = (Vec::new(), None);
    let _until_it_makes_no_sense = walk(xml, |event| {
        match event {
            Event::Start(start) => open = kind(local(start.name().0)),
            Event::End(_) => open = None,
            Event::Text(text) => {
                let value = text.xml10_content();
                if let Some(kind) = open.filter(|_| facts.len() < 64) {
                    facts.push(Fact::new(kind, value.trim()));
                }
            }
            _ => {}
        }
        Ok(())
    });
    facts
}

fn kind(name: &str) -> Option<FactKind> {
    Some(match name {
        "title" => FactKind::Title,
        "creator" | "initial-creator" => FactKind::Author,
        "lastModifiedBy" | "printed-by" | "Manager" => FactKind::Editor,
        "Company" => FactKind::Company,
        "subject" | "keywords" | "keyword" | "category" => FactKind::Subject,
        "description" => FactKind::Comment,
        "created" | "modified" | "creation-date" | "date" | "lastPrinted" => FactKind::Time,
        "Application" | "generator" => FactKind::Software,
        "Template" | "HyperlinkBase" => FactKind::Place,
        _ => return None,
    })
}
