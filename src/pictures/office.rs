//! Office files: archives of XML and pictures, written anew with the members that are known to be needed, by a list.
//! Properties, thumbnails, printers and signatures go; of the text go names of those who wrote remarks and changes, and
//! pictures in it lose what all pictures lose.

use std::collections::BTreeSet;
use std::io::{Cursor, Read, Seek, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::error::Fault;
use super::facts::Fact;
use super::kind::{Kind, Reader};
use super::still::Still;
use super::{Options, PICTURE_BYTES};

mod xml;

/// Members of one file; a presentation of a thousand slides has some 5,000.
const MEMBERS: usize = 20_000;

/// Bytes of all members together.
const ALL_BYTES: u64 = 512 << 20;

/// Office files within office files: a table in a presentation.
const DEPTH: u8 = 2;

/// What an office file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// DOCX, XLSX, PPTX.
    OpenXml,
    /// ODT, ODS, ODP.
    OpenDocument,
}

/// What becomes of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Goes,
    Xml,
    Media,
    Inner,
    Stays,
    /// It cannot be cleaned.
    Refused(&'static str),
}

/// An office file that is read.
struct Office<R> {
    archive: ZipArchive<R>,
    form: Form,
    names: Vec<String>,
    left: u64,
}

/// The names of members that go.
struct Gone(BTreeSet<String>);

impl xml::Members for Gone {
    fn goes(&self, path: &str) -> bool {
        let path = path.trim_start_matches("../").trim_start_matches('/');
        let is_in = |name: &String| name == path || name.ends_with(&format!("/{path}"));
        // A folder, where archives list those.
        let is_folder = path.ends_with('/') && path.len() > 1;
        self.0.iter().any(is_in) || (is_folder && self.0.iter().any(|it| it.starts_with(path)))
    }
}

/// What the properties of an office file say; nothing for another archive.
pub(super) fn tells<R: Read + Seek>(file: R) -> Vec<Fact> {
    let Ok(mut office) = Office::open(file) else {
        return Vec::new();
    };
    let mut facts = Vec::new();
    for (at, name) in office.names.clone().iter().enumerate() {
        let is_told = match office.form {
            Form::OpenXml => name.starts_with("docProps/") && name.ends_with(".xml"),
            Form::OpenDocument => name == "meta.xml",
        };
        if is_told {
            facts.extend(xml::facts(&office.read(at).unwrap_or_default()));
        }
    }
    facts
}

/// An office file without what it tells of people, programs and times.
pub(super) fn stripped<R: Read + Seek>(file: R, depth: u8) -> Result<Vec<u8>, Fault> {
    let mut office = Office::open(file)?;
    let form = office.form;
    let names = office.names.clone();
    let gone = names.iter().filter(|name| form.fate(name) == Fate::Goes);
    let gone = Gone(gone.cloned().collect());
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (at, name) in names.iter().enumerate() {
        let fate = form.fate(name);
        if let Fate::Refused(why) = fate {
            return Err(Fault::Sealed(why));
        }
        if fate == Fate::Goes || name.ends_with('/') {
            continue;
        }
        let bytes = office.read(at)?;
        let bytes = match fate {
            Fate::Xml => xml::stripped(&bytes, &gone)?,
            Fate::Media => media(bytes)?,
            Fate::Inner if depth < DEPTH => stripped(Cursor::new(bytes), depth + 1)?,
            Fate::Inner => return Err(Fault::Sealed("files within files within files")),
            _ => bytes,
        };
        let method = match name.as_str() {
            "mimetype" => CompressionMethod::Stored,
            _ => CompressionMethod::Deflated,
        };
        // Times are those of the beginning of all archives.
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .last_modified_time(zip::DateTime::default());
        writer.start_file(name.as_str(), options).map_err(odd)?;
        writer.write_all(&bytes)?;
    }
    Ok(writer.finish().map_err(odd)?.into_inner())
}

fn odd(_: zip::result::ZipError) -> Fault {
    Fault::Odd("an archive that cannot be read")
}

/// A picture, film or sound inside, without what it tells.
fn media(bytes: Vec<u8>) -> Result<Vec<u8>, Fault> {
    let head = bytes.get(..bytes.len().min(super::kind::HEAD));
    let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let kind = Kind::of(head.unwrap_or_default(), len);
    let refused = Fault::Sealed("a picture, film or sound in it cannot be cleaned");
    match kind.reader() {
        Reader::Picture => {
            let Ok(mut still) = Still::of(kind, &bytes) else {
                return Err(refused);
            };
            still.tag_orientation(kind);
            Ok(still.bytes)
        }
        // Drawings of the program itself, and patterns.
        Reader::None => Ok(bytes),
        _ => {
            let mut copy = Cursor::new(bytes);
            let options = Options {
                strip: true,
                ..Options::default()
            };
            super::prepare(&mut copy, &options).map_err(|_| refused)?;
            Ok(copy.into_inner())
        }
    }
}

