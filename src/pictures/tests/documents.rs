//! Documents: what they tell, and office files that are stripped.

use super::{Options, cleaned, keeping, prepared};
use crate::pictures::{Fact, FactKind};

pub(super) fn stripping() -> Options<'static> {
    Options {
        strip: true,
        ..Options::default()
    }
}

pub(super) fn told(facts: &[Fact]) -> Vec<(FactKind, &str)> {
    facts.iter().map(|it| (it.kind(), it.value())).collect()
}

const PDF: &[u8] = b"%PDF-1.4\n1 0 obj\n<< /Title (A \\(long\\) r\\351sum\\351) /Author <FEFF00410064006100>\
    /Producer (Writer 7) /CreationDate (D:20240501120001+02'00') >>\nendobj\ntrailer << /Info 1 0 R >>\n%%EOF\n";

#[test]
fn a_pdf_says_its_author_also_where_it_is_not_whole() {
    let (posted, found) = cleaned(PDF);
    assert_eq!(posted, PDF);
    let facts = [
        (FactKind::Title, "A (long) r\u{E9}sum\u{E9}"),
        (FactKind::Author, "Ada"),
        (FactKind::Software, "Writer 7"),
        (FactKind::Time, "D:20240501120001+02'00'"),
    ];
    assert_eq!(told(&found.told), facts);
    let refused = prepared(PDF, &stripping()).expect_err("a PDF");
    let why = match cfg!(feature = "documents") {
        true => "damaged",
        false => "printed from it",
    };
    assert!(refused.to_string().contains(why), "{refused}");
    assert_eq!(prepared(PDF, &keeping()).expect("a PDF").0, PDF);
}

#[test]
fn what_cannot_be_stripped_is_refused_when_that_is_asked() {
    for bytes in [
        &b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1 an old document"[..],
        b"{\\rtf1{\\info{\\author Banana}}}",
        b"PK\x03\x04 nothing to speak of",
    ] {
        assert!(prepared(bytes, &Options::default()).is_ok());
        assert!(prepared(bytes, &stripping()).is_err());
    }
    let text = b"nothing but text";
    assert_eq!(prepared(text, &stripping()).expect("a text").0, text);
}

#[cfg(feature = "documents")]
mod office {
    use std::io::{Cursor, Read as _, Write as _};

    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

    use super::super::made;
    use super::{FactKind, cleaned, prepared, stripping, told};
    use crate::pictures::tests::holds;

    fn packed(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let time = DateTime::from_date_and_time(2024, 5, 1, 12, 0, 2).expect("a date");
        for (name, content) in members {
            let options = SimpleFileOptions::default()
                .compression_method(match *name {
                    "mimetype" => CompressionMethod::Stored,
                    _ => CompressionMethod::Deflated,
                })
                .last_modified_time(time);
            writer.start_file(*name, options).expect("a member");
            writer.write_all(content).expect("room");
        }
        writer
            .set_raw_comment(b"packed by Banana".to_vec().into())
            .expect("a comment");
        writer.finish().expect("an archive").into_inner()
    }

    /// Names and contents of members; each at the beginning of all times.
    fn members(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut archive = ZipArchive::new(Cursor::new(bytes)).expect("an archive");
        assert!(archive.comment().is_empty());
        (0..archive.len())
            .map(|at| {
                let mut member = archive.by_index(at).expect("a member");
                assert_eq!(member.last_modified(), Some(DateTime::default()));
                assert_eq!(member.extra_data().unwrap_or_default(), b"");
                let mut content = Vec::new();
                member.read_to_end(&mut content).expect("whole");
                (member.name().expect("a name").into_owned(), content)
            })
            .collect()
    }

    fn content(members: &[(String, Vec<u8>)], name: &str) -> String {
        let found = members.iter().find(|(it, _)| it == name).expect("a member");
        String::from_utf8(found.1.clone()).expect("text")
    }

    fn picture() -> Vec<u8> {
        made::told_png(&made::vast_png(20, 10), 1)
    }

