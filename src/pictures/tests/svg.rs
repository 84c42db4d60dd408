//! Drawings in SVG: what is drawn stays, what the program noted does not.

use data_encoding::BASE64;

use super::{
    Done, Kind, Options, PictureError, assert_tells_nothing, cleaned, holds, keeping, made,
    prepared,
};

const TOLD: &str = r##"<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!-- Created with Banana -->
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns="http://www.w3.org/2000/svg" xmlns:s="http://www.w3.org/2000/svg"
  xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:note="http://banana.example/Kitchen"
  width="20" height="10" note:docname="Kitchen.svg" data-name="PlaceTold">
 <title>Kitchen plan</title><desc>by Banana</desc>
 <note:view path="/home/Banana/"><note:guide/></note:view>
 <metadata><rdf xmlns="http://rdf.example/">PlaceTold <metadata/></rdf></metadata>
 <g id="a" note:label='Kitchen > "hall"' xml:base="file:///home/Banana/"><title>a circle</title>
  <s:circle cx='5' cy="5" r="4" style="fill:red"/><!-- PlaceTold --></g>
 <style><![CDATA[ #a { stroke: blue } ]]></style><use xlink:href="#a" x="9"/>
 <?banana PlaceTold?><image href="C:\Banana\PlaceTold.png"/>
</svg>
<!-- Kitchen -->"##;

/// The same without it, as far as it is looked at: without white space between elements.
const CLEAN: &str = r##"<?xml version="1.0" encoding="UTF-8" standalone="no"?><svg xmlns="http://www.w3.org/2000/svg" xmlns:s="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="20" height="10"><g id="a"><title>a circle</title><s:circle cx='5' cy="5" r="4" style="fill:red"/></g><style><![CDATA[ #a { stroke: blue } ]]></style><use xlink:href="#a" x="9"/><image/></svg>"##;

fn without_gaps(text: &str) -> String {
    let pieces = text.split('>').map(str::trim_start);
    pieces.collect::<Vec<_>>().join(">")
}

#[test]
fn a_drawing_keeps_what_is_drawn_and_nothing_else() {
    for told in [TOLD.to_owned(), format!("\u{FEFF}{TOLD}")] {
        let (posted, prepared) = cleaned(told.as_bytes());
        assert_eq!((prepared.kind, prepared.done), (Kind::Svg, Done::Cleaned));
        assert_eq!(prepared.kind.mime_for(Some("text/xml")), "image/svg+xml");
        assert_tells_nothing(&posted);
        let text = String::from_utf8(posted.clone()).expect("text");
        assert_eq!(without_gaps(&text), CLEAN);
        let (again, done) = cleaned(&posted);
        assert_eq!((again, done.done), (posted, Done::Nothing));
    }
    let (posted, kept) = prepared(TOLD.as_bytes(), &keeping()).expect("kept as it is");
    assert_eq!(
        (posted.as_slice(), kept.done),
        (TOLD.as_bytes(), Done::Kept)
    );
}

#[test]
fn a_picture_within_a_drawing_is_cleaned_too() {
    let clean = include_bytes!("../../../tests/data/media/progressive.jpg");
    let told = made::told_jpeg(clean, 6);
    let (head, rest) = ("data:image/jpeg;base64,", BASE64.encode(&told));
    let (first, second) = rest.split_at(60);
    let drawing = format!("<svg><image href='{head}{first}\n  {second}'/></svg>");
    let (posted, _) = cleaned(drawing.as_bytes());
    let text = String::from_utf8(posted).expect("text");
    let coded = text.strip_prefix("<svg><image href=\"data:image/jpeg;base64,");
    let coded = coded.and_then(|text| text.strip_suffix("\"/></svg>"));
    let picture = BASE64.decode(coded.expect("a picture").as_bytes());
    let picture = picture.expect("data");
    assert_tells_nothing(&picture);
    // Which way is up stays.
    assert!(holds(&picture, b"Exif\0\0"));
}

#[test]
fn what_has_no_element_of_a_drawing_is_none() {
    for text in [
        "",
        "  \n",
        "<!-- svg -->",
        "<p>svg</p>",
        "a < b <svg>",
        "<?xml version=\"1.0\"?>\n",
    ] {
        let len = u64::try_from(text.len()).expect("a short text");
        assert_ne!(Kind::of(text.as_bytes(), len), Kind::Svg, "{text:?}");
    }
}

#[test]
fn a_drawing_that_cannot_be_told_apart_is_refused() {
    let wide: Vec<u8> = "\u{FEFF}<svg>PlaceTold</svg>"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let sealed: [&[u8]; 4] = [
        b"<!DOCTYPE svg [<!ENTITY who \"Banana\">]><svg>&who;</svg>",
        b"<svg><image href='data:image/tiff;base64,SUkqAA=='/></svg>",
        b"<svg><style>g { fill: url(data:image/png;base64,AAAA) }</style></svg>",
        &wide,
    ];
    for bytes in sealed {
        let refused = prepared(bytes, &Options::default());
        let Err(error @ PictureError::Sealed { .. }) = refused else {
            panic!("{}: {refused:?}", bytes.escape_ascii());
        };
        assert!(error.to_string().contains("plain SVG or PNG"), "{error}");
    }
    for cut in [b"<svg><g>".as_slice(), b"<svg a='", b"<svg></svg></g>"] {
        let refused = prepared(cut, &Options::default());
        assert!(refused.is_err(), "{}: {refused:?}", cut.escape_ascii());
    }
}
