//! A ticket as a QR code of half-block characters, for a telephone's camera.

use fast_qr::ECL;
use fast_qr::qr::{QRBuilder, QRCode, QRCodeError};

/// Cells left free around the code, without which cameras do not find it.
const QUIET: usize = 4;

/// Black on white whatever the colours of the terminal: these two of the 256 are the same everywhere.
const COLOURS: &str = "\x1B[38;5;16;48;5;231m";

const NO_COLOURS: &str = "\x1B[0m";

/// The lines that show `text` as a QR code, two rows of it in each line.
///
/// With `colours` it can be read on dark and on light terminals. Without, light is drawn and dark is left free, which
/// suits a dark terminal; most cameras read the other way round too.
pub(crate) fn lines(text: &str, colours: bool) -> Result<Vec<String>, QRCodeError> {
    // The least of correction: a screen is not scratched, and a smaller code fits more terminals.
    let code = QRBuilder::new(text).ecl(ECL::L).build()?;
    let side = code.size + 2 * QUIET;
    let line = |y: usize| -> String {
        let cells = (0..side).map(|x| {
            let (upper, lower) = (is_dark(&code, x, y), is_dark(&code, x, y + 1));
            match (upper == colours, lower == colours) {
                (true, true) => '\u{2588}',
                (true, false) => '\u{2580}',
                (false, true) => '\u{2584}',
                (false, false) => ' ',
            }
        });
        let cells: String = cells.collect();
        match colours {
            true => format!("{COLOURS}{cells}{NO_COLOURS}"),
            false => cells,
        }
    };
    Ok((0..side).step_by(2).map(line).collect())
}

/// Whether a cell is dark; those around the code are not.
fn is_dark(code: &QRCode, x: usize, y: usize) -> bool {
    let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < code.size);
    match (inside(x), inside(y)) {
        (Some(x), Some(y)) => code[y][x].value(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn a_code_is_square_with_a_quiet_edge() {
        let lines = lines("tidingsaaaa", false).expect("a short text");
        let width = lines[0].chars().count();
        assert_eq!(lines.len(), width.div_ceil(2));
        assert!(lines.iter().all(|line| line.chars().count() == width));
        // Light is drawn.
        assert!(lines[0].chars().chain(lines[1].chars()).all(|c| c == '\u{2588}'));
        assert!(lines[4].contains(' '));
    }
}
