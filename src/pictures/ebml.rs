//! Elements of EBML, which WebM and Matroska are made of.

use super::error::Fault;
use super::patch::{Patch, Scratch};

/// Where an element stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element {
    pub(super) id: u32,
    pub(super) at: u64,
    pub(super) body: u64,
    pub(super) end: u64,
    /// Whether its writer did not know how long it would get.
    pub(super) open: bool,
}

impl Element {
    pub(super) fn at<F: Scratch>(
        patch: &mut Patch<'_, F>,
        at: u64,
        end: u64,
    ) -> Result<Self, Fault> {
        patch.count()?;
        let [first, b, c, d] = patch.peek(at)?;
        let shift = first.leading_zeros();
        if shift > 3 {
            return Err(Fault::Odd("an element without a name"));
        }
        let id = u32::from_be_bytes([first, b, c, d]) >> (8 * (3 - shift));
        let size_at = at + 1 + u64::from(shift);
        let [first, rest @ ..] = patch.peek::<8>(size_at)?;
        let more = first.leading_zeros();
        if more > 7 {
            return Err(Fault::Odd("an element without a length"));
        }
        let [b, c, d, e, f, g, h] = rest;
        let bits = 7 * (more + 1);
        let all = u64::from_be_bytes([first, b, c, d, e, f, g, h]) >> (8 * (7 - more));
        let mask = (1 << bits) - 1;
        let size = all & mask;
        let body = size_at + 1 + u64::from(more);
        let open = size == mask;
        let to = if open {
            Some(end)
        } else {
            body.checked_add(size)
        };
        let to = to
            .filter(|to| body <= *to && *to <= end)
            .ok_or(Fault::Cut)?;
        Ok(Self {
            id,
            at,
            body,
            end: to,
            open,
        })
    }

    /// Makes it a `Void` with zeros in it.
    pub(super) fn void<F: Scratch>(&self, patch: &mut Patch<'_, F>) -> Result<(), Fault> {
        if self.open {
            return Err(Fault::Odd("a part without an end"));
        }
        let len = self.end - self.at;
        match u8::try_from(len) {
            Ok(short @ ..9) => {
                patch.write(self.at, &[0xEC, 0x80 | (short - 2)])?;
                patch.zero(self.at + 2, self.end)
            }
            _ => {
                let [_, size @ ..] = (len - 9).to_be_bytes();
                patch.write(self.at, &[0xEC, 0x01])?;
                patch.write(self.at + 2, &size)?;
                patch.zero(self.at + 9, self.end)
            }
        }
    }

    /// Visits the elements in it.
    pub(super) fn each<F: Scratch>(
        &self,
        patch: &mut Patch<'_, F>,
        mut visit: impl FnMut(&mut Patch<'_, F>, &Self) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut at = self.body;
        while at < self.end {
            let element = Self::at(patch, at, self.end)?;
            visit(patch, &element)?;
            at = element.end;
        }
        Ok(())
    }

    /// The unsigned number in it.
    pub(super) fn number<F: Scratch>(&self, patch: &mut Patch<'_, F>) -> Result<u64, Fault> {
        let len = self.end - self.body;
        let bytes = patch.peek::<8>(self.body)?;
        match u32::try_from(len) {
            Ok(0) => Ok(0),
            Ok(len @ ..9) => Ok(u64::from_be_bytes(bytes) >> (8 * (8 - len))),
            _ => Err(Fault::Odd("a number that is too long")),
        }
    }
}
