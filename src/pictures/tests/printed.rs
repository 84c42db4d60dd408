//! PDFs that are written anew without what they tell.

use lopdf::{Document, Object, SaveOptions, Stream, StringFormat, dictionary};

use super::documents::{stripping, told};
use super::{Options, cleaned, holds, keeping, made, prepared};
use crate::pictures::FactKind;

const PAGE: &[u8] = b"BT /F1 24 Tf 72 700 Td (Ripe tomatoes) Tj ET";

const PACKET: &str = "<?xpacket begin=''?><x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF><rdf:Description \
    xmp:CreatorTool='Kitchen 9' rdf:about=''><dc:creator><rdf:Seq><rdf:li>Banana Joe</rdf:li></rdf:Seq></dc:creator>\
    <dc:title><rdf:Alt><rdf:li xml:lang='x-default'>Tomatoes</rdf:li></rdf:Alt></dc:title></rdf:Description></rdf:RDF>\
    </x:xmpmeta>";

fn string(text: &str) -> Object {
    Object::String(text.as_bytes().to_vec(), StringFormat::Literal)
}

/// A picture as cameras make it.
fn photograph() -> Vec<u8> {
    let mut clean = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(16, 8, image::Rgb([200, 30, 20]))
        .write_to(&mut clean, image::ImageFormat::Jpeg)
        .expect("a picture");
    made::told_jpeg(&clean.into_inner(), 6)
}

/// A page with a picture, a remark and a field, in a file with all that programs write about people.
fn document() -> Document {
    let mut pdf = Document::with_version("1.7");
    let pages = pdf.new_object_id();
    let profile = made::told_profile(2, &made::matrix_tags(1));
    let profile = pdf.add_object(Stream::new(dictionary! { "N" => 3 }, profile));
    let picture = dictionary! {
        "Type" => "XObject", "Subtype" => "Image", "Width" => 16, "Height" => 8, "BitsPerComponent" => 8,
        "ColorSpace" => vec!["ICCBased".into(), Object::Reference(profile)], "Filter" => "DCTDecode",
    };
    let picture = pdf.add_object(Stream::new(picture, photograph()));
    let content = pdf.add_object(Stream::new(dictionary! {}, PAGE.to_vec()));
    let remark = dictionary! {
        "Type" => "Annot", "Subtype" => "Text", "Rect" => vec![0.into(), 0.into(), 9.into(), 9.into()],
        "T" => string("Banana Joe"), "M" => string("D:20240501"), "Contents" => string("well said"),
    };
    let field = dictionary! {
        "Subtype" => "Widget", "Rect" => vec![0.into(), 0.into(), 9.into(), 9.into()], "T" => string("colour"),
        "NM" => string("Banana 7"),
    };
    let annots = [remark, field].map(|it| Object::Reference(pdf.add_object(it)));
    let private =
        dictionary! { "Kitchen" => dictionary! { "Private" => string("Banana's cupboard") } };
    let page = pdf.add_object(dictionary! {
        "Type" => "Page", "Parent" => pages, "Contents" => content, "Annots" => annots.to_vec(),
        "MediaBox" => vec![0.into(), 0.into(), 595.into(), 842.into()], "LastModified" => string("D:20240501"),
        "PieceInfo" => private, "Resources" => dictionary! { "XObject" => dictionary! { "Im1" => picture } },
    });
    let kids = vec![Object::Reference(page)];
    pdf.set_object(
        pages,
        dictionary! { "Type" => "Pages", "Kids" => kids, "Count" => 1 },
    );
    let packet = dictionary! { "Type" => "Metadata", "Subtype" => "XML" };
    let packet = pdf.add_object(Stream::new(packet, PACKET.as_bytes().to_vec()));
    let root =
        pdf.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages, "Metadata" => packet });
    let info = pdf.add_object(dictionary! {
        "Author" => string("Banana Joe"), "Producer" => string("Kitchen 7"), "Room" => string("Banana's cellar"),
    });
    // What an earlier saving left behind.
    let _left = pdf.add_object(string("Banana was here"));
    pdf.trailer.set("Root", root);
    pdf.trailer.set("Info", info);
    pdf.trailer
        .set("ID", vec![string("Banana1"), string("Banana2")]);
    pdf
}

fn plain(mut pdf: Document) -> Vec<u8> {
    let mut bytes = Vec::new();
    pdf.save_to(&mut bytes).expect("room");
    bytes
}

