//! SANDBOX: the guest's memory as its WASI calls see it. A change here needs a second reader.
//!
//! Every address and length that a guest passes is turned into a slice here, or refused. It never
//! allocates by what the guest says: lists are bounded by [`WasiLimits`], bytes are read from and
//! written to the guest's memory in place.
//!
//! **Invariants**
//! - No address arithmetic wraps: addresses are `u32`, sums are `u64`.
//! - What is written is a whole number of initialised bytes: structs are built from zeroed arrays
//!   by [`Record`].

use crate::errno::Errno;
use crate::limits::WasiLimits;

/// The bytes of the calling instance's memory.
#[derive(Debug)]
pub(crate) struct Guest<'a> {
    bytes: &'a mut [u8],
}

/// One buffer of a scattered read or write: where, and how many bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Buffer {
    pub(crate) address: u32,
    pub(crate) bytes: u32,
}

impl<'a> Guest<'a> {
    pub(crate) fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes }
    }

    /// The `length` bytes at `address`.
    pub(crate) fn slice(&self, address: u32, length: u32) -> Result<&[u8], Errno> {
        let end = u64::from(address) + u64::from(length);
        let end = usize::try_from(end).map_err(|_| Errno::Fault)?;
        self.bytes.get(address as usize..end).ok_or(Errno::Fault)
    }

    /// The `length` bytes at `address`, to write.
    pub(crate) fn slice_mut(&mut self, address: u32, length: u32) -> Result<&mut [u8], Errno> {
        let end = u64::from(address) + u64::from(length);
        let end = usize::try_from(end).map_err(|_| Errno::Fault)?;
        self.bytes.get_mut(address as usize..end).ok_or(Errno::Fault)
    }

    /// The `N` bytes at `address`.
    pub(crate) fn array<const N: usize>(&self, address: u32) -> Result<[u8; N], Errno> {
        let bytes = self.slice(address, N as u32)?;
        bytes.try_into().map_err(|_| Errno::Fault)
    }

    /// Writes `bytes` at `address`.
    pub(crate) fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Errno> {
        let length = u32::try_from(bytes.len())?;
        self.slice_mut(address, length)?.copy_from_slice(bytes);
        Ok(())
    }

    /// Writes `value` at `address`.
    pub(crate) fn write_u32(&mut self, address: u32, value: u32) -> Result<(), Errno> {
        self.write(address, &value.to_le_bytes())
    }

    /// Writes `value` at `address`.
    pub(crate) fn write_u64(&mut self, address: u32, value: u64) -> Result<(), Errno> {
        self.write(address, &value.to_le_bytes())
    }

    /// Element `index` of an array at `address` whose elements take `size` bytes.
    pub(crate) fn element(address: u32, index: u32, size: u32) -> Result<u32, Errno> {
        let address = u64::from(address) + u64::from(index) * u64::from(size);
        u32::try_from(address).map_err(|_| Errno::Fault)
    }

    /// The text of `length` bytes at `address`.
    ///
    /// # Errors
    /// `nametoolong` over the limit, `ilseq` if it is not UTF-8.
    pub(crate) fn text(
        &self,
        address: u32,
        length: u32,
        limits: &WasiLimits,
    ) -> Result<String, Errno> {
        if length as usize > limits.path_bytes {
            return Err(Errno::Nametoolong);
        }
        let bytes = self.slice(address, length)?;
        let text = std::str::from_utf8(bytes).map_err(|_| Errno::Ilseq)?;
        Ok(text.to_owned())
    }

    /// The `count` buffers listed at `address`. Each is checked; together they hold less than
    /// 4 GiB, so that their sum is a `u32`.
    pub(crate) fn buffers(
        &self,
        address: u32,
        count: u32,
        limits: &WasiLimits,
    ) -> Result<Vec<Buffer>, Errno> {
        if count as usize > limits.buffers {
            return Err(Errno::Inval);
        }
        let list = self.slice(address, Guest::element(0, count, 8)?)?;
        let mut total = 0_u32;
        let mut buffers = Vec::with_capacity(count as usize);
        for entry in list.as_chunks::<8>().0 {
            let [a, b, c, d, e, f, g, h] = *entry;
            let buffer = Buffer {
                address: u32::from_le_bytes([a, b, c, d]),
                bytes: u32::from_le_bytes([e, f, g, h]),
            };
            self.slice(buffer.address, buffer.bytes)?;
            total = total.checked_add(buffer.bytes).ok_or(Errno::Inval)?;
            buffers.push(buffer);
        }
        Ok(buffers)
    }
}

/// A struct on its way to the guest: `N` zeroed bytes, its fields set one by one.
pub(crate) struct Record<const N: usize>([u8; N]);

impl<const N: usize> Record<N> {
    pub(crate) fn new() -> Self {
        Self([0; N])
    }

    /// Sets the field at `offset`, which is a constant of the caller.
    #[must_use]
    pub(crate) fn set<const M: usize>(mut self, offset: usize, field: [u8; M]) -> Self {
        self.0[offset..offset + M].copy_from_slice(&field);
        self
    }

    pub(crate) fn bytes(&self) -> &[u8; N] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_outside_is_a_fault() {
        let mut bytes = [0_u8; 16];
        let mut guest = Guest::new(&mut bytes);
        assert_eq!(guest.slice(16, 0).unwrap(), &[] as &[u8]);
        assert_eq!(guest.slice(15, 2).unwrap_err(), Errno::Fault);
        assert_eq!(guest.slice(u32::MAX, u32::MAX).unwrap_err(), Errno::Fault);
        assert_eq!(guest.slice_mut(u32::MAX, u32::MAX).unwrap_err(), Errno::Fault);
        assert_eq!(guest.write_u64(9, 1).unwrap_err(), Errno::Fault);
        assert_eq!(Guest::element(1, u32::MAX, 8), Err(Errno::Fault));
    }

    #[test]
    fn buffers_are_bounded_in_number_and_in_sum() {
        let mut bytes = vec![0_u8; 8 * 2048];
        let mut guest = Guest::new(&mut bytes);
        let limits = WasiLimits::default();
        assert_eq!(guest.buffers(0, u32::MAX, &limits).unwrap_err(), Errno::Inval);
        assert_eq!(guest.buffers(0, 1025, &limits).unwrap_err(), Errno::Inval);
        assert_eq!(guest.buffers(8 * 2048, 1, &limits).unwrap_err(), Errno::Fault);
        guest.write_u32(4, u32::MAX).unwrap();
        assert_eq!(guest.buffers(0, 1, &limits).unwrap_err(), Errno::Fault);
        guest.write_u32(4, 16).unwrap();
        assert_eq!(guest.buffers(0, 2, &limits).unwrap()[0].bytes, 16);
    }

    #[test]
    fn text_is_short_utf8() {
        let mut bytes = vec![b'a'; 8192];
        bytes[0] = 0xff;
        let guest = Guest::new(&mut bytes);
        let limits = WasiLimits::default();
        assert_eq!(guest.text(0, 1, &limits), Err(Errno::Ilseq));
        assert_eq!(guest.text(1, 4097, &limits), Err(Errno::Nametoolong));
        assert_eq!(guest.text(8190, 3, &limits), Err(Errno::Fault));
        assert_eq!(guest.text(1, 2, &limits).unwrap(), "aa");
    }
}
