//! Colour profiles: what colours are computed from stays, everything else goes.

use super::super::icc::{cut, cut_in_place};
use super::{assert_tells_nothing, holds, made};

/// The values of a profile by their names, as another reader would find them.
fn tags(profile: &[u8]) -> Vec<(String, Vec<u8>)> {
    let number = |at: usize| {
        let bytes: [u8; 4] = profile[at..at + 4].try_into().expect("four bytes");
        u32::from_be_bytes(bytes) as usize
    };
    assert!(number(0) <= profile.len());
    let entry = |at: usize| {
        let name = String::from_utf8_lossy(&profile[at..at + 4]).into_owned();
        let (from, len) = (number(at + 4), number(at + 8));
        (name, profile[from..from + len].to_vec())
    };
    (0..number(128)).map(|tag| entry(132 + tag * 12)).collect()
}

fn tag(profile: &[u8], name: &str) -> Vec<u8> {
    let found = tags(profile).into_iter().find(|(tag, _)| tag == name);
    found.unwrap_or_else(|| panic!("{name} is gone")).1
}

fn number(n: usize) -> [u8; 4] {
    u32::try_from(n).expect("a small number").to_be_bytes()
}

#[test]
fn curves_and_primaries_stay_and_names_dates_and_gaps_go() {
    for version in [2, 4] {
        let told = made::told_profile(version, &made::matrix_tags(0x90));
        let kept = cut(&told).expect("a profile");
        assert_tells_nothing(&kept);
        assert!(kept.len() <= told.len());
        for name in ["wtpt", "rXYZ", "gXYZ", "bXYZ"] {
            assert_eq!(tag(&kept, name), tag(&told, name)[..20], "{name}");
        }
        assert_eq!(tag(&kept, "rTRC"), b"para\0\0\0\0\0\0\0\0\0\x02\x33\x33");
        assert_eq!(tag(&kept, "bTRC"), b"curv\0\0\0\0\0\0\0\x02\0\0\xFF\xFF");
        let names: Vec<String> = tags(&kept).into_iter().map(|(name, _)| name).collect();
        let all = [
            "desc", "cprt", "bTRC", "bXYZ", "gTRC", "gXYZ", "rTRC", "rXYZ", "wtpt",
        ];
        assert_eq!(names, all);
        assert_eq!(kept[8..10], told[8..10]);
        assert_eq!(kept[12..24], told[12..24]);
        assert_eq!(kept[24..36], [0; 12], "the date");
        assert_eq!(cut(&kept).as_ref(), Some(&kept));
    }
}

#[test]
fn equal_colours_are_equal_bytes() {
    let tags = made::matrix_tags(0x90);
    let mut turned = tags.clone();
    turned.reverse();
    let one = cut(&made::told_profile(2, &tags));
    assert_eq!(one, cut(&made::told_profile(2, &turned)));
    assert_ne!(one, cut(&made::told_profile(2, &made::matrix_tags(0x91))));
}

#[test]
fn a_place_that_cannot_grow_is_filled() {
    let told = made::told_profile(2, &made::matrix_tags(0x90));
    let kept = cut_in_place(&told).expect("a profile");
    assert_eq!(kept.len(), told.len());
    assert_tells_nothing(&kept);
    assert_eq!(tag(&kept, "rXYZ"), tag(&told, "rXYZ")[..20]);
    // Without names there is no room for ours.
    let bare = cut(&told).expect("a profile");
    let mut small = bare[..128].to_vec();
    let tags: Vec<_> = tags(&bare).into_iter().skip(2).collect();
    small.extend(number(tags.len()));
    let mut at = 132 + tags.len() * 12;
    for (name, value) in &tags {
        small.extend(name.as_bytes());
        small.extend(number(at));
        small.extend(number(value.len()));
        at += value.len();
    }
    small.extend(tags.iter().flat_map(|(_, value)| value));
    let len = number(small.len());
    small[..4].copy_from_slice(&len);
    let kept = cut_in_place(&small).expect("a profile");
    assert_eq!(kept.len(), small.len());
    assert_eq!(tag(&kept, "bTRC"), tag(&small, "bTRC"));
}

/// A table of version 2: one input, one output table of 256 each, two points a side.
fn old_table() -> Vec<u8> {
    let values: Vec<u8> = (0..256 * 3 + 8 * 3 + 256 * 3)
        .map(|n| (n % 251) as u8)
        .collect();
    [
        b"mft1\0\0\0\0\x03\x03\x02K".as_slice(),
        &[0; 36],
        &values,
        b"PlaceTold",
    ]
    .concat()
}

