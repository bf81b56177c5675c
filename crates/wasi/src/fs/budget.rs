//! How much the file systems in memory that one context uses may hold together.
//!
//! ```text
//!  WasiLimits::memory_file_bytes ─▶ MemoryBudget ◀─ room? ── MemoryFs, before it grows
//!                                        └── counts what each of them holds
//! ```
//!
//! **Invariants**
//! - What a file system holds is counted once, however often it is mounted, and no longer than it
//!   lives.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// What a context's files in memory may hold together: its
/// [`WasiLimits::memory_file_bytes`](crate::WasiLimits::memory_file_bytes), for file systems to
/// heed. See [`Fs::root_within`](crate::Fs::root_within). Clones share it.
#[derive(Clone, Debug)]
pub struct MemoryBudget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    bytes_max: AtomicU64,
    counted: Mutex<Vec<Weak<AtomicU64>>>,
}

impl MemoryBudget {
    /// One of `bytes_max` bytes.
    pub fn new(bytes_max: u64) -> Self {
        let (bytes_max, counted) = (AtomicU64::new(bytes_max), Mutex::default());
        Self { shared: Arc::new(Shared { bytes_max, counted }) }
    }

    pub(crate) fn set_bytes_max(&self, bytes_max: u64) {
        self.shared.bytes_max.store(bytes_max, Ordering::Relaxed);
    }

    /// From now on the bytes that `used` tells belong to it, once, until `used` is dropped.
    pub fn count(&self, used: &Arc<AtomicU64>) {
        let mut counted = self.shared.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let used = Arc::downgrade(used);
        counted.retain(|known| known.strong_count() > 0 && !known.ptr_eq(&used));
        counted.push(used);
    }

    /// Bytes that may be added now. Another context may add to what they share at the same time, so
    /// that they together end up above it, each by one call.
    pub fn room(&self) -> u64 {
        let counted = self.shared.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = |used: &Weak<AtomicU64>| Some(used.upgrade()?.load(Ordering::Relaxed));
        let used = counted.iter().filter_map(bytes).fold(0, u64::saturating_add);
        self.shared.bytes_max.load(Ordering::Relaxed).saturating_sub(used)
    }
}