impl Form {
    fn fate(self, name: &str) -> Fate {
        let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
        let ending = file.rsplit_once('.').map(|(_, ending)| ending);
        let ending = ending.unwrap_or_default().to_ascii_lowercase();
        let is_xml = matches!(ending.as_str(), "xml" | "rels" | "vml");
        match self {
            Self::OpenXml => {
                let is_wanted = ["word/", "xl/", "ppt/", "_rels/"]
                    .iter()
                    .any(|start| name.starts_with(start));
                if name == "[Content_Types].xml" {
                    return Fate::Xml;
                }
                if !is_wanted || folder.ends_with("printerSettings") {
                    return Fate::Goes;
                }
                match ending.as_str() {
                    _ if is_xml => Fate::Xml,
                    _ if folder.ends_with("embeddings") => match ending.as_str() {
                        "docx" | "xlsx" | "pptx" => Fate::Inner,
                        _ => Fate::Refused("a file of another program is in it"),
                    },
                    _ if folder.ends_with("media") => Fate::Media,
                    // Letters, made unreadable for other programs.
                    "odttf" | "fntdata" => Fate::Stays,
                    _ => Fate::Refused("a part of it is no XML, such as macros"),
                }
            }
            Self::OpenDocument => match name {
                "mimetype" => Fate::Stays,
                "meta.xml" | "manifest.rdf" | "layout-cache" => Fate::Goes,
                _ if folder.starts_with("Thumbnails") => Fate::Goes,
                _ if folder.starts_with("Configurations2") => Fate::Goes,
                _ if name.starts_with("META-INF/") && name != "META-INF/manifest.xml" => Fate::Goes,
                // Of a table or a drawing inside.
                _ if file == "meta.xml" => Fate::Goes,
                _ if is_xml => Fate::Xml,
                _ if folder.ends_with("Pictures") || folder == "Media" => Fate::Media,
                _ if folder == "ObjectReplacements" => Fate::Media,
                _ if folder.starts_with("Fonts") => Fate::Stays,
                _ if name.ends_with('/') => Fate::Goes,
                _ => Fate::Refused("a part of it is no XML, such as macros"),
            },
        }
    }
}

impl<R: Read + Seek> Office<R> {
    fn open(mut file: R) -> Result<Self, Fault> {
        let len = file.seek(std::io::SeekFrom::End(0))?;
        if len > PICTURE_BYTES {
            return Err(Fault::Sealed("it is longer than 64 MiB"));
        }
        let mut archive = ZipArchive::new(file).map_err(odd)?;
        if archive.len() > MEMBERS {
            return Err(Fault::Odd("more members than any document has"));
        }
        let mut names = Vec::new();
        for at in 0..archive.len() {
            let member = archive.by_index_raw(at).map_err(odd)?;
            if member.encrypted() {
                return Err(Fault::Sealed("it is encrypted"));
            }
            names.push(member.name().map_err(odd)?.into_owned());
        }
        let mut office = Self {
            archive,
            form: Form::OpenXml,
            names,
            left: ALL_BYTES,
        };
        office.form = office.form()?;
        Ok(office)
    }

    fn form(&mut self) -> Result<Form, Fault> {
        let named = |wanted: &str| self.names.iter().position(|name| name == wanted);
        if named("[Content_Types].xml").is_some() {
            return Ok(Form::OpenXml);
        }
        let unknown =
            Fault::Sealed("it is no office file; clean the files in it and pack them anew");
        let mime = named("mimetype").ok_or(unknown)?;
        let (manifest, mime) = (named("META-INF/manifest.xml"), self.read(mime)?);
        if !mime.starts_with(b"application/vnd.oasis.opendocument.") {
            return Err(Fault::Sealed("no way to do it is known for this type"));
        }
        let manifest = manifest.map(|at| self.read(at)).transpose()?;
        let is_encrypted = |bytes: &Vec<u8>| bytes.windows(15).any(|at| at == b"encryption-data");
        match manifest.as_ref().is_some_and(is_encrypted) {
            true => Err(Fault::Sealed("it is encrypted")),
            false => Ok(Form::OpenDocument),
        }
    }

    /// The bytes of a member, as long as all together are not too many.
    fn read(&mut self, at: usize) -> Result<Vec<u8>, Fault> {
        let member = self.archive.by_index(at).map_err(odd)?;
        let mut bytes = Vec::new();
        member
            .take(self.left.saturating_add(1))
            .read_to_end(&mut bytes)?;
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.left = self
            .left
            .checked_sub(len)
            .ok_or(Fault::Odd("more in it than any document has"))?;
        Ok(bytes)
    }
}