/// A table of version 4 with gaps between its parts, and curves that are shared.
fn new_table() -> Vec<u8> {
    let curves =
        b"curv\0\0\0\0\0\0\0\0curv\0\0\0\0\0\0\0\x01\x01\x80KKpara\0\0\0\0\0\0\0\0\0\x01\0\0";
    let grid = [
        [2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0].as_slice(),
        &[9; 24],
    ]
    .concat();
    let mut out = b"mAB \0\0\0\0\x03\x03Ki".to_vec();
    let curves_at = 32 + 8;
    let grid_at = curves_at + curves.len() + 12;
    for at in [curves_at, 0, 0, grid_at, curves_at] {
        out.extend(number(at));
    }
    out.extend(b"Banana..");
    out.extend(curves);
    out.extend(b"PlaceTold...");
    out.extend(&grid);
    out.extend(b"+52.5200");
    out
}

#[test]
fn tables_stay_without_what_lies_between_their_parts() {
    let tags_of = |table| vec![(b"A2B0", table), (b"B2A0", b"text\0\0\0\0Banana".to_vec())];
    let told = made::told_profile(2, &tags_of(old_table()));
    let kept = cut(&told).expect("a profile");
    assert_tells_nothing(&kept);
    let table = tag(&kept, "A2B0");
    assert_eq!(table[12..], old_table()[12..table.len()]);
    assert_eq!(table[..12], *b"mft1\0\0\0\0\x03\x03\x02\0");

    let told = made::told_profile(4, &tags_of(new_table()));
    let kept = cut(&told).expect("a profile");
    assert_tells_nothing(&kept);
    let table = tag(&kept, "A2B0");
    assert_eq!(table[8..12], [3, 3, 0, 0]);
    assert!(holds(&table, b"\0\0\0\x01\x01\x80\0\0para"));
    assert!(holds(&table, &[9; 24]));
    assert!(table.len() < new_table().len());
    assert_eq!(cut(&kept).as_ref(), Some(&kept));
}

#[test]
fn a_profile_that_computes_nothing_is_none() {
    let without = |name: &[u8; 4]| {
        let mut tags = made::matrix_tags(1);
        tags.retain(|(tag, _)| *tag != name);
        made::told_profile(2, &tags)
    };
    assert_eq!(cut(&without(b"gTRC")), None);
    assert!(cut(&without(b"wtpt")).is_some());
    let told = made::told_profile(2, &made::matrix_tags(1));
    let mut of_no_device = told.clone();
    of_no_device[12..16].copy_from_slice(b"nmcl");
    assert_eq!(cut(&of_no_device), None);
    for len in 0..told.len() {
        if let Some(kept) = cut(&told[..len]) {
            assert_tells_nothing(&kept);
        }
    }
    assert_eq!(cut(&[0; 600]), None);
}

#[test]
fn values_that_lie_upon_one_another_do_not_make_a_long_profile() {
    let mut told = made::told_profile(2, &[(b"A2B0", old_table()), (b"A2B1", old_table())]);
    let names: [&[u8; 4]; 6] = [b"A2B0", b"A2B1", b"A2B2", b"B2A0", b"B2A1", b"B2A2"];
    let at = tags(&told)
        .iter()
        .position(|(name, _)| name == "A2B0")
        .expect("a table");
    let place = told[132 + at * 12 + 4..132 + at * 12 + 12].to_vec();
    told[128..132].copy_from_slice(&6u32.to_be_bytes());
    for (number, name) in names.iter().enumerate() {
        let at = 132 + number * 12;
        told[at..at + 4].copy_from_slice(*name);
        told[at + 4..at + 12].copy_from_slice(&place);
    }
    let kept = cut(&told).expect("tables may be shared");
    assert!(kept.len() < old_table().len() + 600);
    for nth in 0..6_u8 {
        let at = 132 + usize::from(nth) * 12;
        let from = u32::from_be_bytes(told[at + 4..at + 8].try_into().expect("four"));
        let len = u32::from_be_bytes(told[at + 8..at + 12].try_into().expect("four"));
        told[at + 4..at + 8].copy_from_slice(&from.to_be_bytes());
        told[at + 8..at + 12].copy_from_slice(&(len - u32::from(nth)).to_be_bytes());
    }
    assert_eq!(cut(&told), None);
}
