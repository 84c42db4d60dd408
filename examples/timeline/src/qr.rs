//! A text as a QR code of characters, for a telephone that is held in front of the screen.

use fast_qr::{ECL, QRBuilder};

use crate::failure::{Failure, Result};

/// Light modules around the code, without which many readers do not find it.
const QUIET: usize = 4;

/// Black on white, whatever the colours of the terminal are.
const BLACK_ON_WHITE: &str = "\u{1b}[38;5;16;48;5;231m";
const RESET: &str = "\u{1b}[0m";

/// Draws `text`. Each character is two modules high, so that they come out about square.
///
/// Where there is no colour, light modules are drawn and dark ones left out, as is usual: that is right on a dark
/// background, and on a light one most readers take the negative as well.
///
/// # Errors
///
/// If it needs more columns than there are: broken lines are no code.
pub(crate) fn drawing(text: &str, columns: usize, color: bool) -> Result<String> {
    let code = QRBuilder::new(text).ecl(ECL::L).build();
    let code = code.map_err(|_| Failure::said("the ticket is too long for a QR code"))?;
    let side = code.size + 2 * QUIET;
    if side > columns {
        return Err(Failure::said(format!(
            "the QR code needs {side} columns and the terminal has {columns}; make it wider, or its letters smaller"
        )));
    }
    let dark = |x: usize, y: usize| {
        let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < code.size);
        inside(x)
            .zip(inside(y))
            .is_some_and(|(x, y)| code[y][x].value())
    };
    let line = |y: usize| {
        let cells: String = (0..side)
            .map(|x| cell(dark(x, y) == color, dark(x, y + 1) == color))
            .collect();
        if color {
            format!("{BLACK_ON_WHITE}{cells}{RESET}")
        } else {
            cells.trim_end().to_owned()
        }
    };
    Ok((0..side)
        .step_by(2)
        .map(line)
        .collect::<Vec<_>>()
        .join("\n"))
}

/// Two modules, one above the other, and which of them are inked.
const fn cell(upper: bool, lower: bool) -> char {
    match (upper, lower) {
        (true, true) => '\u{2588}',
        (true, false) => '\u{2580}',
        (false, true) => '\u{2584}',
        (false, false) => ' ',
    }
}
