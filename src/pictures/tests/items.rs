//! Pictures in boxes: the picture and what it is made of stay, every other item goes.

use super::made::{Heif, exif, matrix_tags, told_profile};
use super::{Done, Options, PictureError, assert_tells_nothing, cleaned, holds, prepared};

fn numbers(all: &[u32]) -> Vec<u8> {
    all.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// A photograph in two tiles with its alpha, and all that a telephone puts beside it.
fn told() -> Heif {
    let full = |text: &[u8]| [&[0; 4], text].concat();
    let profile = told_profile(2, &matrix_tags(0x90));
    let head = [
        &[1; 22][..],
        &[2, 0xA0, 0, 1, 0, 3],
        b"SPS",
        &[0x27, 0, 1, 0, 6],
        b"Banana",
    ];
    Heif {
        items: vec![
            (
                b"grid",
                vec![1, 2, 0x83, 0x84, 5],
                b"\0\0\0\x01\0\x40\0\x60Kitchen".to_vec(),
            ),
            (b"hvc1", vec![0x86, 2], b"the first tile".to_vec()),
            (b"hvc1", vec![0x86, 2], b"the second tile".to_vec()),
            (b"hvc1", vec![0x86, 7], b"the alpha".to_vec()),
            (b"hvc1", vec![0x86, 8], b"a depth of the Kitchen".to_vec()),
            (b"hvc1", vec![0x86], b"a thumbnail of the Kitchen".to_vec()),
            (b"Exif", vec![], [&[0; 4], exif(6).as_slice()].concat()),
            (b"mime", vec![], b"PlaceTold".to_vec()),
            (b"uri ", vec![], b"Banana".to_vec()),
            (b"bana", vec![], b"Banana".to_vec()),
            (
                b"hvc1",
                vec![0x86],
                b"what the Kitchen looked like before".to_vec(),
            ),
            (b"tmap", vec![1], b"how bright, in numbers".to_vec()),
            (b"hvc1", vec![0x86], b"what is brighter".to_vec()),
        ],
        references: vec![
            (b"dimg", 1, vec![2, 3]),
            (b"auxl", 4, vec![1]),
            (b"auxl", 5, vec![1]),
            (b"thmb", 6, vec![1]),
            (b"cdsc", 7, vec![1]),
            (b"cdsc", 8, vec![1]),
            (b"dimg", 12, vec![1, 13]),
        ],
        properties: vec![
            (
                b"ispe",
                [numbers(&[0, 96, 64]).as_slice(), b"Banana"].concat(),
            ),
            (b"colr", [b"prof".as_slice(), &profile].concat()),
            (b"clap", numbers(&[80, 1, 50, 1, 0, 1, 0, 1])),
            (b"irot", vec![1]),
            (b"udes", full(b"en\0PlaceTold\0Banana\0")),
            (b"hvcC", head.concat()),
            (b"auxC", full(b"urn:mpeg:hevc:2015:auxid:1\0Banana")),
            (b"auxC", full(b"urn:mpeg:hevc:2015:auxid:2\0")),
            (b"cmin", full(b"Banana")),
        ],
        groups: vec![(b"altr", vec![12, 1]), (b"bana", vec![1])],
        in_list: vec![1, 9, 12],
        more: Vec::new(),
    }
}

#[test]
fn the_picture_and_its_parts_stay_and_all_other_items_go() {
    let bytes = told().write();
    let (posted, prepared) = cleaned(&bytes);
    assert_tells_nothing(&posted);
    assert_eq!((posted.len(), prepared.done), (bytes.len(), Done::Cleaned));
    let kept: [&[u8]; 10] = [
        b"the first tile",
        b"the second tile",
        b"the alpha",
        b"SPS",
        b"how bright, in numbers",
        b"what is brighter",
        b"urn:mpeg:hevc:2015:auxid:1\0",
        b"grid",
        b"altr\0\0\0\0\0\0\0\x4D\0\0\0\x02\0\0\0\x0C\0\0\0\x01",
        &numbers(&[80, 1, 50, 1, 0, 1, 0, 1]),
    ];
    for kept in kept {
        assert!(holds(&posted, kept), "{}", kept.escape_ascii());
    }
    let gone: [&[u8]; 12] = [
        b"Exif", b"mime", b"uri ", b"bana", b"cdsc", b"thmb", b"udes", b"cmin", b"auxid:2",
        b"xml ", b"uuid", b"dinf",
    ];
    for gone in gone {
        assert!(!holds(&posted, gone), "{}", gone.escape_ascii());
    }
    // What does not move keeps its place.
    let place = |bytes: &[u8]| bytes.windows(8).position(|at| at == b"the alph");
    assert_eq!(place(&posted), place(&bytes));
    let (again, prepared) = cleaned(&posted);
    assert_eq!((again == posted, prepared.done), (true, Done::Nothing));
}

#[test]
fn the_size_is_that_of_the_part_that_is_shown_turned() {
    let (_, prepared) = cleaned(&told().write());
    assert_eq!(prepared.width.zip(prepared.height), Some((50, 80)));
    let mut odd = told();
    odd.properties[2].1 = numbers(&[80, 0, 500, 1, 0, 1, 0, 1]);
    let (_, prepared) = cleaned(&odd.write());
    assert_eq!(prepared.width.zip(prepared.height), Some((64, 96)));
}

#[test]
fn colours_of_a_picture_in_boxes_stay_without_their_maker() {
    let (posted, _) = cleaned(&told().write());
    assert!(!holds(&posted, b"profBana") && holds(&posted, b"prof\0\0"));
    assert!(holds(&posted, b"para\0\0\0\0\0\0\0\0\0\x02\x33\x33"));
    let mut odd = told();
    odd.properties[1].1 = b"profBanana".to_vec();
    let (posted, _) = cleaned(&odd.write());
    assert!(!holds(&posted, b"prof"));
}

#[test]
fn what_a_picture_needs_and_is_not_known_is_refused() {
    let refused = |heif: &Heif| {
        let refused = prepared(&heif.write(), &Options::default());
        assert!(
            matches!(refused, Err(PictureError::Sealed { .. })),
            "{refused:?}"
        );
    };
    let mut unknown_part = told();
    unknown_part.items[1].0 = b"bana";
    refused(&unknown_part);
    let mut jpeg_within = told();
    jpeg_within.items[1].0 = b"jpeg";
    refused(&jpeg_within);
    let mut needed_property = told();
    needed_property.items[0].1[4] |= 0x80;
    refused(&needed_property);
    let mut missing = told();
    missing.references[0].2 = vec![2, 99];
    refused(&missing);
    let mut in_list_twice = told();
    in_list_twice.more = super::made::boxed(b"pitm", &[0, 0, 0, 0, 0, 7]);
    refused(&in_list_twice);
}

#[test]
fn parts_that_refer_to_one_another_end() {
    let mut round = told();
    round.references.push((b"dimg", 2, vec![1, 2, 3]));
    assert_tells_nothing(&cleaned(&round.write()).0);
}
