//! Section random: bytes nobody can foresee, or that everybody can.

use std::io;

use crate::call::Call;
use crate::errno::Errno;

/// Where a guest's random bytes come from.
pub trait Random: Send {
    /// Fills `bytes`, which are at most 64 KiB.
    ///
    /// # Errors
    /// What the source says.
    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()>;
}

/// The operating system's random bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        getrandom::fill(bytes).map_err(io::Error::other)
    }
}

/// Bytes that look random and are the same for the same seed: for tests and for runs that must
/// repeat. Not for secrets.
///
/// ```
/// use brolga_wasi::{Random, SeededRandom};
///
/// let (mut first, mut second) = ([0; 5], [0; 5]);
/// SeededRandom::new(1).fill(&mut first).unwrap();
/// SeededRandom::new(1).fill(&mut second).unwrap();
/// assert_eq!(first, second);
/// ```
#[derive(Clone, Debug)]
pub struct SeededRandom {
    state: u64,
}

impl SeededRandom {
    /// The sequence that `seed` starts.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// SplitMix64, by Steele, Lea and Flood.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Random for SeededRandom {
    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// How many bytes are asked for at a time: a source must not hold up the host for gigabytes.
const CHUNK_BYTES: usize = 64 * 1024;

impl Call<'_> {
    pub(crate) fn random_get(&mut self, address: u32, length: u32) -> Result<(), Errno> {
        if length as usize > self.context.limits.random_bytes {
            return Err(Errno::Inval);
        }
        for chunk in self.guest.slice_mut(address, length)?.chunks_mut(CHUNK_BYTES) {
            self.context.random.fill(chunk)?;
        }
        Ok(())
    }
}