    fn docx() -> Vec<u8> {
        let text = |text: &str| text.as_bytes().to_vec();
        packed(&[
            (
                "[Content_Types].xml",
                text(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><!-- by Banana --><Types>\
                    <Override PartName=\"/word/document.xml\" ContentType=\"a\"/>\
                    <Override PartName=\"/docProps/core.xml\" ContentType=\"b\"/></Types>",
                ),
            ),
            (
                "_rels/.rels",
                text(
                    "<Relationships><Relationship Id=\"1\" Target=\"word/document.xml\"/>\
                    <Relationship Id=\"2\" Target=\"docProps/core.xml\"/>\
                    <Relationship Id=\"3\" Target=\"docProps/thumbnail.jpeg\"/></Relationships>",
                ),
            ),
            (
                "docProps/core.xml",
                text(
                    "<cp:coreProperties><dc:title>Tomatoes</dc:title><dc:creator>Banana Joe</dc:creator>\
                    <cp:lastModifiedBy>Kitchen</cp:lastModifiedBy></cp:coreProperties>",
                ),
            ),
            (
                "docProps/app.xml",
                text("<Properties><Company>Banana Ltd</Company></Properties>"),
            ),
            ("docProps/thumbnail.jpeg", b"Banana".to_vec()),
            ("customXml/item1.xml", text("<a>PlaceTold</a>")),
            (
                "word/document.xml",
                text(
                    "<w:document><w:body><w:p w:rsidR=\"00BANANA\"><w:r><w:t>Ripe &amp; red</w:t></w:r>\
                    <w:ins w:id=\"1\" w:author=\"Banana Joe\" w:date=\"2024-05-01T12:00:01Z\"><w:r/></w:ins>\
                    </w:p></w:body></w:document>",
                ),
            ),
            (
                "word/comments.xml",
                text(
                    "<w:comments><w:comment w:id=\"0\" w:author=\"Banana\" w:initials=\"BJ\">well</w:comment></w:comments>",
                ),
            ),
            (
                "word/settings.xml",
                text(
                    "<w:settings><w:zoom/><w:rsids><w:rsid w:val=\"00BANANA\"/></w:rsids>\
                    <w:attachedTemplate r:id=\"1\"/></w:settings>",
                ),
            ),
            (
                "word/_rels/settings.xml.rels",
                text(
                    "<Relationships><Relationship Id=\"1\" Target=\"file:///C:/Users/Banana/Normal.dotm\"/>\
                    <Relationship Id=\"2\" Target=\"https://example.org/\"/></Relationships>",
                ),
            ),
            ("word/media/image1.png", picture()),
        ])
    }

    fn odt() -> Vec<u8> {
        let text = |text: &str| text.as_bytes().to_vec();
        packed(&[
            ("mimetype", text("application/vnd.oasis.opendocument.text")),
            (
                "meta.xml",
                text(
                    "<office:meta><meta:initial-creator>Banana Joe</meta:initial-creator>\
                    <meta:generator>Kitchen/7</meta:generator></office:meta>",
                ),
            ),
            (
                "content.xml",
                text(
                    "<office:body><text:p>Ripe</text:p><office:annotation><dc:creator>Banana</dc:creator>\
                    <dc:date>2024-05-01T12:00:01</dc:date><text:p>well</text:p></office:annotation></office:body>",
                ),
            ),
            (
                "settings.xml",
                text(
                    "<office:settings><config:config-item config:name=\"PrinterName\">Kitchen</config:config-item>\
                    <config:config-item config:name=\"ZoomFactor\">100</config:config-item></office:settings>",
                ),
            ),
            ("Thumbnails/thumbnail.png", picture()),
            ("Pictures/1.png", picture()),
            (
                "META-INF/manifest.xml",
                text(
                    "<manifest:manifest><manifest:file-entry manifest:full-path=\"/\"/>\
                    <manifest:file-entry manifest:full-path=\"meta.xml\"/>\
                    <manifest:file-entry manifest:full-path=\"content.xml\"/></manifest:manifest>",
                ),
            ),
        ])
    }

