//! Numbers, texts and lists in a file: how they are written, and how they are read without being
//! trusted.
//!
//! **Invariants**
//! - Reading never leaves the bytes and never panics; a count is compared with the bytes that its
//!   rows need at least before anything is allocated.

use super::ImageFileError;

type Result<T> = core::result::Result<T, ImageFileError>;

/// A file being written.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn with_capacity(bytes: usize) -> Writer {
        Writer(Vec::with_capacity(bytes))
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn u32(&mut self, number: u32) {
        self.bytes(&number.to_le_bytes());
    }

    pub(super) fn u64(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    /// Bytes with their length before them.
    pub(super) fn text(&mut self, text: &[u8]) {
        self.u64(text.len() as u64);
        self.bytes(text);
    }

    /// Rows with their count before them.
    pub(super) fn rows<T>(&mut self, rows: &[T], mut write: impl FnMut(&mut Writer, &T)) {
        self.u64(rows.len() as u64);
        for row in rows {
            write(self, row);
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// A place in a file being read.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    /// Where `rest` begins in the file.
    offset: usize,
}

impl<'a> Reader<'a> {
    /// At `offset` of `file`, or at its end.
    pub(super) fn new(file: &'a [u8], offset: usize) -> Reader<'a> {
        Reader { rest: file.get(offset..).unwrap_or_default(), offset }
    }

    pub(super) fn u32(&mut self, part: &'static str) -> Result<u32> {
        self.array(part).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, part: &'static str) -> Result<u64> {
        self.array(part).map(u64::from_le_bytes)
    }

    /// Bytes with their length before them.
    pub(super) fn text(&mut self, part: &'static str) -> Result<&'a [u8]> {
        let wanted = self.u64(part)?;
        self.take(part, wanted)
    }

    /// The same, UTF-8.
    pub(super) fn str(&mut self, part: &'static str) -> Result<&'a str> {
        let text = self.text(part)?;
        let start = self.offset - text.len();
        core::str::from_utf8(text).map_err(|error| {
            let at = error.valid_up_to();
            let found = text.get(at).copied().unwrap_or_default().into();
            ImageFileError::Value { part, offset: start + at, expected: "UTF-8", found }
        })
    }

    /// Rows with their count before them, each of at least `row_bytes` bytes.
    pub(super) fn rows<T>(
        &mut self,
        part: &'static str,
        row_bytes: u64,
        mut read: impl FnMut(&mut Reader<'a>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let count = self.u64(part)?;
        let wanted = count.saturating_mul(row_bytes);
        let (offset, left) = (self.offset, self.rest.len());
        if wanted > left as u64 {
            return Err(ImageFileError::Overrun { part, offset, wanted, left });
        }
        // Fits: it is not more than there are bytes.
        let mut rows = Vec::with_capacity(count as usize);
        for _ in 0..count {
            rows.push(read(self)?);
        }
        Ok(rows)
    }

    /// A number that stands for something, which `known` knows.
    pub(super) fn known<N: Copy + Into<u64>, T>(
        &mut self,
        part: &'static str,
        expected: &'static str,
        read: impl FnOnce(&mut Reader<'a>, &'static str) -> Result<N>,
        known: impl FnOnce(N) -> Option<T>,
    ) -> Result<T> {
        let offset = self.offset;
        let number = read(self, part)?;
        known(number).ok_or_else(|| {
            let found = number.into();
            ImageFileError::Value { part, offset, expected, found }
        })
    }

    /// An error unless all has been read.
    pub(super) fn end(&self) -> Result<()> {
        let (part, expected) = ("end", "nothing after the wasm module");
        match self.rest.len() as u64 {
            0 => Ok(()),
            found => Err(ImageFileError::Value { part, offset: self.offset, expected, found }),
        }
    }

    fn array<const N: usize>(&mut self, part: &'static str) -> Result<[u8; N]> {
        let bytes = self.take(part, N as u64)?;
        Ok(bytes.try_into().expect("as many bytes as were asked for"))
    }

    fn take(&mut self, part: &'static str, wanted: u64) -> Result<&'a [u8]> {
        let (offset, left) = (self.offset, self.rest.len());
        let taken =
            usize::try_from(wanted).ok().and_then(|wanted| self.rest.split_at_checked(wanted));
        let Some((taken, rest)) = taken else {
            return Err(ImageFileError::Overrun { part, offset, wanted, left });
        };
        self.rest = rest;
        self.offset += taken.len();
        Ok(taken)
    }
}
