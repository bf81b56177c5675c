//! One call of a guest: the context it was given and its memory.

use crate::context::WasiCtx;
use crate::errno::Errno;
use crate::filestat::Filestat;
use crate::guest::{Buffer, Guest};
use crate::wait::Waits;

/// Which of the two versions of the specification a program was compiled for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Snapshot {
    /// The first draft. Its `whence` counts otherwise, its `filestat` counts links in 32 bits, its
    /// `subscription` names clocks twice.
    Draft,
    /// Preview 1.
    Preview1,
}

impl Snapshot {
    /// What programs import the functions from.
    pub(crate) const fn module(self) -> &'static str {
        match self {
            Snapshot::Draft => "wasi_unstable",
            Snapshot::Preview1 => "wasi_snapshot_preview1",
        }
    }
}

/// What a WASI function works with. The functions are methods of it, in the file of their section.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) context: &'a mut WasiCtx,
    pub(crate) guest: Guest<'a>,
    pub(crate) snapshot: Snapshot,
    pub(crate) waits: &'a mut Waits,
    /// Bytes that the host may still allocate by what the guest asks for.
    pub(crate) host_bytes: usize,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        context: &'a mut WasiCtx,
        guest: Guest<'a>,
        snapshot: Snapshot,
        waits: &'a mut Waits,
    ) -> Self {
        let host_bytes = context.limits.call_bytes;
        Self { context, guest, snapshot, waits, host_bytes }
    }

    /// Notes that the host allocates `count` times `size` bytes.
    ///
    /// # Errors
    /// `nomem` if that is more than is left for this call.
    pub(crate) fn charge(&mut self, count: u32, size: usize) -> Result<(), Errno> {
        let bytes = (count as usize).checked_mul(size).ok_or(Errno::Nomem)?;
        self.host_bytes = self.host_bytes.checked_sub(bytes).ok_or(Errno::Nomem)?;
        Ok(())
    }

    /// The buffers listed at `address`.
    pub(crate) fn buffers(&mut self, address: u32, count: u32) -> Result<Vec<Buffer>, Errno> {
        // Beyond the limit nothing is allocated, and it has an error of its own.
        if count as usize <= self.context.limits.buffers {
            self.charge(count, size_of::<Buffer>())?;
        }
        self.guest.buffers(address, count, &self.context.limits)
    }

    /// Tells the guest what is known of a file, in the layout of its version.
    pub(crate) fn write_filestat(&mut self, result: u32, stat: &Filestat) -> Result<(), Errno> {
        match self.snapshot {
            Snapshot::Draft => self.guest.write(result, stat.draft_record().bytes()),
            Snapshot::Preview1 => self.guest.write(result, stat.record().bytes()),
        }
    }

    /// The text of `length` bytes at `address`.
    pub(crate) fn text(&mut self, address: u32, length: u32) -> Result<String, Errno> {
        if length as usize <= self.context.limits.path_bytes {
            self.charge(length, 1)?;
        }
        self.guest.text(address, length, &self.context.limits)
    }
}

/// Writes `strings` as C strings to `bytes_address`, their addresses to `list_address`. What
/// `args_get` and `environ_get` share.
pub(crate) fn write_strings(
    guest: &mut Guest<'_>,
    strings: &[String],
    list_address: u32,
    bytes_address: u32,
) -> Result<(), Errno> {
    let mut place = bytes_address;
    for (index, string) in strings.iter().enumerate() {
        guest.write_u32(Guest::element(list_address, u32::try_from(index)?, 4)?, place)?;
        guest.write(place, string.as_bytes())?;
        place = place.checked_add(u32::try_from(string.len())?).ok_or(Errno::Fault)?;
        guest.write(place, &[0])?;
        place = place.checked_add(1).ok_or(Errno::Fault)?;
    }
    Ok(())
}

/// Writes the number of `strings` and the bytes they take with their NULs. What `args_sizes_get`
/// and `environ_sizes_get` share.
pub(crate) fn write_string_sizes(
    guest: &mut Guest<'_>,
    strings: &[String],
    count_address: u32,
    bytes_address: u32,
) -> Result<(), Errno> {
    let bytes: u64 = strings.iter().map(|string| string.len() as u64 + 1).sum();
    guest.write_u32(count_address, u32::try_from(strings.len())?)?;
    guest.write_u32(bytes_address, u32::try_from(bytes)?)
}