/// Its parts packed together, as most programs write them today.
fn packed(mut pdf: Document) -> Vec<u8> {
    let mut bytes = Vec::new();
    let options = SaveOptions::builder()
        .use_object_streams(true)
        .use_xref_streams(true)
        .build();
    pdf.save_with_options(&mut bytes, options).expect("room");
    bytes
}

/// All parts of a file unpacked, so that a search finds what is in them.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut pdf = Document::load_mem(bytes).expect("a PDF");
    pdf.decompress();
    plain(pdf)
}

#[test]
fn properties_are_told_wherever_they_stand() {
    for bytes in [plain(document()), packed(document())] {
        let found = cleaned(&bytes).1;
        let facts = [
            (FactKind::Author, "Banana Joe"),
            (FactKind::Software, "Kitchen 7"),
            (FactKind::Software, "Kitchen 9"),
            (FactKind::Title, "Tomatoes"),
        ];
        assert_eq!(told(&found.told), facts);
    }
}

#[test]
fn a_pdf_is_stripped_of_all_that_tells_and_shows_the_same() {
    for bytes in [plain(document()), packed(document())] {
        let before = unpacked(&bytes);
        for planted in ["Banana", "Kitchen", "D:2024", "PLACE"] {
            let is_there = holds(&before, planted.as_bytes());
            assert!(is_there || planted == "PLACE", "{planted}");
        }
        let (stripped, found) = prepared(&bytes, &stripping()).expect("a PDF");
        assert!(found.told.is_empty());
        let after = unpacked(&stripped);
        for planted in [
            "Banana",
            "Kitchen",
            "D:2024",
            "Exif",
            "Metadata",
            "PieceInfo",
        ] {
            assert!(!holds(&after, planted.as_bytes()), "{planted}");
        }
        let pdf = Document::load_mem(&stripped).expect("a PDF");
        let page = pdf.page_iter().next().expect("a page");
        assert_eq!(pdf.get_page_content(page), [PAGE, b"\n"].concat());
        for kept in ["well said", "colour", "ICCBased"] {
            assert!(holds(&after, kept.as_bytes()), "{kept}");
        }
        // Stripped once more it stays as it is.
        assert_eq!(
            prepared(&stripped, &stripping()).expect("a PDF").0,
            stripped
        );
        assert_eq!(prepared(&bytes, &keeping()).expect("a PDF").0, bytes);
        assert_eq!(
            prepared(&bytes, &Options::default()).expect("a PDF").0,
            bytes
        );
    }
}

#[test]
fn a_profile_that_makes_no_sense_gives_way_to_plain_colours() {
    let mut pdf = document();
    let profile = pdf.objects.values_mut().find_map(|object| match object {
        Object::Stream(stream) if stream.dict.has(b"N") => Some(stream),
        _ => None,
    });
    profile
        .expect("a profile")
        .set_content(b"Banana's colours".to_vec());
    let (stripped, _) = prepared(&plain(pdf), &stripping()).expect("a PDF");
    let after = unpacked(&stripped);
    assert!(!holds(&after, b"Banana"));
    assert!(holds(&after, b"/DeviceRGB"));
}

#[test]
fn what_cannot_be_written_anew_is_refused() {
    let changed = |change: fn(&mut Document)| {
        let mut pdf = document();
        change(&mut pdf);
        let refused = prepared(&plain(pdf), &stripping()).expect_err("a PDF");
        refused.to_string()
    };
    let signed = changed(|pdf| {
        pdf.add_object(dictionary! { "Type" => "Sig", "ByteRange" => vec![0.into(), 9.into()] });
    });
    assert!(
        signed.contains("signed") && signed.contains("printed"),
        "{signed}"
    );
    let carrying = changed(|pdf| {
        pdf.add_object(Stream::new(
            dictionary! { "Type" => "EmbeddedFile" },
            b"Banana".to_vec(),
        ));
    });
    assert!(carrying.contains("another file"), "{carrying}");
    let unclean = changed(|pdf| {
        let picture = dictionary! { "Subtype" => "Image", "Filter" => "JPXDecode" };
        pdf.add_object(Stream::new(picture, b"Banana".to_vec()));
    });
    assert!(unclean.contains("a picture in it"), "{unclean}");
    let empty = changed(|pdf| {
        pdf.trailer.remove(b"Root");
    });
    assert!(empty.contains("damaged"), "{empty}");
    let bytes = plain(document());
    for len in [9, 100, bytes.len() / 2] {
        let cut = bytes.get(..len).expect("shorter");
        assert!(prepared(cut, &stripping()).is_err(), "{len}");
    }
}