    fn assert_clean(members: &[(String, Vec<u8>)]) {
        for (name, content) in members {
            super::super::assert_tells_nothing(content);
            for told in [&b"BANANA"[..], b"2024-05", b"Joe"] {
                assert!(!holds(content, told), "{name} still tells");
            }
        }
    }

    #[test]
    fn a_docx_says_who_wrote_it_and_loses_it() {
        let (posted, found) = cleaned(&docx());
        assert_eq!(posted, docx());
        let facts = [
            (FactKind::Title, "Tomatoes"),
            (FactKind::Author, "Banana Joe"),
            (FactKind::Editor, "Kitchen"),
            (FactKind::Company, "Banana Ltd"),
        ];
        assert_eq!(told(&found.told), facts);
        let (posted, found) = prepared(&docx(), &stripping()).expect("a document");
        assert!(found.told.is_empty());
        let members = members(&posted);
        assert_clean(&members);
        let names: Vec<_> = members.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names[..3],
            ["[Content_Types].xml", "_rels/.rels", "word/document.xml"]
        );
        assert_eq!(members.len(), 7);
        assert_eq!(
            content(&members, "word/document.xml"),
            "<w:document><w:body><w:p><w:r><w:t>Ripe &amp; red</w:t></w:r>\
            <w:ins w:id=\"1\" w:author=\"\"><w:r/></w:ins></w:p></w:body></w:document>"
        );
        assert_eq!(
            content(&members, "_rels/.rels"),
            "<Relationships><Relationship Id=\"1\" Target=\"word/document.xml\"/></Relationships>"
        );
        assert_eq!(
            content(&members, "word/settings.xml"),
            "<w:settings><w:zoom/></w:settings>"
        );
        let again = prepared(&posted, &stripping()).expect("a document").0;
        assert_eq!(again, posted, "it is clean");
    }

    #[test]
    fn an_odt_says_who_wrote_it_and_loses_it() {
        let (_, found) = cleaned(&odt());
        let facts = [
            (FactKind::Author, "Banana Joe"),
            (FactKind::Software, "Kitchen/7"),
        ];
        assert_eq!(told(&found.told), facts);
        let (posted, _) = prepared(&odt(), &stripping()).expect("a document");
        let members = members(&posted);
        assert_clean(&members);
        let names: Vec<_> = members.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "mimetype",
                "content.xml",
                "settings.xml",
                "Pictures/1.png",
                "META-INF/manifest.xml"
            ]
        );
        // Readers know the type from its place in the file.
        assert_eq!(posted[30..38], *b"mimetype");
        assert!(content(&members, "content.xml").contains("<text:p>Ripe</text:p>"));
        assert!(content(&members, "settings.xml").contains("ZoomFactor"));
        assert!(!content(&members, "META-INF/manifest.xml").contains("meta.xml"));
    }

    #[test]
    fn parts_that_cannot_be_looked_into_are_refused() {
        let with = |name: &str, content: &[u8]| {
            packed(&[
                ("[Content_Types].xml", b"<Types/>".to_vec()),
                (name, content.to_vec()),
            ])
        };
        for (name, content) in [
            ("word/vbaProject.bin", &b"Banana"[..]),
            ("word/embeddings/oleObject1.bin", b"Banana"),
            ("word/media/image1.tiff", b"II*\0Banana"),
            (
                "word/document.xml",
                b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
            ),
            ("word/document.xml", b"<a>"),
        ] {
            let refused = prepared(&with(name, content), &stripping());
            assert!(refused.is_err(), "{name}");
        }
        let inner = with("word/document.xml", b"<a author=\"Banana\"/>");
        let outer = with("ppt/embeddings/text.docx", &inner);
        let (posted, _) = prepared(&outer, &stripping()).expect("a document");
        let inner = &members(&posted)[1].1;
        assert_clean(&members(inner));
    }
}
